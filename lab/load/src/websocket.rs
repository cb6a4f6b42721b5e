//! WebSocket from the client's side: one message asked, one message expected, in frames as RFC 6455 has them. It reads
//! only enough to know whether an answer is right; what it does not know (fragments, extensions) is an error and never
//! a guess. Knows nothing of sockets.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use memchr::memmem;

use crate::answer::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use crate::template::Template;

/// The sample key of RFC 6455, section 1.3, and the answer that is given there: nothing needs hashing.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// Largest payload of a control frame, and largest whose length stands in the second byte.
const SHORT_BYTES_MAX: usize = 125;
const MEDIUM: u8 = 126;
const LONG: u8 = 127;
const MASK_BYTES: usize = 4;
/// Spreads the numbers of messages over all masks (2³² divided by the golden ratio).
const MASK_STEP: u32 = 0x9E37_79B9;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A whole message of text.
    Text = 1,
    /// A whole message of bytes.
    Binary = 2,
    /// The end.
    Close = 8,
    /// Wants a [`Opcode::Pong`] with the same payload.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

/// A whole frame at the start of the bytes that it was read from; it ends with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// Where its payload is.
    pub payload: Range<usize>,
}

/// Why bytes are not a frame, or not an answer to a handshake, that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A reserved bit, which only an extension may set; none was asked for.
    Reserved,
    /// A message in several frames.
    Fragment,
    /// An opcode that is not defined.
    Opcode,
    /// Servers send without a mask.
    Masked,
    /// Longer than it may be, or not written in the shortest way.
    Length,
    /// Not the status 101.
    Status,
    /// `Sec-WebSocket-Accept` is missing or is that of another key.
    Accept,
    /// An extension or a subprotocol that was not asked for.
    Unasked,
    /// The head does not end, or more follows it before anything was asked.
    Head,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Reserved => "a frame has a reserved bit",
            Malformed::Fragment => "a fragmented message, which turbo-load does not read",
            Malformed::Opcode => "a frame has an unknown opcode",
            Malformed::Masked => "a frame of the server is masked",
            Malformed::Length => "the length of a frame is too large or not in its shortest form",
            Malformed::Status => "the handshake was not answered with 101",
            Malformed::Accept => "the handshake's Sec-WebSocket-Accept is not the right one",
            Malformed::Unasked => {
                "the handshake has an extension or subprotocol that was not asked for"
            }
            Malformed::Head => "the handshake's answer does not end where it should",
        })
    }
}

impl std::error::Error for Malformed {}

/// What is sent in each message, and what must come back.
#[derive(Clone, Debug)]
pub struct MessagePlan {
    /// Path and query of the handshake.
    pub path: String,
    /// Header lines of the handshake besides its own.
    pub headers: Vec<(String, String)>,
    /// Text or binary, both ways.
    pub opcode: Opcode,
    /// Payload of a message.
    pub message: Template,
    /// Payload of a right answer.
    pub expected: Template,
}

impl MessagePlan {
    /// The request that opens the connection.
    pub fn handshake(&self, target: SocketAddr) -> Vec<u8> {
        let mut head = format!(
            "GET {} HTTP/1.1\r\nHost: {target}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n",
            self.path
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Appends the message with this number.
    pub fn encode(&self, number: u64, out: &mut Vec<u8>) {
        begin_frame(self.opcode, self.message.length(number), mask(number), out);
        let start = out.len();
        self.message.write(number, out);
        apply_mask(mask(number), &mut out[start..]);
    }
}

/// Whether `bytes` are the right answer to a handshake, whole and nothing more; false if more must come.
pub fn is_handshake_answer(bytes: &[u8]) -> Result<bool, Malformed> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX {
            Err(Malformed::Head)
        } else {
            Ok(false)
        };
    };
    if !bytes.starts_with(b"HTTP/1.1 101") {
        return Err(Malformed::Status);
    }
    let mut accepts = false;
    for line in bytes[..end].split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"sec-websocket-accept") {
            accepts = value == ACCEPT;
        } else if name.eq_ignore_ascii_case(b"sec-websocket-extensions")
            || name.eq_ignore_ascii_case(b"sec-websocket-protocol")
        {
            return Err(Malformed::Unasked);
        }
    }
    if !accepts {
        return Err(Malformed::Accept);
    }
    if bytes.len() > end + 4 {
        return Err(Malformed::Head);
    }
    Ok(true)
}

/// Reads the frame that `bytes` begin with; `None` if more of it must come first.
pub fn read_frame(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RESERVED != 0 {
        return Err(Malformed::Reserved);
    }
    let opcode = match first & !FINAL {
        0 => return Err(Malformed::Fragment),
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(Malformed::Opcode),
    };
    if first & FINAL == 0 {
        return Err(Malformed::Fragment);
    }
    if second & MASKED != 0 {
        return Err(Malformed::Masked);
    }
    let (length, head, least) = match second {
        MEDIUM => match rest.first_chunk() {
            Some(&length) => (u64::from(u16::from_be_bytes(length)), 4, 126),
            None => return Ok(None),
        },
        LONG => match rest.first_chunk() {
            Some(&length) => (u64::from_be_bytes(length), 10, 1 << 16),
            None => return Ok(None),
        },
        short => (u64::from(short), 2, 0),
    };
    let is_control = opcode as u8 >= Opcode::Close as u8;
    if length < least
        || length > BODY_BYTES_MAX as u64
        || (is_control && length > SHORT_BYTES_MAX as u64)
    {
        return Err(Malformed::Length);
    }
    let payload = head..head + length as usize;
    Ok((bytes.len() >= payload.end).then_some(Frame { opcode, payload }))
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    begin_frame(Opcode::Pong, payload.len(), mask(0), &mut out);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(mask(0), &mut out[start..]);
    out
}

/// Appends the head of a masked frame that is a whole message.
fn begin_frame(opcode: Opcode, length: usize, mask: [u8; MASK_BYTES], out: &mut Vec<u8>) {
    out.push(FINAL | opcode as u8);
    if length <= SHORT_BYTES_MAX {
        out.push(MASKED | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(MASKED | MEDIUM);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(MASKED | LONG);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
}

/// A different mask for each number, so that a server must unmask.
fn mask(number: u64) -> [u8; MASK_BYTES] {
    (number as u32 + 1).wrapping_mul(MASK_STEP).to_be_bytes()
}

fn apply_mask(mask: [u8; MASK_BYTES], payload: &mut [u8]) {
    let mut fours = payload.chunks_exact_mut(MASK_BYTES);
    for four in &mut fours {
        for (byte, key) in four.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in fours.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(opcode: Opcode, message: impl AsRef<[u8]>) -> MessagePlan {
        MessagePlan {
            path: String::from("/chat"),
            headers: vec![(String::from("Origin"), String::from("here"))],
            opcode,
            message: Template::new(&message),
            expected: Template::new(&message),
        }
    }

    /// What a server reads: opcode and unmasked payload.
    fn unmasked(frame: &[u8]) -> (u8, Vec<u8>) {
        let head = match frame[1] & !MASKED {
            MEDIUM => 4,
            LONG => 10,
            _ => 2,
        };
        let (key, payload) = frame[head..].split_at(MASK_BYTES);
        let plain = payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[at % 4]);
        (frame[0], plain.collect())
    }

    fn from_server(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        [&[first], length, payload].concat()
    }

    #[test]
    fn messages_of_every_length_are_masked_and_whole() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            let mut out = Vec::new();
            plan(Opcode::Binary, &text).encode(1234, &mut out);
            assert_eq!(
                unmasked(&out),
                (FINAL | 2, text.into_bytes()),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn masks_change_with_the_number() {
        assert_ne!(mask(1), mask(2));
        assert_ne!(mask(0), [0; 4]);
    }

    #[test]
    fn frames_are_whole_with_their_last_byte() {
        let long = vec![b'x'; 70_000];
        let frames = [
            (from_server(0x81, &[5], b"hello"), 2..7),
            (from_server(0x82, &[MEDIUM, 1, 0], &long[..256]), 4..260),
            (
                from_server(0x82, &[LONG, 0, 0, 0, 0, 0, 1, 0x11, 0x70], &long),
                10..70_010,
            ),
        ];
        for (bytes, payload) in frames {
            for length in (0..bytes.len()).take(20).chain([bytes.len() - 1]) {
                assert_eq!(
                    read_frame(&bytes[..length]),
                    Ok(None),
                    "after {length} bytes"
                );
            }
            let more = [&bytes[..], b"more"].concat();
            assert_eq!(read_frame(&more).unwrap().unwrap().payload, payload);
        }
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        let cases: [(&[u8], Malformed); 10] = [
            (&[0xC1, 0], Malformed::Reserved),
            (&[0x01, 0], Malformed::Fragment),
            (&[0x80, 0], Malformed::Fragment),
            (&[0x09, 0], Malformed::Fragment),
            (&[0x83, 0], Malformed::Opcode),
            (&[0x81, 0x80, 0, 0, 0, 0], Malformed::Masked),
            (&[0x81, MEDIUM, 0, 125], Malformed::Length),
            (
                &[0x81, LONG, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
                Malformed::Length,
            ),
            (&[0x81, LONG, 255, 0, 0, 0, 0, 0, 0, 0], Malformed::Length),
            (&[0x89, MEDIUM, 0, 126], Malformed::Length),
        ];
        for (bytes, malformed) in cases {
            assert_eq!(read_frame(bytes), Err(malformed), "{bytes:x?}");
        }
    }

    #[test]
    fn a_ping_is_answered_with_its_payload() {
        assert_eq!(unmasked(&pong(b"alive?")), (FINAL | 10, b"alive?".to_vec()));
    }

    #[test]
    fn a_handshake_asks_for_no_extension() {
        let head = plan(Opcode::Text, "").handshake(SocketAddr::from(([127, 0, 0, 1], 80)));
        let head = String::from_utf8(head).unwrap();
        assert!(
            head.starts_with("GET /chat HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"),
            "{head}"
        );
        assert!(head.ends_with("\r\nOrigin: here\r\n\r\n") && !head.contains("Extensions"));
    }

    #[test]
    fn only_the_right_answer_opens_the_connection() {
        let answer = |status: &str, accept: &str, more: &str| {
            format!(
                "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nsec-websocket-accept: {accept}\r\n{more}\r\n"
            )
        };
        let accept = std::str::from_utf8(ACCEPT).unwrap();
        let right = answer("101 Switching Protocols", accept, "");
        for length in 0..right.len() {
            assert_eq!(is_handshake_answer(&right.as_bytes()[..length]), Ok(false));
        }
        assert_eq!(is_handshake_answer(right.as_bytes()), Ok(true));
        let wrong = [
            (answer("200 OK", accept, ""), Malformed::Status),
            (answer("101 x", "other", ""), Malformed::Accept),
            (
                answer("101 x", accept, "Sec-WebSocket-Protocol: a\r\n"),
                Malformed::Unasked,
            ),
            (right + "x", Malformed::Head),
            ("x".repeat(HEAD_BYTES_MAX + 1), Malformed::Head),
        ];
        for (bytes, malformed) in wrong {
            assert_eq!(
                is_handshake_answer(bytes.as_bytes()),
                Err(malformed),
                "{bytes}"
            );
        }
    }
}
