//! The pieces that an answer is sent in. Knows not who sends them, nor who takes them.

use turbo_shard_protocol::websocket::{Accepted, MessageKind};
use turbo_shard_protocol::{BodyLength, HeaderLines};

/// What a queued message costs beside its payload.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// One piece of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    Whole {
        status: u16,
        lines: HeaderLines,
        body: Vec<u8>,
    },
    Start {
        status: u16,
        lines: HeaderLines,
        length: BodyLength,
    },
    Chunk(Vec<u8>),
    End {
        trailers: Option<HeaderLines>,
    },
    /// An interim answer, before the head.
    Interim {
        status: u16,
        lines: HeaderLines,
    },
    /// The request becomes a WebSocket: its 101.
    Accept(Accepted),
    /// A WebSocket's message.
    Message {
        kind: MessageKind,
        payload: Vec<u8>,
    },
    /// A WebSocket's end.
    Close {
        code: u16,
        reason: String,
    },
    /// The answering side gave up: 500 if nothing was sent, else the connection is cut.
    Failed,
}

impl Part {
    /// What it counts for in the slot.
    pub(crate) fn queued_bytes(&self) -> usize {
        match self {
            Part::Chunk(data) => data.len(),
            // An empty message takes its place in the queue as well.
            Part::Message { payload, .. } => payload.len() + MESSAGE_OVERHEAD_BYTES,
            _ => 0,
        }
    }
}
