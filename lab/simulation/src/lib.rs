//! A discrete-event simulation of an app server's architectures, for any number of cores. No I/O, no clock: time is a
//! number, and chance comes from a seed. docs/simulation.md says what is modelled and what is left out.

#![forbid(unsafe_code)]

mod central;
mod clients;
mod connection;
mod costs;
mod distribution;
mod event;
mod outcome;
mod placement;
mod scenario;
mod shards;
mod shared_line;
mod simulation;
mod stealing;
mod task;
mod world;

pub use costs::Costs;
pub use distribution::Distribution;
pub use outcome::{Latency, Outcome};
pub use scenario::{Arrivals, Dispatch, Handler, Policy, Scenario};
pub use simulation::simulate;

/// A scenario as JSON in, its outcome as JSON out. The error is one line for a person.
pub fn simulate_json(scenario: &str) -> Result<String, String> {
    let scenario: Scenario =
        serde_json::from_str(scenario).map_err(|error| format!("not a scenario: {error}"))?;
    let outcome = simulate(&scenario)?;
    serde_json::to_string(&outcome).map_err(|error| error.to_string())
}
