//! Runs a load on its threads, and adds up what they saw. Knows nothing of options or output.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::closed_loop;
use crate::failure::Failure;
use crate::idle::{HeldConnections, IdlePlan};
use crate::open_loop;
use crate::plan::{LoadPlan, Pacing};
use crate::process;
use crate::tally::Tally;
use crate::transport::Transport;
use crate::worker::Worker;

/// Time for all threads to be there when the run begins.
const START_DELAY: Duration = Duration::from_millis(5);

/// Runs the load to its end, or to the first answer that is not right.
pub fn run(plan: &LoadPlan) -> Result<Tally, Failure> {
    process::allow_files(plan.connections + plan.idle_connections + plan.threads * 2)?;
    let mut idle = hold_idle(plan)?;
    let failure = OnceLock::new();
    let transports = Transport::for_threads(plan)?;
    let io = transports[0].io();
    let workers = transports
        .into_iter()
        .enumerate()
        .map(|(index, transport)| Worker::open(plan, index, transport, &failure))
        .collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now() + START_DELAY;
    let tallies: Vec<Option<Tally>> = thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(|| run_worker(plan, worker, start, &failure)))
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    if let Some(failure) = failure.get() {
        return Err(failure.clone());
    }
    if let Some(idle) = &mut idle {
        idle.ask_again()
            .map_err(|failure| failure.in_context("after the load, on an idle connection"))?;
    }
    let mut all = sum(plan, start, &tallies)?;
    all.io = io;
    Ok(all)
}

fn hold_idle(plan: &LoadPlan) -> Result<Option<HeldConnections>, Failure> {
    if plan.idle_connections == 0 {
        return Ok(None);
    }
    HeldConnections::open(IdlePlan {
        target: plan.target,
        exchange: plan.mix.first().clone(),
        numbers: plan.numbers,
        connections: plan.idle_connections,
        answer_timeout: plan.answer_timeout,
    })
    .map(Some)
}

/// What a thread saw, or nothing if a failure ended the run.
fn run_worker(
    plan: &LoadPlan,
    mut worker: Worker<'_>,
    start: Instant,
    failure: &OnceLock<Failure>,
) -> Option<Tally> {
    let index = worker.index;
    let mut run = || {
        if !plan.cores.is_empty() {
            process::pin(&[plan.cores[index % plan.cores.len()]])?;
        }
        worker.begin(start)?;
        thread::sleep(start.saturating_duration_since(Instant::now()));
        match plan.pacing {
            Pacing::Closed { pipeline } => closed_loop::run(&mut worker, pipeline),
            Pacing::Open(schedule) => {
                let length = plan.warm_up + plan.measured;
                let arrivals = schedule.share(index, plan.threads, length);
                open_loop::run(&mut worker, arrivals, start)
            }
        }
    };
    match run() {
        Ok(()) => Some(worker.finish()),
        Err(error) => {
            // Only the first one counts; the others follow from it.
            let _ = failure.set(error);
            None
        }
    }
}

fn sum(plan: &LoadPlan, start: Instant, tallies: &[Option<Tally>]) -> Result<Tally, Failure> {
    let mut all = Tally::new(plan.mix.routes().len());
    for tally in tallies.iter().flatten() {
        all.add(tally);
    }
    if all.requests() == 0 {
        let slowest = Duration::from_nanos(all.latency_ns().max());
        return Err(Failure::Broken(format!(
            "no answer within the measured time; the slowest took {slowest:.1?}"
        )));
    }
    let from = start + plan.warm_up;
    all.measured = match all.last_answer {
        Some(last) if all.answers_checked >= plan.requests_max => {
            last.saturating_duration_since(from)
        }
        _ => plan.measured,
    };
    Ok(all)
}
