//! Reads answers: status line, Content-Length, body. It reads only enough to know where an answer ends and whether it
//! is right; what it does not know (compressed bodies) is an error and never a guess. Knows nothing of sockets.

use memchr::memmem;

use crate::chunks;
pub use crate::malformed::{BODY_BYTES_MAX, Malformed};

/// Longest head of an answer that is read.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A whole answer at the start of the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// Without the framing of chunks.
    pub body: &'a [u8],
    /// How many bytes it takes, head and framing included.
    pub bytes: usize,
}

/// Reads one answer after another, on any number of connections.
#[derive(Debug, Default)]
pub struct AnswerReader {
    /// The head read last. A server's heads differ in little but the date: byte for byte the same means the same
    /// status and length, at the cost of one comparison.
    known: Vec<u8>,
    status: u16,
    framing: Framing,
    /// The body read last, if it came in chunks.
    chunked: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunks,
}

impl Default for Framing {
    fn default() -> Framing {
        Framing::Length(0)
    }
}

impl AnswerReader {
    /// Reads the answer that `bytes` begin with; `None` if more of it must come first.
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<Answer<'a>>, Malformed> {
        if self.known.is_empty() || !bytes.starts_with(&self.known) {
            let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
                return if bytes.len() > HEAD_BYTES_MAX {
                    Err(Malformed::HeadTooLarge)
                } else {
                    Ok(None)
                };
            };
            let head = &bytes[..end + 4];
            if head.len() > HEAD_BYTES_MAX {
                return Err(Malformed::HeadTooLarge);
            }
            (self.status, self.framing) = read_head(head)?;
            self.known.clear();
            self.known.extend_from_slice(head);
        }
        let (status, head_bytes) = (self.status, self.known.len());
        let rest = &bytes[head_bytes..];
        let (body, body_bytes) = match self.framing {
            Framing::Length(length) => match rest.get(..length) {
                Some(body) => (body, length),
                None => return Ok(None),
            },
            Framing::Chunks => match chunks::read(rest, &mut self.chunked)? {
                Some(used) => (&self.chunked[..], used),
                None => return Ok(None),
            },
        };
        Ok(Some(Answer {
            status,
            body,
            bytes: head_bytes + body_bytes,
        }))
    }
}

/// Status and framing of the body from a head that ends with its empty line.
fn read_head(head: &[u8]) -> Result<(u16, Framing), Malformed> {
    let status = head
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(status_code)
        .ok_or(Malformed::StatusLine)?;
    let (mut length, mut is_chunked) = (None, false);
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() {
                return Err(Malformed::ContentLength);
            }
            length = Some(
                decimal(value)
                    .filter(|&bytes| bytes <= BODY_BYTES_MAX)
                    .ok_or(Malformed::ContentLength)?,
            );
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed::TransferEncoding);
            }
            is_chunked = true;
        }
    }
    match (status, length, is_chunked) {
        (204 | 304, ..) => Ok((status, Framing::Length(0))),
        (_, Some(_), true) => Err(Malformed::TransferEncoding),
        (_, None, true) => Ok((status, Framing::Chunks)),
        (_, Some(length), false) => Ok((status, Framing::Length(length))),
        (_, None, false) => Err(Malformed::LengthUnknown),
    }
}

/// Three digits, and then a space or the end of the line.
fn status_code(rest: &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(3)?;
    let ends = matches!(after.first(), Some(b' ' | b'\r'));
    u16::try_from(decimal(digits)?)
        .ok()
        .filter(|status| ends && *status >= 100)
}

fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    digits.iter().try_fold(0, |sum: usize, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + usize::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 5\r\n\r\nhello";

    /// Status, body and size.
    type Found = (u16, Vec<u8>, usize);

    fn found(answer: Answer<'_>) -> Found {
        (answer.status, answer.body.to_vec(), answer.bytes)
    }

    fn read(bytes: &[u8]) -> Result<Option<Found>, Malformed> {
        Ok(AnswerReader::default().read(bytes)?.map(found))
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        for length in 0..PLAIN.len() {
            assert_eq!(read(&PLAIN[..length]), Ok(None), "after {length} bytes");
        }
        assert_eq!(read(PLAIN), Ok(Some((200, b"hello".to_vec(), PLAIN.len()))));
    }

    #[test]
    fn bytes_after_the_answer_are_left_alone() {
        assert_eq!(read(&[PLAIN, PLAIN].concat()), read(PLAIN));
    }

    #[test]
    fn a_head_seen_before_reads_the_same() {
        let mut reader = AnswerReader::default();
        let mut again = |bytes| reader.read(bytes).unwrap().map(found);
        let first = again(PLAIN);
        assert_eq!(again(PLAIN), first);
        assert_eq!(again(&PLAIN[..PLAIN.len() - 1]), None);
        let other = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(again(other).unwrap().0, 404);
        assert_eq!(again(PLAIN), first);
    }

    #[test]
    fn statuses_without_a_body_need_no_length() {
        let head = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(read(head), Ok(Some((204, Vec::new(), head.len()))));
        assert_eq!(
            read(b"HTTP/1.1 200 OK\r\n\r\n"),
            Err(Malformed::LengthUnknown)
        );
    }

    #[test]
    fn what_is_no_status_line_is_refused() {
        for line in [
            "HTTP/1.0 200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 0x9 OK",
            "HTTP/1.1 099 OK",
            "",
        ] {
            let head = format!("{line}\r\nContent-Length: 0\r\n\r\n");
            assert_eq!(read(head.as_bytes()), Err(Malformed::StatusLine), "{line}");
        }
    }

    #[test]
    fn lengths_that_could_be_misread_are_refused() {
        for value in [
            "",
            "+5",
            "-1",
            "5, 5",
            "0x5",
            "99999999999999999999",
            "17000000",
            "5\r\nContent-Length: 5",
        ] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\nhello");
            assert_eq!(
                read(head.as_bytes()),
                Err(Malformed::ContentLength),
                "{value}"
            );
        }
    }

    #[test]
    fn chunks_are_one_body() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
        let whole = [&head[..], b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"].concat();
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Ok(None), "after {length} bytes");
        }
        let expected = (200, b"hello".to_vec(), whole.len());
        assert_eq!(read(&whole), Ok(Some(expected.clone())));
        assert_eq!(read(&[&whole[..], PLAIN].concat()), Ok(Some(expected)));
    }

    #[test]
    fn encodings_that_could_be_misread_are_refused() {
        for lines in [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n0\r\n\r\n");
            assert_eq!(
                read(head.as_bytes()),
                Err(Malformed::TransferEncoding),
                "{lines}"
            );
        }
    }

    #[test]
    fn a_head_without_an_end_is_refused() {
        let endless = [
            b"HTTP/1.1 200 OK\r\nA: ".to_vec(),
            vec![b'x'; HEAD_BYTES_MAX],
        ]
        .concat();
        assert_eq!(read(&endless), Err(Malformed::HeadTooLarge));
    }
}
