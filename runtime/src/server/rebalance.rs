//! Finds the shards that are busier than the others, and how many of their clients should come back elsewhere. Pure: it is
//! handed readings of the counters and the time between them.

use std::time::{Duration, Instant};

use crate::metrics::counters::Counts;

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Busier than this much of the mean is too busy.
const OVERLOAD_FACTOR: f64 = 1.25;
/// A shard that sleeps for three quarters of its time would gain nothing from fewer connections.
const BUSY_SHARE_MIN: f64 = 0.25;
/// A shard must be found too busy this often in a row: one burst is no imbalance, and clients that were sent away get
/// the time to come back.
const LOOKS_IN_A_ROW: u32 = 2;
/// Most clients that one shard sends away after one look: at most half as many per second.
const SENT_AWAY_MAX: u32 = 32;

/// What to do about one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) is_overloaded: bool,
    /// How many of its clients should come back elsewhere.
    pub(crate) send_away: u32,
}

/// Looks at all shards from time to time.
pub(crate) struct Rebalance {
    last: Instant,
    busy_us: Vec<u64>,
    found_in_a_row: Vec<u32>,
}

impl Rebalance {
    pub(crate) fn new(now: Instant, shards: usize) -> Rebalance {
        Rebalance {
            last: now,
            busy_us: vec![0; shards],
            found_in_a_row: vec![0; shards],
        }
    }

    pub(crate) fn next_look(&self) -> Instant {
        self.last + LOOK_INTERVAL
    }

    /// One finding for each shard; none before it is time for a look.
    pub(crate) fn look(&mut self, now: Instant, counts: &[Counts]) -> Vec<Finding> {
        if now < self.next_look() || counts.len() != self.busy_us.len() {
            return Vec::new();
        }
        let elapsed_us = now.duration_since(self.last).as_micros().max(1) as f64;
        self.last = now;
        let shares: Vec<f64> = counts
            .iter()
            .zip(&mut self.busy_us)
            .map(|(row, before)| {
                let busy = row.busy_us.saturating_sub(*before);
                *before = row.busy_us;
                busy as f64 / elapsed_us
            })
            .collect();
        let mean = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        let found = shares.iter().zip(counts).zip(&mut self.found_in_a_row);
        found
            .map(|((share, row), in_a_row)| {
                let is_overloaded = *share >= BUSY_SHARE_MIN && *share > mean * OVERLOAD_FACTOR;
                *in_a_row = if is_overloaded { *in_a_row + 1 } else { 0 };
                let mut send_away = 0;
                if *in_a_row >= LOOKS_IN_A_ROW {
                    *in_a_row = 0;
                    send_away = clients_too_many(row.connections_open, *share, mean);
                }
                Finding {
                    is_overloaded,
                    send_away,
                }
            })
            .collect()
    }
}

/// Half of what is above the mean, as if all connections had the same to do: the other half follows if it was right. A
/// shard with a single connection keeps it, since elsewhere it would be as hot.
fn clients_too_many(connections: u64, share: f64, mean: f64) -> u32 {
    if connections < 2 {
        return 0;
    }
    let too_many = connections as f64 * (share - mean) / share / 2.0;
    // `as` saturates.
    (too_many.ceil() as u32).clamp(1, SENT_AWAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks once a second at shards with these busy shares and connections; returns the last findings.
    fn looks(times: u64, shards: &[(f64, u64)]) -> Vec<Finding> {
        let start = Instant::now();
        let mut rebalance = Rebalance::new(start, shards.len());
        let mut found = Vec::new();
        for second in 1..=times {
            let counts: Vec<Counts> = shards
                .iter()
                .map(|(share, connections)| Counts {
                    busy_us: (share * 1e6) as u64 * second,
                    connections_open: *connections,
                    ..Counts::default()
                })
                .collect();
            found = rebalance.look(start + Duration::from_secs(second), &counts);
        }
        found
    }

    fn sent_away(found: &[Finding]) -> Vec<u32> {
        found.iter().map(|finding| finding.send_away).collect()
    }

    #[test]
    fn a_shard_that_is_busier_twice_in_a_row_sends_half_of_the_excess_away() {
        let once = looks(1, &[(1.0, 16), (0.0, 0)]);
        assert!(once[0].is_overloaded && !once[1].is_overloaded);
        assert_eq!(sent_away(&once), [0, 0]);
        assert_eq!(sent_away(&looks(2, &[(1.0, 16), (0.0, 0)])), [4, 0]);
        assert_eq!(sent_away(&looks(3, &[(1.0, 16), (0.0, 0)])), [0, 0]);
        assert_eq!(sent_away(&looks(4, &[(1.0, 16), (0.0, 0)])), [4, 0]);
    }

    #[test]
    fn evenly_busy_and_idle_shards_are_left_alone() {
        for shards in [
            [(1.0, 9), (0.9, 9)],
            [(0.2, 9), (0.0, 0)],
            [(0.6, 9), (0.5, 1)],
        ] {
            let found = looks(2, &shards);
            assert!(
                found.iter().all(|finding| !finding.is_overloaded),
                "{shards:?}"
            );
        }
    }

    #[test]
    fn a_single_hot_connection_stays_and_many_go_in_bounded_numbers() {
        assert_eq!(sent_away(&looks(2, &[(1.0, 1), (0.0, 5)])), [0, 0]);
        assert_eq!(sent_away(&looks(2, &[(1.0, 2), (0.0, 5)])), [1, 0]);
        assert_eq!(
            sent_away(&looks(2, &[(1.0, 100_000), (0.0, 5)])),
            [SENT_AWAY_MAX, 0]
        );
    }

    #[test]
    fn nothing_is_found_before_it_is_time() {
        let start = Instant::now();
        let mut rebalance = Rebalance::new(start, 1);
        let counts = [Counts::default()];
        assert!(rebalance.look(start, &counts).is_empty());
        assert_eq!(rebalance.look(rebalance.next_look(), &counts).len(), 1);
    }
}
