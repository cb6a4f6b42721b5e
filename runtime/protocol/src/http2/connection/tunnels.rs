//! Tunnels (RFC 8441): streams whose bytes are nobody's body, each side of which ends by itself. Part of `connection`.

use super::Connection;
use crate::http2::error_code::ErrorCode;
use crate::http2::event::{Event, StreamKey};
use crate::http2::frame::write_reset;
use crate::http2::limits::PENDING_BYTES_HIGH;
use crate::http2::outgoing::Ending;
use crate::misuse::AnswerStage;

impl Connection {
    /// The same, whose peer may ask for WebSockets (RFC 8441). To be said before it is told our settings.
    pub fn with_websockets(self) -> Connection {
        let takes_websockets = true;
        Connection {
            takes_websockets,
            ..self
        }
    }

    /// Takes of what our side of a tunnel sends as much as there is room for. Returns how much.
    pub fn extend_tunnel(&mut self, key: StreamKey, data: &[u8]) -> usize {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        if outgoing.has_ended {
            return data.len(); // it goes nowhere
        }
        let room = PENDING_BYTES_HIGH.saturating_sub(outgoing.pending.unsent().len());
        let taken = data.len().min(room);
        outgoing.pending.tail().extend_from_slice(&data[..taken]);
        self.sender.enqueue(key, outgoing);
        taken
    }

    /// Our side of a tunnel has ended.
    pub fn end_tunnel(&mut self, key: StreamKey) {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        if outgoing.stage == AnswerStage::Body {
            outgoing.stage = AnswerStage::Complete;
            outgoing.ending = Ending::Plain;
            self.sender.enqueue(key, outgoing);
        }
    }

    /// Our side of a tunnel is given up, as a connection would be.
    pub fn cancel(&mut self, key: StreamKey) {
        let _ = self.reset(key, ErrorCode::Cancel);
    }

    /// A tunnel whose side of ours has ended is not waited for any longer. With a code, the peer is told.
    pub(super) fn end_linger(&mut self, key: StreamKey, code: Option<ErrorCode>) {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        let id = outgoing.id;
        outgoing.lingers_since = None;
        if let Some(code) = code {
            write_reset(id, code, self.sender.output.tail());
        }
        self.note_ended(id, code.is_some());
        self.events.push_back(Event::Done(key));
    }
}
