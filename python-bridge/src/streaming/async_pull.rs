//! Pulls an async iterator: a task on the loop, fed room by a future. The task itself is `hosted_loop.pull`.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyGeneratorExit;
use pyo3::prelude::*;
use turbo_shard_runtime::{Flow, HttpReply};

use super::chunk::bytes_of;
use super::table::StreamTable;
use crate::hosted_loop::{AppLoop, Eager, WorkId};
use crate::python::errors::{is_cancelled, log_exception};
use crate::python::names;

/// Starts the task.
pub(super) fn begin(
    py: Python<'_>,
    app_loop: &Arc<AppLoop>,
    id: WorkId,
    iterator: &Bound<'_, PyAny>,
    handle: HttpReply,
) {
    let sink = Arc::new(Sink {
        app_loop: Arc::clone(app_loop),
        id,
        handle: Mutex::new(Some(handle)),
    });
    match start(py, app_loop, &sink, iterator) {
        Ok(Eager::Finished(result, _)) => sink.end(py, result),
        Ok(Eager::Waiting(task)) => {
            StreamTable::of(app_loop)
                .with_async(id, |pull| pull.task = Some(task.clone().unbind()));
            let at_end = Arc::clone(&sink);
            if let Err(error) =
                app_loop.when_done(&task, Box::new(move |py, result, _| at_end.end(py, result)))
            {
                sink.end(py, Err(error));
            }
        }
        Err(error) => sink.end(py, Err(error)),
    }
}

fn start<'py>(
    py: Python<'py>,
    app_loop: &AppLoop,
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
    app_loop.start(py, pull)
}

/// Where the chunks of one pull go.
struct Sink {
    app_loop: Arc<AppLoop>,
    id: WorkId,
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
                let event_loop = self.app_loop.asyncio(py)?.event_loop(py);
                let waiter = event_loop.call_method0(names::create_future(py))?;
                // Room is announced by a job that this very thread will carry out: later than this.
                StreamTable::of(&self.app_loop)
                    .with_async(self.id, |pull| pull.waiter = Some(waiter.clone().unbind()));
                Ok(Some(waiter))
            }
            Flow::PeerLeft => {
                StreamTable::of(&self.app_loop).with_async(self.id, |pull| drop(pull.leave()));
                Err(cancelled(py)?)
            }
        }
    }

    fn end(&self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) {
        let peer_left = StreamTable::of(&self.app_loop).end_async(self.id);
        self.app_loop.note_end();
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
