//! One thread's connections, what is in flight on them and what has come back. Knows how to send, to wait and to check, and
//! not when something has to be sent: that is for [`closed_loop`](crate::closed_loop) and [`open_loop`](crate::open_loop).

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::alarm::Alarm;
use crate::arrivals::thread_rng;
use crate::checker::Checker;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::handshake;
use crate::link::{Answered, Link, Question, READ_BYTES_MAX, Received, connect};
use crate::mix::Chooser;
use crate::phases::Phases;
use crate::plan::{LoadPlan, Pacing};
use crate::slow_reading::{RECEIVE_BUFFER_BYTES, SlowReading};
use crate::tally::Tally;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;
/// How often a thread looks for answers that are overdue, if nothing else wakes it.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// A thread with a core of its own waits actively for the last bit before a request is due: being woken takes that long.
const SPIN: Duration = Duration::from_micros(50);
/// An empty look into epoll takes less than this; if one took longer, the thread was not on its core meanwhile.
const LOOK_MAX: Duration = Duration::from_micros(10);
const ALARM: Token = Token(usize::MAX);
/// Chance for the choice of routes is not that for the arrivals: a mix does not change when requests are due.
const CHOICE_SEED: u64 = 0xC401_CE00;

/// A thread's share of a run.
pub struct Worker<'a> {
    plan: &'a LoadPlan,
    /// Its place among the threads.
    pub index: usize,
    /// Measured time.
    pub phases: Phases,
    /// What has come back so far.
    pub tally: Tally,
    poll: Poll,
    events: Events,
    alarm: Alarm,
    lanes: Vec<Lane>,
    /// Lanes to read from, and what was read from one of them.
    ready: Vec<usize>,
    answers: Vec<Answered>,
    slow: Option<SlowReading>,
    checker: Checker<'a>,
    chooser: Chooser,
    scratch: Box<[u8]>,
    number: u64,
    requests_left: u64,
    in_flight: usize,
    spins: bool,
    spun: Duration,
    watched: Instant,
    /// What ended the run in another thread.
    failure: &'a OnceLock<Failure>,
}

struct Lane {
    link: Link<TcpStream>,
    /// When something was last heard on it, or the first of what is in flight was asked.
    silent_since: Instant,
}

impl<'a> Worker<'a> {
    /// Opens the connections of the thread with this place.
    pub fn open(
        plan: &'a LoadPlan,
        index: usize,
        failure: &'a OnceLock<Failure>,
    ) -> Result<Worker<'a>, Failure> {
        let poll = Poll::new().map_err(|error| Failure::io("epoll is not available", &error))?;
        let alarm = Alarm::new(&poll, ALARM)?;
        let now = Instant::now();
        let mut lanes = Vec::new();
        for connection in plan.part(index, plan.connections as u64) {
            let stream = open_stream(plan, &poll, Token(lanes.len())).map_err(|failure| {
                failure.in_context(format_args!("connection {connection} to {}", plan.target))
            })?;
            lanes.push(Lane {
                link: Link::new(stream),
                silent_since: now,
            });
        }
        let requests = plan.part(index, plan.requests_max);
        Ok(Worker {
            plan,
            index,
            phases: Phases::new(now, plan.warm_up, plan.measured),
            tally: Tally::new(plan.mix.routes().len()),
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            alarm,
            ready: Vec::with_capacity(EVENTS_MAX),
            answers: Vec::new(),
            slow: plan
                .slow_read_bytes_per_second
                .map(|bytes| SlowReading::new(bytes, lanes.len(), now)),
            lanes,
            checker: Checker::new(plan.mix.exchanges()),
            chooser: plan.mix.chooser(thread_rng(plan.seed ^ CHOICE_SEED, index)),
            scratch: vec![0; READ_BYTES_MAX].into(),
            number: plan.numbers.part(index, plan.threads),
            requests_left: requests.end - requests.start,
            in_flight: 0,
            spins: plan.has_own_cores(),
            spun: Duration::ZERO,
            watched: now,
            failure,
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.lanes.len()
    }

    /// How many answers are awaited.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether another request may be sent.
    pub fn may_ask(&self, now: Instant) -> bool {
        now < self.phases.until && self.requests_left > 0
    }

    /// Whether the number of requests, and not the time, is what ends the run.
    pub fn has_used_up_its_requests(&self) -> bool {
        self.requests_left == 0
    }

    /// Puts the next request on a connection; [`Worker::flush`] sends it. Its latency begins at `since`.
    pub fn put(&mut self, lane: usize, since: Instant, now: Instant) {
        let route = self.chooser.choose();
        let lane = &mut self.lanes[lane];
        if lane.link.awaited().is_none() {
            lane.silent_since = now;
        }
        let question = Question {
            route,
            number: self.number,
            since,
        };
        lane.link
            .put(&self.plan.mix.routes()[route].exchange, question);
        self.number = self.plan.numbers.after(self.number);
        self.requests_left -= 1;
        self.in_flight += 1;
    }

    /// Sends what was put on a connection.
    pub fn flush(&mut self, lane: usize) -> Result<(), Failure> {
        self.lanes[lane].link.flush()
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
            Some(left) if left < WATCH_INTERVAL => {
                self.alarm.set(now + (left - spin), now)?;
                WATCH_INTERVAL
            }
            _ => WATCH_INTERVAL,
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(Failure::io("epoll failed", &error)),
        }
        if self.events.is_empty() && timeout.is_zero() && until.is_some_and(|until| until > now) {
            let looked = now.elapsed();
            self.spun += if looked < LOOK_MAX {
                looked
            } else {
                Duration::ZERO
            };
        }
        self.sort_events()
    }

    fn sort_events(&mut self) -> Result<(), Failure> {
        for event in &self.events {
            let token = event.token();
            if token == ALARM {
                continue;
            }
            if event.is_writable() {
                self.lanes[token.0].link.flush()?;
            }
            if event.is_readable() || event.is_read_closed() {
                match &mut self.slow {
                    Some(slow) => slow.add(token.0),
                    None => self.ready.push(token.0),
                }
            }
        }
        if let Some(slow) = &mut self.slow {
            let now = Instant::now();
            if now < self.phases.until {
                slow.take_turn(now, &mut self.ready);
            } else {
                // What is in flight at the end is not waited for at that pace.
                slow.release(&mut self.ready);
            }
        }
        Ok(())
    }

    /// The connections to read from; give the list back to [`Worker::return_ready`].
    pub fn take_ready(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ready)
    }

    /// Takes the list back, whose room is used again.
    pub fn return_ready(&mut self, mut ready: Vec<usize>) {
        ready.clear();
        self.ready = ready;
    }

    /// Reads from a connection, and checks and counts what came. How many answers that were, and when.
    pub fn receive(&mut self, index: usize) -> Result<(usize, Instant), Failure> {
        let lane = &mut self.lanes[index];
        let heard = match &mut self.slow {
            Some(slow) if Instant::now() < self.phases.until => {
                let room = slow.bytes_per_turn().min(READ_BYTES_MAX);
                let scratch = &mut self.scratch[..room];
                let received =
                    lane.link
                        .receive_some(&mut self.checker, scratch, &mut self.answers)?;
                if let Received::Full(_) = received {
                    slow.add(index);
                }
                received != Received::Emptied(0)
            }
            _ => {
                lane.link
                    .receive(&mut self.checker, &mut self.scratch, &mut self.answers)?;
                !self.answers.is_empty()
            }
        };
        let now = Instant::now();
        if heard {
            lane.silent_since = now;
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
                // What was due within the measured time, however late its answer.
                Pacing::Open(_) => question.since >= self.phases.from,
                // All that overlaps the measured time: what was asked before it or is still in flight at its end are the
                // slow ones.
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
        for lane in &self.lanes {
            if let Some(question) = lane.link.awaited()
                && now.saturating_duration_since(lane.silent_since) > timeout
            {
                let line = self.checker.line(question.route, question.number);
                return Err(Failure::Broken(format!(
                    "no answer to {line} within {timeout:?}"
                )));
            }
        }
        Ok(())
    }

    /// What this thread has to tell.
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

fn open_stream(plan: &LoadPlan, poll: &Poll, token: Token) -> Result<TcpStream, Failure> {
    let timeout = plan.answer_timeout;
    let receive_buffer = plan
        .slow_read_bytes_per_second
        .map(|_| RECEIVE_BUFFER_BYTES);
    let mut stream = connect(plan.target, None, receive_buffer, timeout)
        .map_err(|error| Failure::io("cannot be opened", &error))?;
    if let Exchange::WebSocket(messages) = plan.mix.first() {
        handshake::perform(&mut stream, plan.target, messages, timeout)?;
    }
    register(stream, poll, token).map_err(|error| Failure::io("cannot be watched", &error))
}

fn register(stream: std::net::TcpStream, poll: &Poll, token: Token) -> std::io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    // Edge-triggered: the interest in writing costs no event while requests fit into the socket, which they do.
    poll.registry()
        .register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}
