//! What an engine is given to run a shard, and what it says when it cannot go on.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::ServerConfig;
use crate::metrics::counters::Counters;
use crate::net::listener::Listener;
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::hand_off::Intake;
use crate::shard::host::LocalHost;
use crate::shard::mailbox::Mailbox;
use crate::start_error::StartError;

/// One shard's part of the server.
pub(crate) struct ShardPlan<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) shard: usize,
    /// Those that it accepts from; what comes in by shared ones arrives through the intake.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    /// Connections that other shards accept for this one, and the way to have others serve what this one accepts.
    pub(crate) intake: Intake,
    /// Call once, when connections are being served.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

impl<A: App> ShardPlan<A> {
    /// Makes the place where the shard's connections live, with the service of the calling thread.
    pub(crate) fn host(&self) -> Result<LocalHost<A>, StartError> {
        LocalHost::new(
            &*self.app,
            self.shard,
            &self.config,
            Arc::clone(&self.counters),
            self.clock,
        )
    }
}

/// An engine, as the registry knows it: what this machine has of what it needs, and how it runs a shard.
pub(crate) trait Engine: Sized {
    /// Whether so many shards can run on it here at the same time; otherwise why not, and what would help.
    fn probe(shards: usize) -> Result<(), String>;

    /// What it would use and this kernel lacks, each with the version that brought it.
    fn lacks() -> Vec<String> {
        Vec::new()
    }

    /// What so many shards lock in memory, about, where the kernel counts it (without CAP_IPC_LOCK).
    fn locked_bytes(_shards: usize) -> u64 {
        0
    }

    /// Takes for the calling thread what the kernel may refuse.
    fn on_this_thread<A: App>(plan: &ShardPlan<A>) -> Result<Self, EngineError>;

    /// Runs a shard from its first connection to the end of its drain, on the calling thread. Every connection has
    /// ended when it returns.
    fn run<A: App>(self, plan: ShardPlan<A>, host: &Rc<LocalHost<A>>) -> Result<(), EngineError>;
}

/// Why a shard ended before it was told to.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// The app could not make its service.
    App(StartError),
    /// The kernel refused something that a shard needs.
    Setup {
        what: &'static str,
        error: io::Error,
    },
    /// One of the shard's own tasks ended; none may.
    TaskLost(&'static str),
}

impl EngineError {
    /// What the kernel's refusal means for the shard: `map_err(EngineError::setup("the listener could not be watched"))`.
    pub(crate) fn setup(what: &'static str) -> impl Fn(io::Error) -> EngineError {
        move |error| EngineError::Setup { what, error }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::App(error) => error.fmt(f),
            EngineError::Setup { what, error } => write!(f, "{what}: {error}"),
            EngineError::TaskLost(task) => write!(f, "the shard's {task} task ended in a panic"),
        }
    }
}

impl From<StartError> for EngineError {
    fn from(error: StartError) -> EngineError {
        EngineError::App(error)
    }
}
