//! The app's side of an open WebSocket, on whatever thread, and its connection's. Knows no frames and no handshake.

use std::sync::Arc;

use turbo_shard_protocol::websocket::MessageKind;

use crate::exchange::message_feed::{MessageFeed, Received};
use crate::exchange::reply_queue::{Flow, Queued};
use crate::exchange::shared_reply::{ReplyListener, SharedReply, Slot};

/// What a queued message costs beside its payload.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// What the app sends.
#[derive(Debug)]
pub(crate) enum WebSocketPart {
    Message {
        kind: MessageKind,
        payload: Vec<u8>,
    },
    Close {
        code: u16,
        reason: String,
    },
    /// The app has ended; an open conversation ends with it.
    End,
    /// The app has failed.
    Failed,
}

impl Queued for WebSocketPart {
    type Part = WebSocketPart;

    fn queued_bytes(&self) -> usize {
        match self {
            // An empty message takes its place in the queue as well.
            WebSocketPart::Message { payload, .. } => payload.len() + MESSAGE_OVERHEAD_BYTES,
            WebSocketPart::Close { .. } | WebSocketPart::End | WebSocketPart::Failed => 0,
        }
    }

    fn split(self) -> (WebSocketPart, Option<WebSocketPart>) {
        (self, None)
    }
}

/// The app's side of a WebSocket. Dropped before its end, it counts as failed.
pub struct WebSocketReply {
    shared: Arc<SharedReply<WebSocketPart, MessageFeed>>,
}

impl WebSocketReply {
    pub(super) fn pair(
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> (WebSocketReply, WebSocketSlot) {
        // The connection looks here as soon as it has sent the 101, so nothing needs to wake it before.
        let shared = SharedReply::new(None, listener);
        let slot = Slot::of(&shared);
        (WebSocketReply { shared }, slot)
    }

    /// Sets the listener that hears of room, of messages and of the peer's leaving; it hears at once if the peer has left
    /// already.
    pub fn listen(&self, listener: Arc<dyn ReplyListener>) {
        self.shared.listen(listener);
    }

    /// Sends a message; a text is UTF-8.
    pub fn message(&self, kind: MessageKind, payload: Vec<u8>) -> Flow {
        let message = WebSocketPart::Message { kind, payload };
        self.shared.put(message, false)
    }

    /// Says goodbye; [`Received::Closed`] follows once the peer has answered.
    pub fn close(&self, code: u16, reason: String) {
        let close = WebSocketPart::Close { code, reason };
        self.shared.put(close, false);
    }

    /// Takes a message. With [`Received::Nothing`], [`ReplyListener::input_ready`] follows.
    pub fn take_message(&self) -> Received {
        self.shared.take_input(MessageFeed::take)
    }

    /// Whether the conversation is over, though messages may be left to take.
    pub fn is_closed(&self) -> bool {
        self.shared.is_over(MessageFeed::is_closed)
    }

    /// The app has ended: 1000, unless either side has said goodbye.
    pub fn end(self) {
        self.shared.put(WebSocketPart::End, true);
    }

    /// The app has failed: 1011, unless either side has said goodbye.
    pub fn fail(self) {
        self.shared.put(WebSocketPart::Failed, true);
    }

    /// Whether the connection is gone.
    pub fn peer_left(&self) -> bool {
        self.shared.has_peer_left()
    }
}

impl Drop for WebSocketReply {
    fn drop(&mut self) {
        self.shared.hang_up(WebSocketPart::Failed);
    }
}

/// The connection's side.
pub(crate) type WebSocketSlot = Slot<WebSocketPart, MessageFeed>;

impl WebSocketSlot {
    /// Whether the app takes another message; if not, the connection is woken when it does.
    pub(crate) fn has_room_for_message(&self) -> bool {
        self.with_input(MessageFeed::accepts)
    }

    /// The same for the last messages of a peer that has closed.
    pub(crate) fn has_room_for_last_messages(&self) -> bool {
        self.with_input(|messages| messages.accepts_last())
    }

    /// Hands a message to the app.
    pub(crate) fn push_message(&self, kind: MessageKind, payload: Vec<u8>) {
        self.give_input(|messages| ((), messages.push(kind, payload)));
    }

    /// Tells the app that the conversation is over.
    pub(crate) fn push_close(&self, code: u16, reason: String) {
        // A sender that waits for room, which will never come, is told as well as one that waits for messages.
        self.give_input(|messages| {
            messages.close(code, reason);
            ((), true)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_messages_are_bounded_too() {
        let (reply, _slot) = WebSocketReply::pair(None);
        let mut sent = 1;
        while reply.message(MessageKind::Text, Vec::new()) == Flow::Ready {
            sent += 1;
        }
        assert_eq!(sent, 1024);
    }
}
