//! What an engine is given to run a shard, and what it says when it cannot go on.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use crate::config::ServerConfig;
use crate::metrics::counters::Counters;
use crate::service::App;
use crate::shard::clock::Clock;
use crate::shard::hand_off::Intake;
use crate::shard::mailbox::Mailbox;
use crate::start_error::StartError;

/// Pause after a failed accept (no descriptor left, most often): the queue stays, a busy loop would not help it.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One shard's part of the server.
pub(crate) struct ShardPlan<A: App> {
    pub(crate) app: Arc<A>,
    pub(crate) shard: usize,
    pub(crate) listener: TcpListener,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    /// Connections that other shards accept for this one, and the way to have others serve what this one accepts.
    pub(crate) intake: Intake,
    /// Call once, when connections are being served.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

/// An engine runs a shard from its first connection to the end of its drain, on the calling thread.
pub(crate) trait Engine {
    fn run<A: App>(self, plan: ShardPlan<A>) -> Result<(), EngineError>;
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
