//! The `tokio` engine: a current-thread runtime over epoll, one per shard. Works everywhere.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::{JoinHandle, spawn_local, yield_now};
use tokio::time::{sleep, sleep_until};

use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tasks::connection_set::ConnectionSet;
use crate::engine::tasks::local_tasks::{
    accept, accept_rest, drive_hosted_loop, keep_time, take_arrivals,
};
use crate::service::App;
use crate::shard::host::LocalHost;
use crate::shard::mailbox::Control;

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
        // The runtime ends with this, and with it the connections that a stop has left.
        self.0.block_on(live(plan, Rc::clone(host)))
    }
}

/// A shard from its first connection to its last.
async fn live<A: App>(plan: ShardPlan<A>, host: Rc<LocalHost<A>>) -> Result<(), EngineError> {
    let connections = ConnectionSet::new(Rc::clone(&host)).map(Rc::new);
    let connections =
        connections.map_err(EngineError::setup("the connections could not be watched"))?;
    let (listener, intake) = (Rc::new(plan.listener), Rc::new(plan.intake));
    let news =
        watch(&connections).map_err(EngineError::setup("the connections could not be watched"))?;
    let queue =
        watch(&listener).map_err(EngineError::setup("the listener could not be watched"))?;
    let mut serving = spawn_local({
        let connections = Rc::clone(&connections);
        async move { connections.run(|| readable(&news), yield_now).await }
    });
    let accepting = spawn_local({
        let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
        let listener = Rc::clone(&listener);
        async move { accept(&connections, &listener, &intake, || readable(&queue), sleep).await }
    });
    let mut arriving = intake.is_in_use().then(|| {
        let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
        spawn_local(async move { take_arrivals(&connections, &intake).await })
    });
    let mut timekeeper = spawn_local({
        let host = Rc::clone(&host);
        async move { keep_time(&host, async |at: Instant| sleep_until(at.into()).await).await }
    });
    let mut loop_driver = spawn_hosted_loop(&host)
        .map_err(EngineError::setup("the hosted loop could not be watched"))?;
    (plan.ready)();

    let mut accepting = Some(accepting);
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            _ = &mut serving => return Err(EngineError::TaskLost("connections")),
            _ = &mut timekeeper => return Err(EngineError::TaskLost("time")),
            () = lost(&mut loop_driver) => return Err(EngineError::TaskLost("hosted loop")),
            () = lost(&mut arriving) => return Err(EngineError::TaskLost("arrivals")),
            () = lost(&mut accepting) => return Err(EngineError::TaskLost("accept")),
            control = plan.mailbox.next() => {
                if let Some(task) = accepting.take() {
                    task.abort();
                    let _ = task.await;
                    intake.close(|stream, peer| connections.serve(stream, peer));
                }
                match control {
                    Control::Drain | Control::Retire if draining => {}
                    Control::Retire => host.start_drain(),
                    Control::Drain => {
                        accept_rest(&connections, &listener);
                        host.start_drain();
                    }
                    Control::Stop => host.start_cut(),
                }
                draining = true;
            }
            () = host.until_empty(), if draining => return Ok(()),
        }
    }
}

/// Ends when the task has ended; never without a task.
async fn lost(task: &mut Option<JoinHandle<()>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

fn spawn_hosted_loop<A: App>(host: &Rc<LocalHost<A>>) -> io::Result<Option<JoinHandle<()>>> {
    let Some(hosted) = host.host_loop() else {
        return Ok(None);
    };
    let fd = WatchedFd(hosted.fd());
    // SAFETY: the hosted loop keeps its descriptor open and the same for as long as it is hosted; `host` owns the loop
    // and outlives the task that owns `watched` (see `run`, which drops the runtime first).
    let watched = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? };
    let host = Rc::clone(host);
    Ok(Some(spawn_local(async move {
        let Some(hosted) = host.hosted() else { return };
        drive_hosted_loop(&host, hosted, || readable(&watched), yield_now).await;
    })))
}

/// tokio's watch over a descriptor, and over its owner.
fn watch<T: AsRawFd>(owner: &Rc<T>) -> io::Result<AsyncFd<Rc<T>>> {
    // SAFETY: the watch shares in the owner, which is a listener or a set of connections: neither closes or exchanges its
    // descriptor while it lives.
    Ok(unsafe { AsyncFd::register_with_interest(Rc::clone(owner), Interest::READABLE)? })
}

async fn readable<T: AsRawFd>(watched: &AsyncFd<T>) -> io::Result<()> {
    watched.readable().await?.clear_ready();
    Ok(())
}

/// A descriptor that the engine does not own; its owner closes it after the engine has let go of it.
struct WatchedFd(RawFd);

impl AsRawFd for WatchedFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}
