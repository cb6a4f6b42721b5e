//! The answer that comes later: a slot between a connection and its answering side, on this thread or another. Knows
//! nothing of sockets; an engine is only ever a [`Waker`] here.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};
use turbo_shard_protocol::websocket::{Accepted, MessageKind};
use turbo_shard_protocol::{BodyLength, HeaderLines};

use crate::exchange::message_feed::{MessageFeed, Received};
use crate::exchange::reply_part::{HeldBytes, Part};
use crate::exchange::request_body::{BodyPart, Feed};

/// A streamed answer waits for room once this many bytes are queued in its slot.
/// Worst case per connection: this plus one chunk, beside the protocol's output buffer.
pub const REPLY_QUEUED_BYTES_HIGH: usize = 64 * 1024;

/// What the answering side wants to hear. Called on the connection's thread, outside of any lock.
pub trait ReplyListener: Send {
    /// After [`Flow::Wait`]: the peer has read, more may be sent. May come when it is not needed.
    fn room(&self);
    /// The connection is gone; nothing sent from now on will arrive. Comes once, or twice if it left while `listen` ran.
    fn peer_left(&self);
    /// After [`ReplyHandle::take_body`] or [`ReplyHandle::take_message`] had nothing: there is something now.
    fn input_ready(&self) {}
    /// The peer has finished sending: it has closed its connection, or only its side of it and still reads.
    fn input_ended(&self) {}
}

/// Whether the answering side should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There is room for more.
    Ready,
    /// Taken, but wait for [`ReplyListener::room`] before the next chunk.
    Wait,
    /// Dropped: the connection is gone.
    PeerLeft,
}

#[derive(Default)]
struct State {
    parts: VecDeque<Part>,
    queued_bytes: usize,
    /// The sender was told to wait and has not been told of room yet.
    waiting: bool,
    finished: bool,
    peer_left: bool,
    waker: Option<Waker>,
}

impl State {
    /// The next part, and what was held if that was its last bit.
    fn next_part(&mut self) -> (Option<Part>, Option<Part>) {
        match self.parts.front_mut() {
            Some(Part::Held(bytes)) => {
                let bit = Part::Chunk(bytes.take());
                let given_back = match bytes.rest().is_empty() {
                    true => self.parts.pop_front(),
                    false => None,
                };
                (Some(bit), given_back)
            }
            _ => (self.parts.pop_front(), None),
        }
    }
}

struct Shared {
    state: Mutex<State>,
    /// The request's body on its way to the app.
    feed: Mutex<Feed>,
    /// A WebSocket's messages on their way to the app.
    messages: Mutex<MessageFeed>,
    listener: Mutex<Option<Box<dyn ReplyListener>>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock()
    }

    fn messages(&self) -> MutexGuard<'_, MessageFeed> {
        self.messages.lock()
    }

    fn wake_connection(&self) {
        let waker = self.state().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn tell(&self, say: impl FnOnce(&dyn ReplyListener)) {
        if let Some(listener) = &*self.listener.lock() {
            say(&**listener);
        }
    }
}

/// The answering side. Dropped before its answer is complete, it counts as failed.
pub struct ReplyHandle {
    shared: Arc<Shared>,
}

impl ReplyHandle {
    pub(crate) fn pair(waker: Waker) -> (ReplyHandle, Slot) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waker: Some(waker),
                ..State::default()
            }),
            feed: Mutex::default(),
            messages: Mutex::default(),
            listener: Mutex::new(None),
        });
        (
            ReplyHandle {
                shared: Arc::clone(&shared),
            },
            Slot { shared },
        )
    }

    /// Sets the listener that hears of room and of the peer's leaving; it hears at once if the peer has left already.
    pub fn listen(&self, listener: Box<dyn ReplyListener>) {
        *self.shared.listener.lock() = Some(listener);
        if self.peer_left() {
            self.shared.tell(|listener| listener.peer_left());
        }
    }

    /// Sends the whole answer.
    pub fn whole(self, status: u16, lines: HeaderLines, body: Vec<u8>) {
        self.put(
            Part::Whole {
                status,
                lines,
                body,
            },
            true,
        );
    }

    /// Sends the head; the body follows in chunks.
    pub fn start(&self, status: u16, lines: HeaderLines, length: BodyLength) {
        self.put(
            Part::Start {
                status,
                lines,
                length,
            },
            false,
        );
    }

    /// Sends a piece of the body.
    pub fn chunk(&self, data: Vec<u8>) -> Flow {
        self.put(Part::Chunk(data), false)
    }

    /// Sends a large piece of the body, which is never copied as a whole. With [`Flow::Wait`], room comes when little
    /// of it is left.
    pub fn held(&self, bytes: HeldBytes) -> Flow {
        self.put(Part::Held(bytes), false)
    }

    /// Ends the body.
    pub fn end(self) {
        self.put(Part::End { trailers: None }, true);
    }

    /// Ends the body with a trailer section, where the answer's framing has room for one (chunked).
    pub fn end_with_trailers(self, trailers: HeaderLines) {
        let trailers = Some(trailers);
        self.put(Part::End { trailers }, true);
    }

    /// Sends an interim answer (RFC 9110 section 15.2), such as 103.
    pub fn interim(&self, status: u16, lines: HeaderLines) {
        self.put(Part::Interim { status, lines }, false);
    }

    /// Makes a WebSocket of the request; messages follow. Not after a part of an answer.
    pub fn accept(&self, accepted: Accepted) {
        self.put(Part::Accept(accepted), false);
    }

    /// Sends a WebSocket message; a text is UTF-8.
    pub fn message(&self, kind: MessageKind, payload: Vec<u8>) -> Flow {
        self.put(Part::Message { kind, payload }, false)
    }

    /// Says goodbye on a WebSocket; [`Received::Closed`] follows once the peer has answered.
    pub fn close(&self, code: u16, reason: String) {
        self.put(Part::Close { code, reason }, false);
    }

    /// Takes a WebSocket message. With [`Received::Nothing`], [`ReplyListener::input_ready`] follows.
    pub fn take_message(&self) -> Received {
        let (received, is_connection_waiting) = self.shared.messages().take();
        if is_connection_waiting {
            self.shared.wake_connection();
        }
        received
    }

    /// Whether a WebSocket's conversation is over, though messages may be left to take.
    pub fn is_closed(&self) -> bool {
        self.shared.messages().closed() || self.peer_left()
    }

    /// Takes what has come of the request's body, at most `bytes_max` bytes; the first call asks for it. With
    /// [`BodyPart::Nothing`], [`ReplyListener::input_ready`] follows. Only where the exchange streams its body.
    pub fn take_body(&self, bytes_max: usize) -> BodyPart {
        let (part, is_connection_waiting) = self.shared.feed().take(bytes_max);
        if is_connection_waiting {
            self.shared.wake_connection();
        }
        part
    }

    /// Whether the peer has finished sending, or is gone.
    pub fn input_ended(&self) -> bool {
        self.shared.feed().input_ended || self.peer_left()
    }

    /// Gives up: the peer gets a 500, or a cut connection if it has seen the head already.
    pub fn fail(self) {
        self.put(Part::Failed, true);
    }

    /// Whether the connection is gone.
    pub fn peer_left(&self) -> bool {
        self.shared.state().peer_left
    }

    fn put(&self, part: Part, last: bool) -> Flow {
        let waker;
        let flow;
        {
            let mut state = self.shared.state();
            if state.peer_left || state.finished {
                state.finished |= last;
                return Flow::PeerLeft;
            }
            state.queued_bytes += part.queued_bytes();
            state.parts.push_back(part);
            state.finished = last;
            state.waiting = state.queued_bytes >= REPLY_QUEUED_BYTES_HIGH;
            flow = if state.waiting {
                Flow::Wait
            } else {
                Flow::Ready
            };
            waker = state.waker.take();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        flow
    }
}

impl Drop for ReplyHandle {
    fn drop(&mut self) {
        if !self.shared.state().finished {
            self.put(Part::Failed, true);
        }
    }
}

/// The connection's side.
pub(crate) struct Slot {
    shared: Arc<Shared>,
}

impl Slot {
    /// The app has asked for its request's body.
    pub(crate) fn wants_body(&self) -> bool {
        self.shared.feed().is_wanted()
    }

    /// Hands over body bytes; returns how many there was room for.
    pub(crate) fn push_body(&self, bytes: &[u8]) -> usize {
        let (taken, is_app_waiting) = self.shared.feed().push(bytes);
        if is_app_waiting {
            self.shared.tell(|listener| listener.input_ready());
        }
        taken
    }

    /// All of the body has been handed over.
    pub(crate) fn end_body(&self) {
        let is_app_waiting = self.shared.feed().end();
        if is_app_waiting {
            self.shared.tell(|listener| listener.input_ready());
        }
    }

    /// Whether the app takes another message; if not, the connection is woken when it does.
    pub(crate) fn has_room_for_message(&self) -> bool {
        self.shared.messages().accepts()
    }

    /// The same for the last messages of a peer that has closed.
    pub(crate) fn has_room_for_last_messages(&self) -> bool {
        self.shared.messages().accepts_last()
    }

    /// Hands a message to the app.
    pub(crate) fn push_message(&self, kind: MessageKind, payload: Vec<u8>) {
        let is_app_waiting = self.shared.messages().push(kind, payload);
        if is_app_waiting {
            self.shared.tell(|listener| listener.input_ready());
        }
    }

    /// Tells the app that the conversation is over.
    pub(crate) fn push_close(&self, code: u16, reason: String) {
        let _ = self.shared.messages().close(code, reason);
        // A sender that waits for room, which will never come, is told too.
        self.shared.tell(|listener| listener.input_ready());
    }

    /// The peer has finished sending.
    pub(crate) fn end_input(&self) {
        self.shared.feed().input_ended = true;
        self.shared.tell(|listener| listener.input_ended());
    }

    /// Takes the next piece. With none there, `waker` is called when one comes. A sender that waited hears of room once
    /// half of what it had queued is taken: a connection that does not read is not asked, so its sender goes on waiting.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Part> {
        // Dropped at the end: the owner of the held bytes may take locks of its own for that.
        let (part, _given_back, room) = {
            let mut state = self.shared.state();
            let (part, given_back) = state.next_part();
            match &part {
                Some(part) => state.queued_bytes -= part.queued_bytes(),
                None => state.waker = Some(waker.clone()),
            }
            let room = state.waiting && state.queued_bytes <= REPLY_QUEUED_BYTES_HIGH / 2;
            state.waiting &= !room;
            (part, given_back, room)
        };
        if room {
            self.shared.tell(|listener| listener.room());
        }
        part
    }

    /// Nothing can be taken now, for want of room; `waker` is called all the same when the app sends, or asks for input.
    pub(crate) fn watch(&self, waker: &Waker) {
        self.shared.state().waker = Some(waker.clone());
    }
}

impl Drop for Slot {
    /// The connection is gone, or the exchange is over.
    fn drop(&mut self) {
        let (left_early, parts) = {
            let mut state = self.shared.state();
            state.peer_left = true;
            state.waker = None;
            (!state.finished, mem::take(&mut state.parts))
        };
        drop(parts);
        if left_early {
            self.shared.tell(|listener| listener.peer_left());
        }
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
