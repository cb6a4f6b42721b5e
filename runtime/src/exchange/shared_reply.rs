//! A reply as its two sides share it: the parts that go out, what comes in meanwhile, and the listener that is told of it. One lock
//! serves all of it, because the sides are on two threads at most and neither holds it for longer than a copy.

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use crate::exchange::reply_queue::{Flow, Queued, ReplyQueue};

/// What the answering side wants to hear. Called outside of any lock of the reply, on the connection's thread; only where the
/// client has left already it is the caller's thread of [`HttpReply::listen`](crate::HttpReply::listen) or
/// [`HttpReply::accept`](crate::HttpReply::accept).
pub trait ReplyListener: Send + Sync {
    /// After [`Flow::Wait`]: the peer has read, more may be sent. May come when it is not needed.
    fn room(&self);
    /// The connection is gone; nothing sent from now on will arrive. Comes once, or again if it left while the listener was
    /// set or a WebSocket was accepted.
    fn peer_left(&self);
    /// After [`HttpReply::take_body`](crate::HttpReply::take_body) or
    /// [`WebSocketReply::take_message`](crate::WebSocketReply::take_message) had nothing: there is something now.
    fn input_ready(&self) {}
    /// The peer has finished sending: it has closed its connection, or only its side of it and still reads.
    fn input_ended(&self) {}
}

/// `Q` goes out; `I` holds what comes in.
pub(super) struct SharedReply<Q, I> {
    state: Mutex<State<Q, I>>,
}

struct State<Q, I> {
    queue: ReplyQueue<Q>,
    input: I,
    listener: Option<Arc<dyn ReplyListener>>,
}

impl<Q: Queued, I: Default> SharedReply<Q, I> {
    pub(super) fn new(
        waker: Option<Waker>,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Arc<SharedReply<Q, I>> {
        let state = State {
            queue: ReplyQueue::new(waker),
            input: I::default(),
            listener,
        };
        Arc::new(SharedReply {
            state: Mutex::new(state),
        })
    }
}

/// The answering side's.
impl<Q: Queued, I> SharedReply<Q, I> {
    /// Sets the listener that hears of room and of the peer's leaving. Told at once if the peer has left already.
    pub(super) fn listen(&self, listener: Arc<dyn ReplyListener>) {
        let (_before, has_peer_left) = {
            let mut state = self.state.lock();
            let before = state.listener.replace(Arc::clone(&listener));
            (before, state.queue.has_peer_left())
        };
        if has_peer_left {
            listener.peer_left();
        }
    }

    pub(super) fn take_listener(&self) -> Option<Arc<dyn ReplyListener>> {
        self.state.lock().listener.take()
    }

    pub(super) fn put(&self, one: Q, is_last: bool) -> Flow {
        let (flow, waker) = {
            let mut state = self.state.lock();
            if !state.queue.is_taken() {
                if is_last {
                    state.queue.finish();
                }
                // Dropped behind the lock.
                return Flow::PeerLeft;
            }
            (state.queue.put(one, is_last), state.queue.take_waker())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        flow
    }

    /// Puts in what the connection takes along with the next part: it is not woken for this alone.
    pub(super) fn put_ahead(&self, one: Q) {
        let mut state = self.state.lock();
        if state.queue.is_taken() {
            state.queue.put(one, false);
        }
    }

    /// The answering side goes: `last` is put in, unless it has ended its answer.
    pub(super) fn hang_up(&self, last: Q) {
        if !self.state.lock().queue.is_finished() {
            self.put(last, true);
        }
    }

    /// Takes of what has come in; `take` says whether the connection waits for that.
    pub(super) fn take_input<R>(&self, take: impl FnOnce(&mut I) -> (R, bool)) -> R {
        let (taken, waker) = {
            let mut state = self.state.lock();
            let (taken, is_connection_waiting) = take(&mut state.input);
            let waker = is_connection_waiting.then(|| state.queue.take_waker());
            (taken, waker.flatten())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        taken
    }

    pub(super) fn has_peer_left(&self) -> bool {
        self.state.lock().queue.has_peer_left()
    }

    /// Whether the peer is gone, or what has come in says that it is over.
    pub(super) fn is_over(&self, says: impl FnOnce(&I) -> bool) -> bool {
        let state = self.state.lock();
        says(&state.input) || state.queue.has_peer_left()
    }
}

/// The connection's side of a reply. Dropped when the exchange is over, or the connection gone.
pub(crate) struct Slot<Q: Queued, I> {
    shared: Arc<SharedReply<Q, I>>,
}

impl<Q: Queued, I> Slot<Q, I> {
    pub(super) fn of(shared: &Arc<SharedReply<Q, I>>) -> Slot<Q, I> {
        Slot {
            shared: Arc::clone(shared),
        }
    }

    /// Takes the next part. With none there, `waker` is called when one comes.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Q::Part> {
        let (taken, listener) = {
            let mut state = self.shared.state.lock();
            let taken = state.queue.take(waker);
            let listener = taken.makes_room.then(|| state.listener.clone()).flatten();
            (taken, listener)
        };
        drop(taken.spent);
        if let Some(listener) = listener {
            listener.room();
        }
        taken.part
    }

    /// Nothing can be taken now, for want of room; `waker` is called all the same when the app sends, or asks for input.
    pub(crate) fn watch(&self, waker: &Waker) {
        self.shared.state.lock().queue.watch(waker);
    }

    /// Looks at what has come in, or notes something there.
    pub(super) fn with_input<R>(&self, look: impl FnOnce(&mut I) -> R) -> R {
        look(&mut self.shared.state.lock().input)
    }

    /// Puts something in; `give` says whether the app waits for it.
    pub(super) fn give_input<R>(&self, give: impl FnOnce(&mut I) -> (R, bool)) -> R {
        let (given, listener) = {
            let mut state = self.shared.state.lock();
            let (given, is_app_waiting) = give(&mut state.input);
            let listener = is_app_waiting.then(|| state.listener.clone()).flatten();
            (given, listener)
        };
        if let Some(listener) = listener {
            listener.input_ready();
        }
        given
    }

    pub(super) fn listener(&self) -> Option<Arc<dyn ReplyListener>> {
        self.shared.state.lock().listener.clone()
    }
}

impl<Q: Queued, I> Drop for Slot<Q, I> {
    fn drop(&mut self) {
        let (rest, listener) = {
            let mut state = self.shared.state.lock();
            let rest = state.queue.leave();
            let listener = match state.queue.is_finished() {
                true => None,
                false => state.listener.clone(),
            };
            (rest, listener)
        };
        drop(rest);
        if let Some(listener) = listener {
            listener.peer_left();
        }
    }
}
