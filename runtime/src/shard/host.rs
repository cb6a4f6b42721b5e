//! Where connections live: one shard's thread, or the worker threads of the work-stealing runtime. Knows no engine.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use thread_local::ThreadLocal;
use tokio::sync::Notify;
use turbo_shard_protocol::websocket::WebSocketLimits;
use turbo_shard_protocol::{ChosenLines, Limits};

use crate::config::ServerConfig;
use crate::edge::{Edge, EdgeConfig};
use crate::metrics::counters::Counters;
use crate::service::{App, HostedLoop, Place, Service};
use crate::shard::clock::Clock;
use crate::shard::connection_table::{ConnectionId, ConnectionTable};
use crate::shard::workbench::Workbench;
use crate::start_error::StartError;
use crate::tls::context::Tls;

/// Connections beyond the configured maximum that are still taken in to be told 503; beyond these they are just closed.
const REFUSED_AT_ONCE_MAX: usize = 64;

/// How a fresh connection is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served.
    Served(ConnectionId),
    /// It is told 503.
    Refused(ConnectionId),
}

impl Admission {
    /// The connection's number, served or not.
    pub(crate) fn id(self) -> ConnectionId {
        match self {
            Admission::Served(id) | Admission::Refused(id) => id,
        }
    }
}

/// How far a host has come, or the server as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Serving,
    /// Exchanges in flight are finished, then connections close.
    Draining,
    /// Connections end at once.
    Cutting,
}

/// What a connection's task asks of the place it lives in.
pub(crate) trait Host {
    type Service: Service;
    /// The calling thread's workbench.
    fn bench(&self) -> &Workbench<Self::Service>;
    fn clock(&self) -> Clock;
    fn with_table<R>(&self, f: impl FnOnce(&mut ConnectionTable) -> R) -> R;
    /// Takes a fresh connection in. None where there are so many that it is just closed.
    fn admit(&self) -> Option<Admission>;
    fn stage(&self) -> Stage;
    fn set_stage(&self, stage: Stage);
    /// The earliest deadline has moved forward: the task that waits for it must look again.
    fn deadline_moved(&self) -> &Notify;
    /// The last connection has ended.
    fn emptied(&self) -> &Notify;
    /// A connection has had its turn.
    fn turn_ended(&self);
    /// A connection has ended, and with it its exchanges in flight.
    fn leave(&self, id: ConnectionId, in_flight: u64);

    /// Comes to another stage, and has every connection look.
    fn enter(&self, stage: Stage) {
        self.set_stage(stage);
        self.with_table(|table| table.wake_all());
    }
}

/// Returns when the last connection has ended.
pub(crate) async fn until_empty<H: Host>(host: &H) {
    while host.with_table(|table| table.len()) > 0 {
        host.emptied().notified().await;
    }
}

/// One shard: all of it belongs to one thread.
pub(crate) struct LocalHost<A: App> {
    pub(crate) bench: Workbench<A::Service>,
    deadline_moved: Notify,
    emptied: Notify,
    /// The hosted loop has something to run.
    pub(crate) loop_ready: Notify,
    /// Connections had a turn since the last end of a batch.
    pub(crate) batch_open: Notify,
    hosted: OnceCell<Box<dyn HostedLoop>>,
    table: RefCell<ConnectionTable>,
    stage: Cell<Stage>,
    connections_max: usize,
}

impl<A: App> LocalHost<A> {
    pub(crate) fn new(
        app: &A,
        shard: usize,
        config: &ServerConfig,
        counters: Arc<Counters>,
        clock: Clock,
    ) -> Result<LocalHost<A>, StartError> {
        let service = app.service(Place::Shard(shard))?;
        let edge = Edge::new(&config.edge, &counters, Some(shard));
        // The limits are copied: their reference count stays on this core.
        let bench = Workbench::new(
            service,
            Arc::new(config.limits.clone()),
            Arc::new(config.websocket_limits()),
            counters,
            clock,
            edge,
            config.chosen_lines.clone(),
        )
        .with_tls(config.tls.clone());
        Ok(LocalHost {
            bench,
            deadline_moved: Notify::new(),
            emptied: Notify::new(),
            loop_ready: Notify::new(),
            batch_open: Notify::new(),
            hosted: OnceCell::new(),
            table: RefCell::default(),
            stage: Cell::new(Stage::Serving),
            connections_max: config.connections_max,
        })
    }

    /// Asks the service for the loop it wants hosted; call once.
    pub(crate) fn host_loop(&self) -> Option<&dyn HostedLoop> {
        if let Some(hosted) = self.bench.service.hosted_loop() {
            let _ = self.hosted.set(hosted);
        }
        self.hosted.get().map(|hosted| &**hosted)
    }

    pub(crate) fn hosted(&self) -> Option<&dyn HostedLoop> {
        self.hosted.get().map(|hosted| &**hosted)
    }
}

impl<A: App> Host for LocalHost<A> {
    type Service = A::Service;

    fn bench(&self) -> &Workbench<A::Service> {
        &self.bench
    }

    fn clock(&self) -> Clock {
        self.bench.clock
    }

    fn with_table<R>(&self, f: impl FnOnce(&mut ConnectionTable) -> R) -> R {
        f(&mut self.table.borrow_mut())
    }

    fn admit(&self) -> Option<Admission> {
        let admission = admit(&mut self.table.borrow_mut(), self.connections_max);
        self.bench.counters.note_admission(admission.is_some());
        admission
    }

    fn stage(&self) -> Stage {
        self.stage.get()
    }

    fn set_stage(&self, stage: Stage) {
        self.stage.set(stage);
    }

    fn deadline_moved(&self) -> &Notify {
        &self.deadline_moved
    }

    fn emptied(&self) -> &Notify {
        &self.emptied
    }

    fn turn_ended(&self) {
        if self.hosted().is_some_and(HostedLoop::is_ready) {
            self.loop_ready.notify_one();
        }
        self.batch_open.notify_one();
    }

    fn leave(&self, id: ConnectionId, in_flight: u64) {
        let counters = &self.bench.counters;
        counters.connections_closed.add(1);
        counters.requests_ended.add(in_flight);
        let mut table = self.table.borrow_mut();
        table.remove(id);
        if table.len() == 0 {
            self.emptied.notify_one();
        }
    }
}

/// What the work-stealing runtime counts. Apart from the host, so that a reader, or a waker that keeps the runtime's hooks
/// alive, does not keep the services from their end.
#[derive(Default)]
pub(crate) struct WorkerThreadCounters {
    own: ThreadLocal<Arc<Counters>>,
    of_threads: Mutex<Vec<Arc<Counters>>>,
    /// Those of the connections, which belong to no thread.
    pub(crate) of_connections: Counters,
}

impl WorkerThreadCounters {
    /// The calling thread's, if it has served already.
    pub(crate) fn own(&self) -> Option<&Counters> {
        self.own.get().map(|counters| &**counters)
    }

    /// Those of each thread that has served.
    pub(crate) fn of_threads(&self) -> Vec<Arc<Counters>> {
        self.of_threads.lock().clone()
    }

    fn for_new_thread(&self) -> Arc<Counters> {
        let counters = self.own.get_or(|| {
            let counters = Arc::new(Counters::default());
            self.of_threads.lock().push(Arc::clone(&counters));
            counters
        });
        // The turn in which it begins is no return from a wait.
        counters.busy_us.unparks();
        Arc::clone(counters)
    }
}

/// The work-stealing runtime's worker threads: the table is shared, each thread has a workbench of its own.
pub(crate) struct SharedHost<A: App> {
    app: Arc<A>,
    benches: ThreadLocal<Workbench<A::Service>>,
    limits: Arc<Limits>,
    websocket_limits: Arc<WebSocketLimits>,
    edge: EdgeConfig,
    tls: Option<Tls>,
    chosen_lines: ChosenLines,
    table: Mutex<ConnectionTable>,
    /// Those of the connections are written under the table's lock, those of a thread by the thread.
    counters: Arc<WorkerThreadCounters>,
    clock: Clock,
    stage: AtomicU8,
    deadline_moved: Notify,
    emptied: Notify,
    connections_max: usize,
}

impl<A: App> SharedHost<A> {
    pub(crate) fn new(app: Arc<A>, config: &ServerConfig, clock: Clock) -> SharedHost<A> {
        SharedHost {
            app,
            benches: ThreadLocal::with_capacity(config.shards.get()),
            limits: Arc::new(config.limits.clone()),
            websocket_limits: Arc::new(config.websocket_limits()),
            edge: config.edge.clone(),
            tls: config.tls.clone(),
            chosen_lines: config.chosen_lines.clone(),
            table: Mutex::default(),
            counters: Arc::default(),
            clock,
            stage: AtomicU8::new(Stage::Serving as u8),
            deadline_moved: Notify::new(),
            emptied: Notify::new(),
            connections_max: config.connections_max.saturating_mul(config.shards.get()),
        }
    }

    /// The calling thread's workbench, made at its first connection.
    pub(crate) fn own_bench(&self) -> Result<&Workbench<A::Service>, StartError> {
        self.benches.get_or_try(|| {
            let service = self.app.service(Place::WorkerThread)?;
            let counters = self.counters.for_new_thread();
            let edge = Edge::new(&self.edge, &counters, None);
            Ok(Workbench::new(
                service,
                Arc::clone(&self.limits),
                Arc::clone(&self.websocket_limits),
                counters,
                self.clock,
                edge,
                self.chosen_lines.clone(),
            )
            .with_tls(self.tls.clone()))
        })
    }

    pub(crate) fn counters(&self) -> &Arc<WorkerThreadCounters> {
        &self.counters
    }

    /// Stops the services of all worker threads, which have ended.
    pub(crate) fn stop_services(&mut self) {
        for bench in self.benches.iter_mut() {
            bench.service.stop();
        }
        self.benches.clear();
    }
}

impl<A: App> Host for SharedHost<A> {
    type Service = A::Service;

    fn bench(&self) -> &Workbench<A::Service> {
        // A thread that cannot make its service ends the connection (the task catches the panic), not the process.
        self.own_bench()
            .expect("the first thread's service was made, so this one's can be made too")
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn with_table<R>(&self, f: impl FnOnce(&mut ConnectionTable) -> R) -> R {
        f(&mut self.table.lock())
    }

    fn admit(&self) -> Option<Admission> {
        let mut table = self.table.lock();
        let admission = admit(&mut table, self.connections_max);
        self.counters
            .of_connections
            .note_admission(admission.is_some());
        admission
    }

    fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Cutting,
        }
    }

    fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
    }

    fn deadline_moved(&self) -> &Notify {
        &self.deadline_moved
    }

    fn emptied(&self) -> &Notify {
        &self.emptied
    }

    fn turn_ended(&self) {}

    fn leave(&self, id: ConnectionId, in_flight: u64) {
        let mut table = self.table.lock();
        self.counters.of_connections.connections_closed.add(1);
        self.counters.of_connections.requests_ended.add(in_flight);
        table.remove(id);
        if table.len() == 0 {
            self.emptied.notify_one();
        }
    }
}

fn admit(table: &mut ConnectionTable, connections_max: usize) -> Option<Admission> {
    if table.len() < connections_max {
        Some(Admission::Served(table.insert()))
    } else if table.len() < connections_max + REFUSED_AT_ONCE_MAX {
        Some(Admission::Refused(table.insert()))
    } else {
        None
    }
}
