//! What a WebSocket tells its driver. Plain values, no behaviour.

/// What happened next on a WebSocket; see [`WebSocket::next_event`](super::WebSocket::next_event).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WsEvent {
    /// Nothing more until bytes arrive, time passes or the app acts.
    NeedMore,
    /// A whole message is here: see [`message`](super::WebSocket::message), readable until the next call.
    Message(MessageKind),
    /// The conversation is over; comes once, after every message that came before it. No message is sent or received
    /// any more; [`closing`](super::WebSocket::closing) says how to part.
    Closed {
        /// The peer's code, 1005 if it gave none, 1006 if it left without a close frame, or ours if we gave it up.
        code: u16,
        /// The peer's reason, or ours if we gave it up; often empty.
        reason: String,
    },
}

/// The kind of a message (RFC 6455 section 5.6).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8, which has been checked.
    Text,
    /// Bytes.
    Binary,
}
