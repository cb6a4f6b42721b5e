//! One HTTP request as an ASGI app sees it: what `receive` and `send` lead to. Belongs to the thread of its loop; what the
//! connection tells comes there as jobs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::{HeaderLines, ResponseWriter};
use turbo_shard_runtime::{BlockingPool, BodyPart, ReplyHandle, ReplyListener};

use super::awaitables::DoneWith;
use super::file_sender::{self, FileResult};
use super::http_answer::{HttpAnswer, Lent, Refused, Stage};
use super::messages;
use super::words::Words;
use crate::errors::log_exception;
use crate::hosted_loop::{CoroutineHost, Job};

/// Body bytes that one `receive()` returns at most.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What an answer needs of its thread.
pub(super) struct Surroundings {
    pub(super) host: Arc<CoroutineHost>,
    pub(super) words: Arc<Words>,
    pub(super) pool: Arc<BlockingPool>,
}

/// The request's body as the app reads it.
pub(super) enum Incoming {
    /// All of it, or None where there is none.
    AtHand(Option<Py<PyBytes>>),
    /// It comes through the answer's handle.
    Streamed,
    /// The app has had all of it.
    Read,
}

/// A request and its answer, shared by the app's callables and the connection's listener.
pub(super) struct HttpCycle {
    around: Surroundings,
    state: Mutex<State>,
}

struct State {
    answer: HttpAnswer,
    incoming: Incoming,
    /// The peer has finished sending, or is gone.
    has_input_ended: bool,
    peer_left: bool,
    /// Futures of `receive()`s and `send()`s that wait; all are woken by whatever happens, and look for themselves.
    waiters: Vec<Py<PyAny>>,
    file: FileState,
}

/// How far an `http.response.pathsend` is.
enum FileState {
    None,
    /// Asked for while the app's first call lasts.
    Asked(String),
    UnderWay,
    Done(FileResult),
}

impl HttpCycle {
    /// For a call of the app that begins now, on the connection's own thread.
    pub(super) fn gathering(
        around: Surroundings,
        incoming: Incoming,
        is_to_head: bool,
    ) -> HttpCycle {
        HttpCycle::new(around, incoming, HttpAnswer::gathering(is_to_head))
    }

    /// For a call of the app on another thread.
    pub(super) fn sending(
        around: Surroundings,
        incoming: Incoming,
        is_to_head: bool,
        handle: ReplyHandle,
    ) -> Arc<HttpCycle> {
        let answer = HttpAnswer::gathering(is_to_head);
        let cycle = Arc::new(HttpCycle::new(around, incoming, answer));
        cycle.attach(handle);
        cycle
    }

    fn new(around: Surroundings, incoming: Incoming, answer: HttpAnswer) -> HttpCycle {
        HttpCycle {
            around,
            state: Mutex::new(State {
                answer,
                incoming,
                has_input_ended: false,
                peer_left: false,
                waiters: Vec::new(),
                file: FileState::None,
            }),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        let state = self.state();
        state.answer.is_complete() && matches!(state.file, FileState::None)
    }

    /// Writes the complete answer of a call that is over, or of an app that goes on in the background.
    pub(super) fn write(
        &self,
        response: &mut ResponseWriter<'_>,
    ) -> Result<(), turbo_shard_runtime::protocol::Misuse> {
        self.state().answer.write(response)
    }

    /// The app goes on: from now on its answer is sent as it comes.
    pub(super) fn attach(self: &Arc<Self>, handle: ReplyHandle) {
        handle.listen(Box::new(Listener {
            host: Arc::clone(&self.around.host),
            cycle: Arc::downgrade(self),
        }));
        let lent = {
            let mut state = self.state();
            state.has_input_ended |= handle.input_ended();
            state.answer.attach(handle);
            match std::mem::replace(&mut state.file, FileState::None) {
                FileState::Asked(path) => {
                    state.file = FileState::UnderWay;
                    state.answer.lend().map(|lent| (lent, path))
                }
                other => {
                    state.file = other;
                    None
                }
            }
        };
        if let Some((lent, path)) = lent {
            self.send_file(lent, path);
        }
        // Whoever waits since the app's first call looks again: a body can be asked for only now.
        self.around.host.post(wake(Arc::downgrade(self)));
    }

    /// What `receive()` returns now; None if it has to wait.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let words = &*self.around.words;
        let mut state = self.state();
        if state.peer_left || (state.answer.is_complete() && !state.is_file_under_way()) {
            drop(state);
            return self.disconnect_message(py).map(Some);
        }
        let (body, more) = match std::mem::replace(&mut state.incoming, Incoming::Read) {
            Incoming::AtHand(body) => {
                let body = body.map(|body| body.into_bound(py));
                (
                    body.unwrap_or_else(|| words.no_bytes.bind(py).clone()),
                    false,
                )
            }
            Incoming::Streamed => {
                state.incoming = Incoming::Streamed;
                let part = match state.answer.handle() {
                    Some(handle) => handle.take_body(MESSAGE_BYTES_MAX),
                    None => BodyPart::Nothing,
                };
                match part {
                    BodyPart::Bytes(bytes) => (PyBytes::new(py, &bytes), true),
                    BodyPart::Last(bytes) => {
                        state.incoming = Incoming::Read;
                        (PyBytes::new(py, &bytes), false)
                    }
                    BodyPart::Nothing => return Ok(None),
                }
            }
            Incoming::Read if state.has_input_ended => {
                drop(state);
                return self.disconnect_message(py).map(Some);
            }
            Incoming::Read => return Ok(None),
        };
        drop(state);
        let message = PyDict::new(py);
        message.set_item(words.kind.bind(py), words.http_request.bind(py))?;
        message.set_item(words.body.bind(py), body)?;
        message.set_item(words.more_body.bind(py), more)?;
        Ok(Some(message.into_any()))
    }

    fn disconnect_message<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let words = &*self.around.words;
        let message = PyDict::new(py);
        message.set_item(words.kind.bind(py), words.http_disconnect.bind(py))?;
        Ok(message.into_any())
    }

    /// Takes a message of the app. Returns whether it has to wait before it goes on.
    fn take_message(self: &Arc<Self>, message: &Bound<'_, PyAny>) -> PyResult<Waits> {
        let py = message.py();
        let words = &*self.around.words;
        let kind = messages::type_of(message, &words.kind)?;
        match kind.to_str()? {
            "http.response.body" => {
                let body = messages::field(message, &words.body)?;
                let data = match &body {
                    Some(body) => messages::octets("\"body\"", body)?,
                    None => (&[][..]).into(),
                };
                let more = messages::flag(message, &words.more_body, false)?;
                self.tell(py, &kind, |answer| answer.body(&data, more))
            }
            "http.response.start" => {
                let status = messages::status(message, &words.status)?;
                let has_trailers = messages::flag(message, &words.trailers, false)?;
                let mut lines = HeaderLines::new();
                messages::headers(message, &words.headers, &mut lines)?;
                self.tell(py, &kind, |answer| {
                    answer.start(status, lines, has_trailers)
                })
            }
            "http.response.trailers" => {
                let mut lines = HeaderLines::new();
                messages::headers(message, &words.headers, &mut lines)?;
                let more = messages::flag(message, &words.more_trailers, false)?;
                self.tell(py, &kind, |answer| answer.trailers(lines, more))
            }
            "http.response.early_hint" => {
                let mut lines = HeaderLines::new();
                if let Some(links) = messages::field(message, &words.links)? {
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
                let path = messages::field(message, &words.path)?.ok_or_else(|| {
                    PyValueError::new_err("http.response.pathsend needs a \"path\"")
                })?;
                let path: String = path.extract()?;
                self.begin_file(py, &kind, path)
            }
            other => Err(PyRuntimeError::new_err(format!(
                "unexpected ASGI message {other:?}: this is an HTTP request, expected {}",
                self.state().answer.stage().expected()
            ))),
        }
    }

    /// Hands a step to the answer.
    fn tell(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        step: impl FnOnce(&mut HttpAnswer) -> Result<(), Refused>,
    ) -> PyResult<Waits> {
        let mut state = self.state();
        if state.peer_left {
            drop(state);
            return Err(self.client_disconnected(py));
        }
        let told = step(&mut state.answer);
        let waits = match state.answer.lacks_room() {
            true => Waits::ForRoom,
            false => Waits::No,
        };
        // A `receive()` that waits hears `http.disconnect` once the answer is complete.
        let woken = match state.answer.is_complete() {
            true => std::mem::take(&mut state.waiters),
            false => Vec::new(),
        };
        drop(state);
        resolve(py, woken);
        told.map_err(|refused| in_words(kind, refused))?;
        Ok(waits)
    }

    fn begin_file(
        self: &Arc<Self>,
        py: Python<'_>,
        kind: &Bound<'_, PyString>,
        path: String,
    ) -> PyResult<Waits> {
        let mut state = self.state();
        if state.peer_left {
            drop(state);
            return Err(self.client_disconnected(py));
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
        Ok(Waits::ForFile)
    }

    fn send_file(self: &Arc<Self>, lent: Lent, path: String) {
        let (host, cycle) = (Arc::clone(&self.around.host), Arc::downgrade(self));
        let done = move |result: FileResult, unused: Option<Lent>| {
            host.post(Job::Call(Box::new(move |py| {
                if let Some(cycle) = cycle.upgrade() {
                    cycle.file_done(py, result, unused);
                }
            })));
        };
        file_sender::send(&self.around.pool, lent, path, Box::new(done));
    }

    fn file_done(&self, py: Python<'_>, result: FileResult, unused: Option<Lent>) {
        let mut state = self.state();
        state.file = FileState::Done(result);
        if let Some(lent) = unused {
            state.answer.give_back(lent);
        }
        let woken = std::mem::take(&mut state.waiters);
        drop(state);
        resolve(py, woken);
    }

    /// The app has come to its end: an answer that is not complete becomes a 500, or is cut.
    pub(super) fn finish(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        self.note_end(py, result, name);
        let handle = self.state().answer.give_up();
        if let Some(handle) = handle {
            handle.fail();
        }
    }

    /// Logs what is wrong with the end of the app's call.
    pub(super) fn note_end(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        let (is_started, is_complete, peer_left) = {
            let state = self.state();
            let answer = &state.answer;
            (answer.is_started(), answer.is_complete(), state.peer_left)
        };
        match result {
            Err(error) if peer_left && self.is_client_disconnected(py, error) => {
                log::debug!("{name}: the client left before its answer was complete");
            }
            Err(error) => log_exception(py, error, name),
            Ok(_) if is_complete || peer_left => {}
            Ok(_) if is_started => {
                log::error!("{name}: the ASGI app returned before its response was complete");
            }
            Ok(_) => log::error!("{name}: the ASGI app returned without a response"),
        }
    }

    fn is_client_disconnected(&self, py: Python<'_>, error: &PyErr) -> bool {
        error.is_instance(py, self.around.words.client_disconnected.bind(py))
            || crate::errors::is_cancelled(py, error)
    }

    fn client_disconnected(&self, py: Python<'_>) -> PyErr {
        match self.around.words.client_disconnected.bind(py).call0() {
            Ok(raised) => PyErr::from_value(raised),
            Err(error) => error,
        }
    }

    /// What the connection tells.
    fn hear(&self, py: Python<'_>, news: News) {
        let mut state = self.state();
        match news {
            News::Room => state.answer.note_room(),
            News::BodyReady => {}
            News::InputEnded => state.has_input_ended = true,
            News::PeerLeft => {
                state.has_input_ended = true;
                state.peer_left = true;
                drop(state.answer.give_up());
            }
        }
        let woken = std::mem::take(&mut state.waiters);
        drop(state);
        resolve(py, woken);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Never held while Python code of the app runs; nothing in this file panics under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_file_under_way(&self) -> bool {
        matches!(self.file, FileState::Asked(_) | FileState::UnderWay)
    }
}

/// What a `send()` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    No,
    ForRoom,
    ForFile,
}

/// What a connection may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Room,
    BodyReady,
    InputEnded,
    PeerLeft,
}

/// Carries what the connection says over to the loop's thread. Holds nothing of Python, so it may be dropped anywhere.
struct Listener {
    host: Arc<CoroutineHost>,
    cycle: Weak<HttpCycle>,
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

    fn body_ready(&self) {
        self.tell(News::BodyReady);
    }

    fn input_ended(&self) {
        self.tell(News::InputEnded);
    }
}

fn wake(cycle: Weak<HttpCycle>) -> Job {
    Job::Call(Box::new(move |py| {
        if let Some(cycle) = cycle.upgrade() {
            cycle.hear(py, News::BodyReady);
        }
    }))
}

/// Resolves futures, which their awaiters then look behind.
pub(super) fn resolve(py: Python<'_>, futures: Vec<Py<PyAny>>) {
    for future in futures {
        let future = future.bind(py);
        let resolved = future
            .call_method0(intern!(py, "done"))
            .and_then(|done| done.is_truthy())
            .and_then(|done| {
                if !done {
                    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
                }
                Ok(())
            });
        if let Err(error) = resolved {
            log_exception(py, &error, "an ASGI app that waits could not be woken");
        }
    }
}

fn in_words(kind: &Bound<'_, PyString>, refused: Refused) -> PyErr {
    match refused {
        Refused::OutOfOrder(stage) => PyRuntimeError::new_err(format!(
            "unexpected ASGI message {:?}, expected {}",
            kind.to_string_lossy(),
            match stage {
                Stage::FirstBody => "http.response.body",
                stage => stage.expected(),
            }
        )),
        Refused::TooLong { excess } => PyRuntimeError::new_err(format!(
            "the response's body is {excess} bytes longer than its content-length"
        )),
        Refused::TooShort { missing } => PyRuntimeError::new_err(format!(
            "the response's body is {missing} bytes shorter than its content-length"
        )),
        Refused::Misuse(misuse) => PyValueError::new_err(misuse.to_string()),
    }
}

/// The Python face of a cycle: `receive` and `send` are its bound methods.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct HttpChannel(pub(super) Arc<HttpCycle>);

#[pymethods]
impl HttpChannel {
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.poll_message(py)? {
            Some(message) => DoneWith::make(message),
            None => cycle.around.words.await_message.bind(py).call1((slf,)),
        }
    }

    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let cycle = &slf.get().0;
        match cycle.take_message(message)? {
            Waits::No => Ok(cycle.around.words.done.bind(py).clone().into_any()),
            Waits::ForRoom | Waits::ForFile => cycle.around.words.await_room.bind(py).call1((slf,)),
        }
    }

    /// For `_asgi.await_message`: a message, or None if there is none yet.
    fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.poll_message(py)
    }

    /// For `_asgi.await_room`: whether the last message still waits for room, or for the end of its file. Raises what
    /// became of it.
    fn must_wait(&self, py: Python<'_>) -> PyResult<bool> {
        let mut state = self.0.state();
        match std::mem::replace(&mut state.file, FileState::None) {
            FileState::Done(result) => {
                drop(state);
                return match result {
                    FileResult::Sent => Ok(false),
                    FileResult::PeerLeft => Err(self.0.client_disconnected(py)),
                    FileResult::Failed(error) => Err(error.into()),
                };
            }
            other => state.file = other,
        }
        if state.is_file_under_way() {
            return Ok(true);
        }
        if state.peer_left {
            drop(state);
            return Err(self.0.client_disconnected(py));
        }
        Ok(state.answer.lacks_room())
    }

    /// A future that is resolved by whatever happens next.
    fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.0.around.host.asyncio(py)?.event_loop(py);
        let waiter = event_loop.call_method0(intern!(py, "create_future"))?;
        let kept = std::mem::take(&mut self.0.state().waiters);
        let mut waiting = Vec::with_capacity(kept.len() + 1);
        for one in kept {
            // Those whose awaiter was cancelled.
            if !one
                .bind(py)
                .call_method0(intern!(py, "done"))?
                .is_truthy()?
            {
                waiting.push(one);
            }
        }
        waiting.push(waiter.clone().unbind());
        self.0.state().waiters.extend(waiting);
        Ok(waiter)
    }
}
