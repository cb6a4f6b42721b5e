//! What a WebSocket cycle does with the messages that its app sends: accept or deny, messages, the close.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use turbo_shard_runtime::Flow;
use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::protocol::websocket::{
    CLOSE_ABNORMAL, CLOSE_NORMAL, MessageKind, check_close,
};

use super::http_answer::HttpAnswer;
use super::http_phase::Refused;
use super::http_sending::in_words;
use super::messages::{self, Message};
use super::websocket_cycle::{Phase, WebSocketCycle};
use super::websocket_refusal::refuse;
use crate::answers::lines::Lines;

impl WebSocketCycle {
    /// Takes a message of the app. Returns whether the app must wait before it sends another.
    pub(super) fn take_message(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let words = &*self.around.words;
        let message = &Message::read(message, words);
        let kind = message.kind(&words.kind)?;
        match kind.to_str()? {
            "websocket.send" => self.send(message),
            "websocket.accept" => {
                self.find_route(message.py());
                self.accept(message).map(|()| false)
            }
            "websocket.close" => {
                self.find_route(message.py());
                self.close(message).map(|()| false)
            }
            "websocket.http.response.start" => {
                self.find_route(message.py());
                self.start_denial(message, &kind).map(|()| false)
            }
            "websocket.http.response.body" => self.continue_denial(message, &kind),
            other => Err(self.unexpected(other)),
        }
    }

    fn send(&self, message: &Message<'_, '_>) -> PyResult<bool> {
        let (py, words) = (message.py(), &*self.around.words);
        let bytes = message.given(&words.bytes)?;
        let text = message.given(&words.text)?;
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
        let flow = match &state.phase {
            Phase::Open(Some(reply)) if !reply.is_closed() => reply.message(kind, payload),
            Phase::Open(_) => Flow::PeerLeft,
            _ if state.is_over() => Flow::PeerLeft,
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
            Flow::PeerLeft => Err(self.words().client_disconnected(py)),
        }
    }

    fn accept(&self, message: &Message<'_, '_>) -> PyResult<()> {
        let words = &*self.around.words;
        let subprotocol = message
            .given(&words.subprotocol)?
            .map(|value| value.extract::<String>())
            .transpose()?;
        let mut lines = HeaderLines::new();
        messages::headers(message, &words.headers, &mut lines)?;
        let mut state = self.state();
        let Phase::Handshake { reply, .. } = &state.phase else {
            drop(state);
            return Err(self.unexpected("websocket.accept"));
        };
        let has_left = reply.peer_left() || state.closed.is_some();
        let accepted = self
            .handshake
            .accept(&self.compression, subprotocol.as_deref(), &lines)
            .map_err(|misuse| PyValueError::new_err(format!("websocket.accept: {misuse}")))?;
        match std::mem::replace(&mut state.phase, Phase::Open(None)) {
            Phase::Handshake { reply, .. } if !has_left => {
                state.phase = Phase::Open(Some(reply.accept(accepted)));
                drop(state);
                // A receive() that waits has to wait for messages from here on.
                self.waiters.wake(message.py());
                Ok(())
            }
            _left => {
                let left = || (CLOSE_ABNORMAL, String::new());
                state.closed.get_or_insert_with(left);
                drop(state);
                Err(self.words().client_disconnected(message.py()))
            }
        }
    }

    /// Says goodbye; before the handshake is accepted that denies it with a 403.
    fn close(&self, message: &Message<'_, '_>) -> PyResult<()> {
        let words = &*self.around.words;
        let code = message.given(&words.code)?;
        let code = match code {
            Some(code) => code.extract::<u16>().map_err(|_| {
                PyValueError::new_err(format!("\"code\" is a close code, not {code}"))
            })?,
            None => CLOSE_NORMAL,
        };
        let is_open = matches!(self.state().phase, Phase::Open(_));
        // Before that the reason goes nowhere, and one that is not text (FastAPI gives a list) does no harm.
        let reason = match message.field(&words.reason)? {
            Some(reason) if is_open && !reason.is_none() => reason.extract::<String>()?,
            _ => String::new(),
        };
        if is_open {
            check_close(code, &reason)
                .map_err(|misuse| PyValueError::new_err(misuse.to_string()))?;
        }
        let mut state = self.state();
        match std::mem::replace(&mut state.phase, Phase::Closed(None)) {
            Phase::Open(reply) => {
                if let Some(reply) = &reply {
                    reply.close(code, reason);
                }
                state.phase = Phase::Closed(reply);
                Ok(())
            }
            Phase::Handshake { reply, .. } => {
                refuse(reply, 403, Lines::Text, b"Forbidden");
                Ok(())
            }
            phase => {
                state.phase = phase;
                let is_over = state.is_over();
                drop(state);
                Err(match is_over {
                    true => self.words().client_disconnected(message.py()),
                    false => self.unexpected("websocket.close"),
                })
            }
        }
    }

    fn start_denial(&self, message: &Message<'_, '_>, kind: &Bound<'_, PyString>) -> PyResult<()> {
        let words = &*self.around.words;
        let status = messages::status(message, &words.status)?;
        let mut lines = HeaderLines::new();
        messages::headers(message, &words.headers, &mut lines)?;
        // Bytes behind the handshake are not HTTP.
        lines
            .push(b"connection", b"close")
            .map_err(|misuse| PyValueError::new_err(misuse.to_string()))?;
        let mut state = self.state();
        match std::mem::replace(&mut state.phase, Phase::Closed(None)) {
            Phase::Handshake { reply, .. } => {
                let mut answer = HttpAnswer::gathering(false);
                answer.attach(reply);
                let started = answer.start(status, lines, false);
                state.phase = Phase::Denying(Box::new(answer));
                started.map_err(|refused| in_words(kind, refused))
            }
            phase => {
                state.phase = phase;
                drop(state);
                Err(self.unexpected("websocket.http.response.start"))
            }
        }
    }

    fn continue_denial(
        &self,
        message: &Message<'_, '_>,
        kind: &Bound<'_, PyString>,
    ) -> PyResult<bool> {
        let words = &*self.around.words;
        let body = message.field(&words.body)?;
        let data = match &body {
            Some(body) => messages::octets("\"body\"", body)?,
            None => (&[][..]).into(),
        };
        let more = message.flag(&words.more_body)?;
        let mut state = self.state();
        let Phase::Denying(answer) = &mut state.phase else {
            drop(state);
            return Err(self.unexpected("websocket.http.response.body"));
        };
        if answer.has_peer_left() {
            drop(state);
            return Err(self.words().client_disconnected(message.py()));
        }
        answer
            .body(&data, more)
            .map_err(|refused: Refused| in_words(kind, refused))?;
        let waits = answer.lacks_room();
        state.lacks_room = waits;
        if !more {
            state.phase = Phase::Closed(None);
        }
        Ok(waits)
    }
}
