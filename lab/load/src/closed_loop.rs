//! The closed loop: each connection sends its next request as soon as an answer is there and checked, so the number in
//! flight is always the one asked for. Knows nothing of sockets.
//!
//! A closed loop slows down with its server, so its latencies say how long an answer takes under full load, and nothing
//! about what a caller with a schedule would see. That is for the [open loop](crate::open_loop).

use std::time::Instant;

use crate::failure::Failure;
use crate::worker::Worker;

/// Runs one thread's share, with so many requests in flight per connection.
pub fn run(worker: &mut Worker<'_>, pipeline: usize) -> Result<(), Failure> {
    for lane in 0..worker.connections() {
        ask(worker, lane, pipeline, Instant::now())?;
    }
    while worker.in_flight() > 0 {
        worker.wait(None)?;
        let ready = worker.take_ready();
        for &lane in &ready {
            let (answered, now) = worker.receive(lane)?;
            if answered > 0 {
                worker.begin_again(lane)?;
                ask(worker, lane, answered, now)?;
            }
        }
        worker.return_ready(ready);
        worker.watch()?;
    }
    Ok(())
}

/// Sends the next requests on a connection, unless the run is over.
fn ask(worker: &mut Worker<'_>, lane: usize, count: usize, now: Instant) -> Result<(), Failure> {
    for _ in 0..count {
        if worker.may_ask(now) {
            worker.put(lane, now, now);
        }
    }
    worker.flush(lane)
}
