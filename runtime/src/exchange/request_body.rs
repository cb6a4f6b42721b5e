//! A request's body on its way from its connection to an app that reads it as it comes. Knows neither of the two.

use std::mem;

/// Bytes that may wait for the app; at this mark the connection hands over no more, its input fills up, and the peer
/// waits. Worst case per connection: this, beside the protocol's input buffer.
pub const BODY_QUEUED_BYTES_HIGH: usize = 64 * 1024;

/// What [`HttpReply::take_body`](crate::HttpReply::take_body) found.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// Nothing has come yet.
    Nothing,
    /// These bytes, and more to come.
    Bytes(Vec<u8>),
    /// The last bytes, possibly none.
    Last(Vec<u8>),
}

/// The queue between the two.
#[derive(Default)]
pub(crate) struct Feed {
    bytes: Vec<u8>,
    is_wanted: bool,
    has_ended: bool,
    /// The peer will send nothing more, in this exchange or after it.
    pub(crate) input_ended: bool,
    /// The app found nothing, and waits to be told.
    is_app_waiting: bool,
    /// The connection found no room, or was not asked yet, and waits to be woken.
    is_connection_waiting: bool,
}

impl Feed {
    pub(crate) fn is_wanted(&mut self) -> bool {
        self.is_connection_waiting |= !self.is_wanted;
        self.is_wanted
    }

    /// The app takes; returns whether to wake the connection as well.
    pub(crate) fn take(&mut self, bytes_max: usize) -> (BodyPart, bool) {
        self.is_wanted = true;
        let bytes = if self.bytes.len() <= bytes_max {
            mem::take(&mut self.bytes)
        } else {
            let rest = self.bytes.split_off(bytes_max);
            mem::replace(&mut self.bytes, rest)
        };
        let wakes = mem::take(&mut self.is_connection_waiting);
        let part = match (self.has_ended && self.bytes.is_empty(), bytes.is_empty()) {
            (true, _) => BodyPart::Last(bytes),
            (false, false) => BodyPart::Bytes(bytes),
            (false, true) => {
                self.is_app_waiting = true;
                BodyPart::Nothing
            }
        };
        (part, wakes)
    }

    /// The connection hands over; returns how many bytes there was room for, and whether to tell the app.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (usize, bool) {
        let room = BODY_QUEUED_BYTES_HIGH.saturating_sub(self.bytes.len());
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        self.is_connection_waiting = taken < bytes.len();
        let tells = taken > 0 && mem::take(&mut self.is_app_waiting);
        (taken, tells)
    }

    /// The connection has handed over everything; returns whether to tell the app.
    pub(crate) fn end(&mut self) -> bool {
        self.has_ended = true;
        mem::take(&mut self.is_app_waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_take_asks_for_the_body_and_wakes_its_connection() {
        let mut feed = Feed::default();
        assert!(!feed.is_wanted());
        assert_eq!(feed.take(10), (BodyPart::Nothing, true));
        assert!(feed.is_wanted());
        assert_eq!(feed.take(10), (BodyPart::Nothing, false));
    }

    #[test]
    fn an_app_that_waits_is_told_once_and_reads_to_the_end() {
        let mut feed = Feed::default();
        let _ = feed.take(10);
        assert_eq!(feed.push(b"abc"), (3, true));
        assert_eq!(feed.push(b"def"), (3, false));
        assert!(!feed.end());
        assert_eq!(feed.take(4), (BodyPart::Bytes(b"abcd".to_vec()), false));
        assert_eq!(feed.take(4), (BodyPart::Last(b"ef".to_vec()), false));
        assert_eq!(feed.take(4), (BodyPart::Last(Vec::new()), false));
    }

    #[test]
    fn an_app_that_does_not_read_stops_its_connection_and_wakes_it_when_it_does() {
        let mut feed = Feed::default();
        let _ = feed.take(1);
        let body = vec![b'x'; BODY_QUEUED_BYTES_HIGH + 1];
        assert_eq!(feed.push(&body), (BODY_QUEUED_BYTES_HIGH, true));
        assert_eq!(feed.push(b"x"), (0, false));
        let (part, wakes) = feed.take(usize::MAX);
        assert!(matches!(part, BodyPart::Bytes(bytes) if bytes.len() == BODY_QUEUED_BYTES_HIGH));
        assert!(wakes);
    }

    #[test]
    fn an_app_that_waits_is_told_of_the_end() {
        let mut feed = Feed::default();
        let _ = feed.take(1);
        assert!(feed.end());
        assert_eq!(feed.take(1), (BodyPart::Last(Vec::new()), false));
    }
}
