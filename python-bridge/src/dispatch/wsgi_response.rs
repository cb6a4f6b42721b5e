//! An answer of a WSGI app: what `start_response` was told, and how far it has gone out. Knows no environ.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{
    PyAssertionError, PyBrokenPipeError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};
use turbo_shard_runtime::{Flow, ReplyHandle};

use crate::streaming::{Gate, Gone};

/// Room for the header lines of most answers.
const LINES_BYTES: usize = 256;

/// HTTP's connection headers (RFC 2616 section 13.5.1, which PEP 3333 refers to): the server's alone.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

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

/// What the app has said last about its head.
struct Head {
    status: u16,
    lines: HeaderLines,
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
    #[pyo3(signature = (status, headers, exc_info = None, /))]
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

impl Head {
    fn read(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Head> {
        let status = read_status(status)?;
        let Ok(headers) = headers.cast::<PyList>() else {
            return Err(PyTypeError::new_err(format!(
                "WSGI headers are a list of (name, value) tuples, not {}",
                type_name(headers)
            )));
        };
        let mut lines = HeaderLines::with_capacity(LINES_BYTES);
        for header in headers {
            let pair = header
                .cast::<PyTuple>()
                .ok()
                .filter(|pair| pair.len() == 2)
                .ok_or_else(|| {
                    PyTypeError::new_err(format!(
                        "a WSGI header is a tuple (name, value), not {}",
                        type_name(&header)
                    ))
                })?;
            push(&mut lines, &pair.get_item(0)?, &pair.get_item(1)?)?;
        }
        Ok(Head { status, lines })
    }
}

/// The number in `404 Not Found`. The reason phrase is not needed: the server has its own.
fn read_status(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    let Ok(text) = status.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "a WSGI status is a str such as '200 OK', not {}",
            type_name(status)
        )));
    };
    let text = text.to_str()?;
    match text.as_bytes() {
        [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']
        | [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok(digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => Err(PyValueError::new_err(format!(
            "a WSGI status is a number from 200 to 999 and a reason, such as '200 OK', not {text:?}"
        ))),
    }
}

fn push(
    lines: &mut HeaderLines,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let name = header_bytes(name, || String::from("a WSGI header's name"))?;
    let quoted = || format!("{:?}", String::from_utf8_lossy(&name));
    if HOP_BY_HOP
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    {
        return Err(PyValueError::new_err(format!(
            "a WSGI app must not send the hop-by-hop header {}: the connection is the server's",
            quoted()
        )));
    }
    let value = header_bytes(value, || format!("the value of header {}", quoted()))?;
    lines
        .push(&name, &value)
        .map_err(|misuse| PyValueError::new_err(format!("header {}: {misuse}", quoted())))
}

/// The bytes that a str of PEP 3333 stands for: one per character.
fn header_bytes<'a>(
    text: &'a Bound<'_, PyAny>,
    what: impl Fn() -> String,
) -> PyResult<Cow<'a, [u8]>> {
    let Ok(text) = text.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "{} must be a str, not {}",
            what(),
            type_name(text)
        )));
    };
    let text = text.to_str()?;
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes
        .map(Cow::Owned)
        .map_err(|_| PyValueError::new_err(format!("{} has characters beyond latin-1", what())))
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

pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().name() {
        Ok(name) => name.to_string(),
        Err(_) => String::from("an object"),
    }
}
