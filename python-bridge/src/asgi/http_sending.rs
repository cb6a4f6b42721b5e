//! What an HTTP cycle does with the messages that its app sends.

use std::sync::Arc;

use parking_lot::MutexGuard;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use turbo_shard_runtime::FileEnd;
use turbo_shard_runtime::protocol::HeaderLines;

use super::file_sender;
use super::http_answer::HttpAnswer;
use super::http_cycle::HttpCycle;
use super::http_phase::{Lent, Phase, Refused};
use super::http_state::{FileState, State};
use super::messages::{self, Message};
use crate::hosted_loop::Job;
use crate::python::held_object::{hold, worth_holding};

impl HttpCycle {
    /// Takes a message of the app. Returns whether the app must wait before it goes on.
    pub(super) fn take_message(self: &Arc<Self>, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = message.py();
        let words = &*self.around.words;
        let message = &Message::read(message, words);
        let kind = message.kind(&words.kind)?;
        match kind.to_str()? {
            "http.response.body" => {
                let body = message.given(&words.body)?;
                let more = message.flag(&words.more_body)?;
                self.tell_body(py, &kind, body.as_ref(), more)
            }
            "http.response.start" => self
                .take_start(message, &kind)
                .inspect_err(|_| self.note_refused()),
            "http.response.trailers" => {
                let mut lines = HeaderLines::new();
                messages::headers(message, &words.headers, &mut lines)?;
                let more = message.flag(&words.more_trailers)?;
                self.tell(py, &kind, |answer| answer.trailers(lines, more))
            }
            "http.response.early_hint" => {
                let mut lines = HeaderLines::new();
                if let Some(links) = message.field(&words.links)? {
                    for link in links.try_iter()? {
                        let link = link?;
                        let link = messages::octets("a link", &link)?;
                        lines
                            .push(b"link", &link)
                            .map_err(|misuse| PyValueError::new_err(format!("links: {misuse}")))?;
                    }
                }
                self.tell(py, &kind, |answer| answer.interim(103, lines))
            }
            "http.response.pathsend" => {
                let path = message.field(&words.path)?.ok_or_else(|| {
                    PyValueError::new_err("http.response.pathsend needs a \"path\"")
                })?;
                let path: String = path.extract()?;
                self.begin_file(py, &kind, path)
            }
            other => Err(PyRuntimeError::new_err(format!(
                "unexpected ASGI message {other:?}: this is an HTTP request, expected {}",
                self.state().answer.phase().expected()
            ))),
        }
    }

    fn take_start(
        self: &Arc<Self>,
        message: &Message<'_, '_>,
        kind: &Bound<'_, PyString>,
    ) -> PyResult<bool> {
        self.find_route(kind.py());
        let words = &*self.around.words;
        let status = messages::status(message, &words.status)?;
        let has_trailers = message.flag(&words.trailers)?;
        let mut lines = HeaderLines::new();
        messages::headers(message, &words.headers, &mut lines)?;
        self.tell(kind.py(), kind, |answer| {
            answer.start(status, lines, has_trailers)
        })
    }

    pub(super) fn note_refused(&self) {
        self.state().was_refused = true;
    }

    /// Whether the last message still waits for room, or for the end of its file. Raises what became of it.
    pub(super) fn must_wait(self: &Arc<Self>, py: Python<'_>) -> PyResult<bool> {
        let mut state = self.state();
        match std::mem::replace(&mut state.file, FileState::None) {
            FileState::Done(result) => {
                drop(state);
                return match result {
                    FileEnd::Sent => Ok(false),
                    FileEnd::PeerLeft => Err(self.words().client_disconnected(py)),
                    FileEnd::Failed(error) => Err(error.into()),
                };
            }
            other => state.file = other,
        }
        if state.is_file_under_way() {
            return Ok(true);
        }
        if state.is_leave_taken() {
            drop(state);
            return self.part(py);
        }
        Ok(state.answer.lacks_room())
    }

    /// Hands a whole answer to it: a start and a body in one step.
    pub(super) fn tell_whole(
        self: &Arc<Self>,
        py: Python<'_>,
        status: u16,
        lines: HeaderLines,
        body: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let kind = intern!(py, "http.response.start");
        if let Some(bytes) = worth_holding(body) {
            return self.tell(py, kind, |answer| {
                answer.start(status, lines, false)?;
                answer.body_held(hold(bytes), false)
            });
        }
        match messages::octets("\"body\"", body) {
            Ok(data) => self.tell(py, kind, |answer| {
                answer.start(status, lines, false)?;
                answer.body(&data, false)
            }),
            Err(error) => {
                self.tell(py, kind, |answer| answer.start(status, lines, false))?;
                Err(error)
            }
        }
    }

    /// Hands a piece of the body to the answer.
    pub(super) fn tell_body(
        self: &Arc<Self>,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        body: Option<&Bound<'_, PyAny>>,
        more: bool,
    ) -> PyResult<bool> {
        if let Some(bytes) = body.and_then(worth_holding) {
            return self.tell(py, kind, |answer| answer.body_held(hold(bytes), more));
        }
        let data = match body {
            Some(body) => messages::octets("\"body\"", body)?,
            None => (&[][..]).into(),
        };
        self.tell(py, kind, |answer| answer.body(&data, more))
    }

    /// Hands a step to the answer.
    pub(super) fn tell(
        self: &Arc<Self>,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        step: impl FnOnce(&mut HttpAnswer) -> Result<(), Refused>,
    ) -> PyResult<bool> {
        let mut state = self.state();
        if state.has_peer_left() {
            return self.send_to_nobody(py, kind, state);
        }
        let told = step(&mut state.answer);
        let waits = state.answer.lacks_room();
        // A `receive()` that waits hears `http.disconnect` once the answer is complete.
        let is_complete = state.answer.is_complete();
        let is_moot = state.parting.has_input_ended || state.answer.is_bodiless_stream();
        drop(state);
        if is_complete {
            self.waiters.wake(py);
        }
        match told {
            Ok(()) => {}
            // As elsewhere: an error handler that begins another answer has no client to send it to.
            Err(Refused::OutOfOrder(_)) if is_moot => return Ok(false),
            Err(Refused::Unwanted) => return self.part(py),
            Err(refused) => return Err(in_words(kind, refused)),
        }
        if is_moot {
            self.note_sent(py);
        }
        Ok(waits)
    }

    /// A message for a client that has left: one that could have been sent raises, one that could not is ignored.
    #[cold]
    fn send_to_nobody(
        self: &Arc<Self>,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        mut state: MutexGuard<'_, State>,
    ) -> PyResult<bool> {
        let is_expected = state.answer.expects(kind.to_str()?);
        state.note_peer_left();
        drop(state);
        match is_expected {
            true => self.part(py),
            false => Ok(false),
        }
    }

    fn begin_file(
        self: &Arc<Self>,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        path: String,
    ) -> PyResult<bool> {
        let mut state = self.state();
        if state.has_peer_left() {
            return self.send_to_nobody(py, kind, state);
        }
        state
            .answer
            .file()
            .map_err(|refused| in_words(kind, refused))?;
        match state.answer.lend() {
            Some(lent) => {
                state.file = FileState::UnderWay;
                drop(state);
                self.send_file(lent, path);
            }
            None => state.file = FileState::Asked(path),
        }
        Ok(true)
    }

    pub(super) fn send_file(self: &Arc<Self>, lent: Lent, path: String) {
        let (app_loop, cycle) = (Arc::clone(&self.around.app_loop), Arc::downgrade(self));
        let done = move |result: FileEnd, unused: Option<Lent>| {
            // Late, as a client that leaves ends it while its connection is dropped.
            app_loop.post_late(Job::Call(Box::new(move |py| {
                if let Some(cycle) = cycle.upgrade() {
                    cycle.file_done(py, result, unused);
                }
            })));
        };
        file_sender::send(&self.around.pool, lent, path, Box::new(done));
    }

    fn file_done(&self, py: Python<'_>, result: FileEnd, unused: Option<Lent>) {
        let mut state = self.state();
        if let FileEnd::PeerLeft = result {
            // The connection reports only to a sender.
            state.note_peer_left();
        }
        state.file = FileState::Done(result);
        if let Some(lent) = unused {
            state.answer.give_back(lent);
        }
        drop(state);
        self.waiters.wake(py);
    }
}

/// A refused step as the exception that the app gets.
pub(super) fn in_words(kind: &Bound<'_, PyString>, refused: Refused) -> PyErr {
    match refused {
        Refused::OutOfOrder(phase) => PyRuntimeError::new_err(format!(
            "unexpected ASGI message {:?}, expected {}",
            kind.to_string_lossy(),
            match phase {
                Phase::FirstBody => "http.response.body",
                phase => phase.expected(),
            }
        )),
        Refused::Unwanted => PyRuntimeError::new_err("nobody wants this answer's body"),
        Refused::TooLong { excess } => PyRuntimeError::new_err(format!(
            "the response's body is {excess} bytes longer than its content-length"
        )),
        Refused::TooShort { missing } => PyRuntimeError::new_err(format!(
            "the response's body is {missing} bytes shorter than its content-length"
        )),
        Refused::Misuse(misuse) => PyValueError::new_err(misuse.to_string()),
    }
}
