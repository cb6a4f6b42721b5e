//! An app loop as the runtime sees it: a loop that wants turns on a shard's thread.

use std::os::fd::RawFd;
use std::sync::Arc;

use turbo_shard_runtime::HostedLoop;

use super::app_loop::AppLoop;
use crate::python::thread::attached;

/// The face of a shard's [`AppLoop`] to its engine.
pub(crate) struct ShardLoop(Arc<AppLoop>);

impl ShardLoop {
    pub(crate) fn new(app_loop: Arc<AppLoop>) -> ShardLoop {
        ShardLoop(app_loop)
    }
}

impl HostedLoop for ShardLoop {
    fn fd(&self) -> RawFd {
        self.0.descriptors().set_fd()
    }

    fn is_ready(&self) -> bool {
        let app_loop = &*self.0;
        // The engine may wait after this.
        app_loop.descriptors().bell().falls_asleep();
        if app_loop.has_work() {
            return true;
        }
        let Some(asyncio) = app_loop.known_loop() else {
            return false;
        };
        if asyncio.has_new_timers() {
            // A coroutine that has just started sleeps: no turn is needed, only the timer.
            attached(|py| asyncio.keep_timer(py, app_loop.descriptors()));
        }
        asyncio.ready_count() > 0
    }

    fn turn(&self) {
        let app_loop = &self.0;
        app_loop.descriptors().bell().wakes_up();
        attached(|py| {
            let had_work = app_loop.has_work();
            app_loop.work(py);
            if let Some(asyncio) = app_loop.known_loop() {
                // A turn that came for our own work alone spares asyncio an empty round.
                if !had_work || asyncio.ready_count() > 0 || app_loop.descriptors().readable() {
                    asyncio.turn(py, app_loop.descriptors());
                }
            }
        });
    }
}
