//! The Python face of a WebSocket cycle: the object whose `receive` and `send` the app calls.

use std::sync::Arc;

use pyo3::prelude::*;

use super::awaitables::DoneWith;
use super::websocket_cycle::WebSocketCycle;

/// The Python face of a cycle: `receive` and `send` are its bound methods.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct WebSocketChannel(pub(super) Arc<WebSocketCycle>);

#[pymethods]
impl WebSocketChannel {
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let cycle = &slf.get().0;
        match cycle.poll_message(slf.py())? {
            Some(message) => DoneWith::make(message),
            None => cycle.words().await_message.bind(slf.py()).call1((slf,)),
        }
    }

    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.take_message(message)? {
            false => Ok(cycle.words().done.bind(py).clone().into_any()),
            true => cycle.words().await_room.bind(py).call1((slf,)),
        }
    }

    /// For `_asgi.await_message`: a message, or None if there is none yet.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.poll_message(py)
    }

    /// For `_asgi.await_room`: whether the last message still waits for room.
    fn must_wait(&self) -> bool {
        self.0.must_wait()
    }

    /// A future that is resolved by whatever happens next.
    fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.new_waiter(py)
    }
}
