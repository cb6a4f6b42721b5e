//! The `glommio` engine: glommio's `LocalExecutor` over io_uring, one per shard.
//!
//! glommio 0.9 has no hook before it parks, so a batch ends with a task of its own that stands behind the connections
//! in the queue. A panic in one of its task queues would end the process: what is spawned here catches its own.
//! Its `accept` loses the descriptor of a connection that arrives after the wait was given up, so the listener is only
//! polled here, and the connections are taken with plain system calls.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
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
use turbo_shard_ring::on_own_thread;

use crate::engine::glommio::probe::{MEMLOCK_BYTES_MIN, probe};
use crate::engine::held_at_once::held_at_once;
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tasks::executor::Executor;
use crate::engine::tasks::shard_life::OwnTasks;
use crate::metrics::counters::Counters;
use crate::service::App;
use crate::shard::host::LocalHost;

/// What one executor locks in memory, about: three rings of 128 entries, and its registered memory.
const LOCKED_BYTES: u64 = 3 * 16 * 1024 + IO_MEMORY_BYTES as u64;

/// Registered I/O memory that glommio sets aside; sockets do not use it. Its least is 64 KiB.
const IO_MEMORY_BYTES: usize = 64 * 1024;
/// When glommio interrupts a queue to look at its rings. That must never happen: a timer that fires before the first
/// task of a turn has run (another process had the core meanwhile) makes `run_task_queues` report that there was
/// nothing to do, and the executor parks with tasks that are ready; with 1 ms that held shards for seconds on a busy
/// machine. So the timer is out of reach, and whatever goes on for long yields through the reactor instead (`pause`).
const PREEMPT_TIMER: Duration = Duration::from_secs(1);

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
    let tasks = OwnTasks::on(Queue {
        queue,
        tasks: RefCell::default(),
    });
    let (app, counters) = (Arc::clone(&plan.app), Arc::clone(&plan.counters));
    let batches = end_batches(Rc::clone(&host), app, counters);
    tasks.spawn("batch end", batches);
    let living = {
        let tasks = Rc::clone(&tasks);
        async move { tasks.live(plan, host).await }
    };
    let lived = match glommio::spawn_local_into(AssertUnwindSafe(living).catch_unwind(), queue) {
        Ok(task) => task.await.unwrap_or(Err(EngineError::TaskLost("main"))),
        Err(error) => Err(setup_error("glommio's queue is gone", &error)),
    };
    // Dropping the executor would leave them, and all that they hold, in memory.
    let started = tasks.executor.tasks.take();
    for task in started {
        task.cancel().await;
    }
    lived
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

/// The shard's queue, and the tasks that were started in it.
struct Queue {
    queue: TaskQueueHandle,
    tasks: RefCell<Vec<Task<()>>>,
}

impl Executor for Queue {
    type Watch = Rc<dyn AsFd>;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        match glommio::spawn_local_into(task, self.queue) {
            Ok(task) => self.tasks.borrow_mut().push(task),
            Err(error) => panic!("the shard's own queue is gone: {error}"),
        }
    }

    fn watch(owner: Rc<dyn AsFd>) -> io::Result<Rc<dyn AsFd>> {
        Ok(owner)
    }

    /// glommio waits for its own streams only, so a duplicate of the descriptor poses as one: glommio polls before the
    /// first read. What the read then says does not matter, because nothing can be received from a listener or an epoll
    /// descriptor.
    async fn readable(watch: &Rc<dyn AsFd>) -> io::Result<()> {
        let duplicate = watch.as_fd().try_clone_to_owned()?;
        // SAFETY: the duplicate is taken out of its owner here and has no other.
        let mut stream = unsafe { TcpStream::from_raw_fd(duplicate.into_raw_fd()) };
        poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut stream), cx, &mut [0; 1]).map(drop)).await;
        Ok(())
    }

    async fn sleep_until(at: Instant) {
        Timer::new(at.saturating_duration_since(Instant::now())).await;
    }

    /// A task that only woke itself would be run again before the rings have been looked at.
    async fn pause() {
        Timer::new(NEXT_TURN).await;
    }
}

fn setup_error(what: &'static str, error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Setup {
        what,
        error: io::Error::other(error.to_string()),
    }
}
