//! The server as its owner sees it: bind, run, stop, count.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, after, never};

use crate::config::{EngineName, Mode, ServerConfig, Steering};
use crate::engine::per_core::{PerCore, ShardRecord};
use crate::engine::registry;
use crate::engine::work_stealing::{self, StealPlan};
use crate::mailbox::mailbox;
use crate::net::{listener, open_files, placement, steering};
use crate::service::{App, StartError};
use crate::shard::clock::Clock;
use crate::shard::counters::{ShardCounts, WorkerCounts};
use crate::shard::host::WorkerCounters;
use crate::signals::SignalThread;
use crate::stop::{Stop, StopRequest};
use crate::supervisor::Supervisor;

/// What a server is, once its sockets are bound.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Architecture.
    pub mode: Mode,
    /// Engine in use.
    pub engine: EngineName,
    /// Why that engine, for people.
    pub engine_reason: String,
    /// The core that each shard is pinned to; workers of the work-stealing runtime are not pinned.
    pub shard_cores: Vec<Option<usize>>,
}

/// A server whose port is its own, and that does not serve yet.
pub struct BoundServer {
    config: Arc<ServerConfig>,
    report: Report,
    listeners: Vec<std::net::TcpListener>,
    handle: ServerHandle,
    requests: Receiver<StopRequest>,
}

/// Stops a server, or reads its counters, from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    requests: Sender<StopRequest>,
    counts: Arc<Mutex<CountSource>>,
}

enum CountSource {
    Nothing,
    Shards(Arc<Vec<ShardRecord>>),
    Workers(Box<dyn Fn() -> WorkerCounters + Send>),
}

impl ServerHandle {
    /// Stops accepting, lets exchanges in flight finish within the graceful time, then ends. Asked for a second time it
    /// is [`ServerHandle::stop_now`].
    pub fn stop(&self) {
        let _ = self.requests.send(StopRequest::Gracefully);
    }

    /// Cuts every connection and ends.
    pub fn stop_now(&self) {
        let _ = self.requests.send(StopRequest::Now);
    }

    /// Reads the counters: one row per shard, or one for all workers of the work-stealing runtime.
    pub fn counts(&self) -> Vec<ShardCounts> {
        match &*lock(&self.counts) {
            CountSource::Nothing => Vec::new(),
            CountSource::Shards(records) => {
                let numbered = records.iter().enumerate();
                let rows = numbered.map(|(shard, record)| ShardCounts {
                    shard,
                    ..record.read()
                });
                rows.collect()
            }
            CountSource::Workers(read) => {
                let (counters, mut row) = (read(), ShardCounts::default());
                counters.workers.iter().for_each(|worker| row.add(worker));
                row.add(&counters.connections);
                vec![row]
            }
        }
    }

    /// Reads the counters of each worker of the work-stealing runtime; there are none in shard mode.
    pub fn workers(&self) -> Vec<WorkerCounts> {
        match &*lock(&self.counts) {
            CountSource::Nothing | CountSource::Shards(_) => Vec::new(),
            CountSource::Workers(read) => {
                let workers = read().workers;
                let numbered = workers.iter().enumerate();
                numbered
                    .map(|(worker, counters)| WorkerCounts::read(worker, counters))
                    .collect()
            }
        }
    }
}

impl BoundServer {
    /// Binds the sockets and settles on an engine. Everything that a wrong setting can cause fails here.
    pub fn bind(config: ServerConfig) -> Result<BoundServer, StartError> {
        config.check()?;
        let (engine, engine_reason) = match config.mode {
            Mode::Shard => registry::choose(config.engine)?,
            Mode::Steal => (
                EngineName::Tokio,
                String::from("work stealing runs on tokio"),
            ),
        };
        if let Err(error) = open_files::raise_limit() {
            log::warn!("the limit of open files could not be raised: {error}");
        }
        let shards = config.shards.get();
        let count = if config.mode == Mode::Shard {
            shards
        } else {
            1
        };
        let listeners = listener::bind_group(&config.host, config.port, count, config.backlog)?;
        let address = listeners[0]
            .local_addr()
            .map_err(|error| StartError::new(error.to_string()))?;
        let cores = placement::allowed_cores();
        let pinned = config.pin && config.mode == Mode::Shard;
        let shard_cores: Vec<Option<usize>> = (0..shards)
            .map(|index| if pinned { cores.core_of(index) } else { None })
            .collect();
        if config.steering == Steering::Cpu {
            steer(&listeners, &shard_cores)?;
        }
        let report = Report {
            addresses: vec![address],
            mode: config.mode,
            engine,
            engine_reason,
            shard_cores,
        };
        let (sender, requests) = crossbeam_channel::unbounded();
        let handle = ServerHandle {
            requests: sender,
            counts: Arc::new(Mutex::new(CountSource::Nothing)),
        };
        Ok(BoundServer {
            config: Arc::new(config),
            report,
            listeners,
            handle,
            requests,
        })
    }

    /// What was bound and chosen.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// A handle for other threads.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves until it is stopped; the calling thread becomes the supervisor. With `handle_signals`, SIGINT and SIGTERM
    /// stop gracefully and a second one at once. `on_ready` is called when all shards serve.
    pub fn run<A: App>(
        self,
        app: A,
        handle_signals: bool,
        on_ready: impl FnOnce(),
    ) -> Result<(), StartError> {
        let signals =
            if handle_signals {
                let (handle, told) = (
                    self.handle.clone(),
                    std::sync::atomic::AtomicBool::new(false),
                );
                let started = SignalThread::start(&[libc::SIGINT, libc::SIGTERM], move |_signal| {
                    if told.swap(true, Relaxed) {
                        handle.stop_now()
                    } else {
                        handle.stop()
                    }
                });
                Some(started.map_err(|error| {
                    StartError::new(format!("signals cannot be handled: {error}"))
                })?)
            } else {
                None
            };
        let counts = Arc::clone(&self.handle.counts);
        let result = match self.config.mode {
            Mode::Shard => self.run_shards(Arc::new(app), on_ready),
            Mode::Steal => self.run_workers(Arc::new(app), on_ready),
        };
        *lock(&counts) = CountSource::Nothing;
        drop(signals);
        result
    }

    fn run_shards<A: App>(self, app: Arc<A>, on_ready: impl FnOnce()) -> Result<(), StartError> {
        let record = |core: &Option<usize>| ShardRecord {
            core: *core,
            counters: Arc::default(),
            restarts: std::sync::atomic::AtomicU64::new(0),
        };
        let records = Arc::new(
            self.report
                .shard_cores
                .iter()
                .map(record)
                .collect::<Vec<_>>(),
        );
        *lock(&self.handle.counts) = CountSource::Shards(Arc::clone(&records));
        let (sender, events) = crossbeam_channel::unbounded();
        let config = Arc::clone(&self.config);
        let shards = PerCore::new(
            app,
            self.report.engine,
            config,
            self.listeners,
            records,
            sender,
        );
        Supervisor {
            shards,
            events,
            requests: self.requests,
            stop: Stop::new(self.config.graceful_timeout_ms),
        }
        .run(on_ready)
    }

    fn run_workers<A: App>(
        mut self,
        app: Arc<A>,
        on_ready: impl FnOnce(),
    ) -> Result<(), StartError> {
        let Some(listener) = self.listeners.pop() else {
            return Err(StartError::new("no listener was bound"));
        };
        let (sender, mailbox) = mailbox();
        let (tell, ended) = crossbeam_channel::bounded(1);
        let (tell_ready, ready) = crossbeam_channel::bounded(1);
        let counts = Arc::clone(&self.handle.counts);
        let stops = Arc::clone(&app);
        let plan = StealPlan {
            app,
            listener,
            config: Arc::clone(&self.config),
            clock: Clock::start(),
            mailbox,
            ready: Box::new(move |host| {
                let host = Arc::downgrade(&host);
                let read = move || {
                    host.upgrade()
                        .map(|host| host.counters())
                        .unwrap_or_default()
                };
                *lock(&counts) = CountSource::Workers(Box::new(read));
                let _ = tell_ready.send(());
            }),
        };
        let cannot =
            |error| StartError::new(format!("the runtime's thread cannot be started: {error}"));
        let thread = std::thread::Builder::new()
            .name("steal-main".into())
            .spawn(move || drop(tell.send(work_stealing::run(plan))))
            .map_err(cannot)?;
        let mut on_ready = Some(on_ready);
        let mut stop = Stop::new(self.config.graceful_timeout_ms);
        loop {
            let deadline = stop.deadline.map_or_else(never, |at| {
                after(at.saturating_duration_since(Instant::now()))
            });
            let ready = if on_ready.is_some() {
                ready.clone()
            } else {
                never()
            };
            crossbeam_channel::select_biased! {
                recv(ended) -> result => {
                    let _ = thread.join();
                    return match result {
                        Ok(result) => result.map_err(|error| StartError::new(error.to_string())),
                        Err(_) => Err(StartError::new("the work-stealing runtime panicked")),
                    };
                }
                recv(ready) -> told => {
                    // A server that was told to stop while it started never was ready, nor is one whose start has failed:
                    // its end of this channel is gone, and why is about to be told.
                    let on_ready = on_ready.take().filter(|_| told.is_ok() && !stop.is_asked());
                    on_ready.into_iter().for_each(|on_ready| on_ready());
                }
                recv(self.requests) -> request => {
                    let mut control = stop.request(request.unwrap_or(StopRequest::Now));
                    if on_ready.is_some() {
                        // It was never announced as ready, so nobody is owed the graceful time.
                        control = stop.request(StopRequest::Now).or(control);
                    }
                    if let Some(control) = control {
                        stops.stops_by(stop.finishes_by());
                        sender.post(control);
                    }
                }
                recv(deadline) -> _ => match stop.deadline_passed() {
                    Some(control) => {
                        stops.stops_by(stop.finishes_by());
                        sender.post(control);
                    }
                    None => return Ok(()),
                },
            }
        }
    }
}

/// Has the kernel choose the shard on the CPU that takes a connection's first packet.
fn steer(listeners: &[std::net::TcpListener], cores: &[Option<usize>]) -> Result<(), StartError> {
    let refused = |reason: &dyn std::fmt::Display| StartError::new(format!("steer cpu: {reason}"));
    let pinned: Option<Vec<usize>> = cores.iter().copied().collect();
    let pinned = pinned.ok_or_else(|| refused(&"the shards are not pinned to cores; pin them"))?;
    let mut distinct = pinned.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < pinned.len() {
        return Err(refused(&format_args!(
            "{} shards share {} cores; start no more shards than there are cores",
            pinned.len(),
            distinct.len()
        )));
    }
    let Some(listener) = listeners.first() else {
        return Err(refused(&"no listener was bound"));
    };
    steering::steer_to_cpus(listener, &pinned)
        .map_err(|error| refused(&format_args!("the kernel refuses the program ({error})")))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
