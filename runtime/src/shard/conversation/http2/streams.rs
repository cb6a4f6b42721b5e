//! What a conversation knows of each of its streams, beside the protocol's own state.

use turbo_shard_protocol::http2::StreamKey;

use crate::shard::conversation::open_exchange::OpenExchange;
use crate::shard::conversation::websocket_exchange::WebSocketExchange;

#[derive(Default)]
struct Place {
    exchange: OpenExchange,
    /// What it has become, while that lasts.
    websocket: Option<Box<WebSocketExchange>>,
    /// It has been a WebSocket.
    was_websocket: bool,
    /// It goes on in the next turn.
    is_postponed: bool,
    /// It is among those that wait for room.
    is_blocked: bool,
    /// The stream that is here, while it is open.
    key: Option<StreamKey>,
}

/// The exchanges of a connection by the places of their streams. Places are used again.
#[derive(Default)]
pub(super) struct Streams {
    places: Vec<Place>,
    /// Those whose answer goes on when there is room, in the order of their turns.
    blocked: Vec<StreamKey>,
    /// WebSockets that go on in the next turn, in the order in which they do.
    postponed: Vec<StreamKey>,
    /// WebSockets that are open.
    websockets_open: u32,
    /// Those that were counted and have not ended.
    pub(super) in_flight: u64,
}

impl Streams {
    /// A stream begins.
    pub(super) fn begin(&mut self, key: StreamKey) {
        if self.places.len() <= key.index() {
            self.places.resize_with(key.index() + 1, Place::default);
        }
        let place = &mut self.places[key.index()];
        place.exchange = OpenExchange::default();
        place.was_websocket = false;
        place.key = Some(key);
    }

    /// A stream has ended; its place is kept.
    pub(super) fn close(&mut self, key: StreamKey) {
        self.close_websocket(key);
        self.places[key.index()].key = None;
    }

    /// The stream is a WebSocket from now on.
    pub(super) fn open_websocket(&mut self, key: StreamKey, exchange: WebSocketExchange) {
        let place = &mut self.places[key.index()];
        place.was_websocket = true;
        place.websocket = Some(Box::new(exchange));
        self.websockets_open += 1;
    }

    /// The WebSocket has ended; its stream may last a little longer.
    pub(super) fn close_websocket(&mut self, key: StreamKey) {
        if self.places[key.index()].websocket.take().is_some() {
            self.websockets_open -= 1;
        }
    }

    pub(super) fn websocket(&mut self, key: StreamKey) -> Option<&mut WebSocketExchange> {
        self.places[key.index()].websocket.as_deref_mut()
    }

    /// The stream is a WebSocket, or has been one.
    pub(super) fn was_websocket(&self, key: StreamKey) -> bool {
        self.places[key.index()].was_websocket
    }

    /// All WebSockets that are open; looks at no stream where there are none.
    pub(super) fn websockets(&self) -> impl Iterator<Item = (StreamKey, &WebSocketExchange)> {
        let places = match self.websockets_open {
            0 => &[],
            _ => &*self.places,
        };
        places
            .iter()
            .filter_map(|place| Some((place.key?, place.websocket.as_deref()?)))
    }

    pub(super) fn exchange(&mut self, key: StreamKey) -> &mut OpenExchange {
        &mut self.places[key.index()].exchange
    }

    pub(super) fn is_open(&self, key: StreamKey) -> bool {
        let place = self.places.get(key.index());
        place.is_some_and(|place| place.key.is_some())
    }

    /// It waits for room.
    pub(super) fn block(&mut self, key: StreamKey) {
        if !std::mem::replace(&mut self.places[key.index()].is_blocked, true) {
            self.blocked.push(key);
        }
    }

    /// It goes on in the next turn.
    pub(super) fn postpone(&mut self, key: StreamKey) {
        if !std::mem::replace(&mut self.places[key.index()].is_postponed, true) {
            self.postponed.push(key);
        }
    }

    /// Some go on in the next turn.
    pub(super) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// Those that were to go on in this turn.
    pub(super) fn take_postponed(&mut self) -> Vec<StreamKey> {
        for key in &self.postponed {
            self.places[key.index()].is_postponed = false;
        }
        std::mem::take(&mut self.postponed)
    }

    pub(super) fn blocked(&self) -> &[StreamKey] {
        &self.blocked
    }

    /// Those that wait for room, which wait no longer.
    pub(super) fn take_blocked(&mut self) -> Vec<StreamKey> {
        for key in &self.blocked {
            self.places[key.index()].is_blocked = false;
        }
        std::mem::take(&mut self.blocked)
    }

    /// All that are open.
    pub(super) fn open(&mut self) -> impl Iterator<Item = &mut OpenExchange> {
        let open = self.places.iter_mut().filter(|place| place.key.is_some());
        open.map(|place| &mut place.exchange)
    }

    /// No stream is open.
    pub(super) fn rest(&mut self) {
        self.places = Vec::new();
        self.blocked = Vec::new();
        self.postponed = Vec::new();
    }
}
