//! The closed loop: each of N connections sends its next request as soon as the answer to the last one is there and
//! checked. One thread, one epoll. Knows nothing of options or output.
//!
//! A closed loop slows down with its server, so its latencies say how long an answer takes under full load and nothing
//! of what a caller with a schedule would see. That is for an open loop, which can drive the same [`Link`]s.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::checker::Checker;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::handshake;
use crate::link::{Link, READ_BYTES_MAX, Received, connect};
use crate::process::cpu_time;
use crate::request::Numbers;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;
/// How often the loop looks for answers that are overdue, if nothing else wakes it.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Three significant digits from 1 µs up to this; an answer that takes longer fails the run first.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct LoopPlan {
    /// The server.
    pub target: SocketAddr,
    /// What is asked.
    pub exchange: Exchange,
    /// With which numbers.
    pub numbers: Numbers,
    /// Connections, each with one request in flight.
    pub connections: usize,
    /// Time before anything is counted. Answers are checked all the same.
    pub warm_up: Duration,
    /// Time in which answers are counted.
    pub measured: Duration,
    /// Requests after which the run ends early, those of the warm-up among them.
    pub requests_max: u64,
    /// Silence after which the run is broken.
    pub answer_timeout: Duration,
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Right answers within the measured time.
    pub requests: u64,
    /// Right answers in all. There are no others: a wrong one ends the run.
    pub answers_checked: u64,
    /// The measured time, shorter if `requests_max` ended it.
    pub measured: Duration,
    /// Nanoseconds from before the first byte of a request is sent until its answer is checked.
    pub latency_ns: Histogram<u32>,
    /// Bytes of the counted answers, heads and all.
    pub bytes_received: u64,
    /// Share of the measured time in which this process had the CPU.
    pub cpu_share: f64,
}

/// Runs the loop to its end, or to the first answer that is not right.
pub fn run(plan: &LoopPlan) -> Result<Tally, Failure> {
    let mut closed_loop = ClosedLoop::open(plan)?;
    closed_loop.start()?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    while closed_loop.waiting > 0 {
        match closed_loop.poll.poll(&mut events, Some(WATCH_INTERVAL)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::io("epoll failed", &error)),
        }
        for event in &events {
            closed_loop.drive(event.token().0, event.is_writable())?;
        }
        closed_loop.watch()?;
    }
    closed_loop.finish()
}

struct ClosedLoop<'a> {
    plan: &'a LoopPlan,
    poll: Poll,
    links: Vec<Timed>,
    checker: Checker<'a>,
    scratch: Box<[u8]>,
    number: u64,
    asked: u64,
    /// Links with a request in flight.
    waiting: usize,
    clock: Phases,
    watched: Instant,
    latency_ns: Histogram<u32>,
    requests: u64,
    answers_checked: u64,
    bytes_received: u64,
}

struct Timed {
    link: Link<TcpStream>,
    asked_at: Instant,
}

impl<'a> ClosedLoop<'a> {
    fn open(plan: &'a LoopPlan) -> Result<ClosedLoop<'a>, Failure> {
        let poll = Poll::new().map_err(|error| Failure::io("epoll is not available", &error))?;
        let now = Instant::now();
        let mut links = Vec::with_capacity(plan.connections);
        for index in 0..plan.connections {
            let stream = open_stream(plan, &poll, Token(index)).map_err(|failure| {
                failure.in_context(format_args!("connection {index} to {}", plan.target))
            })?;
            links.push(Timed {
                link: Link::new(stream),
                asked_at: now,
            });
        }
        Ok(ClosedLoop {
            plan,
            poll,
            links,
            checker: Checker::new(&plan.exchange),
            scratch: vec![0; READ_BYTES_MAX].into(),
            number: plan.numbers.first(),
            asked: 0,
            waiting: 0,
            clock: Phases::new(plan),
            watched: now,
            latency_ns: Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3)
                .expect("bounds that hdrhistogram takes"),
            requests: 0,
            answers_checked: 0,
            bytes_received: 0,
        })
    }

    fn start(&mut self) -> Result<(), Failure> {
        self.clock = Phases::new(self.plan);
        for index in 0..self.links.len() {
            self.ask(index, Instant::now())?;
        }
        Ok(())
    }

    /// Sends the next request on an idle link, unless the run is over.
    fn ask(&mut self, index: usize, now: Instant) -> Result<(), Failure> {
        if now >= self.clock.until || self.asked >= self.plan.requests_max {
            return Ok(());
        }
        let timed = &mut self.links[index];
        timed.asked_at = now;
        timed.link.ask(&self.plan.exchange, self.number)?;
        self.number = self.plan.numbers.after(self.number);
        self.asked += 1;
        self.waiting += 1;
        Ok(())
    }

    fn drive(&mut self, index: usize, is_writable: bool) -> Result<(), Failure> {
        let timed = &mut self.links[index];
        if !timed.link.waits() {
            return Ok(());
        }
        if is_writable {
            timed.link.flush()?;
        }
        if let Received::Answer(bytes) = timed.link.receive(&mut self.checker, &mut self.scratch)? {
            let asked_at = timed.asked_at;
            let now = Instant::now();
            self.waiting -= 1;
            self.count(asked_at, now, bytes);
            self.ask(index, now)?;
        }
        Ok(())
    }

    fn count(&mut self, asked_at: Instant, now: Instant, bytes: usize) {
        self.answers_checked += 1;
        self.clock.pass(now);
        if now >= self.clock.from && now < self.clock.until {
            self.requests += 1;
            self.bytes_received += bytes as u64;
            self.clock.last_answer = now;
        }
        // All that overlaps the measured time counts for the latencies: what was asked before it or is still in flight at
        // its end are the slow ones.
        if now >= self.clock.from {
            self.latency_ns
                .saturating_record((now - asked_at).as_nanos() as u64);
        }
    }

    /// Ends a run in which an answer is overdue.
    fn watch(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.clock.pass(now);
        if now - self.watched < WATCH_INTERVAL {
            return Ok(());
        }
        self.watched = now;
        let timeout = self.plan.answer_timeout;
        match self
            .links
            .iter()
            .find(|timed| timed.link.waits() && now - timed.asked_at > timeout)
        {
            Some(timed) => {
                let line = self.plan.exchange.line(timed.link.number());
                Err(Failure::Broken(format!(
                    "no answer to {line} within {timeout:?}"
                )))
            }
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Tally, Failure> {
        if self.requests == 0 {
            let slowest = Duration::from_nanos(self.latency_ns.max());
            return Err(Failure::Broken(format!(
                "no answer within the measured time; the slowest took {slowest:.1?}"
            )));
        }
        let ended_early = self.asked >= self.plan.requests_max;
        let end = if ended_early {
            self.clock.last_answer
        } else {
            self.clock.until
        };
        self.clock.pass(Instant::now().max(self.clock.until));
        Ok(Tally {
            requests: self.requests,
            answers_checked: self.answers_checked,
            measured: end.saturating_duration_since(self.clock.from),
            latency_ns: self.latency_ns,
            bytes_received: self.bytes_received,
            cpu_share: self.clock.cpu_share(),
        })
    }
}

/// When counting begins and ends, and the CPU time used between.
struct Phases {
    from: Instant,
    until: Instant,
    last_answer: Instant,
    at_start: Option<(Instant, Duration)>,
    at_end: Option<(Instant, Duration)>,
}

impl Phases {
    fn new(plan: &LoopPlan) -> Phases {
        let from = Instant::now() + plan.warm_up;
        Phases {
            from,
            until: from + plan.measured,
            last_answer: from,
            at_start: None,
            at_end: None,
        }
    }

    /// Reads the CPU clock once at either end.
    fn pass(&mut self, now: Instant) {
        if self.at_start.is_none() && now >= self.from {
            self.at_start = Some((now, cpu_time()));
        }
        if self.at_end.is_none() && now >= self.until {
            self.at_end = Some((Instant::now(), cpu_time()));
        }
    }

    fn cpu_share(&self) -> f64 {
        match (self.at_start, self.at_end) {
            (Some((from, cpu_from)), Some((until, cpu_until))) if until > from => {
                (cpu_until - cpu_from).as_secs_f64() / (until - from).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

fn open_stream(plan: &LoopPlan, poll: &Poll, token: Token) -> Result<TcpStream, Failure> {
    let timeout = plan.answer_timeout;
    let mut stream = connect(plan.target, None, timeout)
        .map_err(|error| Failure::io("cannot be opened", &error))?;
    if let Exchange::WebSocket(messages) = &plan.exchange {
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
