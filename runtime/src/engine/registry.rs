//! The engines by name, whether each works here, and which one `auto` takes. A new engine is a folder, its name in
//! config.rs and a row here.

use std::rc::Rc;

use turbo_shard_ring::{explain, is_short_of_memory};

use crate::config::{EngineChoice, EngineName, Mode};
use crate::engine::glommio::Glommio;
use crate::engine::plan::{Engine, EngineError, ShardPlan};
use crate::engine::tokio::TokioLocal;
use crate::engine::uring::Uring;
use crate::service::{App, Service};
use crate::start_error::StartError;

/// What is known of an engine without running it.
struct Row {
    name: EngineName,
    probe: fn(usize) -> Result<(), String>,
    lacks: fn() -> Vec<String>,
    locked_bytes: fn(usize) -> u64,
}

macro_rules! engines {
    ($($name:ident => $engine:ty,)+) => {
        const ROWS: &[Row] = &[$(Row {
            name: EngineName::$name,
            probe: <$engine>::probe,
            lacks: <$engine>::lacks,
            locked_bytes: <$engine>::locked_bytes,
        }),+];

        /// Runs a shard on the engine of that name, on the calling thread.
        pub(crate) fn run<A: App>(name: EngineName, plan: ShardPlan<A>) -> Result<(), EngineError> {
            match name {
                $(EngineName::$name => run_on::<$engine, A>(plan),)+
            }
        }
    };
}

// `auto` takes the first of these that works: fastest first, as measured in docs/benchmarks.md.
engines! {
    Uring => Uring,
    Tokio => TokioLocal,
    Glommio => Glommio,
}

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
    ROWS.iter().map(|row| row.probed(shards)).collect()
}

/// What so many shards of an engine lock in memory, about, where the kernel counts it (without CAP_IPC_LOCK).
pub fn locked_bytes(name: EngineName, shards: usize) -> u64 {
    (Row::of(name).locked_bytes)(shards)
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
        EngineChoice::Named(name) => match (Row::of(name).probe)(shards) {
            Ok(()) => Ok((name, String::from("asked for"))),
            Err(reason) => Err(StartError::new(format!(
                "engine {name} is not available: {reason}"
            ))),
        },
        EngineChoice::Auto => {
            let mut probes = Vec::new();
            for row in ROWS {
                probes.push(row.probed(shards));
                if probes.last().is_some_and(|probe| probe.available.is_ok()) {
                    break;
                }
            }
            choose_first(&probes)
        }
    }
}

fn run_on<E: Engine, A: App>(plan: ShardPlan<A>) -> Result<(), EngineError> {
    match E::on_this_thread(&plan) {
        Ok(engine) => live(engine, plan),
        // There was room for all when the server started; another process of the same user may have taken it.
        Err(EngineError::Setup { error, .. })
            if plan.config.engine == EngineChoice::Auto && is_short_of_memory(&error) =>
        {
            log::warn!("shard {} runs on tokio: {}", plan.shard, explain(&error));
            live(TokioLocal::on_this_thread(&plan)?, plan)
        }
        Err(error) => Err(error),
    }
}

fn live<E: Engine, A: App>(engine: E, plan: ShardPlan<A>) -> Result<(), EngineError> {
    let host = Rc::new(plan.host()?);
    let result = engine.run(plan, &host);
    // The connections that a stop has left have ended; only then may the service go.
    host.bench.service.stop();
    result
}

impl Row {
    fn of(name: EngineName) -> &'static Row {
        let row = ROWS.iter().find(|row| row.name == name);
        row.expect("a name that `run` knows has a row")
    }

    fn probed(&self, shards: usize) -> EngineProbe {
        EngineProbe {
            name: self.name,
            available: (self.probe)(shards),
            lacks: (self.lacks)(),
        }
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
    fn every_name_has_its_row() {
        for name in EngineName::ALL {
            assert_eq!(Row::of(name).name, name);
        }
        assert_eq!(ROWS.len(), EngineName::ALL.len());
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
