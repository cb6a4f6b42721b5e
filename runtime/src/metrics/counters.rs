//! What one thread has done so far. Each set has one writer, its own thread; everyone may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

use crate::metrics::busy_time::BusyTime;

/// A counter that one thread writes: a plain load and store, no locked instruction.
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

/// Counters of one shard, or of one worker of the work-stealing runtime.
#[derive(Debug, Default)]
pub(crate) struct Counters(CachePadded<Counted>);

#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_closed: Counter,
    pub(crate) requests: Counter,
    /// Exchanges that have ended, by an answer or with their connection.
    pub(crate) requests_ended: Counter,
    pub(crate) handler_panics: Counter,
    pub(crate) busy: BusyTime,
}

impl std::ops::Deref for Counters {
    type Target = Counted;

    fn deref(&self) -> &Counted {
        &self.0
    }
}

impl Counted {
    /// Connections open now, for a set whose connections all end where they began.
    pub(crate) fn connections_open(&self) -> u64 {
        // `closed` is read first: it can never be seen ahead of `accepted`.
        let closed = self.connections_closed.value();
        self.connections_accepted.value().saturating_sub(closed)
    }
}

/// A reading of the counters, for people and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Number of the shard; 0 in work-stealing mode, which has one row.
    pub shard: usize,
    /// The core that the shard is pinned to.
    pub core: Option<usize>,
    /// Connections open now.
    pub connections_open: u64,
    /// Connections accepted since the start.
    pub connections_accepted: u64,
    /// Request heads handed to the service since the start.
    pub requests: u64,
    /// Requests that are being answered now; a WebSocket is one for as long as it is open.
    pub in_flight: u64,
    /// Microseconds that the thread spent outside of the kernel's wait, up to now.
    pub busy_us: u64,
    /// Panics that were caught in a call of the service.
    pub handler_panics: u64,
    /// How often the supervisor restarted this shard.
    pub restarts: u64,
}

impl ShardCounts {
    pub(crate) fn add(&mut self, counters: &Counters) {
        // `closed` is read first: it can never be seen ahead of `accepted`.
        let closed = counters.connections_closed.value();
        let accepted = counters.connections_accepted.value();
        self.connections_accepted += accepted;
        // Work stealing may close a connection on another worker than the one that accepted it: only the sum counts.
        self.connections_open = self
            .connections_open
            .wrapping_add(accepted)
            .wrapping_sub(closed);
        // As with connections: an exchange may end on another worker.
        let ended = counters.requests_ended.value();
        let requests = counters.requests.value();
        self.requests += requests;
        self.in_flight = self.in_flight.wrapping_add(requests).wrapping_sub(ended);
        self.busy_us += counters.busy.total_ns() / 1000;
        self.handler_panics += counters.handler_panics.value();
    }
}

/// A reading of one worker of the work-stealing runtime. Connections are missing: they belong to no worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Number of the worker, in the order in which they served first.
    pub worker: usize,
    /// Request heads that it handed to the service since the start.
    pub requests: u64,
    /// Microseconds that its thread spent outside of the kernel's wait, up to now.
    pub busy_us: u64,
    /// Panics that were caught in a call of the service.
    pub handler_panics: u64,
}

impl WorkerCounts {
    pub(crate) fn read(worker: usize, counters: &Counters) -> WorkerCounts {
        WorkerCounts {
            worker,
            requests: counters.requests.value(),
            busy_us: counters.busy.total_ns() / 1000,
            handler_panics: counters.handler_panics.value(),
        }
    }
}
