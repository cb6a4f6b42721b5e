//! The task of an async iterator's pull, as its loop's table keeps it: what wakes it, and what ends it. Does not know what
//! it sends.

use pyo3::prelude::*;

use crate::python::errors::log_exception;
use crate::python::names;

/// A running pull.
#[derive(Default)]
pub(super) struct AsyncPull {
    /// Set once the task waits for the first time.
    pub(super) task: Option<Py<PyAny>>,
    /// The future that the task awaits while there is no room.
    pub(super) waiter: Option<Py<PyAny>>,
    leaving: bool,
}

impl AsyncPull {
    /// The peer has gone. Returns the task to cancel, unless it is on its way out already: a second cancellation would
    /// interrupt the iterator's own cleaning up.
    pub(super) fn leave(&mut self) -> Option<Py<PyAny>> {
        if std::mem::replace(&mut self.leaving, true) {
            None
        } else {
            self.task.take()
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }
}

/// Resolves the future that a pull awaits.
pub(super) fn resolve(waiter: &Bound<'_, PyAny>) {
    let py = waiter.py();
    let resolved = (|| {
        if !waiter.call_method0(names::done(py))?.is_truthy()? {
            waiter.call_method1(names::set_result(py), (py.None(),))?;
        }
        Ok(())
    })();
    if let Err(error) = resolved {
        log_exception(py, &error, "a streamed answer could not go on");
    }
}

/// Cancels a pull's task.
pub(super) fn cancel(task: &Bound<'_, PyAny>) {
    let py = task.py();
    if let Err(error) = task.call_method0(names::cancel(py)) {
        log_exception(py, &error, "a streamed answer could not be cancelled");
    }
}
