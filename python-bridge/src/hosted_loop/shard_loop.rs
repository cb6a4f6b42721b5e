//! A coroutine host as the runtime sees it: a loop that wants turns on a shard's thread.

use std::os::fd::RawFd;
use std::sync::Arc;

use turbo_shard_runtime::HostedLoop;

use super::coroutine_host::CoroutineHost;
use crate::python::thread::attached;

/// The face of a shard's [`CoroutineHost`] to its engine.
pub(crate) struct ShardLoop(Arc<CoroutineHost>);

impl ShardLoop {
    pub(crate) fn new(host: Arc<CoroutineHost>) -> ShardLoop {
        ShardLoop(host)
    }
}

impl HostedLoop for ShardLoop {
    fn fd(&self) -> RawFd {
        self.0.descriptors().set_fd()
    }

    fn is_ready(&self) -> bool {
        let host = &*self.0;
        // The engine may wait after this.
        host.descriptors().bell().falls_asleep();
        if host.has_work() {
            return true;
        }
        let Some(asyncio) = host.known_loop() else {
            return false;
        };
        if asyncio.has_new_timers() {
            // A coroutine that has just started sleeps: no turn is needed, only the timer.
            attached(|py| asyncio.keep_timer(py, host.descriptors()));
        }
        asyncio.ready_count() > 0
    }

    fn turn(&self) -> bool {
        let host = &self.0;
        host.descriptors().bell().wakes_up();
        attached(|py| {
            let had_work = host.has_work();
            host.work(py);
            if let Some(asyncio) = host.known_loop() {
                // A turn that came for our own work alone spares asyncio an empty round.
                if !had_work || asyncio.ready_count() > 0 || host.descriptors().readable() {
                    asyncio.turn(py, host.descriptors());
                }
            }
        });
        self.is_ready()
    }
}
