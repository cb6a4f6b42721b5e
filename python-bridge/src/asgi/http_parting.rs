//! How an app learns that the rest of its answer is not wanted: its client has left, or it streams what has no body
//! (the answer to a HEAD, a 204, a 304). A `receive()` hears `http.disconnect` first, a `send()` raises a little later,
//! and a stream that does neither is cancelled.

use std::sync::{Arc, Weak};

use pyo3::prelude::*;

use super::http_cycle::HttpCycle;
use super::http_state::Farewell;
use crate::python::errors::log_exception;
use crate::python::names;

/// How long a stream may be idle without having heard that its client has left, before its task is cancelled. Time enough
/// for a `send()` that was about to come: that one raises, which says more than a cancellation.
const GRACE_SECONDS: f64 = 0.5;

/// How long a `send()` waits before it raises. A task group that hears `http.disconnect` meanwhile cancels it, as it
/// would anywhere else, in one of the loop's next turns; it raises only where nothing listens.
const FAREWELL_SECONDS: f64 = 0.01;

impl HttpCycle {
    /// The app's task, which goes on after its call has returned.
    pub(super) fn follow(self: &Arc<Self>, task: &Bound<'_, PyAny>) {
        self.state().parting.task = Some(task.clone().unbind());
        self.watch_idle_stream(task.py());
    }

    /// The app has ended.
    pub(super) fn unfollow(&self) {
        let task = self.state().parting.task.take();
        drop(task);
    }

    /// Counts a message, and watches a stream that is not wanted.
    pub(super) fn note_sent(self: &Arc<Self>, py: Python<'_>) {
        let is_moot = {
            let mut state = self.state();
            state.parting.sent = state.parting.sent.wrapping_add(1);
            state.is_moot()
        };
        if is_moot {
            self.waiters.wake(py);
            self.watch_idle_stream(py);
        }
    }

    /// What becomes of a message of an unwanted answer: true if its `send()` waits before it raises.
    pub(super) fn part(self: &Arc<Self>, py: Python<'_>) -> PyResult<bool> {
        let before = {
            let farewell = &mut self.state().parting.farewell;
            let before = *farewell;
            if before == Farewell::NotYet {
                *farewell = Farewell::UnderWay;
            }
            before
        };
        match before {
            Farewell::NotYet => {
                self.waiters.wake(py);
                self.call_later(py, FAREWELL_SECONDS, Then::EndFarewell)?;
                Ok(true)
            }
            Farewell::UnderWay => Ok(true),
            Farewell::Said => Err(self.words().client_disconnected(py)),
        }
    }

    fn call_later(self: &Arc<Self>, py: Python<'_>, seconds: f64, then: Then) -> PyResult<()> {
        let later = Later {
            cycle: Arc::downgrade(self),
            then,
        };
        let event_loop = self.around.app_loop.asyncio(py)?.event_loop(py);
        event_loop.call_method1(names::call_later(py), (seconds, later))?;
        Ok(())
    }

    /// Schedules a later look at an unwanted stream, if it has not heard that it is one.
    pub(super) fn watch_idle_stream(self: &Arc<Self>, py: Python<'_>) {
        let is_due = {
            let mut state = self.state();
            let is_due = state.is_moot() && state.is_deaf_stream() && !state.parting.is_watched;
            state.parting.is_watched |= is_due;
            is_due
        };
        if is_due {
            self.watch_again(py);
        }
    }

    fn watch_again(self: &Arc<Self>, py: Python<'_>) {
        let sent = self.state().parting.sent;
        if let Err(error) = self.call_later(py, GRACE_SECONDS, Then::EndGrace { sent }) {
            log_exception(
                py,
                &error,
                "a stream whose client left could not be watched",
            );
        }
    }

    fn end_idle_stream(self: &Arc<Self>, py: Python<'_>, sent: u32) {
        let task = {
            let mut state = self.state();
            if !state.is_deaf_stream() {
                return;
            }
            match state.parting.sent == sent {
                true => state.parting.task.take(),
                // It sends: that raises as soon as the client is really gone.
                false => None,
            }
        };
        let Some(task) = task else {
            return self.watch_again(py);
        };
        if let Err(error) = task.bind(py).call_method0(names::cancel(py)) {
            log_exception(
                py,
                &error,
                "a stream whose client left could not be cancelled",
            );
        }
    }
}

/// Called by the loop when the time has come.
#[pyclass(frozen, module = "turbo_shard._native")]
struct Later {
    cycle: Weak<HttpCycle>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    EndFarewell,
    EndGrace {
        /// Messages that had been sent when it began.
        sent: u32,
    },
}

#[pymethods]
impl Later {
    fn __call__(&self, py: Python<'_>) {
        let Some(cycle) = self.cycle.upgrade() else {
            return;
        };
        match self.then {
            Then::EndFarewell => {
                cycle.state().parting.farewell = Farewell::Said;
                cycle.waiters.wake(py);
            }
            Then::EndGrace { sent } => cycle.end_idle_stream(py, sent),
        }
    }
}
