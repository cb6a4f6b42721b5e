//! WebSocket messages on their way from their connection to the app. Knows neither of the two.

use std::collections::VecDeque;
use std::mem;

use turbo_shard_protocol::websocket::MessageKind;

/// Bytes of messages that may wait for the app; at this mark no further message is handed over, and the peer waits.
/// Worst case per connection: this and one message of `message_bytes_max`.
pub const MESSAGES_QUEUED_BYTES_HIGH: usize = 64 * 1024;

/// Messages that may wait for the app: empty ones are not free either.
pub const MESSAGES_QUEUED_MAX: usize = 256;

/// Bytes of messages that may wait where the peer has closed behind them.
/// Worst case per connection: this and one message of `message_bytes_max`.
const LAST_MESSAGES_BYTES_MAX: usize = 1024 * 1024;

/// What [`WebSocketReply::take_message`](crate::WebSocketReply::take_message) found.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing has come yet.
    Nothing,
    /// A message; a text is UTF-8.
    Message(MessageKind, Vec<u8>),
    /// The conversation is over, with this code and reason; the same each time it is asked for.
    Closed(u16, String),
}

/// The queue between the two.
#[derive(Default)]
pub(crate) struct MessageFeed {
    messages: VecDeque<(MessageKind, Vec<u8>)>,
    queued_bytes: usize,
    closed: Option<(u16, String)>,
    is_app_waiting: bool,
    is_connection_waiting: bool,
}

impl MessageFeed {
    /// The app takes; returns whether to wake the connection as well.
    pub(crate) fn take(&mut self) -> (Received, bool) {
        let Some((kind, payload)) = self.messages.pop_front() else {
            return match &self.closed {
                Some((code, reason)) => (Received::Closed(*code, reason.clone()), false),
                None => {
                    self.is_app_waiting = true;
                    (Received::Nothing, false)
                }
            };
        };
        self.queued_bytes -= payload.len();
        let wakes = self.has_room() && mem::take(&mut self.is_connection_waiting);
        (Received::Message(kind, payload), wakes)
    }

    /// Whether another message may be handed over; if not, the connection will be woken.
    pub(crate) fn accepts(&mut self) -> bool {
        self.is_connection_waiting = !self.has_room();
        self.has_room()
    }

    /// The same for the last messages before the close: there are no more of them than one input holds, but compressed
    /// ones are larger than that.
    pub(crate) fn accepts_last(&self) -> bool {
        self.queued_bytes < LAST_MESSAGES_BYTES_MAX
    }

    /// The connection hands over; returns whether to tell the app.
    pub(crate) fn push(&mut self, kind: MessageKind, payload: Vec<u8>) -> bool {
        self.queued_bytes += payload.len();
        self.messages.push_back((kind, payload));
        mem::take(&mut self.is_app_waiting)
    }

    /// The conversation is over. The app is to be told, whether it waits for messages or not.
    pub(crate) fn close(&mut self, code: u16, reason: String) {
        self.closed.get_or_insert((code, reason));
        self.is_app_waiting = false;
    }

    /// Whether the conversation is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    fn has_room(&self) -> bool {
        self.queued_bytes < MESSAGES_QUEUED_BYTES_HIGH && self.messages.len() < MESSAGES_QUEUED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_order_and_the_close_last() {
        let mut feed = MessageFeed::default();
        assert_eq!(feed.take(), (Received::Nothing, false));
        assert!(feed.push(MessageKind::Text, b"a".to_vec()));
        assert!(!feed.push(MessageKind::Binary, b"b".to_vec()));
        feed.close(1001, String::from("bye"));
        let text = Received::Message(MessageKind::Text, b"a".to_vec());
        assert_eq!(feed.take(), (text, false));
        let bytes = Received::Message(MessageKind::Binary, b"b".to_vec());
        assert_eq!(feed.take(), (bytes, false));
        for _ in 0..2 {
            let closed = Received::Closed(1001, String::from("bye"));
            assert_eq!(feed.take(), (closed, false));
        }
    }

    #[test]
    fn an_app_that_takes_nothing_stops_its_connection_and_wakes_it_when_it_does() {
        let mut feed = MessageFeed::default();
        assert!(feed.accepts());
        feed.push(MessageKind::Binary, vec![0; MESSAGES_QUEUED_BYTES_HIGH]);
        assert!(!feed.accepts());
        assert!(matches!(feed.take(), (Received::Message(..), true)));
        assert!(feed.accepts());
    }

    #[test]
    fn empty_messages_are_bounded_too() {
        let mut feed = MessageFeed::default();
        let mut pushed = 0;
        while feed.accepts() {
            feed.push(MessageKind::Text, Vec::new());
            pushed += 1;
        }
        assert_eq!(pushed, MESSAGES_QUEUED_MAX);
    }
}
