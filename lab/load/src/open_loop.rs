//! The open loop: each request is sent when it is due, whatever became of earlier ones. Knows nothing of sockets.
//!
//! Latency begins when a request was due and not when it was sent. One that is due while all connections are busy waits for
//! the first that becomes free, and its waiting counts: a server that stalls is charged for the requests of that time.
//! A loop that asks only after an answer would spare it them ("coordinated omission").
//!
//! Waiting requests are never held in memory: a schedule is a sequence that can be read on at any time. At the end no
//! more are sent. Those in flight are awaited; those still waiting then count with the time that they have waited.

use std::collections::VecDeque;
use std::time::Instant;

use crate::arrivals::Arrivals;
use crate::failure::Failure;
use crate::tally::OpenTally;
use crate::worker::Worker;

/// Requests sent in a row before answers are looked at again.
const BURST_MAX: usize = 64;

/// Runs one thread's share of a schedule that began at `start`.
pub fn run(worker: &mut Worker<'_>, arrivals: Arrivals, start: Instant) -> Result<(), Failure> {
    let mut open_loop = OpenLoop {
        free: (0..worker.connections())
            .map(|lane| (lane, start))
            .collect(),
        due: arrivals,
        next: None,
        start,
        departing: Vec::new(),
        tally: OpenTally::new(),
    };
    open_loop.advance();
    while worker.in_flight() > 0 || worker.may_ask(Instant::now()) {
        open_loop.send(worker)?;
        worker.wait(open_loop.wakes_at(worker))?;
        let waited_until = Instant::now();
        let ready = worker.take_ready();
        for &lane in &ready {
            if worker.receive(lane)?.0 > 0 {
                open_loop.free.push_back((lane, waited_until));
            }
        }
        worker.return_ready(ready);
        worker.watch()?;
    }
    open_loop.finish(worker);
    Ok(())
}

struct OpenLoop {
    /// Connections with nothing in flight, the longest idle first, and since when: all connections are used, and each
    /// as often as the others.
    free: VecDeque<(usize, Instant)>,
    due: Arrivals,
    /// When the next request is due, if there is another.
    next: Option<Instant>,
    start: Instant,
    /// From when on each pending request, which is not yet known to be sent, could have been sent.
    departing: Vec<Instant>,
    tally: OpenTally,
}

impl OpenLoop {
    fn advance(&mut self) {
        self.next = self.due.next().map(|at| self.start + at);
    }

    /// Sends what is due, as far as connections are free.
    fn send(&mut self, worker: &mut Worker<'_>) -> Result<(), Failure> {
        for _ in 0..BURST_MAX {
            let now = Instant::now();
            let Some(due) = self.next.filter(|due| *due <= now && worker.may_ask(now)) else {
                break;
            };
            let Some((lane, free_since)) = self.free.pop_front() else {
                break;
            };
            if due >= worker.phases.from {
                self.tally.due += 1;
                self.tally.waited += u64::from(free_since > due);
                self.departing.push(due.max(free_since));
            }
            worker.put(lane, due, now);
            worker.flush(lane)?;
            self.advance();
            if self.departing.len() >= worker.lot_max() {
                self.depart(worker)?;
            }
        }
        self.depart(worker)
    }

    /// Hands over the pending output. A request counts as sent when the kernel has all of it, not earlier.
    fn depart(&mut self, worker: &mut Worker<'_>) -> Result<(), Failure> {
        worker.hand_over()?;
        if self.departing.is_empty() {
            return Ok(());
        }
        let sent = Instant::now();
        for able_since in self.departing.drain(..) {
            let lag = sent.saturating_duration_since(able_since);
            self.tally
                .send_lag_ns
                .saturating_record(lag.as_nanos() as u64);
        }
        Ok(())
    }

    /// The time until which there is nothing to do but wait for answers.
    fn wakes_at(&self, worker: &Worker<'_>) -> Option<Instant> {
        if !worker.may_ask(Instant::now()) {
            return None;
        }
        match self.next {
            // The end of the run, which must be noticed even when no connection is free.
            None => Some(worker.phases.until),
            Some(due) if !self.free.is_empty() => Some(due),
            Some(_) => None,
        }
        .filter(|at| worker.in_flight() == 0 || *at < worker.phases.until)
    }

    /// Counts what came due and was never sent, with the time that it has waited so far.
    fn finish(mut self, worker: &mut Worker<'_>) {
        let until = worker.phases.until;
        if !worker.has_used_up_its_requests() {
            let free = std::mem::take(&mut self.free);
            let mut free = free.into_iter().filter(|&(_, since)| since < until);
            while let Some(due) = self.next {
                if due >= worker.phases.from {
                    self.tally.due += 1;
                    self.tally.unsent += 1;
                    if let Some((_, free_since)) = free.next() {
                        // It need not have waited, had we been in time.
                        let lag = until.saturating_duration_since(due.max(free_since));
                        self.tally
                            .send_lag_ns
                            .saturating_record(lag.as_nanos() as u64);
                    }
                    worker.count_unsent(until.saturating_duration_since(due));
                }
                self.advance();
            }
        }
        self.tally.waited += self.tally.unsent;
        worker.tally.open = Some(self.tally);
    }
}
