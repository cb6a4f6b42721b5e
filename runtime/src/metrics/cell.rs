//! The cell that a counter is kept in: one thread writes it, everyone may read it. Knows no counter.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts in a plain load and store, no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
