//! What Python holds of a cycle, HTTP or WebSocket. Knows neither how an app calls it nor how it waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;

use super::http_cycle::HttpCycle;
use super::surroundings::Surroundings;
use super::waiter::Waiter;
use super::websocket_cycle::WebSocketCycle;

/// `receive` and `send`, which an app is called with, are its bound methods: `awaitables.rs` has them.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct Channel(pub(super) Cycle);

/// What they lead to.
pub(super) enum Cycle {
    Http(Arc<HttpCycle>),
    WebSocket(Arc<WebSocketCycle>),
}

impl Cycle {
    /// What `receive()` returns now; None if it must wait.
    #[inline]
    pub(super) fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Cycle::Http(cycle) => cycle.poll_message(py),
            Cycle::WebSocket(cycle) => cycle.poll_message(py),
        }
    }

    /// Takes a message of the app. Returns whether its `send()` must wait.
    #[inline]
    pub(super) fn take_message(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self {
            Cycle::Http(cycle) => cycle.take_message(message),
            Cycle::WebSocket(cycle) => cycle.take_message(message),
        }
    }

    /// Whether the last message still waits. Raises what became of it.
    pub(super) fn must_wait(&self, py: Python<'_>) -> PyResult<bool> {
        match self {
            Cycle::Http(cycle) => cycle.must_wait(py),
            Cycle::WebSocket(cycle) => Ok(cycle.must_wait()),
        }
    }

    /// The waiting task yields this; whatever happens next wakes it.
    pub(super) fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Waiter>> {
        match self {
            Cycle::Http(cycle) => cycle.new_waiter(py),
            Cycle::WebSocket(cycle) => cycle.new_waiter(py),
        }
    }

    /// A `send()` was thrown away before it began: its message is missing, and the app's author learns so where the
    /// answer ends.
    pub(super) fn note_unawaited_send(&self) {
        let around: &Surroundings = match self {
            Cycle::Http(cycle) => &cycle.around,
            Cycle::WebSocket(cycle) => &cycle.around,
        };
        around.has_unawaited_send.store(true, Ordering::Relaxed);
    }
}
