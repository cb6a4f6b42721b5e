//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), decoded. We write none: see `encoder.rs`.
//!
//! The code is canonical: the lengths of the codes say all of it, so the tables are computed from them at compile time.

use super::bad_block::BadBlock;

/// Bits of each symbol's code; the last one is the end of a string, which no string may hold.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const LENGTH_MAX: usize = 30;
const END_OF_STRING: u16 = 256;

/// What the lengths say.
struct Code {
    /// Symbols by the length of their codes, then by their number: in the order of their codes.
    symbols: [u16; 257],
    /// For each length, the first code of it, how many there are, and where its symbols begin.
    first: [u32; LENGTH_MAX + 1],
    count: [u32; LENGTH_MAX + 1],
    start: [u32; LENGTH_MAX + 1],
    /// For each byte that a string may go on with, the symbol whose code begins it and the length of that code; a length
    /// of 0 where the code is longer.
    short: [(u8, u8); 256],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Code {
        let mut code = Code {
            symbols: [0; 257],
            first: [0; LENGTH_MAX + 1],
            count: [0; LENGTH_MAX + 1],
            start: [0; LENGTH_MAX + 1],
            short: [(0, 0); 256],
        };
        let (mut next, mut placed, mut length) = (0u32, 0usize, 1usize);
        while length <= LENGTH_MAX {
            next <<= 1;
            code.first[length] = next;
            code.start[length] = placed as u32;
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[placed] = symbol as u16;
                    if length <= 8 {
                        let (mut byte, shift) = ((next << (8 - length)) as usize, 8 - length);
                        let end = byte + (1 << shift);
                        while byte < end {
                            code.short[byte] = (symbol as u8, length as u8);
                            byte += 1;
                        }
                    }
                    placed += 1;
                    next += 1;
                    code.count[length] += 1;
                }
                symbol += 1;
            }
            length += 1;
        }
        code
    }

    /// The symbol whose code begins `bits`, and the code's length.
    #[inline]
    fn find(&self, bits: u64) -> (u16, u32) {
        let (symbol, length) = self.short[(bits >> 56) as usize];
        if length > 0 {
            return (symbol.into(), length.into());
        }
        for length in 9..=LENGTH_MAX {
            let beyond = ((bits >> (64 - length)) as u32).wrapping_sub(self.first[length]);
            if beyond < self.count[length] {
                let symbol = self.symbols[(self.start[length] + beyond) as usize];
                return (symbol, length as u32);
            }
        }
        // The code is complete, so this is not reached.
        (END_OF_STRING, LENGTH_MAX as u32)
    }
}

/// Decodes a string to the end of `text`. Padding must be the beginning of the end symbol, and shorter than a byte.
pub(super) fn decode(mut string: &[u8], text: &mut Vec<u8>) -> Result<(), BadBlock> {
    // The next bits of the string, from the left, and how many of them are real.
    let (mut bits, mut known) = (0u64, 0u32);
    loop {
        while known <= 56
            && let Some((&byte, rest)) = string.split_first()
        {
            bits |= u64::from(byte) << (56 - known);
            known += 8;
            string = rest;
        }
        if known == 0 {
            return Ok(());
        }
        let (symbol, length) = CODE.find(bits);
        if length > known {
            let is_padding = known < 8 && bits >> (64 - known) == (1 << known) - 1;
            return is_padding.then_some(()).ok_or(BadBlock);
        }
        if symbol == END_OF_STRING {
            return Err(BadBlock);
        }
        text.push(symbol as u8);
        bits <<= length;
        known -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(string: &[u8]) -> Result<Vec<u8>, BadBlock> {
        let mut text = Vec::new();
        decode(string, &mut text).map(|()| text)
    }

    /// The code of each symbol, from the tables.
    fn encode(text: &[u8]) -> Vec<u8> {
        let (mut bits, mut known, mut string) = (0u64, 0, Vec::new());
        for &byte in text {
            let length = usize::from(LENGTHS[usize::from(byte)]);
            let place = CODE
                .symbols
                .iter()
                .position(|&it| it == u16::from(byte))
                .unwrap();
            let code = CODE.first[length] + place as u32 - CODE.start[length];
            bits = bits << length | u64::from(code);
            known += length;
            while known >= 8 {
                known -= 8;
                string.push((bits >> known) as u8);
            }
        }
        if known > 0 {
            string.push((bits << (8 - known)) as u8 | 0xff >> known);
        }
        string
    }

    #[test]
    fn strings_of_the_rfc_are_read() {
        // RFC 7541 section C.4 and C.6.
        for (string, text) in [
            (
                &b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..],
                &b"www.example.com"[..],
            ),
            (b"\xa8\xeb\x10\x64\x9c\xbf", b"no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", b"custom-value"),
            (b"\x64\x02", b"302"),
            (b"\x9b\xd9\xab", b"gzip"),
        ] {
            assert_eq!(decoded(string).as_deref(), Ok(text));
            assert_eq!(encode(text), string);
        }
    }

    #[test]
    fn every_byte_has_a_code_that_is_read_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encode(&all)), Ok(all));
        for byte in 0..=255 {
            assert_eq!(
                decoded(&encode(&[byte, b'a', byte])),
                Ok(vec![byte, b'a', byte])
            );
        }
    }

    #[test]
    fn the_code_is_complete() {
        let space: u64 = LENGTHS
            .iter()
            .map(|&length| 1 << (LENGTH_MAX as u8 - length))
            .sum();
        assert_eq!(space, 1 << LENGTH_MAX);
    }

    #[test]
    fn padding_that_is_long_or_not_of_ones_and_the_end_symbol_are_refused() {
        // "0" is five zeros.
        assert_eq!(decoded(b"\x07").as_deref(), Ok(&b"0"[..]));
        for bad in [
            &b"\x06"[..],
            b"\x07\xff",
            b"\xff",
            b"\xff\xff\xff\xff",
            b"\xff\xff\xff\xfc",
        ] {
            assert_eq!(decoded(bad), Err(BadBlock), "{bad:?}");
        }
    }
}
