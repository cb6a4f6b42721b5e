//! One thread's connections, what is in flight on them and what has come back. Knows how to send, wait and check, but
//! not when to send: that is for [`closed_loop`](crate::closed_loop) and [`open_loop`](crate::open_loop).

use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::arrivals::thread_rng;
use crate::channel::{self, Channel, connect};
use crate::checker::Checker;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::flow::{Answered, Question};
use crate::handshake;
use crate::link::Received;
use crate::mix::Chooser;
use crate::phases::Phases;
use crate::plan::{LoadPlan, Pacing};
use crate::slow_reading::{RECEIVE_BUFFER_BYTES, SlowReading};
use crate::tally::Tally;
use crate::transport::Transport;

/// How often a thread looks for answers that are overdue, if nothing else wakes it.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// A thread with a core of its own waits actively just before a request is due: being woken takes that long.
const SPIN: Duration = Duration::from_micros(50);
/// An empty look into epoll or a ring takes less than this; if one took longer, the thread was not on its core meanwhile.
const LOOK_MAX: Duration = Duration::from_micros(10);
/// The choice of routes has a random stream apart from the arrivals: a mix does not change when requests are due.
pub(crate) const CHOICE_SEED: u64 = 0xC401_CE00;

/// A thread's share of a run.
pub struct Worker<'a> {
    plan: &'a LoadPlan,
    /// Its place among the threads.
    pub index: usize,
    /// Measured time.
    pub phases: Phases,
    /// The answers so far.
    pub tally: Tally,
    transport: Transport,
    /// By connection: when it last received something, or when the first request in flight was asked.
    silent_since: Vec<Instant>,
    /// By connection: whether it is another one's successor.
    has_begun_again: Vec<bool>,
    /// Lanes to read from, and what was read from one of them.
    ready: Vec<usize>,
    answers: Vec<Answered>,
    slow: Option<SlowReading>,
    checker: Checker<'a>,
    chooser: Chooser,
    number: u64,
    requests_left: u64,
    in_flight: usize,
    spins: bool,
    spun: Duration,
    watched: Instant,
    /// The failure that ended the run in another thread.
    failure: &'a OnceLock<Failure>,
}

impl<'a> Worker<'a> {
    /// Opens the connections of the thread with this place.
    pub fn open(
        plan: &'a LoadPlan,
        index: usize,
        mut transport: Transport,
        failure: &'a OnceLock<Failure>,
    ) -> Result<Worker<'a>, Failure> {
        let now = Instant::now();
        let connections = plan.part(index, plan.connections as u64);
        let silent_since = vec![now; connections.clone().count()];
        for connection in connections {
            open_channel(plan)
                .and_then(|channel| {
                    let added = transport.add(channel);
                    added.map_err(|error| Failure::io("cannot be watched", &error))
                })
                .map_err(|failure| {
                    failure.in_context(format_args!("connection {connection} to {}", plan.target))
                })?;
        }
        let requests = plan.part(index, plan.requests_max);
        Ok(Worker {
            plan,
            index,
            phases: Phases::new(now, plan.warm_up, plan.measured),
            tally: Tally::new(plan.mix.routes().len()),
            transport,
            ready: Vec::with_capacity(silent_since.len()),
            answers: Vec::new(),
            slow: plan
                .slow_read_bytes_per_second
                .map(|bytes| SlowReading::new(bytes, silent_since.len(), now)),
            has_begun_again: vec![false; silent_since.len()],
            silent_since,
            checker: Checker::new(plan.mix.exchanges()),
            chooser: plan.mix.chooser(thread_rng(plan.seed ^ CHOICE_SEED, index)),
            number: plan.numbers.part(index, plan.threads),
            requests_left: requests.end - requests.start,
            in_flight: 0,
            spins: plan.has_own_cores(),
            spun: Duration::ZERO,
            watched: now,
            failure,
        })
    }

    /// Begins to measure time that starts at `start`, on the thread that will use it.
    pub fn begin(&mut self, start: Instant) -> Result<(), Failure> {
        self.phases = Phases::new(start, self.plan.warm_up, self.plan.measured);
        self.transport.begin()
    }

    /// Ends a connection that has had its answer and begins another one in its place, if every request has its own.
    pub fn begin_again(&mut self, lane: usize) -> Result<(), Failure> {
        let Some(kind) = self.plan.handshakes else {
            return Ok(());
        };
        // The first one has nothing to resume.
        if std::mem::replace(&mut self.has_begun_again[lane], true) {
            kind.check(self.transport.handshake_kind(lane))?;
        }
        let channel = open_channel(self.plan)?;
        let replaced = self.transport.replace(lane, channel);
        replaced.map_err(|error| Failure::io("a connection cannot be watched", &error))
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.silent_since.len()
    }

    /// How many answers are awaited.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether another request may be sent.
    pub fn may_ask(&self, now: Instant) -> bool {
        now < self.phases.until && self.requests_left > 0
    }

    /// Whether the number of requests, and not the time, ends the run.
    pub fn has_used_up_its_requests(&self) -> bool {
        self.requests_left == 0
    }

    /// Puts the next request on a connection; [`Worker::flush`] sends it. Its latency begins at `since`.
    pub fn put(&mut self, lane: usize, since: Instant, now: Instant) {
        let route = self.chooser.choose();
        let flow = self.transport.flow_mut(lane);
        if flow.awaited().is_none() {
            self.silent_since[lane] = now;
        }
        let question = Question {
            route,
            number: self.number,
            since,
        };
        flow.put(&self.plan.mix.routes()[route].exchange, question);
        self.number = self.plan.numbers.after(self.number);
        self.requests_left -= 1;
        self.in_flight += 1;
    }

    /// Sends a connection's pending output: at once, or in a lot with others, and then no later than at the next
    /// [`Worker::hand_over`] or [`Worker::wait`].
    pub fn flush(&mut self, lane: usize) -> Result<(), Failure> {
        self.transport.flush(lane)
    }

    /// Most requests that are sent together.
    pub fn lot_max(&self) -> usize {
        self.transport.lot_max()
    }

    /// Sends what still waits for a full lot.
    pub fn hand_over(&mut self) -> Result<(), Failure> {
        self.transport.hand_over()
    }

    /// Waits for something to read, until `until` at the latest, and not at all if that is past. The connections that can
    /// be read from are then [`Worker::take_ready`].
    pub fn wait(&mut self, until: Option<Instant>) -> Result<(), Failure> {
        let now = Instant::now();
        let until = match (until, self.slow.as_ref().and_then(SlowReading::next_turn)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let spin = if self.spins { SPIN } else { Duration::ZERO };
        let timeout = match until.map(|until| until.saturating_duration_since(now)) {
            Some(left) if left <= spin => Duration::ZERO,
            Some(left) => WATCH_INTERVAL.min(left - spin),
            None => WATCH_INTERVAL,
        };
        let was_busy = self.transport.wait(timeout, now, &mut self.ready)?;
        if !was_busy && timeout.is_zero() && until.is_some_and(|until| until > now) {
            let looked = now.elapsed();
            self.spun += if looked < LOOK_MAX {
                looked
            } else {
                Duration::ZERO
            };
        }
        if let Some(slow) = &mut self.slow {
            for lane in self.ready.drain(..) {
                slow.add(lane);
            }
            let now = Instant::now();
            if now < self.phases.until {
                slow.take_turn(now, &mut self.ready);
            } else {
                // Answers in flight at the end are not read at that pace.
                slow.release(&mut self.ready);
            }
        }
        Ok(())
    }

    /// The connections to read from; give the list back to [`Worker::return_ready`].
    pub fn take_ready(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ready)
    }

    /// Takes the list back and uses its room again.
    pub fn return_ready(&mut self, mut ready: Vec<usize>) {
        ready.clear();
        self.ready = ready;
    }

    /// Reads from a connection, and checks and counts what came. Returns how many answers that were, and when.
    pub fn receive(&mut self, index: usize) -> Result<(usize, Instant), Failure> {
        let (checker, answers) = (&mut self.checker, &mut self.answers);
        let heard = match (&mut self.slow, &mut self.transport) {
            (Some(slow), Transport::Epoll(epoll)) if Instant::now() < self.phases.until => {
                let received =
                    epoll.receive_some(index, slow.bytes_per_turn(), checker, answers)?;
                if let Received::Full(_) = received {
                    slow.add(index);
                }
                received != Received::Emptied(0)
            }
            (_, transport) => {
                transport.receive(index, checker, answers)?;
                !answers.is_empty()
            }
        };
        let now = Instant::now();
        if heard {
            self.silent_since[index] = now;
        }
        let count = self.answers.len();
        if count > 0 {
            self.phases.pass(now, self.spun);
            self.count(now);
        }
        Ok((count, now))
    }

    fn count(&mut self, now: Instant) {
        let is_within = self.phases.counts(now);
        for Answered { question, bytes } in self.answers.drain(..) {
            self.in_flight -= 1;
            self.tally.answers_checked += 1;
            let route = &mut self.tally.routes[question.route];
            if is_within {
                route.requests += 1;
                self.tally.bytes_received += bytes as u64;
                self.tally.last_answer = Some(now);
            }
            let has_latency = match self.plan.pacing {
                // Requests that were due within the measured time, however late their answers.
                Pacing::Open(_) => question.since >= self.phases.from,
                // All that overlaps the measured time: the slow ones were asked before it or are still in flight at its
                // end.
                Pacing::Closed { .. } => now >= self.phases.from,
            };
            // The end of a slow reader is not slow.
            if has_latency && (self.slow.is_none() || is_within) {
                let latency = now.saturating_duration_since(question.since);
                route
                    .latency_ns
                    .saturating_record(latency.as_nanos() as u64);
            }
        }
    }

    /// Counts a request that was due and never sent, with the time that it has waited.
    pub fn count_unsent(&mut self, waited: Duration) {
        let route = &mut self.tally.routes[self.chooser.choose()];
        route.latency_ns.saturating_record(waited.as_nanos() as u64);
    }

    /// Ends a run in which an answer is overdue, or that has ended in another thread.
    pub fn watch(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.phases.pass(now, self.spun);
        if now.saturating_duration_since(self.watched) < WATCH_INTERVAL {
            return Ok(());
        }
        self.watched = now;
        if let Some(failure) = self.failure.get() {
            return Err(failure.clone());
        }
        let timeout = self.plan.answer_timeout;
        for (lane, since) in self.silent_since.iter().enumerate() {
            if let Some(question) = self.transport.flow(lane).awaited()
                && now.saturating_duration_since(*since) > timeout
            {
                let line = self.checker.line(question.route, question.number);
                return Err(Failure::Broken(format!(
                    "no answer to {line} within {timeout:?}"
                )));
            }
        }
        Ok(())
    }

    /// This thread's figures.
    pub fn finish(mut self) -> Tally {
        self.phases
            .pass(Instant::now().max(self.phases.until), self.spun);
        let cpu = self.phases.cpu_use();
        self.tally.cpu_time = cpu.time;
        self.tally.cpu_share = cpu.worked_share;
        self.tally.wanted_share = cpu.worked_share + cpu.waited_share;
        self.tally
    }
}

fn open_channel(plan: &LoadPlan) -> Result<Channel<TcpStream>, Failure> {
    let timeout = plan.answer_timeout;
    let receive_buffer = plan
        .slow_read_bytes_per_second
        .map(|_| RECEIVE_BUFFER_BYTES);
    let stream = connect(plan.target, None, receive_buffer, timeout)
        .map_err(|error| Failure::io("cannot be opened", &error))?;
    if plan.handshakes.is_some() {
        return channel::begin(stream, plan.tls.as_ref());
    }
    let mut channel = channel::open(stream, plan.tls.as_ref(), timeout)?;
    if let Exchange::WebSocket(messages) = plan.mix.first() {
        handshake::perform(&mut channel, plan.target, messages, timeout)?;
    }
    Ok(channel)
}
