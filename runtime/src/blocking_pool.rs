//! A small pool of threads for calls that block, behind a bounded queue. Knows neither HTTP nor Python: threads are
//! prepared and ended by hooks.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::THREAD_STACK_BYTES;
use crate::net::children::end_if_child;

/// A thread without a job for so long ends: what it keeps (a heap, connections of the app's) is worth more than its start.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// What is to be run.
pub type Job = Box<dyn FnOnce() + Send>;

/// Called on each of the pool's threads, at its start and at its end.
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

/// Threads start when they are needed first, one after another, up to the number allowed. A job goes to the thread that
/// became idle last: its memory is warm, and the others may end.
pub struct BlockingPool {
    name: String,
    threads_max: usize,
    queue_max: usize,
    idle_max: Duration,
    hooks: Arc<dyn ThreadHooks>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By number; also those that are about to end.
    threads: BTreeMap<usize, JoinHandle<()>>,
    /// Threads that will look for another job. One that is about to end does not: what is queued from then on is for others.
    staying: usize,
    /// Threads that have nothing more to do here, to be joined.
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
        let mut state = lock(&self.state);
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

    /// Finishes what is queued and ends the threads. A thread of the pool may call it too: it ends after its job.
    pub fn close(&mut self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.idle.drain(..).for_each(|bell| bell.notify_one());
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
                hooks.starts();
                drop(prepared);
                let bell = Arc::new(Condvar::new());
                while let Some(job) = next_job(&shared, &*hooks, &bell, idle_max) {
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        log::error!("a blocking call panicked");
                    }
                    end_if_child();
                    hooks.parks();
                    lock(&shared).jobs -= 1;
                }
                hooks.stops();
                // From here on a join waits for nothing but its end.
                let mut state = lock(&shared);
                if let Some(own) = state.threads.remove(&number) {
                    state.ended.push(own);
                }
            });
        match thread {
            Ok(thread) => {
                let _ = until_prepared.recv();
                state.threads.insert(number, thread);
                state.staying += 1;
            }
            Err(error) => {
                log::error!("a thread of the blocking pool could not be started: {error}")
            }
        }
    }
}

/// Waits for a job; None when the thread is to end.
fn next_job(
    shared: &Mutex<State>,
    hooks: &dyn ThreadHooks,
    bell: &Arc<Condvar>,
    idle_max: Duration,
) -> Option<Job> {
    let mut state = lock(shared);
    loop {
        if let Some(job) = state.queue.pop_front() {
            return Some(job);
        }
        if state.closed {
            state.staying -= 1;
            return None;
        }
        let tidies_after = hooks.tidies_after();
        state.idle.push(Arc::clone(bell));
        let waited = bell.wait_timeout(state, tidies_after.unwrap_or(idle_max));
        let timeout;
        (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
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
        hooks.tidies();
        state = lock(shared);
    }
}

impl Drop for BlockingPool {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Counted {
        started: AtomicUsize,
        stopped: AtomicUsize,
    }

    impl ThreadHooks for Counted {
        fn starts(&self) {
            self.started.fetch_add(1, Ordering::SeqCst);
        }
        fn stops(&self) {
            self.stopped.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn pool(threads: usize, queue_max: usize) -> (BlockingPool, Arc<Counted>) {
        let hooks = Arc::new(Counted::default());
        let pool = BlockingPool::new(
            "test",
            NonZeroUsize::new(threads).unwrap(),
            queue_max,
            hooks.clone(),
        );
        (pool, hooks)
    }

    #[test]
    fn a_full_queue_refuses_and_a_finished_job_makes_room() {
        let (pool, _hooks) = pool(1, 1);
        let (release, gate) = crossbeam_channel::bounded::<()>(0);
        let (done, finished) = crossbeam_channel::unbounded::<()>();
        let blocked = || {
            let (gate, done) = (gate.clone(), done.clone());
            Box::new(move || {
                let _ = gate.recv();
                let _ = done.send(());
            })
        };
        assert_eq!(pool.try_run(blocked()), Ok(()), "runs");
        assert_eq!(pool.try_run(blocked()), Ok(()), "waits");
        assert_eq!(pool.try_run(blocked()), Err(QueueFull));
        release.send(()).unwrap();
        finished.recv().unwrap();
        release.send(()).unwrap();
        finished.recv().unwrap();
    }

    #[test]
    fn threads_start_when_needed_and_all_are_ended() {
        let (mut pool, hooks) = pool(3, 10);
        assert_eq!(hooks.started.load(Ordering::SeqCst), 0);
        pool.try_run(Box::new(|| {})).unwrap();
        pool.close();
        assert_eq!(hooks.started.load(Ordering::SeqCst), 1);
        assert_eq!(hooks.stopped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_last_to_let_go_may_be_a_thread_of_the_pool() {
        let (pool, hooks) = pool(2, 10);
        let pool = Arc::new(pool);
        let (go, gate) = crossbeam_channel::bounded::<()>(0);
        let (done, finished) = crossbeam_channel::bounded::<()>(0);
        let last = Arc::clone(&pool);
        let job = move || {
            gate.recv().unwrap();
            drop(last);
            done.send(()).unwrap();
        };
        pool.try_run(Box::new(job)).unwrap();
        drop(pool);
        go.send(()).unwrap();
        finished.recv().unwrap();
        while hooks.stopped.load(Ordering::SeqCst) < 1 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn calls_one_after_another_stay_with_the_thread_that_is_warm() {
        let (pool, hooks) = pool(4, 100);
        let (ran, until_ran) = crossbeam_channel::unbounded();
        let call = || {
            let ran = ran.clone();
            let job = move || ran.send(std::thread::current().id()).unwrap();
            pool.try_run(Box::new(job)).unwrap();
            let thread = until_ran.recv().unwrap();
            let is_busy = || {
                let state = lock(&pool.state);
                state.idle.len() < state.threads.len()
            };
            while is_busy() {
                std::thread::yield_now();
            }
            thread
        };
        let first = call();
        assert!((0..50).all(|_| call() == first));
        assert_eq!(hooks.started.load(Ordering::SeqCst), 1);
    }

    struct Tidy {
        wanted: AtomicUsize,
        stopped: crossbeam_channel::Sender<usize>,
    }

    impl ThreadHooks for Tidy {
        fn starts(&self) {}
        fn tidies_after(&self) -> Option<Duration> {
            (self.wanted.load(Ordering::SeqCst) > 0).then_some(Duration::from_millis(1))
        }
        fn tidies(&self) {
            let left = self.wanted.fetch_sub(1, Ordering::SeqCst) - 1;
            let _ = self.stopped.send(left);
        }
        fn stops(&self) {}
    }

    #[test]
    fn an_idle_thread_tidies_up_and_runs_the_next_job_all_the_same() {
        let (told, tidied) = crossbeam_channel::unbounded();
        let hooks = Arc::new(Tidy {
            wanted: AtomicUsize::new(3),
            stopped: told,
        });
        let pool = BlockingPool::new("test", NonZeroUsize::new(1).unwrap(), 1, hooks);
        pool.try_run(Box::new(|| {})).unwrap();
        let order: Vec<usize> = (0..3).map(|_| tidied.recv().unwrap()).collect();
        assert_eq!(order, [2, 1, 0]);
        let (ran, until_ran) = crossbeam_channel::unbounded();
        pool.try_run(Box::new(move || ran.send(()).unwrap()))
            .unwrap();
        until_ran.recv().unwrap();
    }

    /// Its first thread does not come to its end before the test lets it.
    struct SlowEnd {
        ends: crossbeam_channel::Sender<()>,
        may_end: crossbeam_channel::Receiver<()>,
    }

    impl ThreadHooks for SlowEnd {
        fn starts(&self) {}
        fn stops(&self) {
            let _ = self.ends.send(());
            let _ = self.may_end.recv();
        }
    }

    #[test]
    fn a_job_that_comes_while_the_last_thread_ends_is_run() {
        let (ends, until_it_ends) = crossbeam_channel::unbounded();
        let (end, may_end) = crossbeam_channel::unbounded::<()>();
        let hooks = Arc::new(SlowEnd { ends, may_end });
        let mut pool = BlockingPool::new("test", NonZeroUsize::MIN, 1, hooks);
        pool.idle_max = Duration::from_millis(1);
        pool.try_run(Box::new(|| {})).unwrap();
        until_it_ends.recv().unwrap();
        let (ran, until_ran) = crossbeam_channel::unbounded();
        pool.try_run(Box::new(move || ran.send(()).unwrap()))
            .unwrap();
        let has_run = until_ran.recv_timeout(Duration::from_secs(60));
        drop(end);
        has_run.unwrap();
    }

    #[test]
    fn what_is_queued_is_finished_at_close() {
        let (mut pool, _hooks) = pool(1, 100);
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..50 {
            let ran = Arc::clone(&ran);
            let job = move || _ = ran.fetch_add(1, Ordering::SeqCst);
            pool.try_run(Box::new(job)).unwrap();
        }
        pool.close();
        assert_eq!(ran.load(Ordering::SeqCst), 50);
    }

    #[test]
    fn a_job_that_panics_does_not_take_its_thread_along() {
        let (mut pool, _hooks) = pool(1, 10);
        let ran = Arc::new(AtomicUsize::new(0));
        pool.try_run(Box::new(|| panic!("on purpose"))).unwrap();
        let counter = Arc::clone(&ran);
        pool.try_run(Box::new(move || _ = counter.fetch_add(1, Ordering::SeqCst)))
            .unwrap();
        pool.close();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }
}
