//! What `receive()` and `send()` return where nothing has to be waited for: awaitables that are done already. An app that
//! never waits is then finished before its call returns, without a turn of the loop. Knows no requests.
//!
//! They have the methods of a coroutine, because apps also wrap them into tasks (`asyncio.create_task(receive())`).

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

/// Done, with None. It has no state, so that all `send()`s of a thread share one.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct Done;

#[pymethods]
impl Done {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The end of the iteration is the result None.
    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }

    fn send(&self, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyErr {
        let _ = traceback;
        thrown(kind, value)
    }

    fn close(&self) {}
}

/// Done, with a message.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct DoneWith {
    /// Taken when it is awaited.
    message: Mutex<Option<Py<PyAny>>>,
}

impl DoneWith {
    pub(super) fn make<'py>(message: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = message.py();
        let message = Mutex::new(Some(message.unbind()));
        Ok(Bound::new(py, DoneWith { message })?.into_any())
    }

    fn finish(&self) -> PyErr {
        let message = self
            .message
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match message {
            Some(message) => PyStopIteration::new_err((message,)),
            None => PyRuntimeError::new_err("cannot reuse already awaited coroutine"),
        }
    }
}

#[pymethods]
impl DoneWith {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> PyResult<Py<PyAny>> {
        Err(self.finish())
    }

    fn send(&self, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Err(self.finish())
    }

    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyErr {
        let _ = traceback;
        thrown(kind, value)
    }

    fn close(&self) {}
}

/// The error that `throw` of a coroutine that never waits raises: the one it was given, an instance or a class.
fn thrown(kind: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyErr {
    match value {
        Some(value) if !value.is_none() => PyErr::from_value(value.clone()),
        _ => PyErr::from_value(kind.clone()),
    }
}
