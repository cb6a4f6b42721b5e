//! Frames (RFC 9113 section 4 and 6): their heads, read and written. Knows no streams.

use crate::http2::error_code::ErrorCode;

/// What every client says first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head.
pub(super) const FRAME_HEAD_BYTES: usize = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// To be ignored.
    Unknown(u8),
}

impl FrameKind {
    fn of(byte: u8) -> FrameKind {
        match byte {
            0 => FrameKind::Data,
            1 => FrameKind::Headers,
            2 => FrameKind::Priority,
            3 => FrameKind::RstStream,
            4 => FrameKind::Settings,
            5 => FrameKind::PushPromise,
            6 => FrameKind::Ping,
            7 => FrameKind::GoAway,
            8 => FrameKind::WindowUpdate,
            9 => FrameKind::Continuation,
            other => FrameKind::Unknown(other),
        }
    }

    fn byte(self) -> u8 {
        match self {
            FrameKind::Data => 0,
            FrameKind::Headers => 1,
            FrameKind::Priority => 2,
            FrameKind::RstStream => 3,
            FrameKind::Settings => 4,
            FrameKind::PushPromise => 5,
            FrameKind::Ping => 6,
            FrameKind::GoAway => 7,
            FrameKind::WindowUpdate => 8,
            FrameKind::Continuation => 9,
            FrameKind::Unknown(byte) => byte,
        }
    }
}

/// The nine bytes before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: usize,
    pub(super) kind: FrameKind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHead {
    #[inline]
    pub(super) fn read(bytes: &[u8; FRAME_HEAD_BYTES]) -> FrameHead {
        let [a, b, c, kind, flags, w, x, y, z] = *bytes;
        FrameHead {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: FrameKind::of(kind),
            flags,
            stream: u32::from_be_bytes([w, x, y, z]) & 0x7fff_ffff,
        }
    }

    #[inline]
    pub(super) fn bytes(self) -> [u8; FRAME_HEAD_BYTES] {
        let [_, a, b, c] = (self.length as u32).to_be_bytes();
        let [w, x, y, z] = self.stream.to_be_bytes();
        [a, b, c, self.kind.byte(), self.flags, w, x, y, z]
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Writes a frame with a short payload.
pub(super) fn write_frame(
    kind: FrameKind,
    flags: u8,
    stream: u32,
    payload: &[u8],
    output: &mut Vec<u8>,
) {
    let head = FrameHead {
        length: payload.len(),
        kind,
        flags,
        stream,
    };
    output.extend_from_slice(&head.bytes());
    output.extend_from_slice(payload);
}

pub(super) fn write_reset(stream: u32, code: ErrorCode, output: &mut Vec<u8>) {
    let payload = (code as u32).to_be_bytes();
    write_frame(FrameKind::RstStream, 0, stream, &payload, output);
}

pub(super) fn write_window_update(stream: u32, increment: u32, output: &mut Vec<u8>) {
    let payload = increment.to_be_bytes();
    write_frame(FrameKind::WindowUpdate, 0, stream, &payload, output);
}

pub(super) fn write_goaway(last: u32, code: ErrorCode, why: &str, output: &mut Vec<u8>) {
    let parts = [
        &last.to_be_bytes()[..],
        &(code as u32).to_be_bytes(),
        why.as_bytes(),
    ];
    write_frame(FrameKind::GoAway, 0, 0, &parts.concat(), output);
}

/// The four bytes at the front of a payload, as a number.
pub(super) fn number(payload: &[u8]) -> u32 {
    match payload {
        [a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

/// A payload without its padding (RFC 9113 section 6.1), or None if the padding is longer than it.
pub(super) fn without_padding(head: FrameHead, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(PADDED) {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    let length = rest.len().checked_sub(padding.into())?;
    Some(&rest[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_were_written_and_the_reserved_bit_is_ignored() {
        for byte in 0..=255 {
            let head = FrameHead {
                length: 0x01_02_03,
                kind: FrameKind::of(byte),
                flags: 0x25,
                stream: 0x7fff_fffe,
            };
            let mut bytes = head.bytes();
            assert_eq!(bytes[3], byte);
            bytes[5] |= 0x80;
            assert_eq!(FrameHead::read(&bytes), head);
        }
    }

    #[test]
    fn padding_is_taken_off_and_must_fit() {
        let head = |flags| FrameHead {
            length: 0,
            kind: FrameKind::Data,
            flags,
            stream: 1,
        };
        assert_eq!(without_padding(head(0), b"\x02ab"), Some(&b"\x02ab"[..]));
        assert_eq!(without_padding(head(PADDED), b"\x02a\0\0"), Some(&b"a"[..]));
        assert_eq!(without_padding(head(PADDED), b"\x02\0\0"), Some(&b""[..]));
        assert_eq!(without_padding(head(PADDED), b"\x03\0\0"), None);
        assert_eq!(without_padding(head(PADDED), b""), None);
    }
}
