//! The engines by name, whether each works here, and which one `auto` takes.

use crate::config::{EngineChoice, EngineName, Mode};
use crate::engine::glommio::Glommio;
use crate::engine::io_uring_probe;
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tokio_local::TokioLocal;
use crate::engine::uring::Uring;
use crate::engine::uring_features::{Features, URING_FEATURES, on_own_thread};
use crate::service::{App, StartError};

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

/// Probes every engine, in the order in which `auto` prefers them.
pub fn probe_engines() -> Vec<EngineProbe> {
    AUTO_ORDER
        .iter()
        .map(|name| EngineProbe {
            name: *name,
            available: probe(*name),
            lacks: lacks(*name),
        })
        .collect()
}

/// Settles which engine runs, with the reason for the banner.
pub(crate) fn choose(mode: Mode, choice: EngineChoice) -> Result<(EngineName, String), StartError> {
    if mode == Mode::Steal {
        let reason = String::from("work stealing runs on tokio");
        return Ok((EngineName::Tokio, reason));
    }
    match choice {
        EngineChoice::Named(name) => match probe(name) {
            Ok(()) => Ok((name, String::from("asked for"))),
            Err(reason) => Err(StartError::new(format!(
                "engine {name} is not available: {reason}"
            ))),
        },
        EngineChoice::Auto => choose_first(&probe_engines()),
    }
}

/// Runs a shard on the engine of that name, on the calling thread.
pub(crate) fn run<A: App>(name: EngineName, plan: ShardPlan<A>) -> Result<(), EngineError> {
    match name {
        EngineName::Tokio => TokioLocal.run(plan),
        EngineName::Glommio => Glommio.run(plan),
        EngineName::Uring => Uring.run(plan),
    }
}

fn probe(name: EngineName) -> Result<(), String> {
    match name {
        EngineName::Tokio => Ok(()),
        EngineName::Glommio => on_own_thread(io_uring_probe::probe),
        EngineName::Uring => Features::of_this_kernel().map(drop),
    }
}

fn lacks(name: EngineName) -> Vec<String> {
    match (name, Features::of_this_kernel()) {
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
            probe_engines()
                .iter()
                .any(|probe| probe.name == EngineName::Tokio && probe.available.is_ok())
        );
    }
}
