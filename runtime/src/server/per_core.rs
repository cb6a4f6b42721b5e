//! Shards on threads of their own, pinned, and started again when one dies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::config::{Balance, EngineName, ServerConfig};
use crate::engine::plan::{EngineError, ShardPlan};
use crate::engine::registry;
use crate::metrics::counters::{Counters, Counts, ShardCounts};
use crate::net::listener::Listener;
use crate::net::placement;
use crate::server::beat::Beat;
use crate::server::rebalance::Rebalance;
use crate::server::shared_accept::SharedAccept;
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::hand_off::{ArrivalQueues, Intake};
use crate::shard::mailbox::{Control, MailboxSender, mailbox};
use crate::start_error::StartError;
use crate::thread_stack::THREAD_STACK_BYTES;

/// A shard that dies again within this time of its start restarts only after a pause, which doubles.
const STEADY: Duration = Duration::from_secs(10);
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(100);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a shard's thread tells the supervisor.
pub(crate) enum ShardEvent {
    Ready(usize),
    Ended(usize, Result<(), EngineError>),
}

/// What is known of a shard for as long as the server lives.
pub(crate) struct ShardRecord {
    pub(crate) core: Option<usize>,
    pub(crate) counters: Arc<Counters>,
}

impl ShardRecord {
    /// A reading of the counters of the shard with this number.
    pub(crate) fn read(&self, shard: usize) -> ShardCounts {
        ShardCounts {
            shard,
            core: self.core,
            counts: self.counters.read(),
        }
    }
}

/// The listeners of a server with shards.
pub(crate) struct ShardListeners {
    pub(crate) of_shards: Vec<Vec<Listener>>,
    pub(crate) shared: Vec<Listener>,
}

/// Starts shards and keeps them running.
pub(crate) struct PerCore<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) engine: EngineName,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) clock: Clock,
    pub(crate) records: Arc<Vec<ShardRecord>>,
    pub(crate) events: Sender<ShardEvent>,
    shards: Vec<Running>,
    /// Takes the first start of shard 0, where that shard already has a thread.
    first_thread: Option<Sender<ShardLife>>,
    /// Where shards hand connections to each other, if they do.
    queues: Option<Arc<ArrivalQueues>>,
    /// Those that all shards share, until they are accepted from.
    shared_listeners: Vec<Listener>,
    shared_accept: Option<SharedAccept>,
    rebalance: Option<Rebalance>,
    beat: Beat,
}

/// What a shard's thread does.
pub(crate) type ShardLife = Box<dyn FnOnce() + Send>;

/// The thread that a shard lives on.
enum Home {
    Own(JoinHandle<()>),
    /// One that was there before the shard, and goes on after it.
    Lent,
}

struct Running {
    /// Kept until the drain, so that a shard that dies leaves its queue of connections to its successor.
    listeners: Option<Vec<Listener>>,
    mailbox: Option<MailboxSender>,
    home: Option<Home>,
    started: Instant,
    pause: Duration,
    restart_at: Option<Instant>,
}

impl<A: App> PerCore<A> {
    pub(crate) fn new(
        app: Arc<A>,
        engine: EngineName,
        config: Arc<ServerConfig>,
        listeners: ShardListeners,
        records: Arc<Vec<ShardRecord>>,
        events: Sender<ShardEvent>,
    ) -> PerCore<A> {
        let shards = listeners.of_shards.into_iter().map(|listeners| Running {
            listeners: Some(listeners),
            mailbox: None,
            home: None,
            started: Instant::now(),
            pause: RESTART_PAUSE_MIN,
            restart_at: None,
        });
        let shards: Vec<Running> = shards.collect();
        let hands_over = config.balance == Balance::Least || config.rebalance;
        let queues = (hands_over || !listeners.shared.is_empty()).then(|| {
            let counters = records.iter().map(|record| Arc::clone(&record.counters));
            Arc::new(ArrivalQueues::new(counters, config.balance))
        });
        let rebalance = config
            .rebalance
            .then(|| Rebalance::new(Instant::now(), shards.len()));
        let beat = Beat::new(config.sends_pulses);
        PerCore {
            app,
            engine,
            config,
            clock: Clock::start(),
            records,
            events,
            shards,
            first_thread: None,
            queues,
            shared_listeners: listeners.shared,
            shared_accept: None,
            rebalance,
            beat,
        }
    }

    /// Shard 0 starts on the thread that takes from this; if it dies, it restarts on a thread of its own.
    pub(crate) fn lend_first_thread(&mut self, thread: Sender<ShardLife>) {
        self.first_thread = Some(thread);
    }

    /// A shard holds the thread that was lent to it.
    pub(crate) fn holds_lent_thread(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| matches!(shard.home, Some(Home::Lent)))
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether shard `index` may be started before the one before it is ready.
    pub(crate) fn starts_side_by_side(&self, index: usize) -> bool {
        self.app.starts_side_by_side(index)
    }

    /// Starts shard `index`. The next one may be started after its [`ShardEvent::Ready`], or
    /// [side by side](PerCore::starts_side_by_side).
    pub(crate) fn start(&mut self, index: usize) -> Result<(), StartError> {
        let shard = &mut self.shards[index];
        let cannot = |error: std::io::Error| {
            StartError::new(format!("shard {index} cannot be started: {error}"))
        };
        let Some(listeners) = &shard.listeners else {
            return Ok(());
        };
        let copies = listeners.iter().map(Listener::try_clone);
        let listeners = copies.collect::<std::io::Result<_>>().map_err(cannot)?;
        let (sender, mailbox) = mailbox();
        let ready = self.events.clone();
        let plan = ShardPlan {
            app: Arc::clone(&self.app),
            shard: index,
            listeners,
            config: Arc::clone(&self.config),
            counters: Arc::clone(&self.records[index].counters),
            clock: self.clock,
            mailbox,
            intake: Intake::new(index, self.queues.clone()),
            ready: Box::new(move || drop(ready.send(ShardEvent::Ready(index)))),
        };
        let (engine, core, events) = (self.engine, self.records[index].core, self.events.clone());
        let live = move || {
            let result = live(engine, core, plan);
            let _ = events.send(ShardEvent::Ended(index, result));
        };
        let lent = self.first_thread.take_if(|_| index == 0);
        shard.home = Some(match lent {
            Some(thread) => {
                // The thread's lender waits for this.
                let _ = thread.send(Box::new(live));
                Home::Lent
            }
            None => {
                let builder = std::thread::Builder::new()
                    .name(format!("shard-{index}"))
                    .stack_size(THREAD_STACK_BYTES);
                Home::Own(builder.spawn(live).map_err(cannot)?)
            }
        });
        shard.mailbox = Some(sender);
        shard.started = Instant::now();
        shard.restart_at = None;
        Ok(())
    }

    /// Accepts from the listeners that all shards share, once they serve.
    pub(crate) fn accept_shared(&mut self) -> Result<(), StartError> {
        if let Some(queues) = &self.queues
            && !self.shared_listeners.is_empty()
        {
            let listeners = std::mem::take(&mut self.shared_listeners);
            let (queues, first) = (Arc::clone(queues), &self.records[0].counters);
            let accept = SharedAccept::start(listeners, queues, Arc::clone(first), self.clock)?;
            self.shared_accept = Some(accept);
        }
        Ok(())
    }

    /// A shard has died: it is counted and will restart, at once the first time.
    pub(crate) fn died(&mut self, index: usize, error: &dyn std::fmt::Display) {
        let shard = &mut self.shards[index];
        join(shard.home.take());
        if let Some(queues) = &self.queues {
            queues.abandon(index);
        }
        shard.mailbox = None;
        // Its thread has ended, so it writes no counter.
        self.records[index].counters.restarts.add(1);
        self.records[index].counters.pulse.is_lost();
        shard.pause = if shard.started.elapsed() >= STEADY {
            RESTART_PAUSE_MIN
        } else {
            shard.pause
        };
        log::error!(
            "shard {index} died ({error}); it restarts in {} ms",
            shard.pause.as_millis()
        );
        shard.restart_at = Some(Instant::now() + shard.pause);
        shard.pause = (shard.pause * 2).min(RESTART_PAUSE_MAX);
    }

    /// When to start the next dead shard.
    pub(crate) fn next_restart(&self) -> Option<Instant> {
        self.shards
            .iter()
            .filter_map(|shard| shard.restart_at)
            .min()
    }

    /// Starts the dead shards whose pause is over.
    pub(crate) fn restart_due(&mut self) {
        for index in 0..self.shards.len() {
            if self.shards[index]
                .restart_at
                .is_some_and(|at| at <= Instant::now())
                && let Err(error) = self.start(index)
            {
                log::error!("{error}");
                self.shards[index].restart_at = Some(Instant::now() + self.shards[index].pause);
            }
        }
    }

    /// A shard has ended as it was told to.
    pub(crate) fn ended(&mut self, index: usize) {
        join(self.shards[index].home.take());
        if let Some(queues) = &self.queues {
            queues.abandon(index);
        }
        self.shards[index].mailbox = None;
        self.records[index].counters.pulse.is_lost();
    }

    /// When to send the next pulses.
    pub(crate) fn next_pulse(&self) -> Option<Instant> {
        self.beat.next()
    }

    /// If it is time, sends each shard a pulse.
    pub(crate) fn send_pulses(&mut self) {
        if !self.beat.is_due() {
            return;
        }
        for (shard, record) in self.shards.iter().zip(&*self.records) {
            if let Some(mailbox) = &shard.mailbox {
                send_pulse(&record.counters, mailbox);
            }
        }
    }

    /// When to compare the shards' loads next.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.rebalance.as_ref().map(Rebalance::next_look)
    }

    /// If it is time for a look, makes shards that are busier than the others send clients away.
    pub(crate) fn look_at_loads(&mut self) {
        let (Some(rebalance), Some(queues)) = (&mut self.rebalance, &self.queues) else {
            return;
        };
        let readings = self.records.iter().map(|record| record.counters.read());
        let counts: Vec<Counts> = readings.collect();
        let found = rebalance.look(Instant::now(), &counts);
        for (shard, finding) in found.into_iter().enumerate() {
            queues.set_overloaded(shard, finding.is_overloaded);
            queues.send_away(shard, finding.send_away);
            if finding.send_away > 0 {
                log::info!(
                    "shard {shard} is busier than the others: {} of its clients are asked to come back elsewhere",
                    finding.send_away
                );
            }
        }
    }

    pub(crate) fn tell_all(&mut self, control: Control) {
        self.rebalance = None;
        self.shared_listeners.clear();
        if let Some(accept) = self.shared_accept.take() {
            // Before the shards: what it takes from the queues is theirs.
            accept.stop(control == Control::Drain);
        }
        for shard in &mut self.shards {
            // From here on no shard restarts, and a listener that only we hold would go on taking connections.
            shard.listeners = None;
            shard.restart_at = None;
            if let Some(mailbox) = &shard.mailbox {
                mailbox.post(control);
            }
        }
    }

    pub(crate) fn is_running(&self, index: usize) -> bool {
        self.shards[index].home.is_some()
    }
}

/// Sends an event loop a pulse, unless it has not heard the last one yet.
pub(crate) fn send_pulse(counters: &Counters, mailbox: &MailboxSender) {
    if counters.pulse.is_sent() && !mailbox.post(Control::Pulse) {
        counters.pulse.is_lost();
    }
}

/// A shard thread's whole life. Whatever happens in it, it ends in a result.
pub(crate) fn live<A: App>(
    engine: EngineName,
    core: Option<usize>,
    plan: ShardPlan<A>,
) -> Result<(), EngineError> {
    if let Some(core) = core
        && !placement::pin_current_thread(core)
    {
        log::warn!(
            "shard {} could not be pinned to core {core}; it runs where the kernel puts it",
            plan.shard
        );
    }
    let (app, counters) = (Arc::clone(&plan.app), Arc::clone(&plan.counters));
    app.thread_starts()?;
    let result = catch_unwind(AssertUnwindSafe(|| registry::run(engine, plan)));
    // A thread that has died is not busy.
    counters.busy_us.parks();
    app.thread_stops();
    result.unwrap_or(Err(EngineError::TaskLost("engine")))
}

fn join(home: Option<Home>) {
    if let Some(Home::Own(thread)) = home {
        // `live` catches panics; there is nothing in the result.
        let _ = thread.join();
    }
}
