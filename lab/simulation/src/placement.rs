//! Which shard gets a connection. Decided once, when it is accepted.

use rand::{Rng, RngExt};

use crate::scenario::Policy;

/// The home of each connection. Where tasks move, a home is only where a connection is first heard of.
pub(crate) fn homes(
    policy: Policy,
    cores: usize,
    connections: usize,
    chance: &mut impl Rng,
) -> Vec<u32> {
    let mut open = vec![0_usize; cores];
    (0..connections)
        .map(|_| {
            // Two numbers for every policy, so that the same seed means the same hash.
            let (first, second) = (chance.random_range(0..cores), chance.random_range(0..cores));
            let home = match policy {
                Policy::Least if open[second] < open[first] => second,
                _ => first,
            };
            open[home] += 1;
            home as u32
        })
        .collect()
}
