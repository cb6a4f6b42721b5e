//! The parts of a reply between the side that answers and the connection, with a bound on what waits. A plain value: knows no
//! locks and no threads.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

/// A streamed answer waits for room once this many bytes are queued.
/// Worst case per connection: this plus one chunk, beside the protocol's output buffer.
pub const REPLY_QUEUED_BYTES_HIGH: usize = 64 * 1024;

/// Whether the answering side should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There is room for more.
    Ready,
    /// Taken, but wait for [`ReplyListener::room`](crate::ReplyListener::room) before the next part.
    Wait,
    /// Dropped: the connection is gone.
    PeerLeft,
}

/// What the answering side puts in.
pub(crate) trait Queued: Sized {
    /// What the connection takes out.
    type Part;
    /// What it counts in the queue.
    fn queued_bytes(&self) -> usize;
    /// The part to take, and what is left of a large one.
    fn split(self) -> (Self::Part, Option<Self>);
}

/// What [`ReplyQueue::take`] found.
pub(super) struct Taken<Q: Queued> {
    pub(super) part: Option<Q::Part>,
    /// The sender had to wait, and there is room now.
    pub(super) makes_room: bool,
    /// All of it has been taken. To be dropped outside of any lock: its owner may take locks of its own for that.
    pub(super) spent: Option<Q>,
}

pub(super) struct ReplyQueue<Q> {
    queued: VecDeque<Q>,
    queued_bytes: usize,
    /// The sender was told to wait and has not been told of room yet.
    is_sender_waiting: bool,
    is_finished: bool,
    has_peer_left: bool,
    waker: Option<Waker>,
}

impl<Q: Queued> ReplyQueue<Q> {
    /// With a `waker`, the connection waits for the first part already.
    pub(super) fn new(waker: Option<Waker>) -> ReplyQueue<Q> {
        ReplyQueue {
            queued: VecDeque::new(),
            queued_bytes: 0,
            is_sender_waiting: false,
            is_finished: false,
            has_peer_left: false,
            waker,
        }
    }

    /// Whether there is still somebody to take what would be put in.
    pub(super) fn is_taken(&self) -> bool {
        !self.has_peer_left && !self.is_finished
    }

    /// The sender has put in its last part.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    pub(super) fn has_peer_left(&self) -> bool {
        self.has_peer_left
    }

    pub(super) fn put(&mut self, one: Q, is_last: bool) -> Flow {
        self.queued_bytes += one.queued_bytes();
        self.queued.push_back(one);
        self.is_finished = is_last;
        self.is_sender_waiting = self.queued_bytes >= REPLY_QUEUED_BYTES_HIGH;
        match self.is_sender_waiting {
            true => Flow::Wait,
            false => Flow::Ready,
        }
    }

    /// Nothing more is put in, and nobody would take it.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Takes the next part. With none there, `waker` is called when one comes. A sender that waited hears of room once half
    /// of what it had queued is taken: a connection that does not read takes nothing, so its sender goes on waiting.
    pub(super) fn take(&mut self, waker: &Waker) -> Taken<Q> {
        let Some(first) = self.queued.pop_front() else {
            self.watch(waker);
            return Taken {
                part: None,
                makes_room: false,
                spent: None,
            };
        };
        let before = first.queued_bytes();
        let (part, left) = first.split();
        let after = left.as_ref().map_or(0, Queued::queued_bytes);
        self.queued_bytes -= before - after;
        let spent = match left {
            Some(left) if after > 0 => {
                self.queued.push_front(left);
                None
            }
            left => left,
        };
        let makes_room = self.is_sender_waiting && self.queued_bytes <= REPLY_QUEUED_BYTES_HIGH / 2;
        self.is_sender_waiting &= !makes_room;
        Taken {
            part: Some(part),
            makes_room,
            spent,
        }
    }

    /// Nothing can be taken now, for want of room; `waker` is called all the same when the sender puts something in.
    pub(super) fn watch(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// The connection's waker, if it waits.
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// The connection takes no more. Returns what it has not taken, to be dropped outside of any lock.
    pub(super) fn leave(&mut self) -> VecDeque<Q> {
        self.has_peer_left = true;
        self.waker = None;
        mem::take(&mut self.queued)
    }
}
