//! The calendar of what will happen: earliest first, and of those at one moment the one that was entered first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// The next request of the open loop is due.
    Arrival,
    /// A request's bytes reach the server's socket of this connection.
    Delivered(u32),
    /// A core is done with what it was doing, or wakes up.
    Core(u32),
    /// What this connection's handler waited for, coming from this core, is there.
    WaitOver { connection: u32, core: u32 },
}

/// Entries are ordered by their number too: no two are equal, and a run can be repeated.
#[derive(Default)]
pub(crate) struct Calendar {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    entered: u64,
}

impl Calendar {
    pub(crate) fn enter(&mut self, at: u64, event: Event) {
        self.heap.push(Reverse((at, self.entered, event)));
        self.entered += 1;
    }

    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }

    /// How many events there have been.
    pub(crate) fn entered(&self) -> u64 {
        self.entered
    }
}
