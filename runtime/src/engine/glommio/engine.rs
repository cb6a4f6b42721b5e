//! The `glommio` engine: glommio's `LocalExecutor` over io_uring, one per shard.
//!
//! glommio 0.9 has no hook before it parks, so a batch ends with a task of its own that stands behind the connections
//! in the queue. A panic in one of its task queues would end the process: what is spawned here catches its own.
//! Its `accept` loses the descriptor of a connection that arrives after the wait was given up, so the listener is only
//! polled here, and the connections are taken with plain system calls.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use futures_lite::io::AsyncRead;
use glommio::net::TcpStream;
use glommio::timer::Timer;
use glommio::{
    Latency, LocalExecutor, LocalExecutorBuilder, Placement, PoolPlacement, Shares, Task,
    TaskQueueHandle,
};
use tokio::sync::Notify;
use turbo_shard_ring::on_own_thread;

use crate::engine::glommio::probe::{MEMLOCK_BYTES_MIN, probe};
use crate::engine::held_at_once::held_at_once;
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tasks::connection_set::ConnectionSet;
use crate::engine::tasks::local_tasks::{
    accept, accept_rest, drive_hosted_loop, keep_time, take_arrivals,
};
use crate::metrics::counters::Counters;
use crate::service::App;
use crate::shard::host::LocalHost;
use crate::shard::mailbox::Control;

/// What one executor locks in memory, about: three rings of 128 entries, and its registered memory.
const LOCKED_BYTES: u64 = 3 * 16 * 1024 + IO_MEMORY_BYTES as u64;

/// Registered I/O memory that glommio sets aside; sockets do not use it. Its least is 64 KiB.
const IO_MEMORY_BYTES: usize = 64 * 1024;
/// When glommio interrupts a queue to look at its rings. That must never happen: a timer that fires before the first
/// task of a turn has run (another process had the core meanwhile) makes `run_task_queues` report that there was
/// nothing to do, and the executor parks with tasks that are ready; with 1 ms that held shards for seconds on a busy
/// machine. So the timer is out of reach, and whatever goes on for long yields through the reactor instead ([`pause`]).
const PREEMPT_TIMER: Duration = Duration::from_secs(1);
/// Between two looks at a hosted loop that cannot be watched, for want of a descriptor.
const UNWATCHED_PAUSE: Duration = Duration::from_millis(2);

/// A timer that has run out when it is made is no wait at all; this one sends its task through the reactor.
const NEXT_TURN: Duration = Duration::from_micros(10);

/// glommio on one core: the executor of the calling thread, which is pinned already.
pub(crate) struct Glommio(LocalExecutor);

impl Engine for Glommio {
    fn probe(shards: usize) -> Result<(), String> {
        on_own_thread(probe).and_then(|()| fits(shards))
    }

    fn locked_bytes(shards: usize) -> u64 {
        MEMLOCK_BYTES_MIN.max(LOCKED_BYTES * shards as u64)
    }

    fn on_this_thread<A: App>(plan: &ShardPlan<A>) -> Result<Glommio, EngineError> {
        executor(&format!("shard-{}", plan.shard))
            .map(Glommio)
            .map_err(|error| setup_error("glommio's executor could not be made", &error))
    }

    fn run<A: App>(self, plan: ShardPlan<A>, host: &Rc<LocalHost<A>>) -> Result<(), EngineError> {
        self.0.run(live_in_own_queue(plan, Rc::clone(host)))
    }
}

/// Whether so many shards can each have an executor at the same time: one limit covers all that a user locks. glommio
/// asks for it once and in words of its own; [`probe`] must have passed.
fn fits(shards: usize) -> Result<(), String> {
    let make = || executor("probe").map_err(|error| error.to_string());
    let tried = held_at_once(shards, make, |_shard| Builder::new())?;
    let made = tried.iter().filter(|result| result.is_ok()).count();
    tried
        .into_iter()
        .collect::<Result<(), String>>()
        .map_err(|error| {
            format!("RLIMIT_MEMLOCK has room for {made} of {shards} shards (ulimit -l; {error})")
        })
}

fn executor(name: &str) -> Result<LocalExecutor, glommio::GlommioError<()>> {
    LocalExecutorBuilder::new(Placement::Unbound)
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .preempt_timer(PREEMPT_TIMER)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
        .make()
}

/// Runs the shard in a queue that asks for latency: glommio's default queue does not look at wakes from other threads
/// while it is busy.
async fn live_in_own_queue<A: App>(
    plan: ShardPlan<A>,
    host: Rc<LocalHost<A>>,
) -> Result<(), EngineError> {
    let name = format!("shard-{}", plan.shard);
    let latency = Latency::Matters(PREEMPT_TIMER);
    let queue = glommio::executor().create_task_queue(Shares::default(), latency, &name);
    let shard = Rc::new(Shard {
        queue,
        lost: Notify::new(),
        lost_task: Cell::new(""),
        tasks: RefCell::default(),
    });
    let living = AssertUnwindSafe(live(plan, host, Rc::clone(&shard))).catch_unwind();
    let lived = match glommio::spawn_local_into(living, queue) {
        Ok(task) => task.await.unwrap_or(Err(EngineError::TaskLost("main"))),
        Err(error) => Err(setup_error("glommio's queue is gone", &error)),
    };
    // Dropping the executor would leave them, and all that they hold, in memory.
    let tasks = shard.tasks.take();
    for task in tasks {
        task.cancel().await;
    }
    lived
}

async fn live<A: App>(
    plan: ShardPlan<A>,
    host: Rc<LocalHost<A>>,
    shard: Rc<Shard>,
) -> Result<(), EngineError> {
    let connections = ConnectionSet::new(Rc::clone(&host)).map(Rc::new);
    let connections =
        connections.map_err(|error| setup_error("the connections could not be watched", &error))?;
    let (listener, intake) = (Rc::new(plan.listener), Rc::new(plan.intake));
    shard.spawn("connections", serve(Rc::clone(&connections)));
    shard.spawn("accept", {
        let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
        let listener = Rc::clone(&listener);
        async move {
            let until_readable = || readable(listener.as_fd());
            let sleep = async |pause| _ = Timer::new(pause).await;
            accept(&connections, &listener, &intake, until_readable, sleep).await;
        }
    });
    if intake.is_in_use() {
        let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
        shard.spawn("arrivals", async move {
            take_arrivals(&connections, &intake).await;
        });
    }
    shard.spawn("time", {
        let host = Rc::clone(&host);
        async move {
            let sleep_until = async |at: Instant| {
                Timer::new(at.saturating_duration_since(Instant::now())).await;
            };
            keep_time(&host, sleep_until).await;
        }
    });
    let (app, counters) = (Arc::clone(&plan.app), Arc::clone(&plan.counters));
    shard.spawn("batch end", end_batches(Rc::clone(&host), app, counters));
    if host.host_loop().is_some() {
        shard.spawn("hosted loop", run_hosted_loop(Rc::clone(&host)));
    }
    plan.app.thread_parks();
    (plan.ready)();

    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = shard.lost.notified() => {
                connections.clear();
                return Err(EngineError::TaskLost(shard.lost_task.get()));
            }
            control = plan.mailbox.next() => {
                intake.close(|stream, peer| connections.serve(stream, peer));
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

/// A shard's things as its tasks need them.
struct Shard {
    queue: TaskQueueHandle,
    lost: Notify,
    lost_task: Cell<&'static str>,
    tasks: RefCell<Vec<Task<()>>>,
}

impl Shard {
    /// Starts one of the shard's own tasks. None of them may end: if one panics the shard does.
    fn spawn(self: &Rc<Self>, name: &'static str, task: impl Future<Output = ()> + 'static) {
        let shard = Rc::clone(self);
        let guarded = async move {
            let _ = AssertUnwindSafe(task).catch_unwind().await;
            shard.lost_task.set(name);
            shard.lost.notify_one();
        };
        match glommio::spawn_local_into(guarded, self.queue) {
            Ok(task) => self.tasks.borrow_mut().push(task),
            Err(error) => panic!("the shard's own queue is gone: {error}"),
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
        counters
            .busy_us
            .add_ns(u64::try_from(busy.as_nanos()).unwrap_or(0));
    }
}

async fn serve<A: App>(connections: Rc<ConnectionSet<A>>) {
    // SAFETY: the set keeps its descriptor open for as long as it lives, which is longer than this borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(connections.as_raw_fd()) };
    connections.run(|| news(fd), pause).await;
}

async fn run_hosted_loop<A: App>(host: Rc<LocalHost<A>>) {
    let Some(hosted) = host.hosted() else { return };
    // SAFETY: the hosted loop keeps its descriptor open for as long as it is hosted, and `host` owns the loop.
    let fd = unsafe { BorrowedFd::borrow_raw(hosted.fd()) };
    drive_hosted_loop(&host, hosted, || news(fd), pause).await;
}

/// Returns once the epoll set `fd` may have news.
async fn news(fd: BorrowedFd<'_>) -> io::Result<()> {
    if readable(fd).await.is_err() {
        // Peers may have taken the last descriptor, which is no reason to die: look again soon.
        Timer::new(UNWATCHED_PAUSE).await;
    }
    Ok(())
}

/// Returns once `fd` polls readable. glommio waits for its own streams only, so a duplicate of the descriptor poses as
/// one: glommio polls before the first read. What the read then says does not matter, because nothing can be received
/// from a listener or an epoll descriptor.
async fn readable(fd: BorrowedFd<'_>) -> io::Result<()> {
    let duplicate = fd.try_clone_to_owned()?;
    // SAFETY: the duplicate is taken out of its owner here and has no other.
    let mut stream = unsafe { TcpStream::from_raw_fd(duplicate.into_raw_fd()) };
    poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut stream), cx, &mut [0; 1]).map(drop)).await;
    Ok(())
}

/// Comes back when the tasks that are ready have run and the rings have been looked at. A task that only woke itself
/// would be run again before that.
async fn pause() {
    Timer::new(NEXT_TURN).await;
}

fn setup_error(what: &'static str, error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Setup {
        what,
        error: io::Error::other(error.to_string()),
    }
}
