//! One WebSocket as an ASGI app sees it: what `receive` and `send` lead to, from the handshake to the close or the denial.
//! Belongs to the thread of its loop; the connection's news comes there as jobs.

use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::websocket::{
    CLOSE_ABNORMAL, Compression, Handshake, MessageKind,
};
use turbo_shard_runtime::{HttpReply, Received, WebSocketReply};

use super::http_answer::HttpAnswer;
use super::listener::{Hears, Listener, News};
use super::route_sought::{RouteSought, route_in};
use super::surroundings::Surroundings;
use super::waiter::Waiter;
use super::waiters::Waiters;
use super::websocket_refusal::refuse_for_failure;
use super::words::Words;
use crate::python::errors::log_exception;

/// What the app hears after its own denial.
const CLOSE_DENIED: u16 = CLOSE_ABNORMAL;

/// A WebSocket, shared by the app's callables and the connection's listener.
pub(super) struct WebSocketCycle {
    pub(super) around: Surroundings,
    pub(super) handshake: Handshake,
    pub(super) compression: Compression,
    state: Mutex<State>,
    pub(super) waiters: Waiters,
}

pub(super) struct State {
    pub(super) phase: Phase,
    /// How the conversation ended, once it is known.
    pub(super) closed: Option<(u16, String)>,
    pub(super) lacks_room: bool,
    pub(super) route: RouteSought,
}

impl State {
    /// Both sides have finished: anything sent now comes too late, whichever side ended it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed(_)) && (self.closed.is_some() || self.has_peer_ended())
    }

    /// Nothing that is sent would arrive.
    fn has_peer_ended(&self) -> bool {
        match &self.phase {
            Phase::Handshake { reply, .. } => reply.peer_left(),
            Phase::Open(Some(reply)) | Phase::Closed(Some(reply)) => reply.is_closed(),
            Phase::Open(None) => true,
            Phase::Denying(_) | Phase::Closed(None) => false,
        }
    }

    /// What has come for the app to receive.
    fn take_message(&self) -> Received {
        let gone = |code| Received::Closed(code, String::new());
        match (&self.closed, &self.phase) {
            (Some((code, reason)), _) => Received::Closed(*code, reason.clone()),
            (None, Phase::Handshake { reply, .. }) if !reply.peer_left() => Received::Nothing,
            (None, Phase::Open(Some(reply)) | Phase::Closed(Some(reply))) => take_message(reply),
            (None, Phase::Handshake { .. } | Phase::Open(None)) => gone(CLOSE_ABNORMAL),
            (None, Phase::Denying(_) | Phase::Closed(None)) => gone(CLOSE_DENIED),
        }
    }
}

/// How far the conversation has come.
pub(super) enum Phase {
    /// The app must accept or deny.
    Handshake {
        reply: HttpReply,
        /// `websocket.connect` has been received.
        is_told: bool,
    },
    /// Messages go both ways; None where the client had left before the app accepted.
    Open(Option<WebSocketReply>),
    /// The app denies with an answer of its own (`websocket.http.response`).
    Denying(Box<HttpAnswer>),
    /// The app has finished; there may be messages left to receive.
    Closed(Option<WebSocketReply>),
}

impl WebSocketCycle {
    pub(super) fn new(
        around: Surroundings,
        handshake: Handshake,
        compression: Compression,
        reply: HttpReply,
    ) -> Arc<WebSocketCycle> {
        let app_loop = Arc::clone(&around.app_loop);
        Arc::new_cyclic(|cycle: &Weak<WebSocketCycle>| {
            reply.listen(Arc::new(Listener {
                app_loop,
                cycle: Weak::clone(cycle),
            }));
            WebSocketCycle {
                around,
                handshake,
                compression,
                state: Mutex::new(State {
                    phase: Phase::Handshake {
                        reply,
                        is_told: false,
                    },
                    closed: None,
                    lacks_room: false,
                    route: RouteSought::default(),
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
        if let Phase::Handshake { is_told, .. } = &mut state.phase
            && !std::mem::replace(is_told, true)
        {
            message.set_item(kind, words.websocket_connect.bind(py))?;
            return Ok(Some(message.into_any()));
        }
        match state.take_message() {
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
        let (phase, is_closed, _scope) = {
            let mut state = self.state();
            let is_closed = state.closed.is_some() || state.has_peer_ended();
            state.lacks_room = false;
            let phase = std::mem::replace(&mut state.phase, Phase::Closed(None));
            (phase, is_closed, state.route.take_scope())
        };
        let was_connecting = matches!(phase, Phase::Handshake { .. });
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
        match phase {
            Phase::Handshake { reply, .. } => refuse_for_failure(reply),
            Phase::Denying(mut answer) => match answer.give_up() {
                // Cut, if the app's own answer had begun.
                Some(reply) if answer.has_gone_out() => reply.fail(),
                Some(reply) => refuse_for_failure(reply),
                None => {}
            },
            // An open conversation ends as usual; one that the app has closed has ended already.
            Phase::Open(Some(reply)) | Phase::Closed(Some(reply)) => match result {
                Ok(_) => reply.end(),
                Err(_) => reply.fail(),
            },
            Phase::Open(None) | Phase::Closed(None) => {}
        }
        // Tasks that the app has left behind.
        self.waiters.wake(py);
    }

    /// The app accepts or denies, so its router has been.
    pub(super) fn find_route(&self, py: Python<'_>) {
        if !self.around.names_routes {
            return;
        }
        let scope = self.state().route.take_scope();
        if let Some(scope) = scope {
            let route = route_in(py, &scope);
            if let Phase::Handshake { reply, .. } = &self.state().phase {
                reply.route(route);
            }
        }
    }

    pub(super) fn unexpected(&self, kind: &str) -> PyErr {
        let expected = match self.state().phase {
            Phase::Handshake { .. } => {
                "websocket.accept, websocket.close or websocket.http.response.start"
            }
            Phase::Open(_) => "websocket.send or websocket.close",
            Phase::Denying(_) => "websocket.http.response.body",
            Phase::Closed(_) => "nothing more: the app has closed the WebSocket",
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
        self.waiters.add(py, self.around.app_loop.asyncio(py)?)
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
                    if let Phase::Denying(answer) = &mut state.phase {
                        answer.note_room();
                    }
                }
                News::Input => {
                    state.lacks_room &= !state.has_peer_ended();
                }
                // Messages that came before it can still be received.
                News::PeerLeft => state.lacks_room = false,
                // A peer that has finished sending before the handshake is answered will never speak. Later it is an
                // end without a close frame, which `input_ready` reports.
                News::InputEnded => {
                    if let Phase::Handshake { .. } = state.phase {
                        let left = || (CLOSE_ABNORMAL, String::new());
                        state.closed.get_or_insert_with(left);
                    }
                }
            }
        }
        self.around.wake_now(py, &self.waiters);
    }
}

/// Takes a message; a peer that left without a close frame has closed with 1006.
fn take_message(reply: &WebSocketReply) -> Received {
    match reply.take_message() {
        // A message may have come just before it left.
        Received::Nothing if reply.peer_left() => match reply.take_message() {
            Received::Nothing => Received::Closed(CLOSE_ABNORMAL, String::new()),
            received => received,
        },
        received => received,
    }
}
