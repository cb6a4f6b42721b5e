//! One HTTP request as an ASGI app sees it: what `receive` and `send` lead to. Belongs to the thread of its loop; the
//! connection's news comes there as jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use turbo_shard_runtime::{BlockingPool, BodyPart, HttpReply, Response};

use super::file_sender::FileResult;
use super::http_answer::HttpAnswer;
use super::http_parting::Parting;
use super::listener::{Hears, Listener, News, tell};
use super::waiter::Waiter;
use super::waiters::Waiters;
use super::words::Words;
use crate::hosted_loop::CoroutineHost;
use crate::python::errors::log_exception;

/// Most body bytes that one `receive()` returns.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What an answer needs of its thread.
pub(super) struct Surroundings {
    pub(super) host: Arc<CoroutineHost>,
    pub(super) words: Arc<Words>,
    pub(super) pool: Arc<BlockingPool>,
    /// A `send()` was dropped before it began.
    pub(super) has_unawaited_send: AtomicBool,
}

impl Surroundings {
    /// For the log of an incomplete answer: why, if that is known.
    pub(super) fn reason(&self) -> &'static str {
        match self.has_unawaited_send.load(Ordering::Relaxed) {
            true => " (a send() was not awaited: `await send(...)`)",
            false => "",
        }
    }

    /// Lets the waiting calls go on at once. For news of the connection, which comes while no task is running.
    pub(super) fn wake_now(&self, py: Python<'_>, waiters: &Waiters) {
        // Without a loop no call waits.
        if let Some(asyncio) = self.host.known_loop() {
            waiters.wake_now(py, asyncio);
        }
    }
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
    pub(super) around: Surroundings,
    state: Mutex<State>,
    pub(super) waiters: Waiters,
}

pub(super) struct State {
    pub(super) answer: HttpAnswer,
    incoming: Incoming,
    pub(super) parting: Parting,
    pub(super) file: FileState,
}

/// The state of an `http.response.pathsend`.
pub(super) enum FileState {
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
        handle: HttpReply,
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
                parting: Parting::default(),
                file: FileState::None,
            }),
            waiters: Waiters::default(),
        }
    }

    /// The answer is there, to be written at once.
    pub(super) fn is_gathered(&self) -> bool {
        let state = self.state();
        state.answer.is_gathered() && matches!(state.file, FileState::None)
    }

    /// Writes the complete answer of a call that is over, or of an app that goes on in the background.
    pub(super) fn write(
        &self,
        response: &mut Response<'_>,
    ) -> Result<(), turbo_shard_runtime::protocol::Misuse> {
        self.state().answer.write(response)
    }

    /// The app goes on: from now on its answer is sent as it comes.
    pub(super) fn attach(self: &Arc<Self>, handle: HttpReply) {
        handle.listen(Arc::new(Listener {
            host: Arc::clone(&self.around.host),
            cycle: Arc::downgrade(self),
        }));
        let lent = {
            let mut state = self.state();
            state.parting.has_input_ended |= handle.input_ended();
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
        // Calls that wait since the app's first call look again: a body can be asked for only now.
        self.around
            .host
            .post(tell(Arc::downgrade(self), News::Input));
    }

    /// What `receive()` returns now; None if it must wait.
    pub(super) fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let words = &*self.around.words;
        let mut state = self.state();
        let is_over = state.answer.is_complete() && !state.is_file_under_way();
        if is_over || state.parting.peer_left || state.answer.is_bodiless_stream() {
            state.parting.is_told = true;
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
            Incoming::Read if state.parting.has_input_ended => {
                state.parting.is_told = true;
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

    /// The app has ended: an incomplete answer becomes a 500, or is cut.
    pub(super) fn finish(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        self.note_end(py, result, name);
        self.unfollow();
        let handle = self.state().answer.give_up();
        if let Some(handle) = handle {
            handle.fail();
        }
        // Tasks that the app has left behind.
        self.waiters.wake(py);
    }

    /// Logs what is wrong with the end of the app's call.
    pub(super) fn note_end(&self, py: Python<'_>, result: &PyResult<Bound<'_, PyAny>>, name: &str) {
        let (is_started, is_complete, is_moot) = {
            let state = self.state();
            let answer = &state.answer;
            (answer.is_started(), answer.is_complete(), state.is_moot())
        };
        match result {
            Err(error) if is_moot && self.words().is_disconnect(py, error) => {
                log::debug!("{name}: the client left before its answer was complete");
            }
            Err(error) => log_exception(py, error, name),
            Ok(_) if is_complete => {}
            Ok(_) if is_moot => {
                log::debug!(
                    "{name}: the app ended before its answer was complete: the client left"
                );
            }
            Ok(_) if is_started => {
                log::error!(
                    "{name}: the ASGI app returned before its response was complete{}",
                    self.around.reason()
                );
            }
            Ok(_) => log::error!(
                "{name}: the ASGI app returned without a response{}",
                self.around.reason()
            ),
        }
    }

    pub(super) fn words(&self) -> &Words {
        &self.around.words
    }

    /// Whether the last message still waits for room, or for the end of its file. Raises what became of it.
    pub(super) fn must_wait(self: &Arc<Self>, py: Python<'_>) -> PyResult<bool> {
        let mut state = self.state();
        match std::mem::replace(&mut state.file, FileState::None) {
            FileState::Done(result) => {
                drop(state);
                return match result {
                    FileResult::Sent => Ok(false),
                    FileResult::PeerLeft => Err(self.words().client_disconnected(py)),
                    FileResult::Failed(error) => Err(error.into()),
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

    /// The waiting task yields this; whatever happens next wakes it.
    pub(super) fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Waiter>> {
        self.waiters.add(py, self.around.host.asyncio(py)?)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Never held while Python code of the app runs.
        self.state.lock()
    }
}

impl Hears for HttpCycle {
    /// The connection's news.
    fn hear(self: &Arc<Self>, py: Python<'_>, news: News) {
        let mut state = self.state();
        match news {
            News::Room => state.answer.note_room(),
            News::Input => {}
            News::InputEnded => state.parting.has_input_ended = true,
            News::PeerLeft => {
                state.note_peer_left();
                drop(state.answer.leave());
            }
        }
        let is_moot = state.is_moot();
        if news == News::Room && state.answer.lacks_room() {
            return;
        }
        drop(state);
        self.around.wake_now(py, &self.waiters);
        if is_moot {
            self.watch_idle_stream(py);
        }
    }
}

impl State {
    fn is_file_under_way(&self) -> bool {
        matches!(self.file, FileState::Asked(_) | FileState::UnderWay)
    }
}
