//! Measures how long a thread is busy between two waits, for engines that tell when they park and unpark.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use crate::shard::counters::Counters;

/// Adds the time between unpark and park to a thread's counters.
#[derive(Clone)]
pub(crate) struct BusyTime {
    counters: Arc<Counters>,
}

thread_local! {
    static UNPARKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl BusyTime {
    pub(crate) fn new(counters: Arc<Counters>) -> BusyTime {
        BusyTime { counters }
    }

    pub(crate) fn parks(&self) {
        if let Some(since) = UNPARKED.take() {
            self.counters
                .busy_ns
                .add(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn unparks(&self) {
        UNPARKED.set(Some(Instant::now()));
    }
}
