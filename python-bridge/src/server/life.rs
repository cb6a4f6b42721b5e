//! What outlives the runtime's hold on an app: threads that only the bridge knows of, and how far a stop has come.
//! Knows nothing of requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use turbo_shard_runtime::BlockingPool;

use crate::hosted_loop::{AsyncioThreads, TimeLeft};

/// One server's life.
#[derive(Default)]
pub(crate) struct Life {
    /// Threads of the runtime that have a Python state.
    threads: AtomicUsize,
    /// Work-stealing mode: shared by all workers.
    shared: Mutex<Option<Shared>>,
    /// The time until which a stop lets things finish.
    stop_by: Mutex<Option<Instant>>,
    /// Services that have not ended.
    services: Mutex<usize>,
    service_ended: Condvar,
    hooks_started: AtomicBool,
    lifespan_failed: AtomicBool,
    was_ready: AtomicBool,
}

/// What the workers of the work-stealing mode share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) asyncio: Arc<AsyncioThreads>,
    pub(crate) pool: Arc<BlockingPool>,
}

impl Life {
    pub(crate) fn share(&self, shared: Shared) {
        *lock(&self.shared) = Some(shared);
    }

    pub(crate) fn shared(&self) -> Option<Shared> {
        lock(&self.shared).clone()
    }

    pub(crate) fn thread_starts(&self) {
        self.threads.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn thread_stops(&self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }

    /// Ends what the workers shared. Call detached. Waits for calls on the blocking pool: a thread that waits too long
    /// is left behind.
    pub(crate) fn end(&self) {
        let shared = lock(&self.shared).take();
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
        *lock(&self.stop_by) = Some(deadline);
    }

    /// How long what is in flight may still take; nothing where no stop was asked for (a shard has died).
    pub(crate) fn time_left(&self) -> Duration {
        lock(&self.stop_by).map_or(Duration::ZERO, |deadline| {
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
        *lock(&self.services) += 1;
        Counted(Arc::clone(self))
    }

    /// Waits until the caller's service is the only one left, or the stop's time is over. Call detached.
    pub(crate) fn wait_for_others(&self) {
        let services = lock(&self.services);
        let left = self.time_left();
        drop(
            self.service_ended
                .wait_timeout_while(services, left, |services| *services > 1),
        );
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

    pub(crate) fn note_lifespan_failure(&self) {
        self.lifespan_failed.store(true, Ordering::Release);
    }

    pub(crate) fn has_lifespan_failed(&self) -> bool {
        self.lifespan_failed.load(Ordering::Acquire)
    }
}

/// A service that has not ended.
pub(crate) struct Counted(Arc<Life>);

impl Drop for Counted {
    fn drop(&mut self) {
        *lock(&self.0.services) -= 1;
        self.0.service_ended.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in this file panics between lock and unlock; what a poisoned lock holds is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
