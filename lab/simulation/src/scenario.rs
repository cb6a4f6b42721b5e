//! What a run simulates: the load, the handler, the architecture. Checked before anything runs.

use serde::{Deserialize, Serialize};

use crate::costs::Costs;
use crate::distribution::Distribution;

/// One run of the simulation. The same scenario has the same outcome, always.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What is compared.
    pub policy: Policy,
    /// Shards, processes or workers; one core each.
    pub cores: usize,
    /// Keep-alive connections, placed once.
    pub connections: usize,
    /// Requests that the load generator may have in flight on one connection.
    #[serde(default = "one")]
    pub pipeline: usize,
    /// When requests are sent.
    pub arrivals: Arrivals,
    /// Time of a core that one request takes in the handler.
    pub service: Distribution,
    /// What else the handler does.
    #[serde(default)]
    pub handler: Handler,
    /// How many requests are sent; the first tenth warms up and is not reported.
    pub requests: usize,
    /// The seed of all chance.
    pub seed: u64,
    /// What everything else costs.
    pub costs: Costs,
}

/// How work comes to the cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Shards; the kernel's hash places a connection on any of them.
    Hash,
    /// Shards; of two random ones, that with fewer connections gets it.
    Least,
    /// Single-shard processes; placed as by hash, nothing shared.
    Process,
    /// tokio's multi-thread runtime as it is.
    Steal,
    /// The same, but a worker that starts a task first wakes another one for the I/O driver.
    StealHandoff,
    /// One queue for all cores, shared at no cost: no architecture can beat it on average.
    Ideal,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "loop", rename_all = "lowercase", deny_unknown_fields)]
pub enum Arrivals {
    /// At random times (Poisson), whether or not earlier ones were answered.
    Open {
        /// Over all connections.
        per_second: f64,
        /// Which connection sends the next one.
        #[serde(default)]
        dispatch: Dispatch,
    },
    /// Each connection sends the next one a while after an answer.
    Closed {
        /// That while: the mean of an exponential distribution; 0 is at once.
        think_us: f64,
    },
}

/// Which connection an arrival belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dispatch {
    /// Any at random: each has its own users.
    #[default]
    Bound,
    /// The longest idle one, if there is any: turbo-load and many proxies' pools.
    Idle,
}

/// What a handler does besides using a core.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Handler {
    /// Nothing: it runs inline.
    #[default]
    Inline,
    /// It awaits something; the core is free meanwhile.
    Async {
        /// For how long.
        wait: Distribution,
    },
    /// It waits on a thread of a core's blocking pool, which has so many.
    Blocking {
        /// For how long.
        wait: Distribution,
        /// Threads of each core's pool.
        threads: usize,
    },
}

/// More cores than any machine of today has.
const CORES_MAX: usize = 1024;
const CONNECTIONS_MAX: usize = 1_000_000;
/// Worst case some 3 GB of samples and queues.
const REQUESTS_MAX: usize = 100_000_000;
const PIPELINE_MAX: usize = 1 << 20;
const RATE_MAX: f64 = 1e9;
const THREADS_MAX: usize = 65_536;

fn one() -> usize {
    1
}

impl Scenario {
    pub(crate) fn check(&self) -> Result<(), String> {
        let within = |name, value: usize, most| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{name} is {value}; it must be from 1 to {most}"))
            }
        };
        within("cores", self.cores, CORES_MAX)?;
        within("connections", self.connections, CONNECTIONS_MAX)?;
        within("requests", self.requests, REQUESTS_MAX)?;
        within("pipeline", self.pipeline, PIPELINE_MAX)?;
        match self.arrivals {
            Arrivals::Open { per_second, .. } => {
                if !(per_second > 0.0 && per_second <= RATE_MAX) {
                    return Err(format!(
                        "per_second is {per_second}; it must be above 0 and at most {RATE_MAX}"
                    ));
                }
            }
            Arrivals::Closed { think_us } => {
                Distribution::Exponential { us: think_us }.check("think_us")?
            }
        }
        self.service.check("service")?;
        match &self.handler {
            Handler::Inline => {}
            Handler::Async { wait } => wait.check("wait")?,
            Handler::Blocking { wait, threads } => {
                wait.check("wait")?;
                within("threads", *threads, THREADS_MAX)?;
            }
        }
        self.costs.check()
    }
}
