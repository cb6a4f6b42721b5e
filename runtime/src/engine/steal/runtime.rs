//! The work-stealing mode: one tokio multi-thread runtime, one listener, one I/O driver, tasks that move between
//! worker threads. The usual design, for comparison: the same drivers, the same service, the same answers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::sleep_until;

use crate::config::ServerConfig;
use crate::engine::plan::EngineError;
use crate::engine::tasks::connection_task::{ByteStream, ConnectionTask};
use crate::engine::tasks::own_tasks::keep_time;
use crate::service::App;
use crate::shard::accepting::{ACCEPT_PAUSE, AcceptFailures, accept_rest, admit};
use crate::shard::clock::Clock;
use crate::shard::control::Order;
use crate::shard::host::{Host, SharedHost, Stage, WorkerThreadCounters, until_empty};
use crate::shard::mailbox::{Control, Mailbox};
use crate::thread_stack::THREAD_STACK_BYTES;

/// What the work-stealing runtime is given.
pub(crate) struct StealPlan<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    /// Called once, when connections are being served, with the counters that may be read from then on.
    pub(crate) ready: Box<dyn FnOnce(Arc<WorkerThreadCounters>) + Send>,
}

/// Runs until the drain is over. Blocks the calling thread, which is no worker thread.
pub(crate) fn run<A: App>(plan: StealPlan<A>) -> Result<(), EngineError> {
    let host = Arc::new(SharedHost::new(
        Arc::clone(&plan.app),
        &plan.config,
        plan.clock,
    ));
    let starts = {
        // One after another: many threads that enter the interpreter for the first time at once can deadlock it.
        let (app, one_by_one) = (Arc::clone(&plan.app), Mutex::new(()));
        move || {
            let _turn = one_by_one.lock();
            if let Err(error) = app.thread_starts() {
                log::error!("a worker thread could not be prepared: {error}");
            }
        }
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(plan.config.shards.get())
        .thread_name_fn(thread_name())
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_io()
        .enable_time()
        .on_thread_start(starts)
        .on_thread_park({
            let (app, counters) = (Arc::clone(&plan.app), Arc::clone(host.counters()));
            move || {
                app.thread_parks();
                if let Some(own) = counters.own() {
                    own.busy_us.parks();
                }
            }
        })
        .on_thread_unpark({
            let counters = Arc::clone(host.counters());
            move || {
                if let Some(own) = counters.own() {
                    own.busy_us.unparks();
                }
            }
        })
        .on_thread_stop({
            let app = Arc::clone(&plan.app);
            move || app.thread_stops()
        })
        .build()
        .map_err(EngineError::setup("tokio's runtime could not be made"))?;
    let app = Arc::clone(&plan.app);
    let result = runtime.block_on(live(plan, Arc::clone(&host)));
    // Joins the threads and drops the tasks, and so all that knows the host. A waker may be left with an answer that comes too
    // late: it keeps a part of the runtime, but no task.
    drop(runtime);
    match Arc::into_inner(host) {
        Some(mut host) => host.stop_services(),
        None => log::error!("a connection outlived its runtime; no service was stopped"),
    }
    app.worker_threads_ended();
    result
}

async fn live<A: App>(plan: StealPlan<A>, host: Arc<SharedHost<A>>) -> Result<(), EngineError> {
    let listener = TcpListener::from_std(plan.listener)
        .map_err(EngineError::setup("the listener could not be watched"))?;
    let listener = Arc::new(listener);
    // A worker thread makes the first service now: an app that cannot make one is an error at start.
    let first = Arc::clone(&host);
    match tokio::spawn(async move { first.own_bench().map(drop) }).await {
        Ok(made) => made?,
        Err(_panic) => return Err(EngineError::TaskLost("first service")),
    }
    let mut accepting = tokio::spawn(accept(Arc::clone(&listener), Arc::clone(&host)));
    let mut timekeeper = tokio::spawn({
        let host = Arc::clone(&host);
        async move { keep_time(&*host, async |at: Instant| sleep_until(at.into()).await).await }
    });
    (plan.ready)(Arc::clone(host.counters()));

    let ended = loop {
        tokio::select! {
            biased;
            _ = &mut timekeeper => break Err(EngineError::TaskLost("time")),
            _ = &mut accepting, if host.stage() == Stage::Serving => break Err(EngineError::TaskLost("accept")),
            control = plan.mailbox.next() => {
                if control == Control::Pulse {
                    // A worker thread hears of it: if all are held, none does.
                    let counters = Arc::clone(host.counters());
                    tokio::spawn(async move { counters.of_connections.pulse.is_heard() });
                    continue;
                }
                let order = Order::new(control, host.stage());
                if order.stops_accepting {
                    accepting.abort();
                    let _ = (&mut accepting).await;
                }
                if order.accepts_rest {
                    accept_rest(&*listener, |stream, peer| {
                        if let Ok(stream) = TcpStream::from_std(stream) {
                            serve(stream, peer, &host);
                        }
                    });
                }
                if let Some(stage) = order.enters {
                    host.enter(stage);
                }
            }
            () = until_empty(&*host), if host.stage() != Stage::Serving => break Ok(()),
        }
    };
    timekeeper.abort();
    let _ = timekeeper.await;
    ended
}

async fn accept<A: App>(listener: Arc<TcpListener>, host: Arc<SharedHost<A>>) {
    let failures = AcceptFailures::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => serve(stream, peer, &host),
            Err(error) => {
                // Only this task counts them.
                let counters = &host.counters().of_connections;
                failures.note(counters, host.clock().now(), &error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn serve<A: App>(stream: TcpStream, peer: std::net::SocketAddr, host: &Arc<SharedHost<A>>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let Some(admitted) = admit(&**host, peer, local) else {
        return;
    };
    let host = Arc::clone(host);
    // The thread that polls first makes the driver: it needs that thread's workbench.
    tokio::spawn(async move {
        // No borrow of the workbench may live on over the await: it is this thread's, and the task may move.
        if let Err(error) = host.own_bench().map(drop) {
            log::error!("a worker thread could not make its service: {error}");
            return host.leave(admitted.admission.id(), 0);
        }
        ConnectionTask::new(stream, host, admitted).await;
    });
}

impl ByteStream for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        std::task::ready!(AsyncRead::poll_read(Pin::new(self), cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(self), cx, bytes)
    }

    fn shutdown_write(&mut self) {
        let _ = socket2::SockRef::from(&*self).shutdown(std::net::Shutdown::Write);
    }
}

fn thread_name() -> impl Fn() -> String + Send + Sync {
    let next = std::sync::atomic::AtomicUsize::new(0);
    move || {
        format!(
            "steal-{}",
            next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        )
    }
}
