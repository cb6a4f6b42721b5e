//! One HTTP request as an ASGI app sees it, and what `receive` leads to. Belongs to the thread of its loop. Knows neither
//! what the app sends nor the connection's news.

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use turbo_shard_runtime::{BodyPart, Response, RouteId};

use super::http_answer::HttpAnswer;
use super::http_state::{FileState, Incoming, Parting, State};
use super::route_sought::{RouteSought, route_in};
use super::surroundings::Surroundings;
use super::waiter::Waiter;
use super::waiters::Waiters;
use super::words::Words;

/// Most body bytes that one `receive()` returns.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// A request and its answer, shared by the app's callables and the connection's listener.
pub(super) struct HttpCycle {
    pub(super) around: Surroundings,
    state: Mutex<State>,
    pub(super) waiters: Waiters,
}

impl HttpCycle {
    /// Its answer is kept until it is written, or goes out on its own.
    pub(super) fn new(around: Surroundings, incoming: Incoming, is_to_head: bool) -> HttpCycle {
        HttpCycle {
            around,
            state: Mutex::new(State {
                answer: HttpAnswer::gathering(is_to_head),
                incoming,
                parting: Parting::default(),
                file: FileState::None,
                was_refused: false,
                route: RouteSought::default(),
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

    /// The app is called with this scope: its router leaves there which route it has found.
    pub(super) fn look_for_route(&self, scope: &Bound<'_, PyDict>) {
        if self.around.names_routes {
            self.state().route.look_in(scope);
        }
    }

    /// The app answers, so its router has been.
    #[inline]
    pub(super) fn find_route(&self, py: Python<'_>) {
        if self.around.names_routes {
            let scope = self.state().route.take_scope();
            if let Some(scope) = scope {
                self.note_route(route_in(py, &scope));
            }
        }
    }

    pub(super) fn note_route(&self, route: RouteId) {
        if self.around.names_routes {
            let mut state = self.state();
            state.route.note(route);
            if let Some(handle) = state.answer.handle() {
                handle.route(route);
            }
        }
    }

    /// What is known of it so far; of an answer that goes out on its own, the connection hears by itself.
    #[inline]
    pub(super) fn route(&self) -> RouteId {
        match self.around.names_routes {
            true => self.state().route.found(),
            false => RouteId::UNKNOWN,
        }
    }

    pub(super) fn words(&self) -> &Words {
        &self.around.words
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
