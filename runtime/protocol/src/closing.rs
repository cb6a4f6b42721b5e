//! How a connection ends, for the owner of its socket, whatever it speaks. Plain values, no behaviour.

/// What became of a deadline; see [`Connection::expire`](crate::Connection::expire).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// No deadline has passed.
    NotYet,
    /// The peer was too slow with its request: `next_event` now yields [`Event::Refused`] with a 408.
    Refused,
    /// The connection was idle, or had its answer and lingered or owed the rest of an unwanted body long enough: close
    /// now, without an answer.
    Close,
    /// The peer does not read, or stalled in the middle of an exchange that is already being answered: close now; what
    /// was not sent is dropped.
    Cut,
}

/// What a peer takes too long for, once its time is over.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// To send a request's head, or to begin one on a new connection.
    Head,
    /// To send a request's body.
    Body,
    /// To read its answer.
    Write,
    /// To ask again.
    KeepAlive,
}

/// How far the end of a connection has come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The connection lives.
    Open,
    /// Send the output, then close.
    AfterOutput {
        /// The peer may still be sending. Shut down the sending side after the output, keep reading (and calling
        /// `receive`) until `closing` says [`Closing::Now`]: closing with unread bytes in the socket makes the
        /// kernel send a reset, which can overtake the answer (RFC 9112 section 9.6).
        linger: bool,
    },
    /// Close now; there is nothing to send.
    Now,
}
