//! An HTTP cycle between its connection and its app's call: how its answer goes out on its own, what becomes of the
//! connection's news, and how it ends.

use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::HttpReply;

use super::http_cycle::HttpCycle;
use super::http_state::{FileState, Incoming};
use super::listener::{Hears, Listener, News, tell};
use super::surroundings::Surroundings;
use crate::python::errors::log_exception;

impl HttpCycle {
    /// For a call of the app on another thread.
    pub(super) fn sending(
        around: Surroundings,
        incoming: Incoming,
        is_to_head: bool,
        handle: HttpReply,
    ) -> Arc<HttpCycle> {
        let cycle = Arc::new(HttpCycle::new(around, incoming, is_to_head));
        cycle.attach(handle);
        cycle
    }

    /// The app goes on: from now on its answer is sent as it comes.
    pub(super) fn attach(self: &Arc<Self>, handle: HttpReply) {
        handle.listen(Arc::new(Listener {
            app_loop: Arc::clone(&self.around.app_loop),
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
            .app_loop
            .post(tell(Arc::downgrade(self), News::Input));
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
        let (is_started, is_complete, is_moot, _scope) = {
            let mut state = self.state();
            let scope = state.route.take_scope();
            let answer = &state.answer;
            let (is_started, is_complete) = (answer.is_started(), answer.is_complete());
            (is_started, is_complete, state.is_moot(), scope)
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
