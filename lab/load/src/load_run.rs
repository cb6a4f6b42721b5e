//! Runs a load on its threads, and adds up what they saw. Knows nothing of options or output.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::closed_loop;
use crate::failure::Failure;
use crate::http2;
use crate::idle::HeldConnections;
use crate::idle_plan::IdlePlan;
use crate::io_choice::Io;
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
    let mut io = Io::Epoll;
    let (start, tallies) = match plan.http2_streams {
        Some(streams) => {
            let start = Instant::now() + START_DELAY;
            let run = |index| move || http2::run(plan, index, streams, start);
            (
                start,
                on_threads(plan, &failure, (0..plan.threads).map(run)),
            )
        }
        None => {
            let transports = Transport::for_threads(plan)?;
            io = transports[0].io();
            let workers = transports
                .into_iter()
                .enumerate()
                .map(|(index, transport)| Worker::open(plan, index, transport, &failure))
                .collect::<Result<Vec<_>, _>>()?;
            let start = Instant::now() + START_DELAY;
            let run = |worker| move || run_worker(plan, worker, start);
            (
                start,
                on_threads(plan, &failure, workers.into_iter().map(run)),
            )
        }
    };
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
        tls: plan.tls.clone(),
        is_http2: plan.http2_streams.is_some(),
        answer_timeout: plan.answer_timeout,
    })
    .map(Some)
}

/// What each thread saw, on a core of its own if it was given one; nothing of one that a failure has ended.
fn on_threads<R>(
    plan: &LoadPlan,
    failure: &OnceLock<Failure>,
    runs: impl Iterator<Item = R>,
) -> Vec<Option<Tally>>
where
    R: FnOnce() -> Result<Tally, Failure> + Send,
{
    let pinned = |index: usize, run: R| {
        if !plan.cores.is_empty() {
            process::pin(&[plan.cores[index % plan.cores.len()]])?;
        }
        run()
    };
    let noted = |index, run| match pinned(index, run) {
        Ok(tally) => Some(tally),
        Err(error) => {
            // Only the first one counts; the others follow from it.
            let _ = failure.set(error);
            None
        }
    };
    thread::scope(|scope| {
        let noted = &noted;
        let handles: Vec<_> = runs
            .enumerate()
            .map(|(index, run)| scope.spawn(move || noted(index, run)))
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

fn run_worker(plan: &LoadPlan, mut worker: Worker<'_>, start: Instant) -> Result<Tally, Failure> {
    worker.begin(start)?;
    thread::sleep(start.saturating_duration_since(Instant::now()));
    match plan.pacing {
        Pacing::Closed { pipeline } => closed_loop::run(&mut worker, pipeline)?,
        Pacing::Open(schedule) => {
            let length = plan.warm_up + plan.measured;
            let arrivals = schedule.share(worker.index, plan.threads, length);
            open_loop::run(&mut worker, arrivals, start)?;
        }
    }
    Ok(worker.finish())
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
