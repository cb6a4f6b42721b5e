//! The two faces of a WebSocket cycle: the Python object whose `receive` and `send` the app calls, and the listener that
//! carries what the connection tells over to the loop's thread.

use std::sync::{Arc, Weak};

use pyo3::prelude::*;
use turbo_shard_runtime::ReplyListener;

use super::awaitables::DoneWith;
use super::websocket_cycle::WebSocketCycle;
use crate::hosted_loop::{CoroutineHost, Job};

/// What a connection may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Room,
    Input,
    PeerLeft,
}

/// Carries what the connection says over to the loop's thread. Holds nothing of Python, so it may be dropped anywhere.
pub(super) struct Listener {
    pub(super) host: Arc<CoroutineHost>,
    pub(super) cycle: Weak<WebSocketCycle>,
}

impl Listener {
    fn job(&self, news: News) -> Job {
        let cycle = Weak::clone(&self.cycle);
        Job::Call(Box::new(move |py| {
            if let Some(cycle) = cycle.upgrade() {
                cycle.hear(py, news);
            }
        }))
    }

    fn tell(&self, news: News) {
        self.host.post(self.job(news));
    }
}

impl ReplyListener for Listener {
    fn room(&self) {
        self.tell(News::Room);
    }

    fn peer_left(&self) {
        self.host.post_late(self.job(News::PeerLeft));
    }

    fn input_ready(&self) {
        self.tell(News::Input);
    }
}

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
