//! An answer of a WSGI app: what `start_response` was told, and how far it has gone out. Knows no environ.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{
    PyAssertionError, PyBrokenPipeError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use turbo_shard_runtime::protocol::BodyLength;
use turbo_shard_runtime::{Flow, ReplyHandle};

use super::wsgi_head::{Head, type_name};
use crate::streaming::{Gate, Gone};

/// Why an answer ends before its time.
pub(super) enum Broken {
    /// There is nobody left to send to.
    PeerLeft,
    /// The app raised this, or did what it must not.
    App(PyErr),
}

impl From<PyErr> for Broken {
    fn from(error: PyErr) -> Broken {
        Broken::App(error)
    }
}

/// Whether an answer wants more pieces of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    MayGoOn,
    /// It has no body, however long the app's is.
    HasNoBody,
}

/// How far the answer has come.
enum Stage {
    /// Nothing has gone out.
    Due {
        head: Option<Head>,
        handle: ReplyHandle,
    },
    /// The head has, and the body is on its way.
    Body {
        handle: ReplyHandle,
        gate: Arc<Gate>,
    },
    /// Everything has gone out, but the app may not know it yet.
    Sent { has_body: bool },
    /// The request is over.
    Ended,
}

/// PEP 3333's `start_response`, and the answer that begins with it.
///
/// Frozen: an app may call it from threads of its own. What changes is behind a lock, which is held while nothing waits
/// and no Python runs.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct StartResponse {
    answers_head: bool,
    stage: Mutex<Stage>,
}

/// PEP 3333's `write`.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct Write {
    response: Py<StartResponse>,
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, /, exc_info = None))]
    fn __call__(
        slf: &Bound<'_, StartResponse>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Write> {
        let response = slf.get();
        if let Some(exc_info) = exc_info
            && response.is_started()
        {
            return Err(raised(exc_info)?);
        }
        let said = Head::read(status, headers)?;
        match &mut *response.stage() {
            Stage::Due { head, .. } if head.is_none() || exc_info.is_some() => *head = Some(said),
            Stage::Due { .. } => {
                return Err(PyAssertionError::new_err(
                    "start_response was called a second time without exc_info",
                ));
            }
            Stage::Body { .. } | Stage::Sent { .. } => {
                return Err(PyAssertionError::new_err(
                    "start_response was called after the headers had been sent",
                ));
            }
            Stage::Ended => return Err(ended()),
        }
        Ok(Write {
            response: slf.clone().unbind(),
        })
    }
}

#[pymethods]
impl Write {
    fn __call__(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = body_bytes(data)?;
        if data.as_bytes().is_empty() {
            return Ok(());
        }
        match self.response.get().send(data.py(), data.as_bytes()) {
            Ok(_) => Ok(()),
            Err(Broken::PeerLeft) => Err(PyBrokenPipeError::new_err("the client has left")),
            Err(Broken::App(error)) => Err(error),
        }
    }
}

impl StartResponse {
    pub(super) fn new(handle: ReplyHandle, answers_head: bool) -> StartResponse {
        StartResponse {
            answers_head,
            stage: Mutex::new(Stage::Due { head: None, handle }),
        }
    }

    /// Sends a piece of the body, and the head before it. Waits for room, detached.
    pub(super) fn send(&self, py: Python<'_>, data: &[u8]) -> Result<Progress, Broken> {
        let mut stage = self.stage();
        let (flow, gate) = match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Due { head: None, handle } => {
                *stage = Stage::Due { head: None, handle };
                return Err(Broken::App(not_called()));
            }
            Stage::Due {
                head: Some(Head { status, lines }),
                handle,
            } => {
                if self.has_no_body(status) {
                    handle.whole(status, lines, Vec::new());
                    *stage = Stage::Sent { has_body: false };
                    return Ok(Progress::HasNoBody);
                }
                if lines.content_length() == Some(data.len() as u64) {
                    // Nothing may follow, so that this is not to be kept waiting for what comes after it.
                    handle.whole(status, lines, data.to_vec());
                    *stage = Stage::Sent { has_body: true };
                    return Ok(Progress::MayGoOn);
                }
                let gate = Gate::of(&handle);
                handle.start(status, lines, BodyLength::Unknown);
                let flow = handle.chunk(data.to_vec());
                *stage = Stage::Body {
                    handle,
                    gate: Arc::clone(&gate),
                };
                (flow, gate)
            }
            Stage::Body { handle, gate } => {
                let flow = handle.chunk(data.to_vec());
                *stage = Stage::Body {
                    handle,
                    gate: Arc::clone(&gate),
                };
                (flow, gate)
            }
            Stage::Sent { has_body: false } => {
                *stage = Stage::Sent { has_body: false };
                return Ok(Progress::HasNoBody);
            }
            Stage::Sent { has_body: true } => {
                *stage = Stage::Sent { has_body: true };
                return Err(Broken::App(PyValueError::new_err(
                    "the body is longer than its content-length",
                )));
            }
            Stage::Ended => return Err(Broken::App(ended())),
        };
        drop(stage);
        match flow {
            Flow::Ready => Ok(Progress::MayGoOn),
            Flow::Wait if py.detach(|| gate.wait()) == Gone::No => Ok(Progress::MayGoOn),
            Flow::Wait | Flow::PeerLeft => Err(Broken::PeerLeft),
        }
    }

    /// Sends a body that is complete, and ends the answer.
    pub(super) fn finish_with(&self, py: Python<'_>, body: Vec<u8>) -> Result<(), Broken> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Due {
                head: Some(Head { status, lines }),
                handle,
            } => {
                handle.whole(status, lines, body);
                Ok(())
            }
            // `write` was used before.
            other => {
                *stage = other;
                drop(stage);
                if !body.is_empty() {
                    self.send(py, &body)?;
                }
                self.finish()
            }
        }
    }

    /// The app has nothing more to say.
    pub(super) fn finish(&self) -> Result<(), Broken> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Due { head: None, handle } => {
                *stage = Stage::Due { head: None, handle };
                Err(Broken::App(not_called()))
            }
            Stage::Due {
                head: Some(Head { status, lines }),
                handle,
            } => {
                handle.whole(status, lines, Vec::new());
                Ok(())
            }
            Stage::Body { handle, .. } => {
                handle.end();
                Ok(())
            }
            Stage::Sent { .. } | Stage::Ended => Ok(()),
        }
    }

    /// Gives up: 500 while nothing has gone out, a cut connection in the middle of the body.
    pub(super) fn fail(&self) {
        match std::mem::replace(&mut *self.stage(), Stage::Ended) {
            Stage::Due { handle, .. } | Stage::Body { handle, .. } => handle.fail(),
            Stage::Sent { .. } | Stage::Ended => {}
        }
    }

    /// It is known that no body will go out, so that the app need not make one.
    pub(super) fn wants_no_body(&self) -> bool {
        match &*self.stage() {
            Stage::Due {
                head: Some(head), ..
            } => self.has_no_body(head.status),
            Stage::Sent { has_body } => !has_body,
            _ => false,
        }
    }

    /// Whether the connection is known to be gone.
    pub(super) fn peer_left(&self) -> bool {
        match &*self.stage() {
            Stage::Due { handle, .. } | Stage::Body { handle, .. } => handle.peer_left(),
            Stage::Sent { .. } | Stage::Ended => false,
        }
    }

    fn is_started(&self) -> bool {
        matches!(&*self.stage(), Stage::Body { .. } | Stage::Sent { .. })
    }

    fn has_no_body(&self, status: u16) -> bool {
        self.answers_head || matches!(status, 204 | 205 | 304)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of a body.
pub(super) fn body_bytes<'a, 'py>(
    piece: &'a Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyBytes>> {
    piece.cast::<PyBytes>().map_err(|_| {
        PyTypeError::new_err(format!(
            "a WSGI app's body is made of bytes, not {}",
            type_name(piece)
        ))
    })
}

/// What the app had to tell before it found out that the headers have gone.
fn raised(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let py = exc_info.py();
    let Ok(exc_info) = exc_info.cast::<PyTuple>() else {
        return Err(PyTypeError::new_err(format!(
            "exc_info is the tuple of sys.exc_info(), not {}",
            type_name(exc_info)
        )));
    };
    let error = exc_info.get_item(1)?;
    let trace = exc_info.get_item(2)?;
    error.call_method1(intern!(py, "with_traceback"), (trace,))?;
    Ok(PyErr::from_value(error))
}

fn not_called() -> PyErr {
    PyAssertionError::new_err("the WSGI app did not call start_response before its body")
}

fn ended() -> PyErr {
    PyRuntimeError::new_err("the request has ended")
}
