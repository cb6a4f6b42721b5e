//! When the requests of an open loop are due: a seeded sequence of times since the start of the run. Knows no clock.

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// All at the same distance.
    Constant,
    /// Independent of one another, like those of many callers that know nothing of each other.
    Poisson,
}

/// The arrivals of a whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Requests per second, over all threads.
    pub rate: f64,
    /// How they follow one another.
    pub spacing: Spacing,
    /// The same seed gives the same times.
    pub seed: u64,
}

impl Schedule {
    /// The share of one thread, from 0, of `threads`. All shares together are the schedule: a Poisson process is the sum
    /// of slower ones, and threads take constant arrivals in turn.
    pub fn share(&self, thread: usize, threads: usize, length: Duration) -> Arrivals {
        let mean_ns = 1e9 / self.rate;
        Arrivals {
            spacing: self.spacing,
            rng: thread_rng(self.seed, thread),
            index: thread as u64,
            step: threads as u64,
            mean_ns,
            passed_ns: 0.0,
            end_ns: length.as_secs_f64() * 1e9,
        }
    }
}

/// A source of chance for one thread. Neighbouring seeds give sequences that have nothing in common.
pub fn thread_rng(seed: u64, thread: usize) -> Rng {
    let mut seeds = Rng::with_seed(seed ^ TAU.to_bits());
    let mut own = seeds.u64(..);
    for _ in 0..thread {
        own = seeds.u64(..);
    }
    Rng::with_seed(own)
}

/// Times since the start, in order, until the run ends.
#[derive(Clone, Debug)]
pub struct Arrivals {
    spacing: Spacing,
    rng: Rng,
    index: u64,
    step: u64,
    mean_ns: f64,
    passed_ns: f64,
    end_ns: f64,
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let at_ns = match self.spacing {
            // Multiplied and not added up, so no rounding errors add up.
            Spacing::Constant => self.index as f64 * self.mean_ns,
            Spacing::Poisson => {
                // 1 - f64() is above 0, so the logarithm is finite.
                let gap = -(1.0 - self.rng.f64()).ln();
                self.passed_ns + gap * self.mean_ns * self.step as f64
            }
        };
        if at_ns >= self.end_ns {
            return None;
        }
        self.passed_ns = at_ns;
        self.index += self.step;
        Some(Duration::from_nanos(at_ns as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(spacing: Spacing, seed: u64) -> Schedule {
        Schedule {
            rate: 10_000.0,
            spacing,
            seed,
        }
    }

    /// All threads' arrivals in seconds, in order.
    fn times(schedule: Schedule, threads: usize, length: Duration) -> Vec<f64> {
        let mut all: Vec<f64> = (0..threads)
            .flat_map(|thread| schedule.share(thread, threads, length))
            .map(|at| at.as_secs_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn constant_arrivals_have_one_distance_however_many_threads_share_them() {
        for threads in [1, 3] {
            let times = times(schedule(Spacing::Constant, 1), threads, SECOND);
            assert_eq!((times.len(), times[0]), (10_000, 0.0));
            for pair in times.windows(2) {
                assert!((pair[1] - pair[0] - 1e-4).abs() < 3e-9, "{pair:?}");
            }
        }
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_their_kind() {
        for threads in [1, 4] {
            let times = times(schedule(Spacing::Poisson, 7), threads, 20 * SECOND);
            // 200,000 expected; the deviation of the count is its square root, 450.
            assert!(
                (times.len() as f64 - 200_000.0).abs() < 2_500.0,
                "{}",
                times.len()
            );
            let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance =
                gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean - 1e-4).abs() < 2e-6, "{mean}");
            // Gaps without memory spread as far as they are long.
            assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{variance}");
        }
    }

    #[test]
    fn a_seed_gives_its_times_again_and_another_seed_others() {
        let of = |seed| times(schedule(Spacing::Poisson, seed), 2, SECOND);
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
        let share = |thread| {
            schedule(Spacing::Poisson, 3)
                .share(thread, 2, SECOND)
                .next()
        };
        assert_ne!(share(0), share(1));
    }

    #[test]
    fn times_grow_and_end_with_the_run() {
        for spacing in [Spacing::Constant, Spacing::Poisson] {
            let all: Vec<Duration> = schedule(spacing, 5).share(0, 1, SECOND).collect();
            assert!(all.is_sorted() && all.last().is_some_and(|last| *last < SECOND));
        }
    }
}
