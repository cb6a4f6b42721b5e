//! The connections of a shard as others reach them: which to wake, and when. Knows neither bytes nor sockets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use slab::Slab;
use turbo_shard_protocol::Tick;

/// Names a connection while it lives; numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u32);

/// Entries that the heap may hold beyond two per connection before the stale ones are swept out.
const STALE_ENTRIES_MAX: usize = 64;

/// Wakers and deadlines of all open connections.
///
/// A connection that stays busy moves its deadline with every request, so an entry here is only the earliest moment to
/// look: a woken connection compares its own deadline and asks again. That keeps one entry per connection in the heap,
/// two at times, and costs nothing per request. Entries of connections that have left are swept out before they
/// outnumber the others: a peer that comes and goes 10,000 times a second would leave one for each time until a
/// keep-alive had passed.
#[derive(Default)]
pub(crate) struct ConnectionTable {
    wakers: Slab<Entry>,
    deadlines: BinaryHeap<Reverse<(Tick, ConnectionId)>>,
}

#[derive(Default)]
struct Entry {
    waker: Option<Waker>,
    /// What the connection asked for last; other entries of its number in the heap are stale.
    armed: Option<Tick>,
}

impl ConnectionTable {
    pub(crate) fn insert(&mut self) -> ConnectionId {
        // CONNECTIONS per shard are bounded far below 2^32 by the configuration's check of descriptors.
        ConnectionId(
            u32::try_from(self.wakers.insert(Entry::default()))
                .expect("fewer than 2^32 descriptors"),
        )
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) {
        self.wakers.try_remove(id.0 as usize);
        if self.wakers.is_empty() {
            self.deadlines.clear();
            // 10,000 connections that came and went must not cost memory for ever.
            self.wakers.shrink_to_fit();
            self.deadlines.shrink_to(64);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.wakers.len()
    }

    pub(crate) fn set_waker(&mut self, id: ConnectionId, waker: &Waker) {
        if let Some(Entry { waker: known, .. }) = self.wakers.get_mut(id.0 as usize)
            && !known.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *known = Some(waker.clone());
        }
    }

    /// Asks that the connection be woken at `at` and not before. Returns whether that is now the earliest deadline of all.
    pub(crate) fn arm(&mut self, id: ConnectionId, at: Tick) -> bool {
        let Some(entry) = self.wakers.get_mut(id.0 as usize) else {
            return false;
        };
        entry.armed = Some(at);
        if self.deadlines.len() >= 2 * self.wakers.len() + STALE_ENTRIES_MAX {
            self.sweep();
        }
        let earliest = self.next_deadline().is_none_or(|next| at < next);
        self.deadlines.push(Reverse((at, id)));
        earliest
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Wakes those whose deadline has come.
    pub(crate) fn wake_due(&mut self, now: Tick) {
        while let Some(&Reverse((at, id))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            if let Some(entry) = self.wakers.get_mut(id.0 as usize)
                && entry.armed == Some(at)
            {
                entry.armed = None;
                if let Some(waker) = &entry.waker {
                    waker.wake_by_ref();
                }
            }
        }
    }

    pub(crate) fn wake_all(&self) {
        self.wakers
            .iter()
            .filter_map(|(_, entry)| entry.waker.as_ref())
            .for_each(Waker::wake_by_ref);
    }

    /// Drops the stale entries.
    fn sweep(&mut self) {
        let wakers = &self.wakers;
        let is_awaited = |at, id: ConnectionId| {
            let entry = wakers.get(id.0 as usize);
            entry.is_some_and(|entry| entry.armed == Some(at))
        };
        self.deadlines
            .retain(|&Reverse((at, id))| is_awaited(at, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_connections_whose_deadline_has_come_are_woken() {
        let (early, late) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let mut table = ConnectionTable::default();
        let (a, b) = (table.insert(), table.insert());
        table.set_waker(a, &Waker::from(Arc::clone(&early)));
        table.set_waker(b, &Waker::from(Arc::clone(&late)));
        assert!(table.arm(b, Tick::from_millis(20)));
        assert!(table.arm(a, Tick::from_millis(10)));
        assert!(!table.arm(b, Tick::from_millis(30)));
        table.wake_due(Tick::from_millis(10));
        assert_eq!(
            (
                early.0.load(Ordering::Relaxed),
                late.0.load(Ordering::Relaxed)
            ),
            (1, 0)
        );
        assert_eq!(table.next_deadline(), Some(Tick::from_millis(20)));
    }

    #[test]
    fn connections_that_came_and_went_leave_no_entries_behind() {
        let mut table = ConnectionTable::default();
        let stays = table.insert();
        table.arm(stays, Tick::from_millis(1_000_000));
        for at in 0..100_000 {
            let id = table.insert();
            table.arm(id, Tick::from_millis(2_000_000 + at));
            table.remove(id);
        }
        assert!(table.deadlines.len() <= 2 * 2 + STALE_ENTRIES_MAX);
        assert_eq!(table.next_deadline(), Some(Tick::from_millis(1_000_000)));
    }

    #[test]
    fn a_deadline_that_was_moved_forward_wakes_once() {
        let wakes = Arc::new(Wakes::default());
        let mut table = ConnectionTable::default();
        let id = table.insert();
        table.set_waker(id, &Waker::from(Arc::clone(&wakes)));
        table.arm(id, Tick::from_millis(20));
        table.arm(id, Tick::from_millis(10));
        table.wake_due(Tick::from_millis(30));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_empty_table_keeps_no_deadline() {
        let mut table = ConnectionTable::default();
        let id = table.insert();
        table.arm(id, Tick::from_millis(10));
        table.remove(id);
        assert_eq!(table.next_deadline(), None);
    }
}
