//! What a cycle, HTTP or WebSocket, needs of the thread that it lives on. Knows no cycle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use turbo_shard_runtime::BlockingPool;

use super::waiters::Waiters;
use super::words::Words;
use crate::hosted_loop::AppLoop;

/// What an answer needs of its thread.
pub(super) struct Surroundings {
    pub(super) app_loop: Arc<AppLoop>,
    pub(super) words: Arc<Words>,
    pub(super) pool: Arc<BlockingPool>,
    /// The route of each request is asked for.
    pub(super) names_routes: bool,
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
        if let Some(asyncio) = self.app_loop.known_loop() {
            waiters.wake_now(py, asyncio);
        }
    }
}
