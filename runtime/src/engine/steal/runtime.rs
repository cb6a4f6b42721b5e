//! The work-stealing mode: one tokio multi-thread runtime, one listener per address, one I/O driver, tasks that move between
//! worker threads. The usual design, for comparison: the same drivers, the same service, the same answers.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::config::ServerConfig;
use crate::connection_info::Address;
use crate::engine::plan::EngineError;
use crate::engine::tasks::connection_task::{ByteStream, ConnectionTask};
use crate::engine::tasks::own_tasks::keep_time;
use crate::net::listener::{Fresh, Listener};
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
    pub(crate) listeners: Vec<Listener>,
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
    let watched = plan
        .listeners
        .into_iter()
        // SAFETY: a listener has the same open descriptor until it is dropped.
        .map(|listener| unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) });
    let listeners = watched
        .map(|watched| Ok(Arc::new(watched?)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(EngineError::setup("a listener could not be watched"))?;
    // A worker thread makes the first service now: an app that cannot make one is an error at start.
    let first = Arc::clone(&host);
    match tokio::spawn(async move { first.own_bench().map(drop) }).await {
        Ok(made) => made?,
        Err(_panic) => return Err(EngineError::TaskLost("first service")),
    }
    let mut accepting = JoinSet::new();
    for listener in &listeners {
        accepting.spawn(accept(Arc::clone(listener), Arc::clone(&host)));
    }
    let mut timekeeper = tokio::spawn({
        let host = Arc::clone(&host);
        async move { keep_time(&*host, async |at: Instant| sleep_until(at.into()).await).await }
    });
    (plan.ready)(Arc::clone(host.counters()));

    let ended = loop {
        tokio::select! {
            biased;
            _ = &mut timekeeper => break Err(EngineError::TaskLost("time")),
            Some(_) = accepting.join_next(), if host.stage() == Stage::Serving => break Err(EngineError::TaskLost("accept")),
            control = plan.mailbox.next() => {
                if control == Control::Pulse {
                    // A worker thread hears of it: if all are held, none does.
                    let counters = Arc::clone(host.counters());
                    tokio::spawn(async move { counters.of_connections.pulse.is_heard() });
                    continue;
                }
                let order = Order::new(control, host.stage());
                if order.stops_accepting {
                    accepting.shutdown().await;
                }
                if order.accepts_rest {
                    for listener in &listeners {
                        accept_rest(listener.get_ref(), |fresh| serve(fresh, &host));
                    }
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

async fn accept<A: App>(listener: Arc<AsyncFd<Listener>>, host: Arc<SharedHost<A>>) {
    let failures = AcceptFailures::new();
    loop {
        match listener
            .async_io(Interest::READABLE, Listener::accept)
            .await
        {
            Ok(Some(fresh)) => serve(fresh, &host),
            Ok(None) => {}
            Err(error) => {
                let (counters, now) = (&host.counters().of_connections, host.clock().now());
                // There is such a task for each listener.
                host.with_table(|_| failures.note(counters, now, &error));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn serve<A: App>(Fresh { socket, info }: Fresh, host: &Arc<SharedHost<A>>) {
    let stream = match info.local {
        Address::Unix(_) => UnixStream::from_std(socket.into()).map(Stream::Unix),
        _ => TcpStream::from_std(socket.into()).map(Stream::Tcp),
    };
    let stream = match stream {
        Ok(stream) => stream,
        Err(error) => {
            log::error!(
                "the connection of {} could not be watched: {error}",
                info.peer
            );
            return;
        }
    };
    let Some(admitted) = admit(&**host, info) else {
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

/// A connection as tokio has it.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl ByteStream for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        read.map_ok(|()| buffer.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
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
