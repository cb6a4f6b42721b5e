//! asyncio for work-stealing mode, where no loop can live on a worker thread: threads of its own, each with a plain loop.
//! Coroutines are handed to the least loaded one.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use turbo_shard_runtime::THREAD_STACK_BYTES;

use super::app_loop::AppLoop;
use super::ending_time::{CLOSE_SECONDS_MAX, TimeLeft};
use super::job::Job;
use crate::python::thread::{attached, leave_behind, thread_stops, waiting_thread_starts};

/// How long all threads together may take to end: a little more than a loop, for one that is in a callback.
const STOP_TIMEOUT_MS: u64 = 1800;

const _: () = assert!(STOP_TIMEOUT_MS as f64 > CLOSE_SECONDS_MAX * 1000.0);

/// What a thread does with its app loop before it takes any job.
pub(crate) type MoveIn = dyn Fn(Python<'_>, &Arc<AppLoop>) -> PyResult<()> + Send + Sync;

/// The threads, started when needed, one after another.
pub(crate) struct AsyncioThreads {
    threads_max: usize,
    /// Held while a thread starts. An app can make that slow, so the stopping thread never takes this lock.
    starting: Mutex<()>,
    threads: Mutex<Started>,
    time_left: TimeLeft,
}

#[derive(Default)]
struct Started {
    threads: Vec<AsyncioThread>,
    is_stopped: bool,
}

struct AsyncioThread {
    app_loop: Arc<AppLoop>,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl AsyncioThreads {
    pub(crate) fn new(threads_max: usize, time_left: TimeLeft) -> AsyncioThreads {
        AsyncioThreads {
            threads_max,
            starting: Mutex::default(),
            threads: Mutex::default(),
            time_left,
        }
    }

    /// Starts the first `count` threads now, if none has been started yet; each calls `move_in` with its number first.
    pub(crate) fn start(
        &self,
        py: Python<'_>,
        count: usize,
        move_in: impl Fn(Python<'_>, &Arc<AppLoop>, usize) -> PyResult<()> + Send + Sync + 'static,
    ) -> PyResult<()> {
        let move_in = Arc::new(move_in);
        // Detached: a thread that starts attaches.
        py.detach(|| {
            let _starting = self.starting.lock();
            let started = self.threads.lock().threads.len();
            if started == count.min(self.threads_max) {
                return Ok(());
            }
            if started > 0 {
                return Err(StartFailure::Thread(String::from(
                    "one of them has failed before",
                )));
            }
            for number in 0..count.min(self.threads_max) {
                let move_in = Arc::clone(&move_in);
                let move_in: Box<MoveIn> =
                    Box::new(move |py, app_loop| move_in(py, app_loop, number));
                let time_left = Arc::clone(&self.time_left);
                self.keep(AsyncioThread::start(number, time_left, Some(move_in))?)?;
            }
            Ok(())
        })
        .map_err(|failure: StartFailure| failure.into_error())
    }

    /// The app loop of the calling thread if it is one of these; else the least loaded, or a new one if all are busy and
    /// there may be more.
    pub(crate) fn choose(&self, py: Python<'_>) -> PyResult<Arc<AppLoop>> {
        // Detached: a new thread attaches, and we wait for its start.
        py.detach(|| self.choose_detached()).map_err(|reason| {
            PyRuntimeError::new_err(format!("an asyncio thread could not be started: {reason}"))
        })
    }

    fn choose_detached(&self) -> Result<Arc<AppLoop>, String> {
        if let Ok(app_loop) = self.threads.lock().choose(self.threads_max) {
            return Ok(app_loop);
        }
        let _starting = self.starting.lock();
        // Another thread may have started one meanwhile.
        let number = match self.threads.lock().choose(self.threads_max) {
            Ok(app_loop) => return Ok(app_loop),
            Err(number) => number,
        };
        AsyncioThread::start(number, Arc::clone(&self.time_left), None)
            .and_then(|started| self.keep(started))
            .map_err(|failure| failure.to_string())
    }

    /// Keeps a thread that has started, unless the server has ended meanwhile.
    fn keep(&self, thread: AsyncioThread) -> Result<Arc<AppLoop>, StartFailure> {
        let app_loop = Arc::clone(&thread.app_loop);
        let mut started = self.threads.lock();
        if started.is_stopped {
            app_loop.post(Job::Stop);
            return Err(StartFailure::Thread(String::from("the server is ending")));
        }
        started.threads.push(thread);
        Ok(app_loop)
    }

    /// Cancels what still runs, and joins the threads. Call detached.
    pub(crate) fn stop(&self) {
        let threads = {
            let mut started = self.threads.lock();
            started.is_stopped = true;
            std::mem::take(&mut started.threads)
        };
        for thread in &threads {
            thread.app_loop.post(Job::Stop);
        }
        // Threads that finish their tasks have the time that the stop leaves for that.
        let deadline = Instant::now() + (self.time_left)() + Duration::from_millis(STOP_TIMEOUT_MS);
        for thread in threads {
            let left = deadline.saturating_duration_since(Instant::now());
            // A message or a dropped sender: either way the thread has nothing left to do.
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

impl Started {
    /// The thread that takes the next coroutine, or the number of the thread to start for it.
    fn choose(&self, threads_max: usize) -> Result<Arc<AppLoop>, usize> {
        let threads = &self.threads;
        if let Some(here) = threads.iter().find(|thread| thread.app_loop.is_here()) {
            return Ok(Arc::clone(&here.app_loop));
        }
        match threads.iter().min_by_key(|thread| thread.app_loop.load()) {
            Some(least) if least.app_loop.load() == 0 || threads.len() >= threads_max => {
                Ok(Arc::clone(&least.app_loop))
            }
            _ => Err(threads.len()),
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
                    let app_loop = AppLoop::of_own_thread(py, name).and_then(|app_loop| {
                        move_in
                            .map_or(Ok(()), |move_in| move_in(py, &app_loop))
                            .inspect_err(|_| app_loop.close(py, &time_left))?;
                        Ok(app_loop)
                    });
                    match app_loop {
                        Ok(app_loop) => {
                            let _ = made.send(Ok(Arc::clone(&app_loop)));
                            app_loop.run(py, &time_left);
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
        let app_loop = is_made
            .recv()
            .map_err(|_| StartFailure::Thread(String::from("it panicked")))?
            .map_err(StartFailure::App)?;
        Ok(AsyncioThread {
            app_loop,
            thread,
            ended,
        })
    }
}
