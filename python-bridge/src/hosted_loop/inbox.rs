//! What arrives at a loop's thread from elsewhere, or from the thread itself for its next turn. Knows nothing of Python.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossbeam_channel::{Receiver, Sender};

use super::descriptors::Bell;

/// A queue with one reader. A batch of posts from other threads rings the bell once.
pub(crate) struct Inbox<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
    /// An item has been posted since the last `take_all` began.
    pending: AtomicBool,
    reader: ThreadId,
    /// The reader looks at `pending` before it waits, so its own posts need no bell.
    reader_looks: bool,
}

impl<T> Inbox<T> {
    /// The calling thread will be the reader.
    pub(crate) fn new(reader_looks: bool) -> Inbox<T> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let reader = thread::current().id();
        Inbox {
            sender,
            receiver,
            pending: AtomicBool::new(false),
            reader,
            reader_looks,
        }
    }

    /// Whether the calling thread is the reader.
    pub(crate) fn is_here(&self) -> bool {
        thread::current().id() == self.reader
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Posts an item. The reader's thread finds it before it waits, or is woken for it.
    pub(crate) fn post(&self, item: T, bell: &Bell) {
        // Both ends live in `self`, so it cannot be disconnected.
        let _ = self.sender.send(item);
        // A post by the reader itself leaves `pending` without a ring; a post from elsewhere that meets it needs none
        // either, for the reader is awake and will look.
        let was_pending = self.pending.swap(true, Ordering::AcqRel);
        let reader_will_look = self.reader_looks && self.is_here();
        if !was_pending && !reader_will_look {
            bell.ring();
        }
    }

    /// As [`post`](Inbox::post), by the reader after it may have looked for the last time before it waits.
    pub(crate) fn post_late(&self, item: T, bell: &Bell) {
        let _ = self.sender.send(item);
        self.pending.store(true, Ordering::Release);
        bell.ring();
    }

    /// Everything that was posted. Items posted meanwhile may be among it, or wait for the next time with their bell.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = T> {
        // A swap, not a store: a post that saw `pending` set before it has already sent, and is seen below; a post
        // after it rings.
        self.pending.swap(false, Ordering::AcqRel);
        self.receiver.try_iter()
    }
}
