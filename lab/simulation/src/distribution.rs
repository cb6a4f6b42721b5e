//! How long something takes: the distributions that a scenario may name, and drawing from them.

use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution as _, Exp1, LogNormal};
use serde::{Deserialize, Serialize};

use crate::costs::ns;

/// A distribution of times in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Fixed {
        /// The time.
        us: f64,
    },
    /// Memoryless.
    Exponential {
        /// The mean time.
        us: f64,
    },
    /// Long-tailed: the logarithm is normal.
    LogNormal {
        /// The mean time.
        us: f64,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// Evenly spread between two times.
    Uniform {
        /// The shortest time.
        low_us: f64,
        /// The longest time.
        high_us: f64,
    },
    /// One of several times, each with its weight: bimodal handlers, or what was measured.
    Mixture {
        /// The times.
        us: Vec<f64>,
        /// As many weights; only their proportions count.
        weights: Vec<f64>,
    },
}

/// One hour.
const TIME_US_MAX: f64 = 3.6e9;
const MIXTURE_PARTS_MAX: usize = 1_000_000;
const SIGMA_MAX: f64 = 4.0;

impl Distribution {
    /// What takes no time.
    pub const NONE: Self = Self::Fixed { us: 0.0 };

    pub(crate) fn check(&self, name: &str) -> Result<(), String> {
        let time = |us: f64| {
            if (0.0..=TIME_US_MAX).contains(&us) {
                Ok(())
            } else {
                Err(format!(
                    "{name}: {us} is no time from 0 to {TIME_US_MAX} µs"
                ))
            }
        };
        match self {
            Self::Fixed { us } | Self::Exponential { us } => time(*us),
            Self::LogNormal { us, sigma } => {
                if !(0.0..=SIGMA_MAX).contains(sigma) {
                    return Err(format!("{name}: sigma must be from 0 to {SIGMA_MAX}"));
                }
                if *us <= 0.0 {
                    return Err(format!("{name}: the mean of a lognormal must be above 0"));
                }
                time(*us)
            }
            Self::Uniform { low_us, high_us } => {
                if low_us > high_us {
                    return Err(format!("{name}: {low_us} is more than {high_us}"));
                }
                time(*low_us).and(time(*high_us))
            }
            Self::Mixture { us, weights } => {
                if us.is_empty() || us.len() != weights.len() || us.len() > MIXTURE_PARTS_MAX {
                    return Err(format!(
                        "{name}: a mixture has as many weights as times, 1 to {MIXTURE_PARTS_MAX}"
                    ));
                }
                for &one in us {
                    time(one)?;
                }
                WeightedAliasIndex::new(weights.clone())
                    .map(drop)
                    .map_err(|_| format!("{name}: weights are numbers from 0, not all 0"))
            }
        }
    }

    /// The mean, in microseconds.
    pub fn mean_us(&self) -> f64 {
        match self {
            Self::Fixed { us } | Self::Exponential { us } | Self::LogNormal { us, .. } => *us,
            Self::Uniform { low_us, high_us } => (low_us + high_us) / 2.0,
            Self::Mixture { us, weights } => {
                let total: f64 = weights.iter().sum();
                us.iter().zip(weights).map(|(t, w)| t * w).sum::<f64>() / total
            }
        }
    }

    pub(crate) fn sampler(&self, name: &str) -> Result<Sampler, String> {
        self.check(name)?;
        Ok(match self {
            Self::Fixed { us } => Sampler::Fixed(ns(*us)),
            Self::Exponential { us } => Sampler::Exponential(*us),
            Self::LogNormal { us, sigma } => {
                let mu = us.ln() - sigma * sigma / 2.0;
                Sampler::LogNormal(
                    LogNormal::new(mu, *sigma).map_err(|error| format!("{name}: {error}"))?,
                )
            }
            Self::Uniform { low_us, high_us } => Sampler::Uniform(*low_us, *high_us),
            Self::Mixture { us, weights } => Sampler::Mixture(
                us.iter().map(|&one| ns(one)).collect(),
                WeightedAliasIndex::new(weights.clone())
                    .map_err(|error| format!("{name}: {error}"))?,
            ),
        })
    }
}

/// A checked distribution, ready to be drawn from, in nanoseconds.
pub(crate) enum Sampler {
    Fixed(u64),
    Exponential(f64),
    LogNormal(LogNormal<f64>),
    Uniform(f64, f64),
    Mixture(Vec<u64>, WeightedAliasIndex<f64>),
}

impl Sampler {
    pub(crate) fn sample_ns(&self, rng: &mut impl Rng) -> u64 {
        match self {
            Self::Fixed(time) => *time,
            Self::Exponential(mean) => {
                let unit: f64 = Exp1.sample(rng);
                ns(unit * mean)
            }
            Self::LogNormal(log_normal) => ns(log_normal.sample(rng).min(TIME_US_MAX)),
            Self::Uniform(low, high) => ns(low + (high - low) * rng.random::<f64>()),
            Self::Mixture(times, index) => times[index.sample(rng)],
        }
    }
}
