//! The interpreter's exit while a server runs, or while threads are left in the app's code. Knows nothing of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use turbo_shard_runtime::{ServerHandle, is_child};

use super::life::Life;
use super::log_writer;
use super::logging::install_if_none;
use crate::python::names;
use crate::python::thread::{attached, left_behind};

/// Stack of a thread that sleeps and writes one line.
const STACK_BYTES: usize = 128 * 1024;

/// How long the app's last words may take where its main thread does not come back.
const WIND_UP_SECONDS: Duration = Duration::from_secs(1);

/// How long the interpreter's exit waits for a server that still runs on another thread.
const EXIT_WAIT: Duration = Duration::from_secs(5);

/// Stops a server that still runs, on another thread, when the interpreter exits: threads that come back to Python
/// after that would be killed in the middle of Rust code.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct AtExit {
    handle: ServerHandle,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl AtExit {
    pub(crate) fn register(py: Python<'_>, handle: ServerHandle) -> PyResult<Bound<'_, AtExit>> {
        let at_exit = Bound::new(
            py,
            AtExit {
                handle,
                ended: Arc::default(),
            },
        )?;
        names::REGISTER_AT_EXIT.call1(py, (&at_exit,))?;
        Ok(at_exit)
    }

    /// The server has ended.
    pub(crate) fn unregister(at_exit: &Bound<'_, AtExit>) -> PyResult<()> {
        let (ended, changed) = &*at_exit.get().ended;
        *ended.lock() = true;
        changed.notify_all();
        names::UNREGISTER_AT_EXIT.call1(at_exit.py(), (at_exit,))?;
        Ok(())
    }
}

#[pymethods]
impl AtExit {
    fn __call__(&self, py: Python<'_>) {
        if is_child() || GIVEN_UP.load(Ordering::Acquire) {
            return; // in a child, the server is its parent's
        }
        self.handle.stop_now();
        py.detach(|| {
            let (ended, changed) = &*self.ended;
            changed.wait_while_for(&mut ended.lock(), |ended| !*ended, EXIT_WAIT);
        });
    }
}

/// Threads of servers that have ended, still in the app's code: they must not come back to an interpreter that is being
/// finalised, which would end them in the middle of Rust code.
static ENDED: Mutex<Vec<Arc<Life>>> = Mutex::new(Vec::new());

/// A server has ended; threads of it may be left.
pub(crate) fn note_end(life: Arc<Life>) {
    let mut ended = ENDED.lock();
    ended.retain(|life| life.threads_left() > 0);
    ended.push(life);
}

/// How many threads of a server that has ended are still in the app's code.
#[pyfunction]
pub(crate) fn threads_left() -> usize {
    let left: usize = ENDED.lock().iter().map(|life| life.threads_left()).sum();
    left + left_behind()
}

/// Ends the process in `seconds` with `status`, whatever the interpreter is doing then, after a line that says so. A thread
/// without Python does it.
#[pyfunction]
pub(crate) fn end_process_in(seconds: f64, status: i32, line: String) -> PyResult<()> {
    let pause = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let wait = move || {
        std::thread::sleep(pause);
        install_if_none();
        log::error!("{line}");
        log::logger().flush();
        // SAFETY: ends the process; nothing runs after it.
        unsafe { libc::_exit(status) }
    };
    std::thread::Builder::new()
        .name("main".into())
        .stack_size(STACK_BYTES)
        .spawn(wait)?;
    Ok(())
}

/// The running server does not come to its end: nothing waits for it.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Ends a process whose main thread is in the app's code for good.
pub(crate) fn leave_without_main_thread(status: i32) -> ! {
    GIVEN_UP.store(true, Ordering::Release);
    let (tell, told) = mpsc::channel();
    // That thread may hold the GIL.
    let words = std::thread::Builder::new().spawn(move || {
        attached(wind_up);
        let _ = tell.send(());
    });
    if words.is_ok() {
        let _ = told.recv_timeout(WIND_UP_SECONDS);
    }
    log_writer::flush();
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(status) }
}

/// The visible part of an interpreter's exit: the app's `atexit` functions, and what it has printed.
fn wind_up(py: Python<'_>) {
    let _ = names::RUN_EXIT_FUNCTIONS.call0(py);
    for stream in [&names::STDOUT, &names::STDERR] {
        let _ = stream
            .find(py)
            .and_then(|stream| stream.call_method0(names::flush(py)));
    }
}
