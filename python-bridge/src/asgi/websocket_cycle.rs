//! One WebSocket as an ASGI app sees it: what `receive` and `send` lead to, from the handshake to the close or the denial.
//! Belongs to the thread of its loop; the connection's news comes there as jobs.

use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::websocket::{Compression, Handshake, MessageKind};
use turbo_shard_runtime::{Received, ReplyHandle};

use super::http_answer::HttpAnswer;
use super::http_cycle::Surroundings;
use super::listener::{Hears, Listener, News};
use super::waiter::Waiter;
use super::waiters::Waiters;
use super::websocket_sending::refuse;
use super::words::Words;
use crate::answers::lines::Lines;
use crate::native::INTERNAL_ERROR_BODY;
use crate::python::errors::log_exception;

/// The peer has left without a close frame (RFC 6455 section 7.1.5).
const CLOSE_ABNORMAL: u16 = 1006;
/// What the app hears after its own denial.
const CLOSE_DENIED: u16 = 1006;

/// A WebSocket, shared by the app's callables and the connection's listener.
pub(super) struct WebSocketCycle {
    pub(super) around: Surroundings,
    pub(super) handshake: Handshake,
    pub(super) compression: Compression,
    state: Mutex<State>,
    waiters: Waiters,
}

pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) handle: Option<ReplyHandle>,
    /// How the conversation ended, once it is known.
    pub(super) closed: Option<(u16, String)>,
    pub(super) lacks_room: bool,
}

impl State {
    /// Both sides have finished: anything sent now comes too late, whichever side ended it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Closed)
            && (self.closed.is_some() || self.handle.as_ref().is_some_and(ReplyHandle::is_closed))
    }
}

/// How far the conversation has come.
pub(super) enum Stage {
    /// `websocket.connect` has not been received.
    Fresh,
    /// The app must accept or deny.
    Connecting,
    /// Messages go both ways.
    Open,
    /// The app denies with an answer of its own (`websocket.http.response`).
    Denying(Box<HttpAnswer>),
    /// The app has finished.
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
        Arc::new_cyclic(|cycle: &Weak<WebSocketCycle>| {
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
        })
    }

    /// What `receive()` returns now; None if it must wait.
    pub(super) fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
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
            (None, Some(handle)) => take_message(handle),
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

    /// The app has ended.
    pub(super) fn finish(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        let (stage, handle, is_closed) = {
            let mut state = self.state();
            let stage = std::mem::replace(&mut state.stage, Stage::Closed);
            let handle = state.handle.take();
            state.lacks_room = false;
            let is_closed =
                state.closed.is_some() || handle.as_ref().is_some_and(ReplyHandle::is_closed);
            (stage, handle, is_closed)
        };
        let was_connecting = matches!(stage, Stage::Fresh | Stage::Connecting);
        match result {
            Err(error) if is_closed && self.words().is_disconnect(py, error) => {
                log::debug!("{name}: the client left");
            }
            Err(error) => log_exception(py, error, name),
            Ok(_) if was_connecting && !is_closed => {
                log::error!(
                    "{name}: the app returned without accepting or closing{}",
                    self.around.reason()
                );
            }
            Ok(_) => {}
        }
        if let Stage::Denying(mut answer) = stage
            && let Some(handle) = answer.give_up()
        {
            // Cut, if the app's own answer had begun.
            match answer.has_gone_out() {
                true => handle.fail(),
                false => refuse_for_failure(handle),
            }
        }
        match (handle, result) {
            // An open conversation ends as usual; one that the app has closed has ended already.
            (Some(handle), Ok(_)) if !was_connecting => handle.end(),
            (Some(handle), _) if was_connecting => refuse_for_failure(handle),
            (Some(handle), _) => handle.fail(),
            (None, _) => {}
        }
        // Tasks that the app has left behind.
        self.waiters.wake(py);
    }

    pub(super) fn unexpected(&self, kind: &str) -> PyErr {
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

    pub(super) fn words(&self) -> &Words {
        &self.around.words
    }

    /// Whether the last message still waits for room.
    pub(super) fn must_wait(&self) -> bool {
        self.state().lacks_room
    }

    /// The waiting task yields this; whatever happens next wakes it.
    pub(super) fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Waiter>> {
        self.waiters.add(py, self.around.host.asyncio(py)?)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Never held while Python code of the app runs.
        self.state.lock()
    }
}

impl Hears for WebSocketCycle {
    /// The connection's news.
    fn hear(self: &Arc<Self>, py: Python<'_>, news: News) {
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
                // Messages that came before it can still be received.
                News::PeerLeft => state.lacks_room = false,
                // A peer that has finished sending before the handshake is answered will never speak. Later it is an
                // end without a close frame, which `input_ready` reports.
                News::InputEnded => {
                    if let Stage::Fresh | Stage::Connecting = state.stage {
                        let left = || (CLOSE_ABNORMAL, String::new());
                        state.closed.get_or_insert_with(left);
                    }
                }
            }
        }
        self.around.wake_now(py, &self.waiters);
    }
}

fn refuse_for_failure(handle: ReplyHandle) {
    refuse(handle, 500, Lines::Json, INTERNAL_ERROR_BODY);
}

/// Takes a message; a peer that left without a close frame has closed with 1006.
fn take_message(handle: &ReplyHandle) -> Received {
    match handle.take_message() {
        // A message may have come just before it left.
        Received::Nothing if handle.peer_left() => match handle.take_message() {
            Received::Nothing => Received::Closed(CLOSE_ABNORMAL, String::new()),
            received => received,
        },
        received => received,
    }
}
