//! asyncio for work-stealing mode, where no loop can live on a worker: threads of its own, each with a plain loop.
//! Coroutines are handed to the least loaded one.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use turbo_shard_runtime::THREAD_STACK_BYTES;

use super::coroutine_host::{CoroutineHost, Job};
use super::host_end::CLOSE_SECONDS_MAX;
use crate::python_thread::{attached, leave_behind, thread_stops, waiting_thread_starts};

/// How long all threads together may take to end: a little more than a loop, for one that is in a callback.
const STOP_TIMEOUT_MS: u64 = 1800;

/// How often a stop looks whether a thread has started.
const STARTING_POLL: Duration = Duration::from_millis(5);

const _: () = assert!(STOP_TIMEOUT_MS as f64 > CLOSE_SECONDS_MAX * 1000.0);

/// What a thread does with its host before it takes any job.
pub(crate) type MoveIn = dyn Fn(Python<'_>, &Arc<CoroutineHost>) -> PyResult<()> + Send + Sync;

/// How much time a stop leaves for tasks to finish.
pub(crate) type TimeLeft = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The threads, started when needed, one after another.
pub(crate) struct AsyncioThreads {
    threads_max: usize,
    threads: Mutex<Vec<AsyncioThread>>,
    time_left: TimeLeft,
}

struct AsyncioThread {
    host: Arc<CoroutineHost>,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl AsyncioThreads {
    pub(crate) fn new(threads_max: usize, time_left: TimeLeft) -> AsyncioThreads {
        AsyncioThreads {
            threads_max,
            threads: Mutex::default(),
            time_left,
        }
    }

    /// Starts the first `count` threads now, if none has been started yet; each calls `move_in` with its number first.
    pub(crate) fn start(
        &self,
        py: Python<'_>,
        count: usize,
        move_in: impl Fn(Python<'_>, &Arc<CoroutineHost>, usize) -> PyResult<()> + Send + Sync + 'static,
    ) -> PyResult<()> {
        let move_in = Arc::new(move_in);
        // Detached: a thread that starts attaches.
        py.detach(|| {
            let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            if threads.len() == count.min(self.threads_max) {
                return Ok(());
            }
            if !threads.is_empty() {
                return Err(StartFailure::Thread(String::from(
                    "one of them has failed before",
                )));
            }
            for number in 0..count.min(self.threads_max) {
                let move_in = Arc::clone(&move_in);
                let move_in: Box<MoveIn> = Box::new(move |py, host| move_in(py, host, number));
                let time_left = Arc::clone(&self.time_left);
                threads.push(AsyncioThread::start(number, time_left, Some(move_in))?);
            }
            Ok(())
        })
        .map_err(|failure: StartFailure| failure.into_error())
    }

    /// The host of the calling thread if it is one of these; else the least loaded, or a new one if all are busy and
    /// there may be more.
    pub(crate) fn choose(&self, py: Python<'_>) -> PyResult<Arc<CoroutineHost>> {
        // Detached: the lock's holder may be waiting for a new thread, which attaches.
        py.detach(|| self.choose_detached()).map_err(|reason| {
            PyRuntimeError::new_err(format!("an asyncio thread could not be started: {reason}"))
        })
    }

    fn choose_detached(&self) -> Result<Arc<CoroutineHost>, String> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = threads.iter().find(|thread| thread.host.is_here()) {
            return Ok(Arc::clone(&here.host));
        }
        let least = threads.iter().min_by_key(|thread| thread.host.load());
        match least {
            Some(least) if least.host.load() == 0 || threads.len() >= self.threads_max => {
                Ok(Arc::clone(&least.host))
            }
            _ => {
                let time_left = Arc::clone(&self.time_left);
                let started = AsyncioThread::start(threads.len(), time_left, None)
                    .map_err(|failure| failure.to_string())?;
                let host = Arc::clone(&started.host);
                threads.push(started);
                Ok(host)
            }
        }
    }

    /// The threads, unless one is being started until after the `deadline`: an app's startup may never end.
    fn take_threads(&self, deadline: Instant) -> Option<Vec<AsyncioThread>> {
        loop {
            match self.threads.try_lock() {
                Ok(mut threads) => return Some(std::mem::take(&mut threads)),
                Err(TryLockError::Poisoned(threads)) => {
                    return Some(std::mem::take(&mut threads.into_inner()));
                }
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(STARTING_POLL);
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    /// Cancels what still runs, and joins the threads. To be called detached.
    pub(crate) fn stop(&self) {
        // Those that finish their tasks have the time that the stop leaves for that.
        let deadline = Instant::now() + (self.time_left)() + Duration::from_millis(STOP_TIMEOUT_MS);
        let Some(threads) = self.take_threads(deadline) else {
            log::error!("an asyncio thread is still in the app's startup; it is left behind");
            leave_behind(1);
            return;
        };
        for thread in &threads {
            thread.host.post(Job::Stop);
        }
        for thread in threads {
            let left = deadline.saturating_duration_since(Instant::now());
            // An answer, or a sender that is gone: either way the thread has nothing left to do.
            if let Err(mpsc::RecvTimeoutError::Timeout) = thread.ended.recv_timeout(left) {
                log::error!(
                    "{} does not return; it is left behind",
                    name_of(&thread.thread)
                );
                leave_behind(1);
            } else if let (name, Err(_panic)) = (name_of(&thread.thread), thread.thread.join()) {
                log::error!("{name} panicked");
            }
        }
    }
}

fn name_of(thread: &JoinHandle<()>) -> String {
    String::from(thread.thread().name().unwrap_or("asyncio"))
}

/// Why a thread does not serve.
#[derive(Debug)]
enum StartFailure {
    Thread(String),
    /// What `move_in` raised, in the app's words.
    App(PyErr),
}

impl StartFailure {
    fn into_error(self) -> PyErr {
        match self {
            StartFailure::Thread(reason) => {
                PyRuntimeError::new_err(format!("an asyncio thread could not be started: {reason}"))
            }
            StartFailure::App(error) => error,
        }
    }
}

impl std::fmt::Display for StartFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartFailure::Thread(reason) => f.write_str(reason),
            StartFailure::App(error) => error.fmt(f),
        }
    }
}

impl AsyncioThread {
    fn start(
        number: usize,
        time_left: TimeLeft,
        move_in: Option<Box<MoveIn>>,
    ) -> Result<AsyncioThread, StartFailure> {
        let name = format!("asyncio-{number}");
        let (made, is_made) = mpsc::sync_channel(1);
        let (ends, ended) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name(name.clone())
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                waiting_thread_starts();
                attached(|py| {
                    let host = CoroutineHost::of_own_thread(py, name).and_then(|host| {
                        move_in.map_or(Ok(()), |move_in| move_in(py, &host))?;
                        Ok(host)
                    });
                    match host {
                        Ok(host) => {
                            let _ = made.send(Ok(Arc::clone(&host)));
                            host.run(py, &*time_left);
                        }
                        Err(error) => {
                            let _ = made.send(Err(error));
                        }
                    }
                });
                thread_stops();
                let _ = ends.send(());
            })
            .map_err(|error| StartFailure::Thread(error.to_string()))?;
        let host = is_made
            .recv()
            .map_err(|_| StartFailure::Thread(String::from("it panicked")))?
            .map_err(StartFailure::App)?;
        Ok(AsyncioThread {
            host,
            thread,
            ended,
        })
    }
}
