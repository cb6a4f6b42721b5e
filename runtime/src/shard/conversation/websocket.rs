//! A conversation that has become a WebSocket: messages to the app, the app's messages to the output. Sans-IO.

use std::task::Waker;

use turbo_shard_protocol::websocket::{
    self, CLOSE_INTERNAL_ERROR, CLOSE_NORMAL, MessageKind, WsEvent,
};
use turbo_shard_protocol::{Closing, Expiry, Tick};

use crate::edge::{Answered, Passage};
use crate::exchange::websocket_reply::{WebSocketPart, WebSocketSlot};
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::switch::ToWebSocket;
use crate::shard::workbench::Workbench;

/// Messages that one connection may have taken, in each direction, before the others get their turn.
const MESSAGES_PER_TURN_MAX: u32 = 64;

pub(crate) struct WebSocket {
    websocket: websocket::WebSocket,
    /// The app's side; None once it has sent its last part.
    slot: Option<WebSocketSlot>,
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
        let limits = bench.websocket_limits.clone();
        bench.counters.websockets_opened.add(1);
        bench.counters.note_response(101);
        let mut websocket = websocket::WebSocket::new(limits, switch.deflate, now);
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
            websocket,
            slot: Some(switch.slot),
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
        self.websocket.receive(now, chunk);
    }

    pub(crate) fn receive_eof(&mut self, now: Tick) {
        self.websocket.receive_eof(now);
    }

    pub(crate) fn advance<S: Service>(
        &mut self,
        _bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        let sent_all = self.take_messages(now, waker);
        let received_all = self.hand_over(now);
        match sent_all && received_all {
            true => Advance::Settled,
            false => Advance::MoreToDo,
        }
    }

    /// Writes what the app sends, as long as the peer reads. Returns whether nothing is left for the next turn.
    fn take_messages(&mut self, now: Tick, waker: &Waker) -> bool {
        for _ in 0..MESSAGES_PER_TURN_MAX {
            let Some(slot) = &self.slot else { return true };
            if self.websocket.has_backlog() {
                // The sender waits for what is in the slot. The slot's reader must not wait: it may have room for
                // messages that the peer must send before it reads on.
                slot.watch(waker);
                return true;
            }
            let Some(part) = slot.take(waker) else {
                return true;
            };
            match part {
                // A message that comes after the close has nowhere to go; the app hears of the close.
                WebSocketPart::Message {
                    kind: MessageKind::Text,
                    payload,
                } => {
                    let text = String::from_utf8_lossy(&payload);
                    let _ = self.websocket.send_text(&text);
                }
                WebSocketPart::Message {
                    kind: MessageKind::Binary,
                    payload,
                } => {
                    let _ = self.websocket.send_binary(&payload);
                }
                WebSocketPart::Close { code, reason } => {
                    let _ = self.websocket.close(now, code, &reason);
                }
                WebSocketPart::End => self.end(now, CLOSE_NORMAL),
                WebSocketPart::Failed => self.end(now, CLOSE_INTERNAL_ERROR),
            }
        }
        false
    }

    /// The app has sent its last part.
    fn end(&mut self, now: Tick, code: u16) {
        self.slot = None;
        // Fails if either side has said goodbye already.
        let _ = self.websocket.close(now, code, "");
    }

    /// Hands messages to the app, as long as it takes them. Returns whether nothing is left for the next turn.
    fn hand_over(&mut self, now: Tick) -> bool {
        for _ in 0..MESSAGES_PER_TURN_MAX {
            if let Some(slot) = &self.slot
                && !slot.has_room_for_message()
                && self.websocket.is_open()
            {
                // After the peer's close nothing comes any more: what has come needs no room to wait for.
                let is_last = self.websocket.look_ahead(now);
                if !is_last || !slot.has_room_for_last_messages() {
                    return true;
                }
            }
            match self.websocket.next_event(now) {
                WsEvent::NeedMore => return true,
                WsEvent::Message(kind) => {
                    let payload = self.websocket.take_message();
                    if let Some(slot) = &self.slot {
                        slot.push_message(kind, payload);
                    }
                }
                WsEvent::Closed { code, reason } => {
                    if let Some(slot) = &self.slot {
                        slot.push_close(code, reason);
                    }
                }
            }
        }
        false
    }

    pub(crate) fn output(&self) -> &[u8] {
        match self.head_sent < self.head.len() {
            true => &self.head[self.head_sent..],
            false => self.websocket.output(),
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
        self.websocket.consume_output(now, n);
    }

    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        self.websocket.output_leaves_late(now);
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.websocket.wants_read()
    }

    pub(crate) fn closing(&self) -> Closing {
        match self.websocket.closing() {
            // The handshake's answer goes out, whatever became of the conversation.
            Closing::Now if !self.output().is_empty() => Closing::AfterOutput { linger: false },
            closing => closing,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        let of_head = (!self.head.is_empty()).then_some(self.head_deadline);
        [of_head, self.websocket.next_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        if !self.head.is_empty() && self.head_deadline <= now {
            bench.counters.timeouts_write.add(1);
            return true;
        }
        match self.websocket.expire(now) {
            Expiry::NotYet | Expiry::Refused => false,
            Expiry::Close | Expiry::Cut => {
                bench.counters.timeouts_websocket.add(1);
                // The app hears how it ended.
                self.hand_over(now);
                true
            }
        }
    }

    pub(crate) fn drain(&mut self, now: Tick) {
        self.websocket.drain(now);
    }
}
