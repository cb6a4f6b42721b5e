//! Runs one scenario: checks it, builds the world and the architecture, and lets it run.

use crate::central::Central;
use crate::outcome::Outcome;
use crate::scenario::{Policy, Scenario};
use crate::shards::Shards;
use crate::stealing::Stealing;
use crate::world::World;

/// Simulates one scenario. The error is one line for a person.
pub fn simulate(scenario: &Scenario) -> Result<Outcome, String> {
    scenario.check()?;
    let world = World::new(scenario)?;
    let cores = scenario.cores;
    Ok(match scenario.policy {
        Policy::Hash | Policy::Least | Policy::Process => world.run(Shards::new(cores)),
        Policy::Steal => world.run(Stealing::new(cores, false)),
        Policy::StealHandoff => world.run(Stealing::new(cores, true)),
        Policy::Ideal => world.run(Central::new(cores)),
    })
}
