//! Errors on their way to a person: exceptions that Python code sees, tracebacks that the log gets.
//! Knows nothing of requests.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::names;

create_exception!(
    turbo_shard._native,
    StartError,
    PyException,
    "The server could not start; the message is one line for a person."
);

create_exception!(
    turbo_shard._native,
    LifespanError,
    StartError,
    "The app's own startup failed; the message is the app's."
);

/// Logs `error` with its traceback on the logger `turbo_shard.error`, or among the server's own lines where the app's
/// configuration of logging would lose it; `what` says what was going on.
///
/// Never fails: if logging itself raises, the error is written as an unraisable one.
pub(crate) fn log_exception(py: Python<'_>, error: &PyErr, what: &str) {
    if let Err(second) = try_log_exception(py, error, what) {
        second.write_unraisable(py, None);
    }
}

/// Whether `error` is asyncio's CancelledError.
pub(crate) fn is_cancelled(py: Python<'_>, error: &PyErr) -> bool {
    // Only an app that uses asyncio can have one.
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    names::CANCELLED_ERROR
        .find_once(py, &CLASS)
        .is_ok_and(|class| error.is_instance(py, class))
}

fn try_log_exception(py: Python<'_>, error: &PyErr, what: &str) -> PyResult<()> {
    // `logging` is imported with the first error: an app without errors does without it.
    static TELL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    names::TELL
        .find_once(py, &TELL)?
        .call1((what, error.value(py)))
        .map(drop)
}
