//! The work-stealing mode: one tokio multi-thread runtime, one listener, one I/O driver, tasks that move between
//! workers. The usual design, for comparison: the same drivers, the same service, the same answers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::config::{ServerConfig, THREAD_STACK_BYTES};
use crate::connection_info::ConnectionInfo;
use crate::engine::plan::{ACCEPT_PAUSE, EngineError};
use crate::engine::tasks::connection_task::{ByteStream, ConnectionTask};
use crate::net::listener;
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::host::{Host, SharedHost};
use crate::shard::log_gate::LogGate;
use crate::shard::mailbox::{Control, Mailbox};

/// What the work-stealing runtime is given.
pub(crate) struct StealPlan<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    /// Called once, when connections are being served, with the host whose counters may be read from then on.
    pub(crate) ready: Box<dyn FnOnce(Arc<SharedHost<A>>) + Send>,
}

/// Runs until the drain is over. Blocks the calling thread, which is no worker.
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
                log::error!("a worker's thread could not be prepared: {error}");
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
            let (app, host) = (Arc::clone(&plan.app), Arc::clone(&host));
            move || {
                app.thread_parks();
                if let Some(bench) = host.known_worker() {
                    bench.counters.busy_us.parks();
                }
            }
        })
        .on_thread_unpark({
            let host = Arc::clone(&host);
            move || {
                if let Some(bench) = host.known_worker() {
                    bench.counters.busy_us.unparks();
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
    // Joins the workers; their hooks let go of the host.
    drop(runtime);
    match Arc::into_inner(host) {
        Some(mut host) => host.stop_services(),
        None => log::error!("a worker outlived its runtime; its service was not stopped"),
    }
    app.workers_ended();
    result
}

async fn live<A: App>(plan: StealPlan<A>, host: Arc<SharedHost<A>>) -> Result<(), EngineError> {
    let listener = TcpListener::from_std(plan.listener)
        .map_err(EngineError::setup("the listener could not be watched"))?;
    let listener = Arc::new(listener);
    // A worker makes the first service now: an app that cannot make one is an error at start.
    let first = Arc::clone(&host);
    match tokio::spawn(async move { first.worker().map(drop) }).await {
        Ok(made) => made?,
        Err(_panic) => return Err(EngineError::TaskLost("first service")),
    }
    let mut accepting = tokio::spawn(accept(Arc::clone(&listener), Arc::clone(&host)));
    let mut timekeeper = tokio::spawn(keep_time(Arc::clone(&host)));
    (plan.ready)(Arc::clone(&host));

    let mut draining = false;
    let ended = loop {
        tokio::select! {
            biased;
            _ = &mut timekeeper => break Err(EngineError::TaskLost("time")),
            _ = &mut accepting, if !draining => break Err(EngineError::TaskLost("accept")),
            control = plan.mailbox.next() => {
                if !draining {
                    accepting.abort();
                    let _ = (&mut accepting).await;
                }
                match control {
                    Control::Drain | Control::Retire if draining => {}
                    Control::Retire => host.start_drain(),
                    Control::Drain => {
                        accept_rest(&listener, &host);
                        host.start_drain();
                    }
                    Control::Stop => host.start_cut(),
                }
                draining = true;
            }
            () = host.until_empty(), if draining => break Ok(()),
        }
    };
    timekeeper.abort();
    let _ = timekeeper.await;
    ended
}

async fn accept<A: App>(listener: Arc<TcpListener>, host: Arc<SharedHost<A>>) {
    let failures = LogGate::for_accepts();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => serve(stream, peer, &host),
            Err(error) => {
                if failures.pass(host.clock().now()) {
                    log::warn!("a connection could not be accepted: {error}");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes the connections that wait in the queue of a listener that is about to close: closing would reset them.
fn accept_rest<A: App>(listener: &TcpListener, host: &Arc<SharedHost<A>>) {
    let accepted = listener::accept_waiting(listener, |stream, peer| {
        if let Ok(stream) = TcpStream::from_std(stream) {
            serve(stream, peer, host);
        }
    });
    if let Err(error) = accepted {
        log::warn!("connections that waited could not be accepted: {error}");
    }
    listener::leave_group(listener);
}

fn serve<A: App>(stream: TcpStream, peer: std::net::SocketAddr, host: &Arc<SharedHost<A>>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let Some(admission) = host.admit() else {
        return;
    };
    let (info, host) = (ConnectionInfo::plain_tcp(peer, local), Arc::clone(host));
    // The worker that polls first makes the driver: it needs that worker's workbench.
    tokio::spawn(async move {
        // No borrow of the workbench may live on over the await: it is this worker's, and the task may move.
        if let Err(error) = host.worker().map(drop) {
            log::error!("a worker could not make its service: {error}");
            return host.leave(admission.id(), 0);
        }
        ConnectionTask::new(stream, info, host, admission).await;
    });
}

async fn keep_time<A: App>(host: Arc<SharedHost<A>>) {
    loop {
        match host.with_table(|table| table.next_deadline()) {
            None => host.deadline_moved.notified().await,
            Some(deadline) => {
                let at: Instant = host.clock().instant(deadline);
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = host.deadline_moved.notified() => {}
                }
            }
        }
        let now = host.clock().now();
        host.with_table(|table| table.wake_due(now));
    }
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
