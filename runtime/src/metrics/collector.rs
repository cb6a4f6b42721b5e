//! What the garbage collector of the app's language has cost, as it reports it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One collection reports at a time.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) collections: AtomicU64,
    pub(crate) pause_us_total: AtomicU64,
    pub(crate) pause_us_max: AtomicU64,
}

impl Collector {
    /// A collection has taken so long.
    pub(crate) fn note(&self, pause_us: u64) {
        self.collections.fetch_add(1, Relaxed);
        self.pause_us_total.fetch_add(pause_us, Relaxed);
        self.pause_us_max.fetch_max(pause_us, Relaxed);
    }
}
