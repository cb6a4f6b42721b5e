//! A small pool of threads for calls that block, behind a bounded queue. Knows neither HTTP nor Python: threads are
//! prepared and ended by hooks.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::config::THREAD_STACK_BYTES;
use crate::net::children::end_if_child;

/// What is to be run.
pub type Job = Box<dyn FnOnce() + Send>;

/// Called on each of the pool's threads, at its start and at its end.
pub trait ThreadHooks: Send + Sync + 'static {
    /// The thread has started; it runs jobs next.
    fn starts(&self);
    /// A job is done and the thread may wait for the next one.
    fn parks(&self) {}
    /// The thread is about to end.
    fn stops(&self);
}

/// The job did not fit: as many as allowed are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// Threads start when they are needed first, one after another, up to the number allowed.
pub struct BlockingPool {
    name: String,
    threads_max: usize,
    sender: Option<Sender<Job>>,
    receiver: Receiver<Job>,
    hooks: Arc<dyn ThreadHooks>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    threads: Vec<JoinHandle<()>>,
    /// Jobs that are queued or running.
    jobs: usize,
}

impl BlockingPool {
    /// `queue_max` jobs may wait besides those that run.
    pub fn new(
        name: &str,
        threads: NonZeroUsize,
        queue_max: usize,
        hooks: Arc<dyn ThreadHooks>,
    ) -> BlockingPool {
        // The channel has room for all jobs there can be; `jobs` keeps the bound, so that a job that an idle thread is
        // about to take does not count as waiting.
        let (sender, receiver) =
            crossbeam_channel::bounded(queue_max.saturating_add(threads.get()));
        BlockingPool {
            name: name.to_owned(),
            threads_max: threads.get(),
            sender: Some(sender),
            receiver,
            hooks,
            state: Arc::default(),
        }
    }

    /// Queues a job, or hands it back as refused when the queue is full.
    pub fn try_run(&self, job: Job) -> Result<(), QueueFull> {
        let Some(sender) = &self.sender else {
            return Err(QueueFull);
        };
        let mut state = lock(&self.state);
        let queue_max = sender.capacity().unwrap_or(usize::MAX) - self.threads_max;
        if state.jobs >= queue_max.saturating_add(self.threads_max) {
            return Err(QueueFull);
        }
        if state.threads.len() < self.threads_max && state.jobs >= state.threads.len() {
            self.start_thread(&mut state);
        }
        if state.threads.is_empty() {
            return Err(QueueFull);
        }
        match sender.try_send(job) {
            Ok(()) => {
                state.jobs += 1;
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(QueueFull),
        }
    }

    /// Finishes what is queued and ends the threads.
    pub fn close(&mut self) {
        self.sender = None;
        let threads = std::mem::take(&mut lock(&self.state).threads);
        for thread in threads {
            let _ = thread.join();
        }
    }

    fn start_thread(&self, state: &mut State) {
        let name = format!("{}-{}", self.name, state.threads.len());
        let (receiver, hooks, shared) = (
            self.receiver.clone(),
            Arc::clone(&self.hooks),
            Arc::clone(&self.state),
        );
        // One after another: the next may start only when this one has been prepared.
        let (prepared, until_prepared) = crossbeam_channel::bounded::<()>(0);
        let thread = std::thread::Builder::new()
            .name(name)
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                hooks.starts();
                drop(prepared);
                for job in receiver {
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        log::error!("a blocking call panicked");
                    }
                    end_if_child();
                    hooks.parks();
                    lock(&shared).jobs -= 1;
                }
                hooks.stops();
            });
        match thread {
            Ok(thread) => {
                let _ = until_prepared.recv();
                state.threads.push(thread);
            }
            Err(error) => {
                log::error!("a thread of the blocking pool could not be started: {error}")
            }
        }
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
