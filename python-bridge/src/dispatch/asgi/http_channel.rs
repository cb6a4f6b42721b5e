//! The Python face of an HTTP cycle: the object whose `receive` and `send` the app calls.

use std::sync::Arc;

use pyo3::prelude::*;

use super::awaitables::DoneWith;
use super::http_cycle::HttpCycle;
use super::http_sending::Waits;

/// The Python face of a cycle: `receive` and `send` are its bound methods.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct HttpChannel(pub(super) Arc<HttpCycle>);

#[pymethods]
impl HttpChannel {
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.poll_message(py)? {
            Some(message) => DoneWith::make(message),
            None => cycle.words().await_message.bind(py).call1((slf,)),
        }
    }

    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.take_message(message)? {
            Waits::No => Ok(cycle.words().done.bind(py).clone().into_any()),
            Waits::ForRoom | Waits::ForFile => cycle.words().await_room.bind(py).call1((slf,)),
        }
    }

    /// For `_asgi.await_message`: a message, or None if there is none yet.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.poll_message(py)
    }

    /// For `_asgi.await_room`: whether the last message still waits for room, or for the end of its file. Raises what
    /// became of it.
    fn must_wait(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.must_wait(py)
    }

    /// A future that is resolved by whatever happens next.
    fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.new_waiter(py)
    }
}
