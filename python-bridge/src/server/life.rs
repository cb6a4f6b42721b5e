//! What outlives the runtime's hold on an app: threads that only the bridge knows of, and how far a stop has come.
//! Knows nothing of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::PyAny;
use turbo_shard_runtime::BlockingPool;

use crate::hosted_loop::{AsyncioThreads, TimeLeft};
use crate::python::thread::Owned;

/// One server's life.
#[derive(Default)]
pub(crate) struct Life {
    /// Threads of the runtime that have a Python state.
    threads: AtomicUsize,
    /// Work-stealing mode: shared by all worker threads.
    shared: Mutex<Option<Shared>>,
    /// The time until which a stop lets things finish.
    stop_by: Mutex<Option<Instant>>,
    /// Services that have not ended.
    services: Mutex<usize>,
    service_ended: Condvar,
    hooks_started: AtomicBool,
    /// What the app's startup has raised.
    lifespan_failure: Mutex<Option<Owned<PyAny>>>,
    was_ready: AtomicBool,
}

/// What the worker threads of the work-stealing mode share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) asyncio: Arc<AsyncioThreads>,
    pub(crate) pool: Arc<BlockingPool>,
}

impl Life {
    pub(crate) fn share(&self, shared: Shared) {
        *self.shared.lock() = Some(shared);
    }

    pub(crate) fn shared(&self) -> Option<Shared> {
        self.shared.lock().clone()
    }

    pub(crate) fn thread_starts(&self) {
        self.threads.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn thread_stops(&self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }

    /// Ends what the worker threads shared. Call detached. Waits for calls on the blocking pool: a thread that waits too long
    /// is left behind.
    pub(crate) fn end(&self) {
        let shared = self.shared.lock().take();
        if let Some(shared) = shared {
            self.thread_starts();
            shared.asyncio.stop();
            drop(shared);
            self.thread_stops();
        }
    }

    /// Threads that the runtime has given up waiting for: they are still in a handler.
    pub(crate) fn threads_left(&self) -> usize {
        self.threads.load(Ordering::Acquire)
    }

    /// A stop was asked for: what is in flight may finish until `deadline`.
    pub(crate) fn stops_by(&self, deadline: Instant) {
        *self.stop_by.lock() = Some(deadline);
    }

    /// How long what is in flight may still take; nothing where no stop was asked for (a shard has died).
    pub(crate) fn time_left(&self) -> Duration {
        self.stop_by.lock().map_or(Duration::ZERO, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    /// [`time_left`](Life::time_left) as a function, for code that knows nothing of lives.
    pub(crate) fn clock(self: &Arc<Self>) -> TimeLeft {
        let life = Arc::clone(self);
        Arc::new(move || life.time_left())
    }

    /// A service has begun; it is over when the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Counted {
        *self.services.lock() += 1;
        Counted(Arc::clone(self))
    }

    /// Waits until the caller's service is the only one left, or the stop's time is over. Call detached.
    pub(crate) fn wait_for_others(&self) {
        let mut services = self.services.lock();
        let left = self.time_left();
        self.service_ended
            .wait_while_for(&mut services, |services| *services > 1, left);
    }

    /// True once: for the shard that starts the hooks of an app that all shards share.
    pub(crate) fn starts_hooks(&self) -> bool {
        !self.hooks_started.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn note_ready(&self) {
        self.was_ready.store(true, Ordering::Release);
    }

    /// Every shard has served.
    pub(crate) fn was_ready(&self) -> bool {
        self.was_ready.load(Ordering::Acquire)
    }

    pub(crate) fn note_lifespan_failure(&self, error: Owned<PyAny>) {
        *self.lifespan_failure.lock() = Some(error);
    }

    pub(crate) fn take_lifespan_failure(&self) -> Option<Owned<PyAny>> {
        self.lifespan_failure.lock().take()
    }
}

/// A service that has not ended.
pub(crate) struct Counted(Arc<Life>);

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.services.lock() -= 1;
        self.0.service_ended.notify_all();
    }
}
