//! An exchange that is a WebSocket: messages to the app, the app's messages to the output, whatever carries both. Sans-IO.

use std::task::Waker;

use turbo_shard_protocol::websocket::{
    self, CLOSE_INTERNAL_ERROR, CLOSE_NORMAL, DeflateParams, MessageKind, WsEvent,
};
use turbo_shard_protocol::{Expiry, Tick};

use crate::exchange::websocket_reply::{WebSocketPart, WebSocketSlot};
use crate::service::Service;
use crate::shard::workbench::Workbench;

/// See the module.
pub(crate) struct WebSocketExchange {
    pub(crate) websocket: websocket::WebSocket,
    /// The app's side; None once it has sent its last part.
    slot: Option<WebSocketSlot>,
}

impl WebSocketExchange {
    pub(crate) fn new<S: Service>(
        bench: &Workbench<S>,
        now: Tick,
        slot: WebSocketSlot,
        deflate: Option<DeflateParams>,
    ) -> WebSocketExchange {
        bench.counters.websockets_opened.add(1);
        let limits = bench.websocket_limits.clone();
        WebSocketExchange {
            websocket: websocket::WebSocket::new(limits, deflate, now),
            slot: Some(slot),
        }
    }

    /// Writes what the app sends, as long as the peer reads, and takes each message off `messages_max`. Returns whether
    /// nothing is left for the next turn.
    pub(crate) fn take_messages(
        &mut self,
        now: Tick,
        waker: &Waker,
        messages_max: &mut u32,
    ) -> bool {
        while *messages_max > 0 {
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
            *messages_max -= 1;
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

    /// Hands messages to the app, as long as it takes them, and takes each off `messages_max`. Returns whether nothing is left
    /// for the next turn.
    pub(crate) fn hand_over(&mut self, now: Tick, messages_max: &mut u32) -> bool {
        while *messages_max > 0 {
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
                    *messages_max -= 1;
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

    /// A deadline may have passed. Returns whether the WebSocket must go at once; the app has heard of it.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        match self.websocket.expire(now) {
            Expiry::NotYet | Expiry::Refused => false,
            Expiry::Close | Expiry::Cut => {
                bench.counters.timeouts_websocket.add(1);
                let mut messages_max = u32::MAX;
                self.hand_over(now, &mut messages_max);
                true
            }
        }
    }
}
