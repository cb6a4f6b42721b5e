//! Futures of `receive()`s and `send()`s that wait. Whatever happens wakes all of them, and each looks for itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::log_exception;

/// The futures of one request. Used on the thread of its loop.
#[derive(Default)]
pub(super) struct Waiters(Mutex<Vec<Py<PyAny>>>);

impl Waiters {
    /// A new one, of this loop.
    pub(super) fn add<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let waiter = event_loop.call_method0(intern!(py, "create_future"))?;
        let before = std::mem::take(&mut *self.futures());
        let mut waiting = Vec::with_capacity(before.len() + 1);
        for future in before {
            // Those whose awaiter was cancelled: an app that polls with a timeout must not make them pile up.
            if !is_done(future.bind(py))? {
                waiting.push(future);
            }
        }
        waiting.push(waiter.clone().unbind());
        self.futures().extend(waiting);
        Ok(waiter)
    }

    /// Wakes all of them.
    pub(super) fn wake(&self, py: Python<'_>) {
        let woken = std::mem::take(&mut *self.futures());
        for future in woken {
            let future = future.bind(py);
            let resolved = is_done(future).and_then(|is_done| {
                if !is_done {
                    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
                }
                Ok(())
            });
            if let Err(error) = resolved {
                log_exception(py, &error, "an ASGI app that waits could not be woken");
            }
        }
    }

    fn futures(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        // Never held while Python runs.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_done(future: &Bound<'_, PyAny>) -> PyResult<bool> {
    future
        .call_method0(intern!(future.py(), "done"))?
        .is_truthy()
}
