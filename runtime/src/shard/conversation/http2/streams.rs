//! What a conversation knows of each of its streams, beside the protocol's own state.

use turbo_shard_protocol::http2::StreamKey;

use crate::coding::Compression;
use crate::edge::{InLog, Passage};
use crate::exchange::http_reply::HttpSlot;
use crate::shard::conversation::body_flow::BodyFlow;

/// One exchange.
#[derive(Default)]
pub(super) struct StreamExchange {
    /// Where an answer comes from that comes later.
    pub(super) slot: Option<HttpSlot>,
    pub(super) body: BodyFlow,
    /// What the server itself does about it, if it does anything.
    pub(super) passage: Option<Box<Passage>>,
    /// It was counted as a request, and is to be counted as ended.
    pub(super) is_counted: bool,
    /// The server has answered in the app's stead.
    pub(super) is_refused: bool,
    /// It is among those that wait for room.
    pub(super) is_blocked: bool,
    /// The stream is open.
    pub(super) is_open: bool,
}

impl StreamExchange {
    /// The app is not waited for any more.
    pub(super) fn end(&mut self) {
        self.slot = None;
        self.body = BodyFlow::None;
    }

    /// The id of its request, for lines of the log.
    pub(super) fn id(&self) -> InLog<'_> {
        let passage = self.passage.as_ref();
        InLog(passage.and_then(|passage| passage.identified.as_deref()))
    }

    /// What compresses its answer.
    pub(super) fn compression(&mut self) -> Option<&mut Compression> {
        self.passage.as_mut()?.compression.as_deref_mut()
    }

    pub(super) fn forget_compression(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.compression = None;
        }
    }
}

/// The exchanges of a connection by the places of their streams. Places are used again.
#[derive(Default)]
pub(super) struct Streams {
    places: Vec<StreamExchange>,
    /// Those whose answer goes on when there is room, in the order of their turns.
    pub(super) blocked: Vec<StreamKey>,
    /// Those that were counted and have not ended.
    pub(super) in_flight: u64,
}

impl Streams {
    /// A stream begins.
    pub(super) fn begin(&mut self, key: StreamKey) {
        if self.places.len() <= key.index() {
            self.places
                .resize_with(key.index() + 1, StreamExchange::default);
        }
        let is_blocked = self.places[key.index()].is_blocked;
        self.places[key.index()] = StreamExchange {
            is_open: true,
            is_blocked,
            ..StreamExchange::default()
        };
    }

    pub(super) fn of(&mut self, key: StreamKey) -> &mut StreamExchange {
        &mut self.places[key.index()]
    }

    pub(super) fn is_open(&self, key: StreamKey) -> bool {
        self.places
            .get(key.index())
            .is_some_and(|place| place.is_open)
    }

    /// It waits for room.
    pub(super) fn block(&mut self, key: StreamKey) {
        if !std::mem::replace(&mut self.places[key.index()].is_blocked, true) {
            self.blocked.push(key);
        }
    }

    /// All that are open.
    pub(super) fn open(&mut self) -> impl Iterator<Item = &mut StreamExchange> {
        self.places.iter_mut().filter(|place| place.is_open)
    }

    /// No stream is open.
    pub(super) fn rest(&mut self) {
        self.places = Vec::new();
        self.blocked = Vec::new();
    }
}
