//! How long a thread was busy between its waits. Engines report when their thread parks and unparks. Knows no engine.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// The origin of all moments.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One thread writes it, everyone may read it, even in the middle of a busy stretch, which counts up to then: an
/// overloaded thread does not park, and one that a handler holds cannot report.
///
/// One word, so that no reader sees half of a change. Its lowest bit says whether the thread is busy; the others are
/// nanoseconds: how long it was busy, or, while it is, the moment since when it would have been busy without a pause.
#[derive(Debug, Default)]
pub(crate) struct BusyTime(AtomicU64);

const IS_BUSY: u64 = 1;

impl BusyTime {
    pub(crate) fn unparks(&self) {
        let word = self.0.load(Relaxed);
        if word & IS_BUSY == 0 {
            let since = now_ns().saturating_sub(word >> 1);
            self.0.store(since << 1 | IS_BUSY, Relaxed);
        }
    }

    pub(crate) fn parks(&self) {
        self.0.store(self.total_ns() << 1, Relaxed);
    }

    /// For an engine that measures by itself.
    pub(crate) fn add_ns(&self, ns: u64) {
        self.0.store((self.total_ns() + ns) << 1, Relaxed);
    }

    /// The reading that counters show: microseconds.
    pub(crate) fn value(&self) -> u64 {
        self.total_ns() / 1000
    }

    pub(crate) fn total_ns(&self) -> u64 {
        let word = self.0.load(Relaxed);
        match word & IS_BUSY {
            0 => word >> 1,
            _ => now_ns().saturating_sub(word >> 1),
        }
    }
}

fn now_ns() -> u64 {
    u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until_more_than(busy: &BusyTime, ns: u64) -> u64 {
        let started = Instant::now();
        while busy.total_ns() <= ns {
            assert!(started.elapsed().as_secs() < 20, "the time stands still");
        }
        busy.total_ns()
    }

    #[test]
    fn who_does_not_park_is_seen_to_be_busy() {
        let busy = BusyTime::default();
        busy.unparks();
        let first = until_more_than(&busy, 0);
        until_more_than(&busy, first);
    }

    #[test]
    fn only_what_lies_between_unpark_and_park_counts() {
        let busy = BusyTime::default();
        until_more_than(&started(), 1000);
        assert_eq!(busy.total_ns(), 0);
        busy.unparks();
        let seen = until_more_than(&busy, 1000);
        busy.parks();
        let total = busy.total_ns();
        assert!(total >= seen);
        until_more_than(&started(), 1000);
        busy.parks();
        assert_eq!(busy.total_ns(), total, "it parked already");
        busy.unparks();
        assert!(busy.total_ns() >= total, "what was before still counts");
        busy.unparks();
        busy.parks();
        busy.add_ns(5);
        assert!(busy.total_ns() >= total + 5);
    }

    fn started() -> BusyTime {
        let busy = BusyTime::default();
        busy.unparks();
        busy
    }
}
