//! Takes chunked framing apart (RFC 9112 section 7.1). Knows positions and sizes; moves no bytes.

use crate::http1::head_parser::check_trailers;
use crate::http1::line_scan::{LineScan, Scan};
use crate::limits::{CHUNK_OVERHEAD_BYTES_MAX, Limits};
use crate::syntax::is_forbidden_in_value;
use crate::violation::Violation;

/// Most digits of a chunk size: what fits 64 bits. Further leading zeros are refused as well.
const SIZE_DIGITS_MAX: u8 = 16;

/// Framing bytes that every chunk may cost without being counted as overhead, and those that every data byte allows
/// on top of them: the same allowance as in Go's `net/http`.
const OVERHEAD_FREE_PER_CHUNK: u64 = 16;
const OVERHEAD_FREE_PER_BYTE: u64 = 2;

/// What the next bytes of the input are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChunkStep {
    /// This many bytes of framing are done with; the rest, if any, is an unfinished trailer section.
    NeedMore { framing: usize },
    /// This many bytes of framing, then so many of data.
    Data { framing: usize, data: usize },
    /// This many bytes of framing, and the body is over.
    End { framing: usize },
}

/// A decoder in the middle of a chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// Size of the chunk while it is read, then the data bytes of it that are still to come.
    remaining: u64,
    size_digits: u8,
    line_bytes: u32,
    overhead: u64,
    trailer_scan: LineScan,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    Trailer,
    Ended,
}

impl ChunkedDecoder {
    pub(crate) fn new() -> ChunkedDecoder {
        ChunkedDecoder {
            state: State::Size,
            remaining: 0,
            size_digits: 0,
            line_bytes: 0,
            overhead: 0,
            trailer_scan: LineScan::default(),
        }
    }

    /// The body is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Data bytes that the current chunk has announced and not yet delivered.
    pub(crate) fn announced(&self) -> u64 {
        match self.state {
            State::Data => self.remaining,
            _ => 0,
        }
    }

    /// Reads on. The caller drops `framing` bytes, takes `data` bytes, and calls again with what follows.
    pub(crate) fn step(&mut self, input: &[u8], limits: &Limits) -> Result<ChunkStep, Violation> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Size => self.read_size(byte, limits)?,
                State::Extension => self.read_extension(byte, limits)?,
                State::SizeLineFeed => self.end_size_line(byte)?,
                State::Data => return Ok(self.take_data(at, input.len() - at)),
                State::DataReturn => self.state = expect(byte, b'\r', State::DataLineFeed)?,
                State::DataLineFeed => self.state = expect(byte, b'\n', State::Size)?,
                State::Trailer => return self.read_trailers(at, &input[at..], limits),
                State::Ended => return Ok(ChunkStep::End { framing: at }),
            }
            at += 1;
        }
        Ok(match self.state {
            State::Ended => ChunkStep::End { framing: at },
            _ => ChunkStep::NeedMore { framing: at },
        })
    }

    /// `1*HEXDIG`, then an extension or the end of the line; white space is refused.
    fn read_size(&mut self, byte: u8, limits: &Limits) -> Result<(), Violation> {
        self.count_line_byte(limits)?;
        match (byte, self.size_digits) {
            (b';', 1..) => self.state = State::Extension,
            (b'\r', 1..) => self.state = State::SizeLineFeed,
            (_, SIZE_DIGITS_MAX..) => return Err(Violation::ChunkSizeInvalid),
            _ => {
                let digit = (byte as char)
                    .to_digit(16)
                    .ok_or(Violation::ChunkSizeInvalid)?;
                self.remaining = self.remaining << 4 | u64::from(digit);
                self.size_digits += 1;
            }
        }
        Ok(())
    }

    /// Extensions are skipped. Nothing but CRLF can end them, quoted or not, so their inner grammar does not matter.
    fn read_extension(&mut self, byte: u8, limits: &Limits) -> Result<(), Violation> {
        self.count_line_byte(limits)?;
        match byte {
            b'\r' => self.state = State::SizeLineFeed,
            byte if is_forbidden_in_value(byte) => return Err(Violation::ChunkExtensionInvalid),
            _ => {}
        }
        Ok(())
    }

    /// The size line is complete: account for what it cost, prepare for what it announced.
    fn end_size_line(&mut self, byte: u8) -> Result<(), Violation> {
        let is_last = self.remaining == 0;
        let next = if is_last { State::Trailer } else { State::Data };
        self.state = match byte {
            b'\n' => next,
            _ if self.line_bytes > u32::from(self.size_digits) + 1 => {
                return Err(Violation::ChunkExtensionInvalid);
            }
            _ => return Err(Violation::ChunkSizeInvalid),
        };
        let cost = u64::from(self.line_bytes) + 3;
        let allowance = OVERHEAD_FREE_PER_CHUNK
            .saturating_add(self.remaining.saturating_mul(OVERHEAD_FREE_PER_BYTE));
        self.overhead = (self.overhead + cost).saturating_sub(allowance);
        if self.overhead > CHUNK_OVERHEAD_BYTES_MAX {
            return Err(Violation::ChunkOverheadTooLarge);
        }
        self.size_digits = 0;
        self.line_bytes = 0;
        Ok(())
    }

    fn take_data(&mut self, framing: usize, available: usize) -> ChunkStep {
        let data = available.min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= data as u64;
        if self.remaining == 0 {
            self.state = State::DataReturn;
        }
        ChunkStep::Data { framing, data }
    }

    /// A trailer section stays in the input until it is complete, then it is checked as a whole and dropped.
    fn read_trailers(
        &mut self,
        framing: usize,
        section: &[u8],
        limits: &Limits,
    ) -> Result<ChunkStep, Violation> {
        match self.trailer_scan.search(section, limits.trailer_bytes_max) {
            Scan::Complete(len) => {
                check_trailers(&section[..len], limits)?;
                self.state = State::Ended;
                Ok(ChunkStep::End {
                    framing: framing + len,
                })
            }
            Scan::Partial => Ok(ChunkStep::NeedMore { framing }),
            Scan::TooLong { .. } => Err(Violation::TrailerTooLarge),
            Scan::BareLineFeed => Err(Violation::BareLineFeed),
        }
    }

    fn count_line_byte(&mut self, limits: &Limits) -> Result<(), Violation> {
        self.line_bytes += 1;
        // The carriage return is counted with the line it ends.
        match self.line_bytes as usize > limits.chunk_line_bytes_max + 1 {
            true => Err(Violation::ChunkLineTooLong),
            false => Ok(()),
        }
    }
}

/// `next` if `byte` is the one that must follow chunk data (h11 CVE-2025-43859: it was once skipped unseen).
fn expect(byte: u8, expected: u8, next: State) -> Result<State, Violation> {
    match byte == expected {
        true => Ok(next),
        false => Err(Violation::ChunkEndMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `input` in pieces of `piece` bytes; what is not consumed is offered again, as a connection does.
    fn decode(input: &[u8], piece: usize) -> Result<(Vec<u8>, usize), Violation> {
        let limits = Limits::sample();
        let mut decoder = ChunkedDecoder::new();
        let (mut body, mut start, mut end) = (Vec::new(), 0, 0);
        while end < input.len() {
            end = (end + piece).min(input.len());
            loop {
                match decoder.step(&input[start..end], &limits)? {
                    ChunkStep::NeedMore { framing } => {
                        start += framing;
                        break;
                    }
                    ChunkStep::Data { framing, data } => {
                        start += framing;
                        body.extend_from_slice(&input[start..start + data]);
                        start += data;
                    }
                    ChunkStep::End { framing } => return Ok((body, start + framing)),
                }
            }
        }
        panic!("the body did not end");
    }

    fn assert_decodes(input: &[u8], body: &[u8], rest: &[u8]) {
        for piece in 1..=input.len() {
            let (decoded, end) = decode(input, piece).unwrap();
            assert_eq!(decoded, body, "in pieces of {piece}");
            assert_eq!(&input[end..], rest, "in pieces of {piece}");
        }
    }

    fn assert_refused(input: &[u8], violation: Violation) {
        for piece in 1..=input.len() {
            assert_eq!(
                decode(input, piece),
                Err(violation),
                "{} in pieces of {piece}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn chunks_extensions_and_trailers_are_taken_off() {
        assert_decodes(b"0\r\n\r\n", b"", b"");
        assert_decodes(b"3\r\nabc\r\n0\r\n\r\nGET", b"abc", b"GET");
        assert_decodes(
            b"1;a=b\r\nx\r\n00A;q=\"; \xff\t\"\r\n0123456789\r\n000;last\r\nX-Sum: 1\r\n\r\n!",
            b"x0123456789",
            b"!",
        );
    }

    #[test]
    fn chunk_sizes_are_bare_hexadecimal_digits() {
        for size in [
            &b"0x3"[..],
            b"+3",
            b"-3",
            b"3_0",
            b" 3",
            b"3 ",
            b"3 ;a",
            b"\t3",
            b"",
            b";a",
            b"g",
            b"\xd9\xa3",
            b"3\x00",
            b"10000000000000000",
            b"00000000000000003",
        ] {
            assert_refused(
                &[size, b"\r\nabc\r\n0\r\n\r\n"].concat(),
                Violation::ChunkSizeInvalid,
            );
        }
        assert_refused(b"3\nabc\r\n0\r\n\r\n", Violation::ChunkSizeInvalid);
        assert_refused(b"3\rXabc\r\n0\r\n\r\n", Violation::ChunkSizeInvalid);
    }

    #[test]
    fn chunk_data_ends_with_crlf_and_nothing_else() {
        for end in [
            &b"XY"[..],
            b"\rX",
            b"X\n",
            b"\n\n",
            b"\r\r",
            b"\n\r",
            b"0\r\n",
        ] {
            assert_refused(
                &[b"3\r\nabc", end, b"0\r\n\r\n"].concat(),
                Violation::ChunkEndMalformed,
            );
        }
    }

    #[test]
    fn extensions_hold_no_line_ends_of_their_own() {
        for extension in [&b";a\n"[..], b";a\rb", b";a=\"\n\"", b";\0", b";a\r\r\n"] {
            assert_refused(
                &[b"3", extension, b"\r\nabc\r\n0\r\n\r\n"].concat(),
                Violation::ChunkExtensionInvalid,
            );
        }
    }

    #[test]
    fn a_chunk_line_is_bounded() {
        let line_max = Limits::sample().chunk_line_bytes_max;
        let body_of = |line_len: usize| {
            let extension = "x".repeat(line_len - 2);
            format!("1;{extension}\r\na\r\n0\r\n\r\n").into_bytes()
        };
        assert!(decode(&body_of(line_max), 7).is_ok());
        assert_eq!(
            decode(&body_of(line_max + 1), 7),
            Err(Violation::ChunkLineTooLong)
        );
    }

    #[test]
    fn one_byte_chunks_pass_and_long_extensions_on_them_do_not() {
        let plain = ["1\r\na\r\n".repeat(100_000).as_bytes(), b"0\r\n\r\n"].concat();
        assert_eq!(decode(&plain, 1000).unwrap().0.len(), 100_000);
        let padded = format!("1;{}\r\na\r\n", "x".repeat(100));
        let padded = [padded.repeat(1000).as_bytes(), b"0\r\n\r\n"].concat();
        assert_eq!(decode(&padded, 1000), Err(Violation::ChunkOverheadTooLarge));
    }

    #[test]
    fn trailers_are_bounded_and_checked() {
        assert_refused(
            b"0\r\nContent-Length: 3\r\n\r\n",
            Violation::TrailerForbidden,
        );
        assert_refused(b"0\r\nx y\r\n\r\n", Violation::TrailerMalformed);
        assert_refused(b"0\r\nx: y\n\r\n", Violation::BareLineFeed);
        let endless = [b"0\r\n", "x: y\r\n".repeat(2000).as_bytes()].concat();
        assert_eq!(decode(&endless, 100), Err(Violation::TrailerTooLarge));
    }
}
