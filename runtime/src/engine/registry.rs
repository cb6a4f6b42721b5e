//! The engines by name, whether each works here, and which one `auto` takes.

use turbo_shard_ring::{URING_FEATURES, explain, is_short_of_memory, on_own_thread};

use crate::config::{EngineChoice, EngineName, Mode};
use crate::engine::glommio::{self, Glommio};
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tokio::TokioLocal;
use crate::engine::uring::engine::Uring;
use crate::engine::uring::{kernel_features, plan};
use crate::service::App;
use crate::start_error::StartError;

/// `auto` takes the first of these that works: fastest first, as measured in docs/benchmarks.md.
const AUTO_ORDER: [EngineName; 3] = [EngineName::Uring, EngineName::Tokio, EngineName::Glommio];

/// What a run-time probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineProbe {
    /// The engine.
    pub name: EngineName,
    /// Why it cannot be used here, if it cannot.
    pub available: Result<(), String>,
    /// What it would use and this kernel lacks, each with the version that brought it.
    pub lacks: Vec<String>,
}

/// Probes every engine for so many shards at once, in the order in which `auto` prefers them.
pub fn probe_engines(shards: usize) -> Vec<EngineProbe> {
    let probed = AUTO_ORDER.iter().map(|name| probed(*name, shards));
    probed.collect()
}

/// What so many shards of an engine lock in memory, about, where the kernel counts it (without CAP_IPC_LOCK).
pub fn locked_bytes(name: EngineName, shards: usize) -> u64 {
    match name {
        EngineName::Tokio => 0,
        EngineName::Glommio => {
            glommio::MEMLOCK_BYTES_MIN.max(glommio::LOCKED_BYTES * shards as u64)
        }
        EngineName::Uring => plan::RING.locked_bytes() * shards as u64,
    }
}

/// Settles which engine runs, with the reason for the banner.
pub(crate) fn choose(
    mode: Mode,
    choice: EngineChoice,
    shards: usize,
) -> Result<(EngineName, String), StartError> {
    if mode == Mode::Steal {
        let reason = String::from("work stealing runs on tokio");
        return Ok((EngineName::Tokio, reason));
    }
    match choice {
        EngineChoice::Named(name) => match probe(name, shards) {
            Ok(()) => Ok((name, String::from("asked for"))),
            Err(reason) => Err(StartError::new(format!(
                "engine {name} is not available: {reason}"
            ))),
        },
        EngineChoice::Auto => {
            let mut probes = Vec::new();
            for name in AUTO_ORDER {
                probes.push(probed(name, shards));
                if probes.last().is_some_and(|probe| probe.available.is_ok()) {
                    break;
                }
            }
            choose_first(&probes)
        }
    }
}

/// Runs a shard on the engine of that name, on the calling thread.
pub(crate) fn run<A: App>(name: EngineName, plan: ShardPlan<A>) -> Result<(), EngineError> {
    match name {
        EngineName::Tokio => TokioLocal.run(plan),
        EngineName::Glommio => Glommio.run(plan),
        EngineName::Uring => match Uring::on_this_thread(&plan.config.uring_without) {
            Ok(uring) => uring.run(plan),
            // There was room for all when the server started; another process of the same user may have taken it.
            Err(EngineError::Setup { error, .. })
                if plan.config.engine == EngineChoice::Auto && is_short_of_memory(&error) =>
            {
                log::warn!("shard {} runs on tokio: {}", plan.shard, explain(&error));
                TokioLocal.run(plan)
            }
            Err(error) => Err(error),
        },
    }
}

fn probed(name: EngineName, shards: usize) -> EngineProbe {
    EngineProbe {
        name,
        available: probe(name, shards),
        lacks: lacks(name),
    }
}

fn probe(name: EngineName, shards: usize) -> Result<(), String> {
    match name {
        EngineName::Tokio => Ok(()),
        EngineName::Glommio => on_own_thread(glommio::probe).and_then(|()| glommio::fits(shards)),
        EngineName::Uring => kernel_features::of_this_kernel()
            .and_then(|features| kernel_features::fits(features, shards)),
    }
}

fn lacks(name: EngineName) -> Vec<String> {
    match (name, kernel_features::of_this_kernel()) {
        (EngineName::Uring, Ok(found)) => {
            let lacking = URING_FEATURES.into_iter().filter(|one| !found.has(*one));
            lacking.map(|feature| feature.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

fn choose_first(probes: &[EngineProbe]) -> Result<(EngineName, String), StartError> {
    let missing: Vec<String> = probes
        .iter()
        .filter_map(|probe| {
            probe
                .available
                .as_ref()
                .err()
                .map(|reason| format!("{}: {reason}", probe.name))
        })
        .collect();
    let first = probes.iter().find(|probe| probe.available.is_ok());
    let first = first
        .ok_or_else(|| StartError::new(format!("no engine works here; {}", missing.join("; "))))?;
    let reason = if missing.is_empty() {
        String::from("auto: the fastest of those that work here")
    } else {
        format!(
            "auto: the fastest of those that work here; not {}",
            missing.join("; not ")
        )
    };
    Ok((first.name, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: EngineName, available: Result<(), &str>) -> EngineProbe {
        EngineProbe {
            name,
            available: available.map_err(String::from),
            lacks: Vec::new(),
        }
    }

    #[test]
    fn auto_takes_the_first_that_works_and_says_what_does_not() {
        let probes = [
            found(EngineName::Tokio, Err("broken")),
            found(EngineName::Glommio, Ok(())),
        ];
        let (name, reason) = choose_first(&probes).unwrap();
        assert_eq!(name, EngineName::Glommio);
        assert!(reason.contains("tokio: broken"), "{reason}");
    }

    #[test]
    fn no_engine_at_all_is_one_clear_line() {
        let error = choose_first(&[found(EngineName::Glommio, Err("no io_uring"))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no engine works here; glommio: no io_uring"
        );
    }

    #[test]
    fn tokio_works_everywhere() {
        assert!(
            probe_engines(1)
                .iter()
                .any(|probe| probe.name == EngineName::Tokio && probe.available.is_ok())
        );
    }
}
