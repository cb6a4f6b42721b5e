//! Reads and writes the heads of frames (RFC 6455 section 5.2) and checks what can be checked on one alone. Knows no
//! messages.

use std::io::{Cursor, Write};

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::limits::CONTROL_BYTES_MAX;
use super::violation::WsViolation;

/// The head of a frame of the peer, valid by itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) opcode: OpCode,
    /// The last frame of its message.
    pub(super) is_final: bool,
    /// The first frame of a compressed message (RFC 7692 section 6).
    pub(super) is_compressed: bool,
    pub(super) mask: [u8; 4],
    pub(super) payload_bytes: u64,
    /// Length of the head itself.
    pub(super) head_bytes: usize,
}

/// The head that `bytes` begin with; `None` if it is not complete.
pub(super) fn read_frame_head(
    bytes: &[u8],
    may_compress: bool,
) -> Result<Option<FrameHead>, WsViolation> {
    let mut cursor = Cursor::new(bytes);
    let (header, payload_bytes) = match FrameHeader::parse(&mut cursor) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Ok(None),
        // The parser's only error about bytes in memory.
        Err(_) => return Err(WsViolation::OpcodeReserved),
    };
    let Some(mask) = header.mask else {
        return Err(WsViolation::Unmasked);
    };
    let starts_message = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
    if header.rsv2 || header.rsv3 || (header.rsv1 && !(may_compress && starts_message)) {
        return Err(WsViolation::ReservedBits);
    }
    let head_bytes = header.len(payload_bytes);
    if cursor.position() != head_bytes as u64 || payload_bytes > i64::MAX as u64 {
        return Err(WsViolation::LengthInvalid);
    }
    if matches!(header.opcode, OpCode::Control(_)) {
        if payload_bytes > CONTROL_BYTES_MAX as u64 {
            return Err(WsViolation::ControlTooLong);
        }
        if !header.is_final {
            return Err(WsViolation::ControlFragmented);
        }
    }
    Ok(Some(FrameHead {
        opcode: header.opcode,
        is_final: header.is_final,
        is_compressed: header.rsv1,
        mask,
        payload_bytes,
        head_bytes,
    }))
}

/// The head of a message of ours, which is never fragmented.
#[derive(Copy, Clone, Debug)]
pub(super) struct MessageHead {
    bytes: [u8; MessageHead::BYTES_MAX],
    len: usize,
}

impl MessageHead {
    /// Longest head without a mask.
    pub(super) const BYTES_MAX: usize = 10;

    pub(super) fn new(opcode: Data, is_compressed: bool, payload_bytes: usize) -> MessageHead {
        let header = FrameHeader {
            opcode: OpCode::Data(opcode),
            rsv1: is_compressed,
            ..FrameHeader::default()
        };
        let mut bytes = [0; MessageHead::BYTES_MAX];
        format(&header, payload_bytes, &mut &mut bytes[..]);
        MessageHead {
            bytes,
            len: header.len(payload_bytes as u64),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Writes a control frame whose payload has at most `CONTROL_BYTES_MAX` bytes.
pub(super) fn write_control(opcode: Control, payload: &[u8], output: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode: OpCode::Control(opcode),
        ..FrameHeader::default()
    };
    format(&header, payload.len(), output);
    output.extend_from_slice(payload);
}

fn format(header: &FrameHeader, payload_bytes: usize, output: &mut impl Write) {
    match header.format(payload_bytes as u64, output) {
        Ok(()) => {}
        Err(error) => unreachable!("there is room for every head: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The opcode and flags of a frame with this first byte, masked and empty.
    fn read(first: u8, may_compress: bool) -> Result<FrameHead, WsViolation> {
        read_frame_head(&[first, 0x80, 0, 0, 0, 0], may_compress).map(Option::unwrap)
    }

    #[test]
    fn reserved_opcodes_are_refused() {
        for opcode in (3..=7).chain(0xb..=0xf) {
            assert_eq!(read(0x80 | opcode, true), Err(WsViolation::OpcodeReserved));
        }
    }

    #[test]
    fn reserved_bits_are_refused_unless_they_say_that_a_message_is_compressed() {
        for first in [0x91, 0xa1, 0xb2, 0x90, 0x99] {
            assert_eq!(
                read(first, true),
                Err(WsViolation::ReservedBits),
                "{first:x}"
            );
        }
        assert_eq!(read(0xc1, false), Err(WsViolation::ReservedBits));
        assert!(read(0xc1, true).unwrap().is_compressed);
        // Neither a continuation nor a ping can be compressed.
        assert_eq!(read(0xc0, true), Err(WsViolation::ReservedBits));
        assert_eq!(read(0xc9, true), Err(WsViolation::ReservedBits));
    }

    #[test]
    fn frames_of_clients_are_masked() {
        assert_eq!(
            read_frame_head(&[0x81, 0], false),
            Err(WsViolation::Unmasked)
        );
    }

    #[test]
    fn lengths_have_their_shortest_form() {
        let frame = |length: &[u8]| {
            let bytes = [&[0x82], length, &[1, 2, 3, 4]].concat();
            read_frame_head(&bytes, false).map(|head| head.unwrap().payload_bytes)
        };
        assert_eq!(frame(&[0xfd]), Ok(125));
        assert_eq!(frame(&[0xfe, 0, 126]), Ok(126));
        assert_eq!(frame(&[0xfe, 0, 125]), Err(WsViolation::LengthInvalid));
        assert_eq!(frame(&[0xff, 0, 0, 0, 0, 0, 1, 0, 0]), Ok(65536));
        assert_eq!(
            frame(&[0xff, 0, 0, 0, 0, 0, 0, 255, 255]),
            Err(WsViolation::LengthInvalid)
        );
        assert_eq!(
            frame(&[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            Err(WsViolation::LengthInvalid)
        );
    }

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let head = [0x82, 0xfe, 1, 0, 9, 8, 7, 6];
        for len in 0..head.len() {
            assert_eq!(read_frame_head(&head[..len], false), Ok(None));
        }
        let read = read_frame_head(&head, false).unwrap().unwrap();
        assert_eq!((read.payload_bytes, read.head_bytes), (256, 8));
        assert_eq!(read.mask, [9, 8, 7, 6]);
    }

    #[test]
    fn control_frames_are_short_and_whole() {
        assert_eq!(read(0x09, false), Err(WsViolation::ControlFragmented));
        let long = [0x89, 0xfe, 0, 126, 0, 0, 0, 0];
        assert_eq!(
            read_frame_head(&long, false),
            Err(WsViolation::ControlTooLong)
        );
    }

    #[test]
    fn our_own_heads_are_not_masked() {
        for (payload_bytes, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let head = MessageHead::new(Data::Text, false, payload_bytes);
            assert_eq!(head.as_bytes(), expected);
        }
        assert_eq!(
            MessageHead::new(Data::Binary, true, 1).as_bytes(),
            [0xc2, 1]
        );
    }
}
