//! A conversation that has become a WebSocket: HTTP/1's 101, then the frames of an exchange that is one. Sans-IO.

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::edge::{Answered, Passage};
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::switch::ToWebSocket;
use crate::shard::conversation::turn::Turn;
use crate::shard::conversation::websocket_exchange::WebSocketExchange;
use crate::shard::workbench::Workbench;

pub(crate) struct WebSocket {
    exchange: WebSocketExchange,
    /// The 101 and what was unsent before it.
    head: Vec<u8>,
    head_sent: usize,
    /// By when the peer must have taken more of it.
    head_deadline: Tick,
    /// What the server itself does about the exchange, if it does anything.
    passage: Option<Box<Passage>>,
}

impl WebSocket {
    pub(crate) fn new<S: Service>(
        bench: &Workbench<S>,
        now: Tick,
        switch: ToWebSocket,
    ) -> WebSocket {
        bench.counters.note_response(101);
        let mut exchange = WebSocketExchange::new(bench, now, switch.slot, switch.deflate);
        let websocket = &mut exchange.websocket;
        if !switch.bytes.input.is_empty() {
            websocket.receive(now, &switch.bytes.input);
        }
        if switch.bytes.has_eof {
            websocket.receive_eof(now);
        }
        if switch.bytes.is_draining {
            websocket.drain(now);
        }
        WebSocket {
            exchange,
            head: switch.bytes.output,
            head_sent: 0,
            head_deadline: now.after_ms(bench.limits.write_timeout_ms),
            passage: switch.passage,
        }
    }

    /// The connection ends, and with it the exchange that it has been.
    pub(crate) fn abandon<S: Service>(&mut self, bench: &Workbench<S>) {
        bench.counters.websockets_closed.add(1);
        if let (Some(edge), Some(passage)) = (&bench.edge, self.passage.take()) {
            let answered = Answered {
                status: Some(101),
                body_bytes: 0,
                is_whole: true,
            };
            edge.leave(*passage, answered);
        }
    }

    pub(crate) fn receive<S: Service>(&mut self, _bench: &Workbench<S>, now: Tick, chunk: &[u8]) {
        self.exchange.websocket.receive(now, chunk);
    }

    pub(crate) fn receive_eof(&mut self, now: Tick) {
        self.exchange.websocket.receive_eof(now);
    }

    pub(crate) fn advance<S: Service>(
        &mut self,
        _bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        let mut turn = Turn::begin();
        let sent_all = self
            .exchange
            .take_messages(now, waker, &mut turn.messages_to_peer_left);
        let received_all = self
            .exchange
            .hand_over(now, &mut turn.messages_to_apps_left);
        match sent_all && received_all {
            true => Advance::Settled,
            false => Advance::MoreToDo,
        }
    }

    pub(crate) fn output(&self) -> &[u8] {
        match self.head_sent < self.head.len() {
            true => &self.head[self.head_sent..],
            false => self.exchange.websocket.output(),
        }
    }

    pub(crate) fn consume_output(&mut self, now: Tick, n: usize) {
        if self.head_sent < self.head.len() {
            self.head_sent += n;
            if self.head_sent == self.head.len() {
                self.head = Vec::new();
                self.head_sent = 0;
            }
            return;
        }
        self.exchange.websocket.consume_output(now, n);
    }

    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        self.exchange.websocket.output_leaves_late(now);
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.exchange.websocket.wants_read()
    }

    pub(crate) fn closing(&self) -> Closing {
        match self.exchange.websocket.closing() {
            // The handshake's answer goes out, whatever became of the conversation.
            Closing::Now if !self.output().is_empty() => Closing::AfterOutput { linger: false },
            closing => closing,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        let of_head = (!self.head.is_empty()).then_some(self.head_deadline);
        [of_head, self.exchange.websocket.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        if !self.head.is_empty() && self.head_deadline <= now {
            bench.counters.timeouts_write.add(1);
            return true;
        }
        self.exchange.expire(bench, now)
    }

    pub(crate) fn drain(&mut self, now: Tick) {
        self.exchange.websocket.drain(now);
    }
}
