//! One WebSocket as an ASGI app sees it: what `receive` and `send` lead to, from the handshake to the close or the denial.
//! Belongs to the thread of its loop; what the connection tells comes there as jobs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::protocol::websocket::{Compression, Handshake, MessageKind};
use turbo_shard_runtime::{Flow, Received, ReplyHandle, ReplyListener};

use super::http_answer::{HttpAnswer, Refused};
use super::http_cycle::{Surroundings, in_words};
use super::messages;
use super::waiters::Waiters;
use crate::errors::{is_cancelled, log_exception};
use crate::hosted_loop::{CoroutineHost, Job};

/// What an app may say where it gives no code.
const CLOSE_NORMAL: u16 = 1000;
/// The peer has left without a close frame (RFC 6455 section 7.1.5).
const CLOSE_ABNORMAL: u16 = 1006;
/// What the app hears after its own denial.
const CLOSE_DENIED: u16 = 1006;

/// A WebSocket, shared by the app's callables and the connection's listener.
pub(super) struct WebSocketCycle {
    around: Surroundings,
    handshake: Handshake,
    compression: Compression,
    state: Mutex<State>,
    waiters: Waiters,
}

struct State {
    stage: Stage,
    handle: Option<ReplyHandle>,
    /// How the conversation ended, once it is known.
    closed: Option<(u16, String)>,
    lacks_room: bool,
}

/// How far the conversation is.
enum Stage {
    /// `websocket.connect` has not been received.
    Fresh,
    /// The app has to accept or to deny.
    Connecting,
    /// Messages go both ways.
    Open,
    /// The app denies with an answer of its own (`websocket.http.response`).
    Denying(Box<HttpAnswer>),
    /// The app has said its last.
    Closed,
}

impl WebSocketCycle {
    pub(super) fn new(
        around: Surroundings,
        handshake: Handshake,
        compression: Compression,
        handle: ReplyHandle,
    ) -> Arc<WebSocketCycle> {
        let host = Arc::clone(&around.host);
        let cycle = Arc::new_cyclic(|cycle: &Weak<WebSocketCycle>| {
            handle.listen(Box::new(Listener {
                host,
                cycle: Weak::clone(cycle),
            }));
            WebSocketCycle {
                around,
                handshake,
                compression,
                state: Mutex::new(State {
                    stage: Stage::Fresh,
                    handle: Some(handle),
                    closed: None,
                    lacks_room: false,
                }),
                waiters: Waiters::default(),
            }
        });
        cycle
    }

    /// What `receive()` returns now; None if it has to wait.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let words = &*self.around.words;
        let message = PyDict::new(py);
        let kind = words.kind.bind(py);
        let mut state = self.state();
        if let Stage::Fresh = state.stage {
            state.stage = Stage::Connecting;
            message.set_item(kind, words.websocket_connect.bind(py))?;
            return Ok(Some(message.into_any()));
        }
        let received = match (&state.closed, &state.handle) {
            (None, Some(handle)) => handle.take_message(),
            (None, None) => Received::Closed(CLOSE_DENIED, String::new()),
            (Some((code, reason)), _) => Received::Closed(*code, reason.clone()),
        };
        match received {
            Received::Nothing => return Ok(None),
            Received::Message(MessageKind::Text, payload) => {
                // The protocol has checked that it is UTF-8.
                let text = PyString::new(py, &String::from_utf8_lossy(&payload));
                message.set_item(kind, words.websocket_receive.bind(py))?;
                message.set_item(words.text.bind(py), text)?;
            }
            Received::Message(MessageKind::Binary, payload) => {
                message.set_item(kind, words.websocket_receive.bind(py))?;
                message.set_item(words.bytes.bind(py), PyBytes::new(py, &payload))?;
            }
            Received::Closed(code, reason) => {
                state.closed = Some((code, reason.clone()));
                message.set_item(kind, words.websocket_disconnect.bind(py))?;
                message.set_item(words.code.bind(py), code)?;
                message.set_item(words.reason.bind(py), reason)?;
            }
        }
        Ok(Some(message.into_any()))
    }

    /// Takes a message of the app. Returns whether it has to wait before it sends another.
    fn take_message(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let words = &*self.around.words;
        let kind = messages::type_of(message, &words.kind)?;
        match kind.to_str()? {
            "websocket.send" => self.send(message),
            "websocket.accept" => self.accept(message).map(|()| false),
            "websocket.close" => self.close(message).map(|()| false),
            "websocket.http.response.start" => self.start_denial(message, &kind).map(|()| false),
            "websocket.http.response.body" => self.continue_denial(message, &kind),
            other => Err(self.unexpected(other)),
        }
    }

    fn send(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, words) = (message.py(), &*self.around.words);
        let bytes = messages::field(message, &words.bytes)?.filter(|value| !value.is_none());
        let text = messages::field(message, &words.text)?.filter(|value| !value.is_none());
        let (kind, payload) = match (bytes, text) {
            (Some(bytes), None) => (
                MessageKind::Binary,
                messages::octets("\"bytes\"", &bytes)?.into_owned(),
            ),
            (None, Some(text)) => {
                let text = text.cast::<PyString>().map_err(|_| {
                    PyTypeError::new_err(format!(
                        "\"text\" is a str, not {}",
                        messages::kind_of(&text)
                    ))
                })?;
                (MessageKind::Text, text.to_str()?.as_bytes().to_vec())
            }
            _ => {
                return Err(PyValueError::new_err(
                    "websocket.send needs either \"bytes\" or \"text\"",
                ));
            }
        };
        let mut state = self.state();
        let flow = match (&state.stage, &state.handle) {
            (Stage::Open, Some(handle)) if !handle.is_closed() => handle.message(kind, payload),
            (Stage::Open, _) => Flow::PeerLeft,
            _ => {
                drop(state);
                return Err(self.unexpected("websocket.send"));
            }
        };
        state.lacks_room = flow == Flow::Wait;
        drop(state);
        match flow {
            Flow::Ready => Ok(false),
            Flow::Wait => Ok(true),
            Flow::PeerLeft => Err(self.client_disconnected(py)),
        }
    }

    fn accept(&self, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let words = &*self.around.words;
        let subprotocol = messages::field(message, &words.subprotocol)?
            .filter(|value| !value.is_none())
            .map(|value| value.extract::<String>())
            .transpose()?;
        let mut lines = HeaderLines::new();
        messages::headers(message, &words.headers, &mut lines)?;
        let mut state = self.state();
        if !matches!(state.stage, Stage::Fresh | Stage::Connecting) {
            drop(state);
            return Err(self.unexpected("websocket.accept"));
        }
        let accepted = self
            .handshake
            .accept(&self.compression, subprotocol.as_deref(), &lines)
            .map_err(|misuse| PyValueError::new_err(format!("websocket.accept: {misuse}")))?;
        state.stage = Stage::Open;
        match &state.handle {
            Some(handle) if !handle.peer_left() => {
                handle.accept(accepted);
                Ok(())
            }
            _ => {
                drop(state);
                Err(self.client_disconnected(message.py()))
            }
        }
    }

    /// Says goodbye; before the handshake is accepted that denies it with a 403.
    fn close(&self, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let words = &*self.around.words;
        let code = messages::field(message, &words.code)?.filter(|value| !value.is_none());
        let code = match code {
            Some(code) => code.extract::<u16>().map_err(|_| {
                PyValueError::new_err(format!("\"code\" is a close code, not {code}"))
            })?,
            None => CLOSE_NORMAL,
        };
        let reason = messages::field(message, &words.reason)?
            .filter(|value| !value.is_none())
            .map(|value| value.extract::<String>())
            .transpose()?
            .unwrap_or_default();
        let mut state = self.state();
        match std::mem::replace(&mut state.stage, Stage::Closed) {
            Stage::Open => {
                check_close(code, &reason)?;
                if let Some(handle) = &state.handle {
                    handle.close(code, reason);
                }
                Ok(())
            }
            Stage::Fresh | Stage::Connecting => {
                if let Some(handle) = state.handle.take() {
                    deny(handle);
                }
                Ok(())
            }
            stage => {
                state.stage = stage;
                drop(state);
                Err(self.unexpected("websocket.close"))
            }
        }
    }

    fn start_denial(&self, message: &Bound<'_, PyAny>, kind: &Bound<'_, PyString>) -> PyResult<()> {
        let words = &*self.around.words;
        let status = messages::status(message, &words.status)?;
        let mut lines = HeaderLines::new();
        messages::headers(message, &words.headers, &mut lines)?;
        // Whatever came behind the handshake is not HTTP.
        lines
            .push(b"connection", b"close")
            .map_err(|misuse| PyValueError::new_err(misuse.to_string()))?;
        let mut state = self.state();
        if !matches!(state.stage, Stage::Fresh | Stage::Connecting) {
            drop(state);
            return Err(self.unexpected("websocket.http.response.start"));
        }
        let mut answer = HttpAnswer::gathering(false);
        if let Some(handle) = state.handle.take() {
            answer.attach(handle);
        }
        answer
            .start(status, lines, false)
            .map_err(|refused| in_words(kind, refused))?;
        state.stage = Stage::Denying(Box::new(answer));
        Ok(())
    }

    fn continue_denial(
        &self,
        message: &Bound<'_, PyAny>,
        kind: &Bound<'_, PyString>,
    ) -> PyResult<bool> {
        let words = &*self.around.words;
        let body = messages::field(message, &words.body)?;
        let data = match &body {
            Some(body) => messages::octets("\"body\"", body)?,
            None => (&[][..]).into(),
        };
        let more = messages::flag(message, &words.more_body, false)?;
        let mut state = self.state();
        let Stage::Denying(answer) = &mut state.stage else {
            drop(state);
            return Err(self.unexpected("websocket.http.response.body"));
        };
        answer
            .body(&data, more)
            .map_err(|refused: Refused| in_words(kind, refused))?;
        let waits = answer.lacks_room();
        state.lacks_room = waits;
        if !more {
            state.stage = Stage::Closed;
        }
        Ok(waits)
    }

    /// The app has come to its end.
    pub(super) fn finish(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        let (stage, handle, is_closed) = {
            let mut state = self.state();
            let stage = std::mem::replace(&mut state.stage, Stage::Closed);
            let handle = state.handle.take();
            let is_closed =
                state.closed.is_some() || handle.as_ref().is_some_and(ReplyHandle::is_closed);
            (stage, handle, is_closed)
        };
        let was_connecting = matches!(stage, Stage::Fresh | Stage::Connecting);
        match result {
            Err(error) if is_closed && self.is_client_disconnected(py, error) => {
                log::debug!("{name}: the client left");
            }
            Err(error) => log_exception(py, error, name),
            Ok(_) if was_connecting && !is_closed => {
                log::error!("{name}: the ASGI app returned without accepting or closing");
            }
            Ok(_) => {}
        }
        if let Stage::Denying(mut answer) = stage
            && let Some(handle) = answer.give_up()
        {
            handle.fail();
        }
        match (handle, result) {
            // An open conversation ends as usual, one that the app has closed has ended already.
            (Some(handle), Ok(_)) if !was_connecting => handle.end(),
            (Some(handle), _) => handle.fail(),
            (None, _) => {}
        }
    }

    fn is_client_disconnected(&self, py: Python<'_>, error: &PyErr) -> bool {
        error.is_instance(py, self.around.words.client_disconnected.bind(py))
            || is_cancelled(py, error)
    }

    fn client_disconnected(&self, py: Python<'_>) -> PyErr {
        match self.around.words.client_disconnected.bind(py).call0() {
            Ok(raised) => PyErr::from_value(raised),
            Err(error) => error,
        }
    }

    fn unexpected(&self, kind: &str) -> PyErr {
        let expected = match self.state().stage {
            Stage::Fresh | Stage::Connecting => {
                "websocket.accept, websocket.close or websocket.http.response.start"
            }
            Stage::Open => "websocket.send or websocket.close",
            Stage::Denying(_) => "websocket.http.response.body",
            Stage::Closed => "nothing more: the app has closed the WebSocket",
        };
        PyRuntimeError::new_err(format!(
            "unexpected ASGI message {kind:?}, expected {expected}"
        ))
    }

    /// What the connection tells.
    fn hear(&self, py: Python<'_>, news: News) {
        {
            let mut state = self.state();
            match news {
                News::Room => {
                    state.lacks_room = false;
                    if let Stage::Denying(answer) = &mut state.stage {
                        answer.note_room();
                    }
                }
                News::Input => {
                    let is_closed = state.handle.as_ref().is_some_and(ReplyHandle::is_closed);
                    state.lacks_room &= !is_closed;
                }
                News::PeerLeft => {
                    state.lacks_room = false;
                    // Messages that came before it are lost with the connection; how it ended is not, if it was told.
                    let told = loop {
                        match state.handle.as_ref().map(ReplyHandle::take_message) {
                            Some(Received::Message(..)) => {}
                            Some(Received::Closed(code, reason)) => break (code, reason),
                            Some(Received::Nothing) | None => {
                                break (CLOSE_ABNORMAL, String::new());
                            }
                        }
                    };
                    state.closed.get_or_insert(told);
                }
            }
        }
        self.waiters.wake(py);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Never held while Python code of the app runs; nothing in this file panics under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_close(code: u16, reason: &str) -> PyResult<()> {
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(PyValueError::new_err(format!(
            "{code} is not a close code that may be sent (RFC 6455 section 7.4)"
        )));
    }
    if reason.len() > 123 {
        return Err(PyValueError::new_err(format!(
            "a close reason has at most 123 bytes, this one has {}",
            reason.len()
        )));
    }
    Ok(())
}

/// 403, and the connection closes: what came behind the handshake is not HTTP.
fn deny(handle: ReplyHandle) {
    let mut lines = HeaderLines::new();
    let pushed = lines
        .push(b"content-type", b"text/plain; charset=utf-8")
        .and_then(|()| lines.push(b"connection", b"close"));
    match pushed {
        Ok(()) => handle.whole(403, lines, b"Forbidden".to_vec()),
        Err(_) => handle.fail(),
    }
}

/// What a connection may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Room,
    Input,
    PeerLeft,
}

/// Carries what the connection says over to the loop's thread. Holds nothing of Python, so it may be dropped anywhere.
struct Listener {
    host: Arc<CoroutineHost>,
    cycle: Weak<WebSocketCycle>,
}

impl Listener {
    fn tell(&self, news: News) {
        let cycle = Weak::clone(&self.cycle);
        self.host.post(Job::Call(Box::new(move |py| {
            if let Some(cycle) = cycle.upgrade() {
                cycle.hear(py, news);
            }
        })));
    }
}

impl ReplyListener for Listener {
    fn room(&self) {
        self.tell(News::Room);
    }

    fn peer_left(&self) {
        self.tell(News::PeerLeft);
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
            Some(message) => super::awaitables::DoneWith::make(message),
            None => cycle
                .around
                .words
                .await_message
                .bind(slf.py())
                .call1((slf,)),
        }
    }

    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.take_message(message)? {
            false => Ok(cycle.around.words.done.bind(py).clone().into_any()),
            true => cycle.around.words.await_room.bind(py).call1((slf,)),
        }
    }

    /// For `_asgi.await_message`: a message, or None if there is none yet.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.poll_message(py)
    }

    /// For `_asgi.await_room`: whether the last message still waits for room.
    fn must_wait(&self) -> bool {
        self.0.state().lacks_room
    }

    /// A future that is resolved by whatever happens next.
    fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.0.around.host.asyncio(py)?.event_loop(py);
        self.0.waiters.add(event_loop)
    }
}
