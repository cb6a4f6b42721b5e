//! A small pool of threads for calls that block, behind a bounded queue. Knows neither HTTP nor Python: threads are
//! prepared and ended by hooks.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::net::children::end_if_child;
use crate::thread_stack::THREAD_STACK_BYTES;

/// A thread without a job for so long ends: what it keeps (a heap, connections of the app's) is worth more than its start.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// A call to run.
pub type Job = Box<dyn FnOnce() + Send>;

/// Called on each of the pool's threads, at its start and at its end. A panic in one is logged; after `starts` the
/// thread is given up, after any other it goes on.
pub trait ThreadHooks: Send + Sync + 'static {
    /// The thread has started; it runs jobs next.
    fn starts(&self);
    /// A job is done and the thread may wait for the next one.
    fn parks(&self) {}
    /// How long the thread may be idle before it has something to tidy up. Asked before each wait.
    fn tidies_after(&self) -> Option<Duration> {
        None
    }
    /// The thread has been idle for that long.
    fn tidies(&self) {}
    /// The thread is about to end.
    fn stops(&self);
}

/// The job did not fit: as many as allowed are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// Threads start when they are first needed, one after another, up to the number allowed. A job goes to the thread that
/// became idle last: its memory is warm, and the others may end.
pub struct BlockingPool {
    name: String,
    threads_max: usize,
    queue_max: usize,
    idle_max: Duration,
    hooks: Arc<dyn ThreadHooks>,
    state: Arc<Mutex<State>>,
}

/// Says how much a pool has to do, for as long as there is one.
#[derive(Clone, Default)]
pub struct PoolLoad(Weak<Mutex<State>>);

impl PoolLoad {
    /// Jobs that wait, and jobs that run.
    pub fn read(&self) -> (u64, u64) {
        self.0.upgrade().map_or((0, 0), |state| {
            let state = state.lock();
            let queued = state.queue.len();
            (queued as u64, state.jobs.saturating_sub(queued) as u64)
        })
    }
}

#[derive(Default)]
struct State {
    /// By number; also those that are about to end.
    threads: BTreeMap<usize, JoinHandle<()>>,
    /// Threads that will look for another job. One that is about to end does not: what is queued from then on is for others.
    staying: usize,
    /// Threads that have nothing more to do here and wait to be joined.
    ended: Vec<JoinHandle<()>>,
    queue: VecDeque<Job>,
    /// The bells of threads that wait, the last one on top.
    idle: Vec<Arc<Condvar>>,
    /// Jobs that are queued or running.
    jobs: usize,
    closed: bool,
}

impl BlockingPool {
    /// `queue_max` jobs may wait besides those that run.
    pub fn new(
        name: &str,
        threads: NonZeroUsize,
        queue_max: usize,
        hooks: Arc<dyn ThreadHooks>,
    ) -> BlockingPool {
        BlockingPool {
            name: name.to_owned(),
            threads_max: threads.get(),
            queue_max,
            idle_max: IDLE_MAX,
            hooks,
            state: Arc::default(),
        }
    }

    /// Queues a job, or hands it back as refused when the queue is full.
    pub fn try_run(&self, job: Job) -> Result<(), QueueFull> {
        let mut state = self.state.lock();
        if state.closed || state.jobs >= self.queue_max.saturating_add(self.threads_max) {
            return Err(QueueFull);
        }
        let bell = state.idle.pop();
        if bell.is_none() && state.staying < self.threads_max {
            self.start_thread(&mut state);
        }
        if state.staying == 0 {
            return Err(QueueFull);
        }
        state.queue.push_back(job);
        state.jobs += 1;
        drop(state);
        if let Some(bell) = bell {
            bell.notify_one();
        }
        Ok(())
    }

    /// How much it has to do, as counters show it.
    pub fn load(&self) -> PoolLoad {
        PoolLoad(Arc::downgrade(&self.state))
    }

    /// Finishes what is queued and ends the threads. A thread of the pool may call it too: it ends after its job.
    pub fn close(&mut self) {
        let mut state = self.state.lock();
        state.closed = true;
        for bell in state.idle.drain(..) {
            bell.notify_one();
        }
        let mut threads = std::mem::take(&mut state.ended);
        threads.extend(std::mem::take(&mut state.threads).into_values());
        drop(state);
        let own = std::thread::current().id();
        for thread in threads {
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
    }

    fn start_thread(&self, state: &mut State) {
        for thread in state.ended.drain(..) {
            let _ = thread.join();
        }
        let number = (0..).find(|number| !state.threads.contains_key(number));
        let number = number.unwrap_or_default();
        let (hooks, shared) = (Arc::clone(&self.hooks), Arc::clone(&self.state));
        let idle_max = self.idle_max;
        // One after another: the next may start only when this one has been prepared.
        let (prepared, until_prepared) = crossbeam_channel::bounded::<()>(0);
        let thread = std::thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                if hook("starts", || hooks.starts()).is_none() {
                    return;
                }
                let _ = prepared.send(());
                let bell = Arc::new(Condvar::new());
                while let Some(job) = next_job(&shared, &*hooks, &bell, idle_max) {
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        log::error!("a blocking call panicked");
                    }
                    end_if_child();
                    hook("parks", || hooks.parks());
                    shared.lock().jobs -= 1;
                }
                hook("stops", || hooks.stops());
                // From here on a join waits only for the thread's end.
                let mut state = shared.lock();
                if let Some(own) = state.threads.remove(&number) {
                    state.ended.push(own);
                }
            });
        match thread {
            Ok(thread) if until_prepared.recv().is_ok() => {
                state.threads.insert(number, thread);
                state.staying += 1;
            }
            // Its `starts` hook panicked: it runs nothing, and the next job starts another thread.
            Ok(thread) => state.ended.push(thread),
            Err(error) => {
                log::error!("a thread of the blocking pool could not be started: {error}")
            }
        }
    }
}

/// Waits for a job; None when the thread should end.
fn next_job(
    shared: &Mutex<State>,
    hooks: &dyn ThreadHooks,
    bell: &Arc<Condvar>,
    idle_max: Duration,
) -> Option<Job> {
    let mut state = shared.lock();
    loop {
        if let Some(job) = state.queue.pop_front() {
            return Some(job);
        }
        if state.closed {
            state.staying -= 1;
            return None;
        }
        let tidies_after = hook("tidies_after", || hooks.tidies_after()).flatten();
        state.idle.push(Arc::clone(bell));
        let timeout = bell.wait_for(&mut state, tidies_after.unwrap_or(idle_max));
        // It is still there unless a job has rung it.
        let place = state.idle.iter().position(|idle| Arc::ptr_eq(idle, bell));
        let Some(place) = place else { continue };
        state.idle.remove(place);
        if !timeout.timed_out() || !state.queue.is_empty() {
            continue;
        }
        if tidies_after.is_none() {
            // It has been idle for all of its time.
            state.staying -= 1;
            return None;
        }
        drop(state);
        hook("tidies", || hooks.tidies());
        state = shared.lock();
    }
}

/// What the hook returns; None where it panics, which is logged and costs the pool no thread.
fn hook<R>(name: &str, call: impl FnOnce() -> R) -> Option<R> {
    let called = catch_unwind(AssertUnwindSafe(call)).ok();
    if called.is_none() {
        log::error!("a thread of the blocking pool: its hook `{name}` panicked");
    }
    called
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
#[path = "blocking_pool_tests.rs"]
mod tests;
