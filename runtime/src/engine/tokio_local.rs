//! The `tokio` engine: a current-thread runtime over epoll, one per shard. Works everywhere.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};

use crate::engine::connection_task::{ByteStream, ConnectionTask};
use crate::engine::local_tasks::{drive_hosted_loop, keep_time, take_arrivals};
use crate::engine::plan::{ACCEPT_PAUSE, Engine, EngineError, ShardPlan};
use crate::mailbox::Control;
use crate::net::listener;
use crate::service::{App, ConnectionInfo, Service};
use crate::shard::hand_off::{Fresh, Intake};
use crate::shard::host::LocalHost;

/// tokio on one core.
pub(crate) struct TokioLocal;

impl Engine for TokioLocal {
    fn run<A: App>(self, plan: ShardPlan<A>) -> Result<(), EngineError> {
        let setup = |what| move |error| EngineError::Setup { what, error };
        let app = plan.app.clone();
        let (parked, unparked) = (plan.counters.clone(), plan.counters.clone());
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || {
                app.thread_parks();
                parked.busy.parks();
            })
            .on_thread_unpark(move || unparked.busy.unparks())
            .build_local(LocalOptions::default())
            .map_err(setup("tokio's runtime could not be made"))?;
        let host = Rc::new(LocalHost::new(
            &*plan.app,
            plan.shard,
            &plan.config,
            plan.counters.clone(),
            plan.clock,
        )?);
        let result = runtime.block_on(live(plan, Rc::clone(&host)));
        // Dropping the runtime drops the connections that a stop has left; only then may the service go.
        drop(runtime);
        host.bench.service.stop();
        result
    }
}

/// A shard from its first connection to its last.
async fn live<A: App>(plan: ShardPlan<A>, host: Rc<LocalHost<A>>) -> Result<(), EngineError> {
    let setup = |what| move |error| EngineError::Setup { what, error };
    let listener =
        TcpListener::from_std(plan.listener).map_err(setup("the listener could not be watched"))?;
    let (listener, intake) = (Rc::new(listener), Rc::new(plan.intake));
    let accepting = accept(Rc::clone(&listener), Rc::clone(&host), Rc::clone(&intake));
    let accepting = spawn_local(accepting);
    let mut arriving = intake
        .is_in_use()
        .then(|| spawn_local(take_in(Rc::clone(&host), Rc::clone(&intake))));
    let mut timekeeper = spawn_local({
        let host = Rc::clone(&host);
        async move {
            keep_time(&host, async |at: Instant| {
                tokio::time::sleep_until(at.into()).await
            })
            .await
        }
    });
    let mut loop_driver =
        spawn_hosted_loop(&host).map_err(setup("the hosted loop could not be watched"))?;
    (plan.ready)();

    let mut accepting = Some(accepting);
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            _ = &mut timekeeper => return Err(EngineError::TaskLost("time")),
            () = lost(&mut loop_driver) => return Err(EngineError::TaskLost("hosted loop")),
            () = lost(&mut arriving) => return Err(EngineError::TaskLost("arrivals")),
            () = lost(&mut accepting) => return Err(EngineError::TaskLost("accept")),
            control = plan.mailbox.next() => {
                if let Some(task) = accepting.take() {
                    task.abort();
                    let _ = task.await;
                    intake.close(|stream, peer| serve_plain(stream, peer, &host));
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
        let until_readable = async || {
            watched.readable().await?.clear_ready();
            Ok(())
        };
        drive_hosted_loop(&host, hosted, until_readable, tokio::task::yield_now).await;
    })))
}

async fn accept<A: App>(listener: Rc<TcpListener>, host: Rc<LocalHost<A>>, intake: Rc<Intake>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match intake.other_target() {
                None => serve(stream, peer, &host),
                Some(target) => hand_over(stream, peer, target, &host, &intake),
            },
            Err(error) => {
                host.bench.warn_of_accept(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Gives a connection to another shard, or serves it here if that one is about to end.
fn hand_over<A: App>(
    stream: TcpStream,
    peer: SocketAddr,
    target: usize,
    host: &Rc<LocalHost<A>>,
    intake: &Intake,
) {
    match stream.into_std() {
        Ok(stream) => {
            if let Err(Fresh { stream, peer }) = intake.hand_over(target, Fresh { stream, peer }) {
                serve_plain(stream, peer, host);
            }
        }
        Err(error) => log::error!("the connection of {peer} could not be handed over: {error}"),
    }
}

async fn take_in<A: App>(host: Rc<LocalHost<A>>, intake: Rc<Intake>) {
    take_arrivals(&host, &intake, |stream, peer| {
        serve_plain(stream, peer, &host);
    })
    .await;
}

/// Takes the connections that wait in the queue of a listener that is about to close: closing would reset them.
fn accept_rest<A: App>(listener: &TcpListener, host: &Rc<LocalHost<A>>) {
    let accepted =
        listener::accept_waiting(listener, |stream, peer| serve_plain(stream, peer, host));
    if let Err(error) = accepted {
        log::warn!("connections that waited could not be accepted: {error}");
    }
    listener::leave_group(listener);
}

fn serve_plain<A: App>(stream: std::net::TcpStream, peer: SocketAddr, host: &Rc<LocalHost<A>>) {
    match TcpStream::from_std(stream) {
        Ok(stream) => serve(stream, peer, host),
        Err(error) => log::error!("the connection of {peer} could not be watched: {error}"),
    }
}

fn serve<A: App>(stream: TcpStream, peer: SocketAddr, host: &Rc<LocalHost<A>>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let Some(admission) = host.admit() else {
        return;
    };
    let info = ConnectionInfo { peer, local };
    // With tokio's stream (32 bytes), what it adds to a task (104), and its steps of 128. A debug build's stream is larger.
    const {
        let ours =
            size_of::<ConnectionTask<TcpStream, Rc<LocalHost<A>>>>() - size_of::<TcpStream>();
        assert!(ours <= 384 - 104 - 32);
    }
    spawn_local(ConnectionTask::new(
        stream,
        info,
        Rc::clone(host),
        admission,
    ));
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

/// A descriptor that somebody else owns and closes after the engine has let go of it.
struct WatchedFd(RawFd);

impl std::os::fd::AsRawFd for WatchedFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}
