//! The reply to a request: what its answering side sends, on whatever thread, and what its connection takes. Knows nothing of
//! sockets; an engine is only ever a [`Waker`] here.

use std::sync::Arc;
use std::task::Waker;

use turbo_shard_protocol::websocket::Accepted;
use turbo_shard_protocol::{BodyLength, HeaderLines};

use crate::exchange::held_bytes::HeldBytes;
use crate::exchange::reply_queue::{Flow, Queued};
use crate::exchange::request_body::{BodyPart, Feed};
use crate::exchange::shared_reply::{ReplyListener, SharedReply, Slot};
use crate::exchange::websocket_reply::{WebSocketReply, WebSocketSlot};
use crate::metrics::route_names::RouteId;

/// One piece of an answer.
#[derive(Debug)]
pub(crate) enum AnswerPart {
    Whole {
        status: u16,
        lines: HeaderLines,
        body: Vec<u8>,
    },
    Start {
        status: u16,
        lines: HeaderLines,
        length: BodyLength,
    },
    Chunk(Vec<u8>),
    End {
        trailers: Option<HeaderLines>,
    },
    /// An interim answer, before the head.
    Interim {
        status: u16,
        lines: HeaderLines,
    },
}

/// What the connection takes.
pub(crate) enum HttpPart {
    Answer(AnswerPart),
    /// The whole answer where the server itself refuses the request, which is counted.
    Refusal {
        status: u16,
        part: AnswerPart,
    },
    /// Which route it is. No part of the answer.
    Route(RouteId),
    /// The request becomes a WebSocket: its 101.
    Accept(Box<Acceptance>),
    /// The answering side gave up: 500 if nothing was sent, else the connection is cut.
    Failed,
}

/// A handshake that was accepted, and the connection's side of what follows.
pub(crate) struct Acceptance {
    pub(crate) accepted: Accepted,
    pub(crate) slot: WebSocketSlot,
}

/// What the answering side puts in.
pub(crate) enum HttpQueued {
    Part(HttpPart),
    /// Taken as chunks.
    Held(HeldBytes),
}

impl Queued for HttpQueued {
    type Part = HttpPart;

    fn queued_bytes(&self) -> usize {
        match self {
            HttpQueued::Part(HttpPart::Answer(AnswerPart::Chunk(data))) => data.len(),
            HttpQueued::Part(_) => 0,
            HttpQueued::Held(bytes) => bytes.rest().len(),
        }
    }

    fn split(self) -> (HttpPart, Option<HttpQueued>) {
        match self {
            HttpQueued::Part(part) => (part, None),
            HttpQueued::Held(mut bytes) => {
                let chunk = AnswerPart::Chunk(bytes.take());
                (HttpPart::Answer(chunk), Some(HttpQueued::Held(bytes)))
            }
        }
    }
}

/// The answering side of a request. Dropped before its answer is complete, it counts as failed.
pub struct HttpReply {
    shared: Arc<SharedReply<HttpQueued, Feed>>,
}

impl HttpReply {
    pub(crate) fn pair(waker: Waker) -> (HttpReply, HttpSlot) {
        let shared = SharedReply::new(Some(waker), None);
        let slot = Slot::of(&shared);
        (HttpReply { shared }, slot)
    }

    /// Sets the listener that hears of room and of the peer's leaving; it hears at once if the peer has left already.
    pub fn listen(&self, listener: Arc<dyn ReplyListener>) {
        self.shared.listen(listener);
    }

    /// Sends the whole answer.
    pub fn whole(self, status: u16, lines: HeaderLines, body: Vec<u8>) {
        let whole = AnswerPart::Whole {
            status,
            lines,
            body,
        };
        self.put(HttpPart::Answer(whole), true);
    }

    /// Sends the whole answer as one of the server's own: it could not have the app answer.
    pub fn refuse(self, status: u16, lines: HeaderLines, body: Vec<u8>) {
        let part = AnswerPart::Whole {
            status,
            lines,
            body,
        };
        self.put(HttpPart::Refusal { status, part }, true);
    }

    /// Says which route the request was found to be for, where that was not known when the exchange was deferred. Before
    /// the answer ends; metrics and logs tell routes apart.
    pub fn route(&self, route: RouteId) {
        let part = HttpQueued::Part(HttpPart::Route(route));
        self.shared.put_ahead(part);
    }

    /// Sends the head; the body follows in chunks.
    pub fn start(&self, status: u16, lines: HeaderLines, length: BodyLength) {
        let start = AnswerPart::Start {
            status,
            lines,
            length,
        };
        self.put(HttpPart::Answer(start), false);
    }

    /// Sends a piece of the body.
    pub fn chunk(&self, data: Vec<u8>) -> Flow {
        self.put(HttpPart::Answer(AnswerPart::Chunk(data)), false)
    }

    /// Sends a large piece of the body, which is never copied as a whole. With [`Flow::Wait`], room comes when little
    /// of it is left.
    pub fn held(&self, bytes: HeldBytes) -> Flow {
        self.shared.put(HttpQueued::Held(bytes), false)
    }

    /// Ends the body.
    pub fn end(self) {
        self.put(HttpPart::Answer(AnswerPart::End { trailers: None }), true);
    }

    /// Ends the body with a trailer section, where the answer's framing has room for one (chunked).
    pub fn end_with_trailers(self, trailers: HeaderLines) {
        let trailers = Some(trailers);
        self.put(HttpPart::Answer(AnswerPart::End { trailers }), true);
    }

    /// Sends an interim answer (RFC 9110 section 15.2), such as 103.
    pub fn interim(&self, status: u16, lines: HeaderLines) {
        let interim = AnswerPart::Interim { status, lines };
        self.put(HttpPart::Answer(interim), false);
    }

    /// Makes a WebSocket of the request: the 101 is sent, and messages follow. The listener stays the same. Not after a
    /// part of an answer, which makes it a 500 or a cut connection.
    pub fn accept(self, accepted: Accepted) -> WebSocketReply {
        let (reply, slot) = WebSocketReply::pair(self.shared.take_listener());
        let acceptance = Box::new(Acceptance { accepted, slot });
        self.put(HttpPart::Accept(acceptance), true);
        reply
    }

    /// Takes what has come of the request's body, at most `bytes_max` bytes; the first call asks for it. With
    /// [`BodyPart::Nothing`], [`ReplyListener::input_ready`] follows. Only where the exchange streams its body.
    pub fn take_body(&self, bytes_max: usize) -> BodyPart {
        self.shared.take_input(|feed| feed.take(bytes_max))
    }

    /// Whether the peer has finished sending, or is gone.
    pub fn input_ended(&self) -> bool {
        self.shared.is_over(|feed| feed.input_ended)
    }

    /// Gives up: the peer gets a 500, or a cut connection if it has seen the head already.
    pub fn fail(self) {
        self.put(HttpPart::Failed, true);
    }

    /// Whether the connection is gone.
    pub fn peer_left(&self) -> bool {
        self.shared.has_peer_left()
    }

    fn put(&self, part: HttpPart, is_last: bool) -> Flow {
        self.shared.put(HttpQueued::Part(part), is_last)
    }
}

impl Drop for HttpReply {
    fn drop(&mut self) {
        self.shared.hang_up(HttpQueued::Part(HttpPart::Failed));
    }
}

/// The connection's side.
pub(crate) type HttpSlot = Slot<HttpQueued, Feed>;

impl HttpSlot {
    /// The app has asked for its request's body.
    pub(crate) fn wants_body(&self) -> bool {
        self.with_input(Feed::is_wanted)
    }

    /// Hands over body bytes; returns how many there was room for.
    pub(crate) fn push_body(&self, bytes: &[u8]) -> usize {
        self.give_input(|feed| feed.push(bytes))
    }

    /// All of the body has been handed over.
    pub(crate) fn end_body(&self) {
        self.give_input(|feed| ((), feed.end()));
    }

    /// The peer has finished sending.
    pub(crate) fn end_input(&self) {
        self.with_input(|feed| feed.input_ended = true);
        if let Some(listener) = self.listener() {
            listener.input_ended();
        }
    }
}

#[cfg(test)]
#[path = "http_reply_tests.rs"]
mod tests;
