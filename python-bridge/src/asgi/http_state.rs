//! What is known of one HTTP request and its answer: what has arrived, what was sent, what the app has heard. Knows
//! neither the loop nor the connection.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use turbo_shard_runtime::FileEnd;

use super::http_answer::HttpAnswer;
use super::route_sought::RouteSought;

/// All that is known of one request.
pub(super) struct State {
    pub(super) answer: HttpAnswer,
    pub(super) incoming: Incoming,
    pub(super) parting: Parting,
    pub(super) file: FileState,
    /// The app has begun an answer that could not be taken. For frameworks it has begun: they note so before they send.
    pub(super) was_refused: bool,
    pub(super) route: RouteSought,
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

/// The state of an `http.response.pathsend`.
pub(super) enum FileState {
    None,
    /// Asked for while the app's first call lasts.
    Asked(String),
    UnderWay,
    Done(FileEnd),
}

/// The state of a `send()` that will raise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Farewell {
    #[default]
    NotYet,
    /// It waits, so that a `receive()` hears of it first.
    UnderWay,
    Said,
}

/// What a cycle knows about its answer no longer being wanted.
#[derive(Default)]
pub(super) struct Parting {
    /// The peer has finished sending, or is gone.
    pub(super) has_input_ended: bool,
    pub(super) peer_left: bool,
    /// The app has had `http.disconnect`: what it does then is its own affair.
    pub(super) is_told: bool,
    pub(super) farewell: Farewell,
    /// The app's task, while its answer is not complete.
    pub(super) task: Option<Py<PyAny>>,
    /// Messages that the app has sent.
    pub(super) sent: u32,
    /// There will be a look at whether the app still sends.
    pub(super) is_watched: bool,
}

impl State {
    /// Whether nothing that is sent arrives any more. The connection is asked as well: if it lives on another thread,
    /// an app that sends without a pause would never let the loop reach the job that reports it.
    pub(super) fn has_peer_left(&self) -> bool {
        self.parting.peer_left || self.answer.has_peer_left()
    }

    /// Whether the client has left, as far as can be known: one that has closed only its sending side looks the same.
    pub(super) fn has_client_left(&self) -> bool {
        self.parting.has_input_ended || self.has_peer_left()
    }

    /// Whether the rest of the answer is not wanted.
    pub(super) fn is_moot(&self) -> bool {
        self.has_client_left() || self.answer.is_bodiless_stream()
    }

    pub(super) fn note_peer_left(&mut self) {
        self.parting.has_input_ended = true;
        self.parting.peer_left = true;
    }

    /// Whether a `send()` should raise, at once or soon.
    pub(super) fn is_leave_taken(&self) -> bool {
        self.parting.peer_left || self.parting.farewell != Farewell::NotYet
    }

    /// An unfinished answer of an app that has not heard that it is not wanted.
    pub(super) fn is_deaf_stream(&self) -> bool {
        self.answer.is_started()
            && !self.answer.is_complete()
            && !self.parting.is_told
            && self.parting.task.is_some()
    }

    /// Whether the app has begun an answer, as its framework sees it.
    pub(super) fn has_begun(&self) -> bool {
        self.was_refused || self.answer.is_started()
    }

    pub(super) fn is_file_under_way(&self) -> bool {
        matches!(self.file, FileState::Asked(_) | FileState::UnderWay)
    }
}
