//! What a person may choose about a server. Knows nothing of how it is carried out.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use turbo_shard_protocol::websocket::{WebSocketLimits, WebSocketSettings};
use turbo_shard_protocol::{ChosenLines, Limits};
use turbo_shard_ring::UringFeature;

use crate::edge::EdgeConfig;
use crate::net::bind::{Bind, Redirect};
use crate::net::placement;
use crate::start_error::StartError;
use crate::tls::context::Tls;

/// Most shards that one server may have; far above any machine, it catches a mistyped number.
pub const SHARDS_MAX: usize = 1024;

/// Which architecture serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One pinned executor per core; nothing moves between cores.
    Shard,
    /// One tokio multi-thread runtime whose worker threads steal tasks from each other.
    Steal,
    /// One shard per process, on the process's main thread; a supervisor outside of this crate starts the processes.
    Process,
}

impl Mode {
    /// Whether connections stay on pinned shards.
    pub(crate) fn has_shards(self) -> bool {
        match self {
            Mode::Shard | Mode::Process => true,
            Mode::Steal => false,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Shard => "shard",
            Mode::Steal => "steal",
            Mode::Process => "process",
        })
    }
}

/// What moves a shard's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineName {
    /// tokio's current-thread runtime over epoll.
    Tokio,
    /// glommio's executor over io_uring.
    Glommio,
    /// Our own loop over io_uring.
    Uring,
}

impl EngineName {
    /// Every engine there is.
    pub const ALL: [EngineName; 3] = [EngineName::Tokio, EngineName::Glommio, EngineName::Uring];

    /// The engine of that name.
    pub fn parse(name: &str) -> Option<EngineName> {
        EngineName::ALL
            .into_iter()
            .find(|engine| engine.to_string() == name)
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EngineName::Tokio => "tokio",
            EngineName::Glommio => "glommio",
            EngineName::Uring => "uring",
        })
    }
}

/// The engine asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineChoice {
    /// The fastest that works here.
    Auto,
    /// This one, or an error that says why not.
    Named(EngineName),
}

/// Which shard serves a fresh connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one that the kernel chose, by a hash of the addresses.
    #[default]
    Hash,
    /// The one with the fewest connections, of those that the accepting shard looks at.
    Least,
}

/// How the kernel chooses among the listeners of the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Steering {
    /// By a hash of the addresses.
    #[default]
    Hash,
    /// The shard that is pinned to the CPU on which the connection's first packet was dealt with.
    Cpu,
    /// Always the same shard for the same address of a client.
    Address,
}

/// All that a server is told. There is no default here: those of users are in the table of settings of the Python package.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Architecture.
    pub mode: Mode,
    /// Engine of the shards; work stealing always runs on tokio.
    pub engine: EngineChoice,
    /// Shards, or worker threads in work-stealing mode.
    pub shards: NonZeroUsize,
    /// Whether each shard is pinned to one of the allowed cores.
    pub pin: bool,
    /// Which shard serves a fresh connection.
    pub balance: Balance,
    /// How the kernel chooses among the shards' listeners.
    pub steering: Steering,
    /// Whether a shard that is busier than the others asks some of its clients to come back elsewhere.
    pub rebalance: bool,
    /// Where to listen.
    pub binds: Vec<Bind>,
    /// What the listeners speak that speak TLS.
    pub tls: Option<Tls>,
    /// Where plain HTTP is led to them, if anywhere.
    pub redirect: Option<Redirect>,
    /// Connections that the kernel may queue per listener before a shard accepts them (capped by net.core.somaxconn).
    pub backlog: u32,
    /// Bounds on what a peer may send and how slowly.
    pub limits: Limits,
    /// How WebSocket connections are kept.
    pub websocket: WebSocketSettings,
    /// Open connections per shard; beyond it a connection is answered 503. Idle ones cost under 2 KiB each.
    pub connections_max: usize,
    /// Milliseconds that exchanges in flight get after a stop.
    pub graceful_timeout_ms: u64,
    /// What the server itself puts on every answer.
    pub chosen_lines: ChosenLines,
    /// What the server does about each exchange, around the app.
    pub edge: EdgeConfig,
    /// Parts of io_uring that the `uring` engine does without though the kernel has them: for tests, and to find out which
    /// of them is at fault.
    pub uring_without: Vec<UringFeature>,
    /// Event loops are sent a pulse once a second, so that how long they take to hear of it is known.
    pub sends_pulses: bool,
    /// Where metrics are given, if anywhere but in the app's own place.
    pub metrics: Option<MetricsPlace>,
    /// An event loop that does not turn for longer than this is not alive, as /livez says.
    pub livez_timeout_ms: u64,
}

/// Who is given metrics, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsPlace {
    /// Scrapers and probes, on a port of its own.
    Port {
        /// Name or address.
        host: String,
        /// 0 takes a free one.
        port: u16,
    },
    /// Scrapers, at [`EdgeConfig::own_path`].
    OwnPath,
    /// The supervisor of the process mode, on a Unix socket.
    Link {
        /// Where the worker gives its own reading.
        own: PathBuf,
        /// Where the supervisor gives that of all workers.
        all: PathBuf,
    },
}

impl ServerConfig {
    /// Some server, for tests and examples, which set what they depend on.
    pub fn sample() -> ServerConfig {
        ServerConfig {
            mode: Mode::Shard,
            engine: EngineChoice::Auto,
            shards: placement::allowed_cores().default_shards(),
            pin: true,
            balance: Balance::Hash,
            steering: Steering::Hash,
            rebalance: false,
            binds: vec![Bind::tcp("127.0.0.1", 0)],
            tls: None,
            redirect: None,
            backlog: 1024,
            limits: Limits::sample(),
            websocket: WebSocketSettings::sample(),
            connections_max: 10_000,
            graceful_timeout_ms: 30_000,
            chosen_lines: ChosenLines::default(),
            edge: EdgeConfig::default(),
            uring_without: Vec::new(),
            sends_pulses: false,
            metrics: None,
            livez_timeout_ms: 10_000,
        }
    }

    /// The bounds of WebSockets: those of their own, and what HTTP connections have as well.
    pub(crate) fn websocket_limits(&self) -> WebSocketLimits {
        WebSocketLimits::new(self.websocket, &self.limits)
    }

    /// Refuses what cannot work, naming the setting.
    pub fn check(&self) -> Result<(), StartError> {
        if self.shards.get() > SHARDS_MAX {
            return Err(StartError::new(format!(
                "shards is {}, the most is {SHARDS_MAX}",
                self.shards
            )));
        }
        if self.connections_max == 0 {
            return Err(StartError::new(
                "connections_max is 0: no connection could ever be served",
            ));
        }
        if self.backlog == 0 || self.backlog > i32::MAX as u32 {
            return Err(StartError::new(format!(
                "backlog is {}, it must be 1 to {}",
                self.backlog,
                i32::MAX
            )));
        }
        if let (Mode::Steal, EngineChoice::Named(engine)) = (self.mode, self.engine)
            && engine != EngineName::Tokio
        {
            return Err(StartError::new(format!(
                "mode steal runs on tokio only: what {engine} serves stays on its shard"
            )));
        }
        let by_address = self.steering == Steering::Address;
        let is_steered = match self.mode {
            Mode::Shard => false,
            // The kernel chooses among processes as it does among shards.
            Mode::Process => self.steering == Steering::Cpu,
            Mode::Steal => self.steering != Steering::Hash,
        };
        if is_steered
            || self.mode != Mode::Shard && (self.balance, self.rebalance) != (Balance::Hash, false)
        {
            return Err(StartError::new(
                "balance, steer and rebalance are for mode shard: elsewhere no shard could take another one's connections",
            ));
        }
        if self.steering != Steering::Hash && self.balance == Balance::Least {
            return Err(StartError::new(
                "steer and balance least contradict each other: choose one",
            ));
        }
        if by_address && self.rebalance {
            return Err(StartError::new(
                "steer address and rebalance contradict each other: choose one",
            ));
        }
        self.limits
            .check()
            .and_then(|()| self.websocket_limits().check())
            .map_err(|error| StartError::new(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        ServerConfig::sample().check().unwrap();
    }

    #[test]
    fn stealing_on_glommio_is_refused_with_the_reason() {
        let config = ServerConfig {
            mode: Mode::Steal,
            engine: EngineChoice::Named(EngineName::Glommio),
            ..ServerConfig::sample()
        };
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("tokio only")
        );
    }

    #[test]
    fn what_stealing_cannot_do_and_what_contradicts_is_refused() {
        let least = ServerConfig {
            balance: Balance::Least,
            ..ServerConfig::sample()
        };
        let stealing = ServerConfig {
            mode: Mode::Steal,
            ..least.clone()
        };
        let steered = ServerConfig {
            steering: Steering::Cpu,
            ..least.clone()
        };
        least.check().unwrap();
        let error = |config: ServerConfig| config.check().unwrap_err().to_string();
        assert!(error(stealing).contains("for mode shard"));
        assert!(error(steered).contains("contradict"));
        let by_address = ServerConfig {
            steering: Steering::Address,
            ..ServerConfig::sample()
        };
        let at = |mode| ServerConfig {
            mode,
            ..by_address.clone()
        };
        at(Mode::Shard).check().unwrap();
        at(Mode::Process).check().unwrap();
        assert!(error(at(Mode::Steal)).contains("for mode shard"));
        let rebalanced = ServerConfig {
            rebalance: true,
            ..by_address.clone()
        };
        assert!(error(rebalanced).contains("contradict"));
    }

    #[test]
    fn zero_connections_are_refused() {
        let config = ServerConfig {
            connections_max: 0,
            ..ServerConfig::sample()
        };
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("connections_max")
        );
    }
}
