//! The `glommio` engine: glommio's `LocalExecutor` over io_uring, one per shard.
//!
//! glommio 0.9 has no hook before it parks, so a batch ends with a task of its own that stands behind the connections
//! in the queue. It cannot wait for a foreign descriptor, so a helper thread watches the hosted loop's. A panic in one
//! of its task queues would end the process: every future that is spawned here catches its own.

use std::cell::{Cell, OnceCell};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::net::{TcpListener, TcpStream};
use glommio::timer::Timer;
use glommio::{Latency, LocalExecutorBuilder, Placement, PoolPlacement, Shares, TaskQueueHandle};
use tokio::sync::Notify;

use crate::engine::connection_task::{ByteStream, ConnectionTask};
use crate::engine::fd_watcher::FdWatcher;
use crate::engine::local_tasks::{drive_hosted_loop, keep_time};
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::mailbox::Control;
use crate::net::listener;
use crate::service::{App, ConnectionInfo, Service};
use crate::shard::counters::Counters;
use crate::shard::host::LocalHost;

/// Registered I/O memory that glommio sets aside; sockets do not use it. Its least is 64 KiB.
const IO_MEMORY_BYTES: usize = 64 * 1024;
/// A queue that asks for less latency than this is served ahead; it also makes glommio look at wakes from elsewhere.
const PREEMPT_TIMER: Duration = Duration::from_millis(1);
/// Pause after a failed accept (no descriptor left, most often).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// glommio on one core. The thread is pinned already.
pub(crate) struct Glommio;

impl Engine for Glommio {
    fn run<A: App>(self, plan: ShardPlan<A>) -> Result<(), EngineError> {
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .name(&format!("shard-{}", plan.shard))
            .io_memory(IO_MEMORY_BYTES)
            .preempt_timer(PREEMPT_TIMER)
            .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
            .make()
            .map_err(|error| EngineError::Setup {
                what: "glommio's executor could not be made",
                error: io::Error::other(error.to_string()),
            })?;
        let host = Rc::new(LocalHost::new(&*plan.app, plan.shard, &plan.config, plan.counters.clone(), plan.clock)?);
        let result = executor.run(live_in_own_queue(plan, Rc::clone(&host)));
        drop(executor);
        host.bench.service.stop();
        result
    }
}

/// Runs the shard in a queue that asks for latency: glommio's default queue does not look at wakes from other threads
/// while it is busy.
async fn live_in_own_queue<A: App>(plan: ShardPlan<A>, host: Rc<LocalHost<A>>) -> Result<(), EngineError> {
    let name = format!("shard-{}", plan.shard);
    let queue = glommio::executor().create_task_queue(Shares::default(), Latency::Matters(PREEMPT_TIMER), &name);
    let shard = Rc::new(Shard {
        host,
        queue,
        accepting: Cell::new(true),
        lost: Notify::new(),
        lost_task: Cell::new(""),
        watcher: OnceCell::new(),
    });
    let living = AssertUnwindSafe(live(plan, Rc::clone(&shard))).catch_unwind();
    let lived = match glommio::spawn_local_into(living, queue) {
        Ok(task) => task.await.unwrap_or(Err(EngineError::TaskLost("main"))),
        Err(error) => {
            let error = io::Error::other(error.to_string());
            Err(EngineError::Setup { what: "glommio's queue is gone", error })
        }
    };
    if let Some(watcher) = shard.watcher.get() {
        watcher.stop();
    }
    lived
}

async fn live<A: App>(plan: ShardPlan<A>, shard: Rc<Shard<A>>) -> Result<(), EngineError> {
    // The plan's descriptor is for the end; glommio owns this one.
    let listener = plan
        .listener
        .try_clone()
        .map_err(|error| EngineError::Setup { what: "the listener could not be duplicated", error })?;
    shard.spawn("accept", accept(listener, Rc::clone(&shard)));
    shard.spawn("time", {
        let host = Rc::clone(&shard.host);
        async move {
            let sleep_until = async |at: Instant| {
                Timer::new(at.saturating_duration_since(Instant::now())).await;
            };
            keep_time(&host, sleep_until).await;
        }
    });
    shard.spawn("batch end", end_batches(Rc::clone(&shard.host), Arc::clone(&plan.app), Arc::clone(&plan.counters)));
    spawn_hosted_loop(&shard)?;
    plan.app.thread_parks();
    (plan.ready)();

    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = shard.lost.notified() => {
                // The executor would not drop what waits in it: connections have to end by themselves.
                shard.accepting.set(false);
                shard.host.start_cut();
                shard.host.until_empty().await;
                return Err(EngineError::TaskLost(shard.lost_task.get()));
            }
            control = plan.mailbox.next() => match control {
                Control::Drain if draining => {}
                Control::Drain => {
                    draining = true;
                    accept_rest(&plan.listener, &shard);
                    shard.host.start_drain();
                }
                Control::Stop => {
                    draining = true;
                    shard.accepting.set(false);
                    shard.host.start_cut();
                }
            },
            () = shard.host.until_empty(), if draining => return Ok(()),
        }
    }
}

/// Lets go of the interpreter after each batch of connections: this task stands behind them in the queue.
async fn end_batches<A: App>(host: Rc<LocalHost<A>>, app: Arc<A>, counters: Arc<Counters>) {
    loop {
        host.batch_open.notified().await;
        app.thread_parks();
        // glommio counts from one reading to the next.
        let busy = glommio::executor().executor_stats().total_runtime();
        counters.busy_ns.add(u64::try_from(busy.as_nanos()).unwrap_or(0));
    }
}

/// A shard's things as its tasks need them.
struct Shard<A: App> {
    host: Rc<LocalHost<A>>,
    queue: TaskQueueHandle,
    accepting: Cell<bool>,
    lost: Notify,
    lost_task: Cell<&'static str>,
    watcher: OnceCell<FdWatcher>,
}

impl<A: App> Shard<A> {
    /// Starts one of the shard's own tasks. None of them may end: if one panics the shard does.
    fn spawn(self: &Rc<Self>, name: &'static str, task: impl Future<Output = ()> + 'static) {
        let shard = Rc::clone(self);
        let guarded = async move {
            let _ = AssertUnwindSafe(task).catch_unwind().await;
            shard.lost_task.set(name);
            shard.lost.notify_one();
        };
        self.detach(guarded);
    }

    fn detach(&self, task: impl Future<Output = ()> + 'static) {
        match glommio::spawn_local_into(task, self.queue) {
            Ok(task) => drop(task.detach()),
            Err(error) => log::error!("a task could not be started: {error}"),
        }
    }

    fn serve(&self, stream: TcpStream, peer: std::net::SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let Some(admission) = self.host.admit() else { return };
        let info = ConnectionInfo { peer, local };
        self.detach(ConnectionTask::new(stream, info, Rc::clone(&self.host), admission));
    }
}

fn spawn_hosted_loop<A: App>(shard: &Rc<Shard<A>>) -> Result<(), EngineError> {
    let Some(hosted) = shard.host.host_loop() else { return Ok(()) };
    let watcher = FdWatcher::start(hosted.fd())
        .map_err(|error| EngineError::Setup { what: "the hosted loop could not be watched", error })?;
    let _ = shard.watcher.set(watcher);
    let own = Rc::clone(shard);
    shard.spawn("hosted loop", async move {
        let (Some(hosted), Some(watcher)) = (own.host.hosted(), own.watcher.get()) else { return };
        let pause = async || futures_lite::future::yield_now().await;
        drive_hosted_loop(&own.host, hosted, async || watcher.readable().await, pause).await;
    });
    Ok(())
}

/// Accepts until the listener is shut down. It is never cancelled: glommio would lose the descriptor of an accept that
/// completes after that.
async fn accept<A: App>(listener: std::net::TcpListener, shard: Rc<Shard<A>>) {
    // SAFETY: the descriptor is taken out of its owner here and has no other.
    let listener = unsafe { TcpListener::from_raw_fd(listener.into_raw_fd()) };
    while shard.accepting.get() {
        match listener.accept().await {
            Ok(stream) => {
                if let Ok(peer) = stream.peer_addr() {
                    shard.serve(stream, peer);
                }
            }
            Err(_) if !shard.accepting.get() => {}
            Err(error) => {
                log::warn!("a connection could not be accepted: {error}");
                Timer::new(ACCEPT_PAUSE).await;
            }
        }
    }
    // The task may not end while the shard lives.
    poll_fn(|_| Poll::<()>::Pending).await;
}

/// Takes the connections that wait in the listener's queue, then takes it out of the port's group, which also ends the
/// accept that is under way.
fn accept_rest<A: App>(listener: &std::net::TcpListener, shard: &Rc<Shard<A>>) {
    for (stream, peer) in listener::accept_waiting(listener) {
        // SAFETY: the descriptor is taken out of its owner here and has no other.
        shard.serve(unsafe { TcpStream::from_raw_fd(stream.into_raw_fd()) }, peer);
    }
    shard.accepting.set(false);
    let _ = socket2::SockRef::from(listener).shutdown(std::net::Shutdown::Both);
}

impl ByteStream for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        AsyncRead::poll_read(Pin::new(self), cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(self), cx, bytes)
    }

    fn shutdown_write(&mut self) {
        // glommio shuts down at once; the future is ready at its first poll.
        let mut closing = pin!(futures_lite::future::poll_once(poll_fn(|cx| AsyncWrite::poll_close(
            Pin::new(&mut *self),
            cx
        ))));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = closing.as_mut().poll(&mut cx);
    }
}
