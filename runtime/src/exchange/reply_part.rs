//! The pieces that an answer is sent in. Knows neither their sender nor their receiver.

use std::fmt;

use turbo_shard_protocol::websocket::{Accepted, MessageKind};
use turbo_shard_protocol::{BodyLength, HeaderLines};

/// What a queued message costs beside its payload.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// What is copied of [`HeldBytes`] at a time.
const BIT_BYTES: usize = 64 * 1024;

/// A large piece of a body that stays where it is and is copied bit by bit, as the peer reads: it exists in memory only
/// once, and no thread waits for the peer. May be dropped on any thread, outside of any lock.
pub struct HeldBytes {
    owner: Box<dyn AsRef<[u8]> + Send>,
    taken: usize,
}

impl HeldBytes {
    /// Holds what `owner` has.
    pub fn new(owner: impl AsRef<[u8]> + Send + 'static) -> HeldBytes {
        HeldBytes {
            owner: Box::new(owner),
            taken: 0,
        }
    }

    /// What has not been taken.
    pub fn rest(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.taken..]
    }

    /// Takes the next bit.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let rest = self.rest();
        let bit = rest[..rest.len().min(BIT_BYTES)].to_vec();
        self.taken += bit.len();
        bit
    }
}

impl fmt::Debug for HeldBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldBytes({} to come)", self.rest().len())
    }
}

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
    /// Taken as chunks.
    Held(HeldBytes),
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
    /// What it counts in the slot.
    pub(crate) fn queued_bytes(&self) -> usize {
        match self {
            Part::Chunk(data) => data.len(),
            Part::Held(bytes) => bytes.rest().len(),
            // An empty message takes its place in the queue as well.
            Part::Message { payload, .. } => payload.len() + MESSAGE_OVERHEAD_BYTES,
            _ => 0,
        }
    }
}
