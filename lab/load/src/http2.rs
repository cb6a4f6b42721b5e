//! HTTP/2 by the crate h2: a closed loop of so many streams on each connection. Checks and counts as the loops over HTTP/1 do.

mod asking;
pub mod connection;
pub mod held;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use self::asking::{Asking, ask_again_and_again};
use crate::channel::connect;
use crate::failure::Failure;
use crate::plan::LoadPlan;
use crate::tally::Tally;

/// A thread's share of a run, on the thread itself.
pub fn run(
    plan: &LoadPlan,
    index: usize,
    streams: usize,
    start: Instant,
) -> Result<Tally, Failure> {
    let connections = plan.part(index, plan.connections as u64).count();
    LocalSet::new().block_on(&runtime()?, async {
        let mut senders = Vec::with_capacity(connections);
        for _ in 0..connections {
            let stream = connect(plan.target, None, None, plan.answer_timeout)
                .map_err(|error| Failure::io(format!("a connection to {}", plan.target), &error))?;
            senders.push(connection::open(stream, plan.tls.as_ref()).await?.0);
        }
        // Connections of other threads may have taken longer; what is measured begins later than `start` only then.
        let start = start.max(Instant::now());
        let asking = Rc::new(RefCell::new(Asking::new(plan, index, start)));
        let until = asking.borrow().until();
        let mut tasks = JoinSet::new();
        for sender in senders {
            for _ in 0..streams {
                tasks.spawn_local(ask_again_and_again(sender.clone(), Rc::clone(&asking)));
            }
        }
        let longest = until.saturating_duration_since(Instant::now()) + plan.answer_timeout;
        tokio::time::timeout(longest, all(&mut tasks))
            .await
            .unwrap_or_else(|_| Err(silent(plan.answer_timeout)))?;
        drop(tasks);
        let asking = Rc::into_inner(asking).expect("the tasks are over");
        Ok(asking.into_inner().finish())
    })
}

/// The first failure, or none when all have ended.
async fn all(tasks: &mut JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Failure::Broken(error.to_string())),
        })?;
    }
    Ok(())
}

/// What moves the bytes of one thread.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("tokio cannot begin", &error))
}

#[cold]
fn silent(timeout: Duration) -> Failure {
    Failure::Broken(format!(
        "a stream had no answer within {timeout:?} of the end"
    ))
}
