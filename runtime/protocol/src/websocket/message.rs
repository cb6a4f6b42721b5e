//! Puts a message together from the pieces of its frames (RFC 6455 section 5.4). Knows no frames on the wire.

use tungstenite::protocol::frame::coding::Data;

use super::deflate::Deflate;
use super::event::MessageKind;
use super::frame_head::FrameHead;
use super::limits::{DEFLATE_OVERHEAD_BYTES_MAX, EMPTY_FRAGMENTS_MAX, WebSocketLimits};
use super::utf8::Utf8Scan;
use super::violation::WsViolation;

/// The message that is arriving, if one is.
#[derive(Debug, Default)]
pub(super) struct MessageIntake {
    bytes: Vec<u8>,
    open: Option<OpenMessage>,
}

/// A message whose first frame has begun and whose last has not ended.
#[derive(Debug)]
struct OpenMessage {
    kind: MessageKind,
    is_compressed: bool,
    scan: Utf8Scan,
    empty_fragments: u16,
    /// Payload of its frames so far.
    wire_bytes: u64,
}

impl MessageIntake {
    /// A data frame begins. Refuses one that is out of order or too large before any of it is read.
    pub(super) fn begin_frame(
        &mut self,
        head: &FrameHead,
        opcode: Data,
        limits: &WebSocketLimits,
    ) -> Result<(), WsViolation> {
        let kind = match opcode {
            Data::Text => Some(MessageKind::Text),
            Data::Binary => Some(MessageKind::Binary),
            Data::Continue => None,
            Data::Reserved(_) => return Err(WsViolation::OpcodeReserved),
        };
        if head.payload_bytes > limits.frame_bytes_max as u64 {
            return Err(WsViolation::FrameTooLarge);
        }
        let open = match (kind, &mut self.open) {
            (Some(kind), open @ None) => open.insert(OpenMessage {
                kind,
                is_compressed: head.is_compressed,
                scan: Utf8Scan::default(),
                empty_fragments: 0,
                wire_bytes: 0,
            }),
            (None, Some(open)) => open,
            (Some(_), Some(_)) => return Err(WsViolation::ContinuationMissing),
            (None, None) => return Err(WsViolation::ContinuationUnexpected),
        };
        open.wire_bytes = open.wire_bytes.saturating_add(head.payload_bytes);
        let wire_bytes_max = match open.is_compressed {
            true => limits.message_bytes_max + DEFLATE_OVERHEAD_BYTES_MAX,
            false => limits.message_bytes_max,
        };
        if open.wire_bytes > wire_bytes_max as u64 {
            return Err(WsViolation::MessageTooLarge);
        }
        if head.payload_bytes == 0 {
            open.empty_fragments = open.empty_fragments.saturating_add(1);
            if open.empty_fragments > EMPTY_FRAGMENTS_MAX {
                return Err(WsViolation::TooManyEmptyFragments);
            }
        }
        Ok(())
    }

    /// A message that is one uncompressed frame needs no copy: checks `payload` where it lies. `None` if the open
    /// message is not of that kind.
    pub(super) fn take_whole(
        &mut self,
        payload: &[u8],
    ) -> Option<Result<MessageKind, WsViolation>> {
        let open = self
            .open
            .take_if(|open| self.bytes.is_empty() && !open.is_compressed)?;
        let mut scan = Utf8Scan::default();
        Some(
            match open.kind == MessageKind::Binary || scan.accepts(payload, true) {
                true => Ok(open.kind),
                false => Err(WsViolation::TextNotUtf8),
            },
        )
    }

    /// A piece of a frame's payload, unmasked.
    pub(super) fn append(
        &mut self,
        piece: &[u8],
        deflate: Option<&mut Deflate>,
        limits: &WebSocketLimits,
    ) -> Result<(), WsViolation> {
        let Some(open) = &mut self.open else {
            return Err(WsViolation::ContinuationUnexpected);
        };
        let added = match deflate.filter(|_| open.is_compressed) {
            Some(deflate) => deflate.inflate(piece, &mut self.bytes, limits.message_bytes_max),
            None => {
                reserve(&mut self.bytes, piece.len(), limits.message_bytes_max);
                self.bytes.extend_from_slice(piece);
                Ok(())
            }
        };
        // Looks first at what came before a fault, so that it does not matter how the bytes were cut.
        match open.kind == MessageKind::Binary || open.scan.accepts(&self.bytes, false) {
            true => added,
            false => Err(WsViolation::TextNotUtf8),
        }
    }

    /// The last frame of the message has ended.
    pub(super) fn finish(
        &mut self,
        deflate: Option<&mut Deflate>,
        limits: &WebSocketLimits,
    ) -> Result<MessageKind, WsViolation> {
        let Some(mut open) = self.open.take() else {
            return Err(WsViolation::ContinuationUnexpected);
        };
        // No bytes on the wire are not a valid compressed message, not even an empty one, but the meaning is clear.
        if let Some(deflate) = deflate.filter(|_| open.is_compressed && open.wire_bytes > 0) {
            deflate.finish_inflating(&mut self.bytes, limits.message_bytes_max)?;
        }
        match open.kind == MessageKind::Binary || open.scan.accepts(&self.bytes, true) {
            true => Ok(open.kind),
            false => Err(WsViolation::TextNotUtf8),
        }
    }

    /// The message, once [`finish`](MessageIntake::finish) has said that it is complete.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, moved out.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives all memory back.
    pub(super) fn clear(&mut self) {
        *self = MessageIntake::default();
    }
}

/// Makes room as a vector would, by doubling, but not beyond `bytes_max`, which is enough for every message.
fn reserve(bytes: &mut Vec<u8>, additional: usize, bytes_max: usize) {
    let wanted = bytes.len() + additional;
    if wanted > bytes.capacity() {
        let capacity = wanted.max((bytes.capacity() * 2).min(bytes_max));
        bytes.reserve_exact(capacity - bytes.len());
    }
}
