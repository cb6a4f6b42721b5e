//! Integers of HPACK (RFC 7541 section 5.1). Knows no fields.

use super::bad_block::BadBlock;

/// Bytes that may follow the prefix of an integer. Four hold more than any block has.
const FOLLOWING_BYTES_MAX: u32 = 4;

/// Reads an integer whose prefix is the low `prefix_bits` of the first byte.
pub(super) fn read(block: &mut &[u8], prefix_bits: u32) -> Result<usize, BadBlock> {
    let (&first, rest) = block.split_first().ok_or(BadBlock)?;
    *block = rest;
    let prefix_max = (1usize << prefix_bits) - 1;
    let mut value = usize::from(first) & prefix_max;
    if value < prefix_max {
        return Ok(value);
    }
    for number in 0..FOLLOWING_BYTES_MAX {
        let (&byte, rest) = block.split_first().ok_or(BadBlock)?;
        *block = rest;
        value += usize::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadBlock)
}

/// Writes an integer; `pattern` has the bits above its prefix.
pub(super) fn write(value: usize, pattern: u8, prefix_bits: u32, output: &mut Vec<u8>) {
    let prefix_max = (1usize << prefix_bits) - 1;
    if value < prefix_max {
        output.push(pattern | value as u8);
        return;
    }
    output.push(pattern | prefix_max as u8);
    let mut rest = value - prefix_max;
    while rest >= 0x80 {
        output.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc() {
        // RFC 7541 section C.1.
        for (value, prefix_bits, expected) in [
            (10, 5, &[0x0a][..]),
            (1337, 5, &[0x1f, 0x9a, 0x0a]),
            (42, 8, &[0x2a]),
        ] {
            let mut written = Vec::new();
            write(value, 0, prefix_bits, &mut written);
            assert_eq!(written, expected);
            let mut rest = &written[..];
            assert_eq!(read(&mut rest, prefix_bits), Ok(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_and_endless_integers_are_refused() {
        for value in (0..1000).chain([1 << 14, (1 << 21) - 1, 1 << 24]) {
            for prefix_bits in 4..8 {
                let mut written = Vec::new();
                write(value, 0, prefix_bits, &mut written);
                assert_eq!(read(&mut &written[..], prefix_bits), Ok(value));
            }
        }
        for endless in [
            &[0xff; 6][..],
            &[0x7f, 0x80, 0x80, 0x80, 0x80, 0x01],
            &[0x7f],
            &[],
        ] {
            assert_eq!(read(&mut &endless[..], 7), Err(BadBlock));
        }
    }
}
