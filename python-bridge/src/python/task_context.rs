//! The context (contextvars) of a task, for work that follows its end: an error that is logged there finds what the
//! request has set, such as its number, and what Sentry knows of the error; so does code of the app that makes the answer.
//! Knows nothing of loops.

use pyo3::ffi;
use pyo3::prelude::*;

use super::names;

/// Runs `call` in the context of a task that does not run at the moment; in the present one if it cannot be had.
pub(crate) fn in_context_of<T>(task: &Bound<'_, PyAny>, call: impl FnOnce() -> T) -> T {
    let py = task.py();
    let Ok(context) = task.call_method0(names::get_context(py)) else {
        return call();
    };
    // SAFETY: `task` shows that this thread is attached. An object that is not a context, or is entered already, is
    // refused with an exception.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        drop(PyErr::take(py));
        return call();
    }
    let result = call();
    // SAFETY: this thread is attached and has entered `context` above.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        // A log handler has entered another context and stayed there.
        drop(PyErr::take(py));
    }
    result
}
