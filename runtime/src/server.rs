//! A server from its sockets to its end: binds, starts the shards, hears signals, supervises, drains.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, never};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::{EngineName, Mode, ServerConfig};
use crate::engine::per_core::{PerCore, ShardEvent, ShardRecord};
use crate::engine::registry;
use crate::engine::work_stealing::{self, StealPlan};
use crate::mailbox::{Control, mailbox};
use crate::net::{listener, open_files, placement};
use crate::service::{App, StartError};
use crate::shard::clock::Clock;
use crate::shard::counters::{Counters, ShardCounts};
use crate::signals::SignalThread;

/// After the graceful time is over, connections are cut; what then still holds a shard (a handler that does not
/// return) is given this long before the server ends without it.
const CUT_GRACE: Duration = Duration::from_secs(2);

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
    Workers(Box<dyn Fn() -> Vec<Arc<Counters>> + Send>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopRequest {
    Gracefully,
    Now,
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
                let rows = records.iter().enumerate().map(|(shard, record)| {
                    let restarts = record.restarts.load(Relaxed);
                    let mut row = ShardCounts {
                        shard,
                        core: record.core,
                        restarts,
                        ..ShardCounts::default()
                    };
                    row.add(&record.counters);
                    row
                });
                rows.collect()
            }
            CountSource::Workers(read) => {
                let mut row = ShardCounts::default();
                read().iter().for_each(|counters| row.add(counters));
                vec![row]
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
        let shard_cores = (0..shards)
            .map(|index| if pinned { cores.core_of(index) } else { None })
            .collect();
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
                let started = SignalThread::start(&[SIGINT, SIGTERM], move |_signal| {
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
                recv(ready) -> _ => on_ready.take().into_iter().for_each(|on_ready| on_ready()),
                recv(self.requests) -> request => {
                    if let Some(control) = stop.request(request.unwrap_or(StopRequest::Now)) {
                        sender.post(control);
                    }
                }
                recv(deadline) -> _ => match stop.deadline_passed() {
                    Some(control) => drop(sender.post(control)),
                    None => return Ok(()),
                },
            }
        }
    }
}

/// Keeps shards running until they have drained.
struct Supervisor<A: App> {
    shards: PerCore<A>,
    events: Receiver<ShardEvent>,
    requests: Receiver<StopRequest>,
    stop: Stop,
}

impl<A: App> Supervisor<A> {
    fn run(mut self, on_ready: impl FnOnce()) -> Result<(), StartError> {
        for index in 0..self.shards.len() {
            // One after another; see `App`.
            self.shards.start(index)?;
            if let Err(error) = self.until_ready(index) {
                self.shards.tell_all(Control::Stop);
                self.until_ended();
                return Err(error);
            }
            if self.stop.is_asked() {
                break;
            }
        }
        if !self.stop.is_asked() {
            on_ready();
        }
        self.until_ended();
        Ok(())
    }

    /// Waits for a shard's first readiness. One that ends before it is a start that failed.
    fn until_ready(&mut self, index: usize) -> Result<(), StartError> {
        loop {
            crossbeam_channel::select_biased! {
                recv(self.requests) -> request => self.asked(request.unwrap_or(StopRequest::Now)),
                recv(self.events) -> event => match event {
                    Ok(ShardEvent::Ready(ready)) if ready == index => return Ok(()),
                    Ok(ShardEvent::Ended(ended, result)) if ended == index => {
                        self.shards.ended(index);
                        if self.stop.is_asked() {
                            return Ok(());
                        }
                        let reason = result.err().map_or_else(|| "it ended".into(), |error| error.to_string());
                        return Err(StartError::new(reason));
                    }
                    Ok(event) => self.heard(event),
                    Err(_) => return Err(StartError::new("the shards are gone")),
                },
            }
        }
    }

    /// Supervises until no shard runs any more.
    fn until_ended(&mut self) {
        while (0..self.shards.len()).any(|index| self.shards.is_running(index))
            || self.shards.next_restart().is_some()
        {
            let wake_at = [self.stop.deadline, self.shards.next_restart()]
                .into_iter()
                .flatten()
                .min();
            let timer = wake_at.map_or_else(never, |at| {
                after(at.saturating_duration_since(Instant::now()))
            });
            crossbeam_channel::select_biased! {
                recv(self.events) -> event => match event {
                    Ok(event) => self.heard(event),
                    Err(_) => return,
                },
                recv(self.requests) -> request => self.asked(request.unwrap_or(StopRequest::Now)),
                recv(timer) -> _ => {
                    if self.stop.deadline.is_some_and(|at| at <= Instant::now()) {
                        match self.stop.deadline_passed() {
                            Some(control) => self.shards.tell_all(control),
                            None => return,
                        }
                    }
                    self.shards.restart_due();
                }
            }
        }
    }

    fn heard(&mut self, event: ShardEvent) {
        match event {
            ShardEvent::Ready(index) => log::info!("shard {index} serves"),
            ShardEvent::Ended(index, Ok(())) => self.shards.ended(index),
            ShardEvent::Ended(index, Err(error)) if self.stop.is_asked() => {
                log::error!("shard {index} died while it drained ({error})");
                self.shards.ended(index);
            }
            ShardEvent::Ended(index, Err(error)) => self.shards.died(index, &error),
        }
    }

    fn asked(&mut self, request: StopRequest) {
        if let Some(control) = self.stop.request(request) {
            self.shards.tell_all(control);
        }
    }
}

/// How far a stop has come.
struct Stop {
    graceful: Duration,
    stage: StopStage,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopStage {
    Running,
    Draining,
    Cutting,
}

impl Stop {
    fn new(graceful_timeout_ms: u64) -> Stop {
        Stop {
            graceful: Duration::from_millis(graceful_timeout_ms),
            stage: StopStage::Running,
            deadline: None,
        }
    }

    fn is_asked(&self) -> bool {
        self.stage != StopStage::Running
    }

    fn request(&mut self, request: StopRequest) -> Option<Control> {
        match (self.stage, request) {
            (StopStage::Running, StopRequest::Gracefully) => {
                self.stage = StopStage::Draining;
                // A graceful time beyond what the clock can add is none at all.
                self.deadline = Instant::now().checked_add(self.graceful);
                log::info!(
                    "stopping: exchanges in flight have {} s to finish",
                    self.graceful.as_secs_f64()
                );
                Some(Control::Drain)
            }
            (StopStage::Running | StopStage::Draining, _) => Some(self.cut()),
            (StopStage::Cutting, _) => None,
        }
    }

    /// The next step once the deadline has passed; nothing is left to do when even cutting took too long.
    fn deadline_passed(&mut self) -> Option<Control> {
        match self.stage {
            StopStage::Running => None,
            StopStage::Draining => {
                log::warn!("the graceful time is over: what is still in flight is cut");
                Some(self.cut())
            }
            StopStage::Cutting => {
                log::error!("a handler does not return; the server ends without it");
                None
            }
        }
    }

    fn cut(&mut self) -> Control {
        self.stage = StopStage::Cutting;
        self.deadline = Some(Instant::now() + CUT_GRACE);
        Control::Stop
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_request_cuts_and_a_third_changes_nothing() {
        let mut stop = Stop::new(1000);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Drain));
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Stop));
        assert_eq!(stop.request(StopRequest::Gracefully), None);
    }

    #[test]
    fn an_endless_graceful_time_is_no_overflow() {
        let mut stop = Stop::new(u64::MAX);
        assert_eq!(stop.request(StopRequest::Gracefully), Some(Control::Drain));
        assert!(
            stop.deadline
                .is_none_or(|at| at > Instant::now() + Duration::from_secs(3600))
        );
    }

    #[test]
    fn the_deadline_cuts_and_then_gives_up() {
        let mut stop = Stop::new(0);
        stop.request(StopRequest::Gracefully);
        assert_eq!(stop.deadline_passed(), Some(Control::Stop));
        assert_eq!(stop.deadline_passed(), None);
    }
}
