//! The `tokio` engine: a current-thread runtime over epoll, one per shard. Works everywhere.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tasks::executor::Executor;
use crate::engine::tasks::shard_life::OwnTasks;
use crate::service::App;
use crate::shard::host::LocalHost;

/// tokio on one core: the runtime of the calling thread.
pub(crate) struct TokioLocal(LocalRuntime);

impl Engine for TokioLocal {
    fn probe(_shards: usize) -> Result<(), String> {
        Ok(())
    }

    fn on_this_thread<A: App>(plan: &ShardPlan<A>) -> Result<TokioLocal, EngineError> {
        let app = plan.app.clone();
        let (parked, unparked) = (plan.counters.clone(), plan.counters.clone());
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || {
                app.thread_parks();
                parked.busy_us.parks();
            })
            .on_thread_unpark(move || unparked.busy_us.unparks())
            .build_local(LocalOptions::default());
        runtime
            .map(TokioLocal)
            .map_err(EngineError::setup("tokio's runtime could not be made"))
    }

    fn run<A: App>(self, plan: ShardPlan<A>, host: &Rc<LocalHost<A>>) -> Result<(), EngineError> {
        // The first turn is no return from a wait. A shard with work from its start on may not wait for long.
        plan.counters.busy_us.unparks();
        let tasks = OwnTasks::on(CurrentThread);
        // The runtime ends with this, and with it the connections that a stop has left.
        self.0.block_on(tasks.live(plan, Rc::clone(host)))
    }
}

/// The runtime that runs the calling task. Its end is that of its tasks.
struct CurrentThread;

impl Executor for CurrentThread {
    type Watch = AsyncFd<Watched>;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(task));
    }

    fn watch(owner: Rc<dyn AsFd>) -> io::Result<AsyncFd<Watched>> {
        // SAFETY: the watch shares in the owner, which keeps its descriptor open and the same while it lives, as
        // `Executor::watch` asks.
        Ok(unsafe { AsyncFd::register_with_interest(Watched(owner), Interest::READABLE)? })
    }

    async fn readable(watch: &AsyncFd<Watched>) -> io::Result<()> {
        watch.readable().await?.clear_ready();
        Ok(())
    }

    async fn sleep_until(at: Instant) {
        tokio::time::sleep_until(at.into()).await;
    }

    async fn pause() {
        tokio::task::yield_now().await;
    }
}

/// A descriptor's owner, as tokio asks for it.
struct Watched(Rc<dyn AsFd>);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
