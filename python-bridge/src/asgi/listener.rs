//! Carries a connection's news over to the thread of the loop that its app runs on. Knows neither HTTP nor WebSocket.

use std::sync::{Arc, Weak};

use pyo3::prelude::*;
use turbo_shard_runtime::ReplyListener;

use crate::hosted_loop::{AppLoop, Job};

/// A connection's news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There is room for more of the answer.
    Room,
    /// There is more to receive.
    Input,
    /// The peer sends no more.
    InputEnded,
    PeerLeft,
}

/// The cycle that hears it, on the thread of its loop.
pub(super) trait Hears: Send + Sync + 'static {
    fn hear(self: &Arc<Self>, py: Python<'_>, news: News);
}

/// Holds nothing of Python, so it may be dropped anywhere.
pub(super) struct Listener<C> {
    pub(super) app_loop: Arc<AppLoop>,
    pub(super) cycle: Weak<C>,
}

impl<C: Hears> Listener<C> {
    fn tell(&self, news: News) {
        self.app_loop.post(tell(Weak::clone(&self.cycle), news));
    }
}

impl<C: Hears> ReplyListener for Listener<C> {
    fn room(&self) {
        self.tell(News::Room);
    }

    fn peer_left(&self) {
        let job = tell(Weak::clone(&self.cycle), News::PeerLeft);
        self.app_loop.post_late(job);
    }

    fn input_ready(&self) {
        self.tell(News::Input);
    }

    fn input_ended(&self) {
        self.tell(News::InputEnded);
    }
}

/// The job that informs `cycle`, if it still lives by then.
pub(super) fn tell<C: Hears>(cycle: Weak<C>, news: News) -> Job {
    Job::Call(Box::new(move |py| {
        if let Some(cycle) = cycle.upgrade() {
            cycle.hear(py, news);
        }
    }))
}
