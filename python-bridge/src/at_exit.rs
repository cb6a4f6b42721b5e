//! The interpreter's exit while a server runs, or while threads are left in the app's code. Knows nothing of requests.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use turbo_shard_runtime::ServerHandle;

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
        py.import("atexit")?.call_method1("register", (&at_exit,))?;
        Ok(at_exit)
    }

    /// The server has ended.
    pub(crate) fn unregister(at_exit: &Bound<'_, AtExit>) -> PyResult<()> {
        let (ended, changed) = &*at_exit.get().ended;
        *lock(ended) = true;
        changed.notify_all();
        at_exit
            .py()
            .import("atexit")?
            .call_method1("unregister", (at_exit,))?;
        Ok(())
    }
}

#[pymethods]
impl AtExit {
    fn __call__(&self, py: Python<'_>) {
        self.handle.stop_now();
        py.detach(|| {
            let (ended, changed) = &*self.ended;
            drop(changed.wait_timeout_while(lock(ended), EXIT_WAIT, |ended| !*ended));
        });
    }
}

/// Has the process end without the interpreter's finalisation, which would end threads in the middle of Rust code.
///
/// The usual `atexit` is too late: before it, the interpreter waits for threads that may never end.
pub(crate) fn leave_at_exit(py: Python<'_>) -> PyResult<()> {
    let leave = wrap_pyfunction!(leave, py)?;
    let early = py.import("threading")?;
    match early.call_method1("_register_atexit", (&leave,)) {
        Ok(_) => Ok(()),
        Err(_) => py
            .import("atexit")?
            .call_method1("register", (leave,))
            .map(|_| ()),
    }
}

/// Does what the interpreter does at its exit as far as others see it, and ends the process.
#[pyfunction]
fn leave(py: Python<'_>) {
    wind_up(py);
    // SAFETY: ends the process; nothing runs after it.
    unsafe { libc::_exit(0) }
}

/// What others see of an interpreter's exit: the app's `atexit` functions, and what it has printed.
pub(crate) fn wind_up(py: Python<'_>) {
    let _ = py
        .import("atexit")
        .and_then(|atexit| atexit.call_method0("_run_exitfuncs"));
    for stream in ["stdout", "stderr"] {
        let _ = py
            .import("sys")
            .and_then(|sys| sys.getattr(stream)?.call_method0("flush"));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each lock in this file is held for one statement that cannot panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
