//! Delimits the body of an answer and writes it. Knows nothing of heads.

use crate::misuse::Misuse;

/// How the end of an answer's body is marked (RFC 9112 section 6.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyEncoder {
    /// The peer expects no body, whatever the app gives: `HEAD`, 204, 304.
    Silent,
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks (RFC 9112 section 7.1).
    Chunked,
    /// Until the connection closes: HTTP/1.0 with a body of unknown length.
    UntilClose,
}

impl BodyEncoder {
    /// Writes a piece of body.
    pub(crate) fn write(&mut self, data: &[u8], output: &mut Vec<u8>) -> Result<(), Misuse> {
        match self {
            BodyEncoder::Silent => {}
            BodyEncoder::Length(remaining) => {
                let length = data.len() as u64;
                if length > *remaining {
                    return Err(Misuse::BodyTooLong {
                        excess: length - *remaining,
                    });
                }
                *remaining -= length;
                output.extend_from_slice(data);
            }
            // An empty chunk would end the body.
            BodyEncoder::Chunked if data.is_empty() => {}
            BodyEncoder::Chunked => {
                output.reserve(data.len() + CHUNK_FRAMING_BYTES_MAX);
                write_chunk_size(data.len(), output);
                output.extend_from_slice(data);
                output.extend_from_slice(b"\r\n");
            }
            BodyEncoder::UntilClose => output.extend_from_slice(data),
        }
        Ok(())
    }

    /// Writes the end of the body, with `trailers` (complete field lines) where chunks leave room for them.
    pub(crate) fn end(self, trailers: &[u8], output: &mut Vec<u8>) -> Result<(), Misuse> {
        match self {
            BodyEncoder::Length(0) | BodyEncoder::Silent | BodyEncoder::UntilClose => Ok(()),
            BodyEncoder::Length(missing) => Err(Misuse::BodyTooShort { missing }),
            BodyEncoder::Chunked => {
                output.extend_from_slice(b"0\r\n");
                output.extend_from_slice(trailers);
                output.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

/// 16 digits and two line ends.
const CHUNK_FRAMING_BYTES_MAX: usize = 20;

/// `size` in hexadecimal digits and CRLF.
fn write_chunk_size(size: usize, output: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0; 18];
    line[16..].copy_from_slice(b"\r\n");
    let (mut start, mut rest) = (16, size);
    loop {
        start -= 1;
        line[start] = DIGITS[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    output.extend_from_slice(&line[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(mut encoder: BodyEncoder, pieces: &[&[u8]]) -> (Result<(), Misuse>, Vec<u8>) {
        let mut output = Vec::new();
        let written = pieces
            .iter()
            .try_for_each(|piece| encoder.write(piece, &mut output))
            .and_then(|()| encoder.end(b"", &mut output));
        (written, output)
    }

    #[test]
    fn chunks_carry_their_size_and_empty_ones_do_not_end_the_body() {
        let (written, output) = encode(BodyEncoder::Chunked, &[b"ab", b"", &[b'x'; 26]]);
        assert_eq!(written, Ok(()));
        let expected = [
            b"2\r\nab\r\n1a\r\n".as_slice(),
            &[b'x'; 26],
            b"\r\n0\r\n\r\n",
        ];
        assert_eq!(output, expected.concat());
    }

    #[test]
    fn chunk_sizes_are_written_in_full() {
        for size in [0, 1, 9, 10, 15, 16, 255, 256, 0xdead_beef, usize::MAX] {
            let mut output = Vec::new();
            write_chunk_size(size, &mut output);
            assert_eq!(output, format!("{size:x}\r\n").into_bytes());
        }
    }

    #[test]
    fn an_announced_length_is_kept_to() {
        assert_eq!(
            encode(BodyEncoder::Length(3), &[b"ab", b"c"]),
            (Ok(()), b"abc".to_vec())
        );
        assert_eq!(
            encode(BodyEncoder::Length(3), &[b"ab", b"cd"]),
            (Err(Misuse::BodyTooLong { excess: 1 }), b"ab".to_vec())
        );
        assert_eq!(
            encode(BodyEncoder::Length(3), &[b"ab"]).0,
            Err(Misuse::BodyTooShort { missing: 1 })
        );
    }

    #[test]
    fn trailers_end_a_chunked_body_and_no_other() {
        for (encoder, expected) in [
            (BodyEncoder::Chunked, &b"0\r\na: b\r\n\r\n"[..]),
            (BodyEncoder::Length(0), b""),
            (BodyEncoder::UntilClose, b""),
        ] {
            let mut output = Vec::new();
            assert_eq!(encoder.end(b"a: b\r\n", &mut output), Ok(()));
            assert_eq!(output, expected);
        }
    }

    #[test]
    fn a_silent_body_is_swallowed() {
        assert_eq!(encode(BodyEncoder::Silent, &[b"ab"]), (Ok(()), Vec::new()));
    }
}
