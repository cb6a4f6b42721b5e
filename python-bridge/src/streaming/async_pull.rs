//! Pulls an async iterator: a task on the loop, fed room by a future. The task itself is `hosted_loop.pull`.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyGeneratorExit;
use pyo3::prelude::*;
use turbo_shard_runtime::{Flow, HttpReply};

use super::chunk::bytes_of;
use super::table::StreamId;
use crate::hosted_loop::{CoroutineHost, Eager};
use crate::python::errors::{is_cancelled, log_exception};
use crate::python::names;

/// What the table knows of a running pull.
#[derive(Default)]
pub(super) struct AsyncPull {
    /// Set once the task waits for the first time.
    task: Option<Py<PyAny>>,
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

/// Starts the task.
pub(super) fn begin(
    py: Python<'_>,
    host: &Arc<CoroutineHost>,
    id: StreamId,
    iterator: &Bound<'_, PyAny>,
    handle: HttpReply,
) {
    let sink = Arc::new(Sink {
        host: Arc::clone(host),
        id,
        handle: Mutex::new(Some(handle)),
    });
    match start(py, host, &sink, iterator) {
        Ok(Eager::Finished(result, _)) => sink.end(py, result),
        Ok(Eager::Waiting(task)) => {
            host.streams()
                .with_async(id, |pull| pull.task = Some(task.clone().unbind()));
            let at_end = Arc::clone(&sink);
            if let Err(error) =
                host.when_done(&task, Box::new(move |py, result| at_end.end(py, result)))
            {
                sink.end(py, Err(error));
            }
        }
        Err(error) => sink.end(py, Err(error)),
    }
}

fn start<'py>(
    py: Python<'py>,
    host: &CoroutineHost,
    sink: &Arc<Sink>,
    iterator: &Bound<'py, PyAny>,
) -> PyResult<Eager<'py>> {
    let send = Bound::new(
        py,
        Send {
            sink: Arc::clone(sink),
        },
    )?;
    let pull = names::PULL.call1(py, (iterator, send))?;
    host.start(py, pull)
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

/// Where the chunks of one pull go.
struct Sink {
    host: Arc<CoroutineHost>,
    id: StreamId,
    /// Taken when the answer ends.
    handle: Mutex<Option<HttpReply>>,
}

impl Sink {
    /// Sends one chunk; returns a future to await if there is no room for another.
    fn send<'py>(&self, chunk: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = chunk.py();
        let bytes = bytes_of(chunk)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let flow = match &*self.handle.lock() {
            Some(handle) => handle.chunk(bytes),
            None => Flow::PeerLeft,
        };
        match flow {
            Flow::Ready => Ok(None),
            Flow::Wait => {
                let event_loop = self.host.asyncio(py)?.event_loop(py);
                let waiter = event_loop.call_method0(names::create_future(py))?;
                // Room is announced by a job that this very thread will carry out: later than this.
                self.host
                    .streams()
                    .with_async(self.id, |pull| pull.waiter = Some(waiter.clone().unbind()));
                Ok(Some(waiter))
            }
            Flow::PeerLeft => {
                self.host
                    .streams()
                    .with_async(self.id, |pull| drop(pull.leave()));
                Err(cancelled(py)?)
            }
        }
    }

    fn end(&self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) {
        let peer_left = self.host.streams().end_async(self.id);
        self.host.stream_ended();
        let handle = self.handle.lock().take();
        let Some(handle) = handle else { return };
        match result {
            Ok(_) => handle.end(),
            Err(error) => {
                if !(is_cancelled(py, &error)
                    || (peer_left && error.is_instance_of::<PyGeneratorExit>(py)))
                {
                    log_exception(py, &error, "a streamed answer broke off");
                }
                handle.fail();
            }
        }
    }
}

/// The error that ends a pull as a cancellation would.
fn cancelled(py: Python<'_>) -> PyResult<PyErr> {
    let raised = names::CANCELLED_ERROR.call0(py)?;
    Ok(PyErr::from_value(raised))
}

/// What `hosted_loop.pull` calls for every chunk.
#[pyclass(frozen, module = "turbo_shard._native")]
struct Send {
    sink: Arc<Sink>,
}

#[pymethods]
impl Send {
    fn __call__<'py>(&self, chunk: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.sink.send(chunk)
    }
}
