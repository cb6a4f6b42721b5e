//! What an executor does for a shard's tasks: each engine that has one implements this. Knows no executor.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Before the next look at a descriptor that cannot be watched, for want of another descriptor.
const UNWATCHED_PAUSE: Duration = Duration::from_millis(2);

/// The executor of a thread.
pub(crate) trait Executor: 'static {
    /// A watch over a descriptor. It shares in the descriptor's owner, which so outlives it.
    type Watch: 'static;

    /// Starts a task on this thread.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Watches the owner's descriptor, which must be the same for as long as the owner lives.
    fn watch(owner: Rc<dyn AsFd>) -> io::Result<Self::Watch>;

    /// Returns once the descriptor may have become readable since the last call. An edge-triggered watch reports changes
    /// only.
    async fn readable(watch: &Self::Watch) -> io::Result<()>;

    async fn sleep_until(at: Instant);

    /// Comes back when the tasks that are ready have had their turn and the executor has looked for news.
    async fn pause();

    /// Returns once a descriptor may have news of which the caller asks itself.
    async fn news(watch: &Self::Watch) {
        if Self::readable(watch).await.is_err() {
            // Peers may have taken the last descriptor, which is no reason to die: look again soon.
            Self::sleep_until(Instant::now() + UNWATCHED_PAUSE).await;
        }
    }
}
