//! The server as its owner sees it: bind, run, stop, count.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;

use crate::config::{EngineName, Mode, ServerConfig, Steering};
use crate::edge::OwnPath;
use crate::engine::registry;
use crate::exposition::reading::LifeStage;
use crate::net::bound_address::{BoundAddress, bind_all};
use crate::net::listener::Listener;
use crate::net::{open_files, placement, steering};
use crate::server::handle::{CountSource, ServerHandle};
use crate::server::per_core::{PerCore, ShardListeners, ShardRecord};
use crate::server::report::Report;
use crate::server::scraped::Scraped;
use crate::server::signals::{self, SignalThread};
use crate::server::stealing::Stealing;
use crate::server::stop::{Stop, StopRequest};
use crate::server::supervisor::Supervisor;
use crate::server::watch::Watch;
use crate::server::worker::{Inheritance, Worker};
use crate::service::App;
use crate::start_error::StartError;
use crate::tls::context::Tls;
use crate::tls::renewal::Renewal;

/// What the thread that runs a server of mode shard does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// It supervises, and every shard has a thread of its own.
    Supervises,
    /// It is the first shard, for an app that was made on it: a free-threaded Python counts an object's references
    /// without atomic operations on the thread that made it (PEP 703). Where the app does not give the thread back in
    /// time, [`App::given_up`] ends the process.
    IsFirstShard,
}

/// A server that has its port and does not serve yet.
pub struct BoundServer {
    config: Arc<ServerConfig>,
    report: Report,
    /// Held until the server has ended.
    bound: Vec<BoundAddress>,
    /// Process mode: this is the worker with that number, restarted so many times.
    worker: Option<(usize, u64)>,
    handle: ServerHandle,
    requests: Receiver<StopRequest>,
    /// Who is given metrics; until the server has ended.
    scraped: Scraped,
}

impl BoundServer {
    /// Binds the sockets and settles on an engine. Everything that a wrong setting can cause fails here.
    pub fn bind(mut config: ServerConfig) -> Result<BoundServer, StartError> {
        config.check()?;
        let chosen = registry::choose(config.mode, config.engine, config.shards.get())?;
        raise_open_files();
        let shards = config.shards.get();
        let has_shards = config.mode.has_shards();
        let count = if has_shards { shards } else { 1 };
        if let (Mode::Process, Some(log)) = (config.mode, &config.edge.access_log) {
            // It could be opened; the workers open it for themselves.
            log.close();
        }
        let mut bound = bind_all(&config.binds, count, config.backlog)?;
        if let Some(redirect) = &config.redirect {
            config.edge.redirects_to = Some(redirect.leads_to(&bound));
            let mut place = redirect.bind.clone();
            place.options.redirects = true;
            bound.append(&mut bind_all(&[place], count, config.backlog)?);
        }
        let cores = placement::allowed_cores();
        let pinned = config.pin && has_shards;
        let shard_cores: Vec<Option<usize>> = (0..shards)
            .map(|index| if pinned { cores.core_of(index) } else { None })
            .collect();
        for group in bound.iter().filter_map(BoundAddress::group) {
            match config.steering {
                Steering::Hash => {}
                Steering::Cpu => steering::steer_to_shards(group, &shard_cores)?,
                Steering::Address => steering::steer_by_address(group)?,
            }
        }
        let mut server = BoundServer::new(config, chosen, bound, shard_cores, None);
        server.scraped = Scraped::start(&server.config, server.report.engine, &server.handle)?;
        server.report.metrics = server.scraped.address();
        Ok(server)
    }

    /// The one shard of a worker process, whose sockets were bound before the process was started.
    pub fn inherit(
        mut config: ServerConfig,
        inheritance: Inheritance,
    ) -> Result<BoundServer, StartError> {
        config.check()?;
        let chosen = registry::choose(config.mode, config.engine, 1)?;
        raise_open_files();
        config.mode = Mode::Process;
        config.shards = std::num::NonZeroUsize::MIN;
        let Inheritance {
            listeners,
            worker,
            core,
            restarts,
            redirects_to,
        } = inheritance;
        config.edge.redirects_to = redirects_to;
        let place = Some((worker, restarts));
        let bound = listeners.into_iter().map(BoundAddress::inherited);
        let bound = bound.collect::<Result<_, _>>()?;
        let mut server = BoundServer::new(config, chosen, bound, vec![core], place);
        server.scraped = Scraped::start(&server.config, server.report.engine, &server.handle)?;
        Ok(server)
    }

    fn new(
        config: ServerConfig,
        (engine, engine_reason): (EngineName, String),
        bound: Vec<BoundAddress>,
        shard_cores: Vec<Option<usize>>,
        worker: Option<(usize, u64)>,
    ) -> BoundServer {
        let of = |redirects: bool| bound.iter().filter(move |one| one.redirects() == redirects);
        let report = Report {
            addresses: of(false).map(|one| one.address.clone()).collect(),
            redirects: of(true).map(|one| one.address.clone()).collect(),
            speaks_tls: config.tls.is_some(),
            mode: config.mode,
            engine,
            engine_reason,
            shard_cores,
            metrics: None,
            metrics_path: config.edge.own_path.as_ref().map(OwnPath::path),
        };
        let (sender, requests) = crossbeam_channel::unbounded();
        let handle = ServerHandle {
            requests: sender,
            counts: Arc::new(Mutex::new(CountSource::Nothing)),
            signal: Arc::default(),
            is_cut: Arc::default(),
            access_log: config.edge.access_log.clone(),
            pools: Arc::default(),
            stage: Arc::default(),
            collector: Arc::default(),
        };
        BoundServer {
            config: Arc::new(config),
            report,
            bound,
            worker,
            handle,
            requests,
            scraped: Scraped::Nowhere,
        }
    }

    /// The sockets that a worker of the process mode inherits, and whether it shares them with the others.
    pub fn listeners_of(&self, worker: usize) -> impl Iterator<Item = (&Listener, bool)> {
        (self.bound.iter()).map(move |one| (one.of_shard(worker), one.shared().is_some()))
    }

    /// The listeners that shard `index` has of its own.
    fn own_listeners(&self, index: usize) -> Result<Vec<Listener>, StartError> {
        let groups = self.bound.iter().filter_map(BoundAddress::group);
        copies(groups.map(|group| &group[index]))
    }

    /// The listeners that all shards share.
    fn shared_listeners(&self) -> Result<Vec<Listener>, StartError> {
        copies(self.bound.iter().filter_map(BoundAddress::shared))
    }

    /// What was bound and chosen.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Lets go of the listeners; metrics are given until the server is dropped.
    pub fn stop_listening(&mut self) {
        self.bound.clear();
    }

    /// The supervisor of the process mode says how far the server has come, and which workers there are: the Unix socket
    /// that each gives its reading at (None where it does not run), and whether it serves.
    pub fn set_workers(&self, stage: LifeStage, workers: Vec<(Option<PathBuf>, bool)>) {
        self.scraped.set_workers(stage, workers);
    }

    /// The supervisor of the process mode gives the readings of all workers, merged, at this Unix socket: to workers that
    /// are asked for them at a path.
    pub fn give_all_metrics(&self, path: &Path) -> io::Result<()> {
        self.scraped.give_all(path)
    }

    /// What its listeners speak, if it is TLS.
    pub fn tls(&self) -> Option<&Tls> {
        self.config.tls.as_ref()
    }

    /// The port of `https` that plain HTTP is led to, if it is.
    pub fn redirects_to(&self) -> Option<u16> {
        self.config.edge.redirects_to
    }

    /// A handle for other threads.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves until it is stopped. In mode shard, `caller` says what the calling thread becomes; in a worker of the
    /// process mode it becomes the shard, in mode steal it waits. With `handle_signals`, SIGINT and SIGTERM stop
    /// gracefully and a second one at once; a worker is told by SIGTERM alone, since Ctrl-C reaches it as well as its
    /// supervisor. SIGUSR1 opens the access log's file again. `on_ready` is called when all shards serve.
    pub fn run<A: App>(
        self,
        app: A,
        caller: Caller,
        handle_signals: bool,
        on_ready: impl FnOnce() + Send,
    ) -> Result<(), StartError> {
        let signals = if handle_signals {
            Some(self.handle_signals()?)
        } else {
            None
        };
        let counts = Arc::clone(&self.handle.counts);
        let is_worker = self.worker.is_some();
        let handle = self.handle.clone();
        let on_ready = move || {
            handle.note_stage(LifeStage::Ready);
            on_ready();
        };
        let access_log = self.config.edge.access_log.clone();
        if let Some(log) = &access_log {
            log.start(self.worker.map_or(0, |(number, _)| number))?;
        }
        let is_first = self.worker.is_none_or(|place| place == (0, 0));
        let _renewal = self.config.tls.as_ref().map(|tls| {
            if is_first {
                tls.tell_if_forbidden();
            }
            Renewal::start(tls)
        });
        let result = match (self.config.mode, self.worker) {
            (Mode::Shard, _) => self.run_shards(Arc::new(app), caller, on_ready),
            (Mode::Steal, _) => self.run_worker_threads(Arc::new(app), on_ready),
            (Mode::Process, Some(worker)) => self.run_here(Arc::new(app), worker, on_ready),
            (Mode::Process, None) => Err(StartError::new(
                "a server of mode process serves in the workers that inherit its listeners",
            )),
        };
        if let Some(log) = &access_log {
            log.finish();
        }
        *counts.lock() = CountSource::Nothing;
        drop(signals);
        if result.is_ok() && !is_worker {
            log::info!("stopped");
        }
        result
    }

    fn handle_signals(&self) -> Result<SignalThread, StartError> {
        let handle = self.handle.clone();
        let told = std::sync::atomic::AtomicBool::new(false);
        let is_worker = self.worker.is_some();
        let on_signal = move |number| match (number, told.load(Relaxed)) {
            (libc::SIGUSR1, _) => handle.reopen_logs(),
            (libc::SIGINT, _) if is_worker => {}
            (_, true) => handle.stop_now(),
            (number, false) => {
                told.store(true, Relaxed);
                handle.signal.store(number, Relaxed);
                handle.note_stage(LifeStage::Draining);
                if is_worker {
                    let _ = handle.requests.send(StopRequest::Retire);
                } else {
                    handle.stop();
                }
            }
        };
        let mut numbers = vec![libc::SIGINT, libc::SIGTERM];
        match (signals::is_free(libc::SIGUSR1), &self.handle.access_log) {
            (true, _) => numbers.push(libc::SIGUSR1),
            (false, Some(_)) => {
                log::warn!(
                    "SIGUSR1 opens the access log again; the app's own handler is set aside"
                );
                numbers.push(libc::SIGUSR1);
            }
            // The app's own.
            (false, None) => {}
        }
        SignalThread::start(&numbers, on_signal)
            .map_err(|error| StartError::new(format!("signals cannot be handled: {error}")))
    }

    fn run_here<A: App>(
        self,
        app: Arc<A>,
        (number, restarts): (usize, u64),
        on_ready: impl FnOnce() + Send,
    ) -> Result<(), StartError> {
        let (listeners, shared_listeners) = (self.own_listeners(0)?, self.shared_listeners()?);
        let core = self.report.shard_cores.first().copied().flatten();
        let record = ShardRecord {
            core,
            counters: Arc::default(),
        };
        record.counters.restarts.add(restarts);
        let counters = Arc::clone(&record.counters);
        *self.handle.counts.lock() = CountSource::Shards {
            first: number,
            records: Arc::new(vec![record]),
        };
        let worker = Worker {
            app,
            number,
            engine: self.report.engine,
            core,
            listeners,
            shared_listeners,
            config: self.config,
            counters,
            requests: self.requests,
            in_flight: Box::new(in_flight(self.handle)),
        };
        worker.run(on_ready)
    }

    fn run_shards<A: App>(
        self,
        app: Arc<A>,
        caller: Caller,
        on_ready: impl FnOnce() + Send,
    ) -> Result<(), StartError> {
        let record = |core: &Option<usize>| ShardRecord {
            core: *core,
            counters: Arc::default(),
        };
        let records = Arc::new(
            self.report
                .shard_cores
                .iter()
                .map(record)
                .collect::<Vec<_>>(),
        );
        *self.handle.counts.lock() = CountSource::Shards {
            first: 0,
            records: Arc::clone(&records),
        };
        let (sender, events) = crossbeam_channel::unbounded();
        let config = Arc::clone(&self.config);
        let of_shards = (0..records.len()).map(|index| self.own_listeners(index));
        let listeners = ShardListeners {
            of_shards: of_shards.collect::<Result<_, _>>()?,
            shared: self.shared_listeners()?,
        };
        let shards = PerCore::new(app, self.report.engine, config, listeners, records, sender);
        let stop = Stop::new(self.config.graceful_timeout_ms, in_flight(self.handle));
        let mut supervisor = Supervisor {
            shards,
            watch: Watch::new(stop, self.requests, events),
            starting: Vec::new(),
        };
        match caller {
            Caller::Supervises => supervisor.run(on_ready),
            Caller::IsFirstShard => supervisor.run_beside_first_shard(on_ready),
        }
    }

    fn run_worker_threads<A: App>(
        self,
        app: Arc<A>,
        on_ready: impl FnOnce(),
    ) -> Result<(), StartError> {
        let mut listeners = self.own_listeners(0)?;
        listeners.append(&mut self.shared_listeners()?);
        let counts = Arc::clone(&self.handle.counts);
        let stealing = Stealing {
            app,
            listeners,
            requests: self.requests,
            stop: Stop::new(self.config.graceful_timeout_ms, in_flight(self.handle)),
            config: self.config,
            show_counters: Box::new(move |counters| {
                *counts.lock() = CountSource::WorkerThreads(counters)
            }),
        };
        stealing.run(on_ready)
    }
}

fn copies<'a>(listeners: impl Iterator<Item = &'a Listener>) -> Result<Vec<Listener>, StartError> {
    let copies = listeners.map(Listener::try_clone);
    copies
        .collect::<std::io::Result<_>>()
        .map_err(|error| StartError::new(format!("a listener cannot be copied: {error}")))
}

fn in_flight(handle: ServerHandle) -> impl Fn() -> u64 + Send + 'static {
    move || handle.in_flight()
}

fn raise_open_files() {
    if let Err(error) = open_files::raise_limit() {
        log::warn!("the limit of open files could not be raised: {error}");
    }
}
