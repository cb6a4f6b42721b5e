//! WebSockets on streams (RFC 8441): a tunnel's bytes are frames of an exchange that is one. The end of a connection is the end of
//! a stream here, and its reset a reset.

use turbo_shard_protocol::http2::StreamKey;
use turbo_shard_protocol::{BodyMode, Closing, Tick};

use super::Http2;
use crate::exchange::http_reply::Acceptance;
use crate::service::Service;
use crate::shard::conversation::websocket_exchange::WebSocketExchange;
use crate::shard::workbench::Workbench;

impl Http2 {
    /// The app takes a WebSocket.
    pub(super) fn accept<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        key: StreamKey,
        acceptance: Acceptance,
    ) {
        let Acceptance { accepted, slot } = acceptance;
        let passage = self.streams.exchange(key).passage.as_deref();
        let server_lines = bench.server_lines(now, passage);
        let mut writer = self.connection.response(key, &server_lines);
        let written = writer.accept(&accepted.head);
        drop(server_lines);
        self.note_answer(bench, key);
        if let Err(misuse) = written {
            log::error!("a WebSocket could not be accepted: {misuse}");
            return self.fail(bench, now, key);
        }
        bench.counters.note_response(200);
        let mut websocket = WebSocketExchange::new(bench, now, slot, accepted.deflate);
        if self.is_stopping {
            websocket.websocket.drain(now);
        }
        self.streams.open_websocket(key, websocket);
        self.connection.read_body(now, key, BodyMode::Stream);
        self.converse(now, key);
    }

    /// Moves a WebSocket on: what has come to the app, what the app sends to the stream, as far as both have room.
    pub(super) fn converse(&mut self, now: Tick, key: StreamKey) {
        loop {
            let Some(exchange) = self.streams.websocket(key) else {
                return;
            };
            let websocket = &mut exchange.websocket;
            let body_len = self.connection.body(key).len();
            let is_read = body_len > 0 && websocket.wants_read();
            if is_read {
                websocket.receive(now, self.connection.body(key));
                self.connection.consume_body(now, key, body_len);
            }
            if self.connection.is_body_at_hand(key) && self.connection.body(key).is_empty() {
                websocket.receive_eof(now);
            }
            let turn = &mut self.turn;
            let waker = self.wakers.of(key);
            let has_sent_all = exchange.take_messages(now, waker, &mut turn.messages_to_peer_left);
            let has_told_all = exchange.hand_over(now, &mut turn.messages_to_apps_left);
            let is_written = self.write_frames(now, key);
            if !has_sent_all || !has_told_all {
                return self.streams.postpone(key);
            }
            if !is_read && !is_written {
                return self.end_if_over(key);
            }
        }
    }

    /// Gives the stream what the WebSocket has written. Returns whether that was anything.
    fn write_frames(&mut self, now: Tick, key: StreamKey) -> bool {
        let Some(exchange) = self.streams.websocket(key) else {
            return false;
        };
        let websocket = &mut exchange.websocket;
        if websocket.output().is_empty() {
            return false;
        }
        let taken = self.connection.extend_tunnel(key, websocket.output());
        websocket.consume_output(now, taken);
        if !websocket.output().is_empty() {
            self.streams.block(key);
        }
        taken > 0
    }

    /// Its conversation has ended: so does our side of the stream.
    fn end_if_over(&mut self, key: StreamKey) {
        let is_over = self.streams.websocket(key).is_some_and(|exchange| {
            let websocket = &exchange.websocket;
            websocket.closing() != Closing::Open && websocket.output().is_empty()
        });
        if is_over {
            self.connection.end_tunnel(key);
            self.streams.close_websocket(key);
        }
    }

    /// Goes on with those that had more to do than the last turn let them, and those whose time has come.
    pub(super) fn take_postponed(&mut self, now: Tick) {
        for key in self.streams.take_postponed() {
            if self.streams.is_open(key) {
                self.converse(now, key);
            }
        }
    }

    /// The earliest deadline of a WebSocket.
    pub(super) fn next_websocket_deadline(&self) -> Option<Tick> {
        let websockets = self.streams.websockets();
        websockets
            .filter_map(|(_, exchange)| exchange.websocket.next_deadline())
            .min()
    }

    /// Deadlines of WebSockets may have passed. What they lead to is found by the next turn.
    pub(super) fn expire_websockets<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        let is_due = |exchange: &WebSocketExchange| {
            let deadline = exchange.websocket.next_deadline();
            deadline.is_some_and(|deadline| deadline <= now)
        };
        let due: Vec<StreamKey> = self
            .streams
            .websockets()
            .filter(|(_, exchange)| is_due(exchange))
            .map(|(key, _)| key)
            .collect();
        for key in due {
            let exchange = self.streams.websocket(key);
            if exchange.is_some_and(|exchange| exchange.expire(bench, now)) {
                self.streams.close_websocket(key);
                self.connection.cancel(key);
            } else {
                self.streams.postpone(key);
            }
        }
    }

    /// The server stops: each WebSocket says goodbye in the next turn.
    pub(super) fn drain_websockets(&mut self, now: Tick) {
        let keys: Vec<StreamKey> = self.streams.websockets().map(|(key, _)| key).collect();
        for key in keys {
            if let Some(exchange) = self.streams.websocket(key) {
                exchange.websocket.drain(now);
            }
            self.streams.postpone(key);
        }
    }
}
