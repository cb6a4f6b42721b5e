//! A worker of the process mode: one shard on the calling thread, which is the process's main one, and a thread beside
//! it that receives its orders. Knows neither the other workers nor the supervisor.

use std::cell::RefCell;
use std::convert::Infallible;
use std::ffi::CString;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::config::{Balance, EngineName, ServerConfig};
use crate::edge::AccessLog;
use crate::engine::plan::ShardPlan;
use crate::metrics::counters::Counters;
use crate::net::bound_address::InheritedListener;
use crate::net::listener::Listener;
use crate::server::beat::Beat;
use crate::server::per_core;
use crate::server::shared_accept::SharedAccept;
use crate::server::stop::{Stop, StopRequest};
use crate::server::watch::{News, Report, StartReport, Watch};
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::hand_off::{ArrivalQueues, Intake};
use crate::shard::mailbox::{Control, MailboxSender, mailbox};
use crate::start_error::StartError;

/// What a worker of the process mode gets from its supervisor.
#[derive(Debug)]
pub struct Inheritance {
    /// A listener for each of the server's addresses.
    pub listeners: Vec<InheritedListener>,
    /// Its number among the workers.
    pub worker: usize,
    /// The core to stay on.
    pub core: Option<usize>,
    /// How often it was restarted.
    pub restarts: u64,
    /// The port of `https` that listeners which redirect lead to.
    pub redirects_to: Option<u16>,
}

/// What a worker is made of.
pub(crate) struct Worker<A: App> {
    pub(crate) app: Arc<A>,
    /// Its number among the workers; in its own process it is the first shard, and the only one.
    pub(crate) number: usize,
    pub(crate) engine: EngineName,
    pub(crate) core: Option<usize>,
    pub(crate) listeners: Vec<Listener>,
    /// Those that other workers accept from as well.
    pub(crate) shared_listeners: Vec<Listener>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) requests: Receiver<StopRequest>,
    /// How many requests are in flight.
    pub(crate) in_flight: Box<dyn Fn() -> u64 + Send>,
}

impl<A: App> Worker<A> {
    /// Runs the shard here until it has drained. `on_ready` is called on the other thread, once it serves.
    pub(crate) fn run(self, on_ready: impl FnOnce() + Send) -> Result<(), StartError> {
        let (sender, mailbox) = mailbox();
        // The shard has ended when nothing can report any more.
        let (reports, reported) = crossbeam_channel::bounded(1);
        let start = StartReport::to(&reports);
        let stop = Stop::quiet(self.config.graceful_timeout_ms, self.in_flight);
        let watch = Watch::new(stop, self.requests, reported);
        let (app, counters) = (Arc::clone(&self.app), Arc::clone(&self.counters));
        let access_log = self.config.edge.access_log.clone();
        let beat = Beat::new(self.config.sends_pulses);
        let clock = Clock::start();
        let queues = (!self.shared_listeners.is_empty()).then(|| {
            let counters = Arc::clone(&self.counters);
            Arc::new(ArrivalQueues::new([counters].into_iter(), Balance::Hash))
        });
        let shared = Shared {
            listeners: self.shared_listeners,
            queues: queues.clone(),
            counters: Arc::clone(&self.counters),
            clock,
            accept: None,
        };
        let plan = ShardPlan {
            app: self.app,
            shard: 0,
            listeners: self.listeners,
            config: self.config,
            counters: self.counters,
            clock,
            mailbox,
            intake: Intake::new(0, queues),
            ready: Box::new(move || start.ready()),
        };
        std::thread::scope(|scope| {
            // Started before this thread is pinned: a busy shard must not hold up the thread that stops it.
            let started = std::thread::Builder::new()
                .name("control".into())
                .spawn_scoped(scope, move || {
                    let serves = Serves { shared, on_ready };
                    control(watch, &*app, &sender, &counters, beat, access_log, serves);
                });
            started.map_err(|error| {
                StartError::new(format!("the control thread cannot be started: {error}"))
            })?;
            name_this_thread(self.number);
            let result = per_core::live(self.engine, self.core, plan);
            drop(reports);
            result.map_err(|error| StartError::new(error.to_string()))
        })
    }
}

/// Passes on to the shard what others ask of it, until it has ended.
fn control<A: App>(
    mut watch: Watch<Report<Infallible>>,
    app: &A,
    shard: &MailboxSender,
    counters: &Counters,
    beat: Beat,
    access_log: Option<AccessLog>,
    Serves { shared, on_ready }: Serves<impl FnOnce()>,
) {
    let shared = RefCell::new(shared);
    let serves = || {
        shared.borrow_mut().start();
        on_ready();
    };
    let ended = watch.until_ended(beat, serves, |control, stop| {
        if control == Control::Pulse {
            return per_core::send_pulse(counters, shard);
        }
        app.stops_by(stop.finishes_by());
        // Before the shard: what it takes from the queues is the shard's.
        shared.borrow_mut().stop(control);
        shard.post(control);
        match control {
            Control::Retire => app.retires(),
            Control::Drain => app.drains(stop.in_flight()),
            Control::Stop | Control::Pulse => {}
        }
    });
    if ended == News::GiveUp {
        if let Some(log) = access_log {
            log.finish();
        }
        app.given_up();
    }
}

/// What begins when the shard serves.
struct Serves<R> {
    shared: Shared,
    on_ready: R,
}

/// What a worker shares with the others.
struct Shared {
    listeners: Vec<Listener>,
    queues: Option<Arc<ArrivalQueues>>,
    counters: Arc<Counters>,
    clock: Clock,
    accept: Option<SharedAccept>,
}

impl Shared {
    fn start(&mut self) {
        let Some(queues) = self.queues.take() else {
            return;
        };
        let listeners = std::mem::take(&mut self.listeners);
        let counters = Arc::clone(&self.counters);
        match SharedAccept::start(listeners, queues, counters, self.clock) {
            Ok(accept) => self.accept = Some(accept),
            Err(error) => log::error!("{error}; the other workers serve them"),
        }
    }

    fn stop(&mut self, control: Control) {
        self.queues = None;
        if let Some(accept) = self.accept.take() {
            // A successor takes what waits after a retirement.
            accept.stop(control == Control::Drain);
        }
    }
}

/// Lets `top` and `ps` say which worker it is, as they do for the shards of one process.
fn name_this_thread(number: usize) {
    if let Ok(name) = CString::new(format!("shard-{number}")) {
        // SAFETY: PR_SET_NAME reads a terminated string, which `name` is; it keeps the first 15 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
}
