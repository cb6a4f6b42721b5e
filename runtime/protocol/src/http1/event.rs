//! What a connection tells its driver, and what the driver chooses. Plain values, no behaviour.

use crate::violation::Violation;

/// What happened next on a connection; see [`Connection::next_event`](crate::Connection::next_event).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing more until bytes arrive, the app answers or consumes, or output drains below `output_bytes_high`.
    NeedMore,
    /// A request head is complete: see [`request`](crate::Connection::request).
    Head,
    /// [`BodyMode::Whole`]: the body is complete: see [`body`](crate::Connection::body).
    BodyReady,
    /// [`BodyMode::Stream`]: new body bytes are there: see [`body`](crate::Connection::body).
    BodyChunk,
    /// [`BodyMode::Stream`]: no body byte follows those already announced.
    BodyEnd,
    /// The peer broke a rule; the exchange, if there was one, is over. Comes once: now call
    /// [`answer_refusal`](crate::Connection::answer_refusal). [`Event::Close`] follows.
    Refused(Violation),
    /// Request and answer are complete; the request is no longer readable.
    ExchangeDone,
    /// The peer speaks HTTP/2 from its first byte, and so does this server: [`leave_http`](crate::Connection::leave_http)
    /// hands over what has come.
    Http2,
    /// Nothing more will ever happen; [`closing`](crate::Connection::closing) says how to part.
    Close,
}

/// How the driver wants a request's body.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// Collect everything, then [`Event::BodyReady`].
    Whole {
        /// The route's own bound; the server's `body_bytes_max` holds as well.
        bytes_max: u64,
    },
    /// Hand over bytes as they come: [`Event::BodyChunk`] and at last [`Event::BodyEnd`].
    Stream,
    /// Not wanted: swallow up to `discard_bytes_max` without an event, beyond it give the connection up.
    Discard,
}
