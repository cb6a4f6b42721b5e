//! What a run showed: counts and histograms, of one thread or of all together. Knows nothing of how it came about.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::io_choice::Io;

/// Three significant digits from 1 µs up to this; an answer that takes longer fails the run first.
const LATENCY_NS_MAX: u64 = 7_200_000_000_000;

/// The figures of one route.
#[derive(Clone, Debug)]
pub struct RouteTally {
    /// Right answers within the measured time.
    pub requests: u64,
    /// Nanoseconds until the answer was checked; the loop decides from when on.
    pub latency_ns: Histogram<u32>,
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By the places of the mix.
    pub routes: Vec<RouteTally>,
    /// Right answers in all. There are no others: a wrong one ends the run.
    pub answers_checked: u64,
    /// Over HTTP/2: requests that the server refused unheard, and that were sent again.
    pub streams_refused: u64,
    /// Bytes of the counted answers, heads and all.
    pub bytes_received: u64,
    /// When the last counted answer was there.
    pub last_answer: Option<Instant>,
    /// The measured time, shorter if a number of requests ended it.
    pub measured: Duration,
    /// Share of the measured time in which a thread worked on a core, waiting actively not counted; of the busiest one.
    pub cpu_share: f64,
    /// Share of the measured time in which a thread worked, or could have and had no core; of the busiest one.
    pub wanted_share: f64,
    /// CPU time of all threads within the measured time, waiting actively included.
    pub cpu_time: Duration,
    /// How bytes were moved.
    pub io: Io,
    /// What only an open loop knows.
    pub open: Option<OpenTally>,
}

/// How an open loop kept to its schedule.
#[derive(Clone, Debug)]
pub struct OpenTally {
    /// Requests that were due within the measured time.
    pub due: u64,
    /// Those of them that were due while all connections were busy.
    pub waited: u64,
    /// Those of them for which no connection became free before the end.
    pub unsent: u64,
    /// Nanoseconds from the time when a request was due and a connection free until it was sent.
    pub send_lag_ns: Histogram<u32>,
}

impl OpenTally {
    /// Nothing yet.
    pub fn new() -> OpenTally {
        OpenTally {
            due: 0,
            waited: 0,
            unsent: 0,
            send_lag_ns: histogram(),
        }
    }

    fn add(&mut self, other: &OpenTally) {
        self.due += other.due;
        self.waited += other.waited;
        self.unsent += other.unsent;
        merge(&mut self.send_lag_ns, &other.send_lag_ns);
    }
}

impl Default for OpenTally {
    fn default() -> OpenTally {
        OpenTally::new()
    }
}

impl Tally {
    /// Nothing yet, for so many routes.
    pub fn new(routes: usize) -> Tally {
        let route = RouteTally {
            requests: 0,
            latency_ns: histogram(),
        };
        Tally {
            routes: vec![route; routes],
            answers_checked: 0,
            streams_refused: 0,
            bytes_received: 0,
            last_answer: None,
            measured: Duration::ZERO,
            cpu_share: 0.0,
            wanted_share: 0.0,
            cpu_time: Duration::ZERO,
            io: Io::default(),
            open: None,
        }
    }

    /// Right answers within the measured time.
    pub fn requests(&self) -> u64 {
        self.routes.iter().map(|route| route.requests).sum()
    }

    /// The latencies of all routes.
    pub fn latency_ns(&self) -> Histogram<u32> {
        let mut all = histogram();
        for route in &self.routes {
            merge(&mut all, &route.latency_ns);
        }
        all
    }

    /// Adds the figures of another thread of the same run.
    pub fn add(&mut self, other: &Tally) {
        for (route, more) in self.routes.iter_mut().zip(&other.routes) {
            route.requests += more.requests;
            merge(&mut route.latency_ns, &more.latency_ns);
        }
        self.answers_checked += other.answers_checked;
        self.streams_refused += other.streams_refused;
        self.bytes_received += other.bytes_received;
        self.last_answer = self.last_answer.max(other.last_answer);
        self.measured = self.measured.max(other.measured);
        self.cpu_share = self.cpu_share.max(other.cpu_share);
        self.wanted_share = self.wanted_share.max(other.wanted_share);
        self.cpu_time += other.cpu_time;
        match (&mut self.open, &other.open) {
            (Some(open), Some(more)) => open.add(more),
            (open @ None, Some(more)) => *open = Some(more.clone()),
            (_, None) => {}
        }
    }
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3).expect("bounds that hdrhistogram takes")
}

fn merge(into: &mut Histogram<u32>, from: &Histogram<u32>) {
    into.add(from)
        .expect("histograms of the same bounds can be added");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let mut one = Tally::new(2);
        one.routes[1].requests = 3;
        one.routes[1].latency_ns.record(5_000).unwrap();
        (one.cpu_share, one.measured) = (0.5, Duration::from_secs(2));
        let mut other = one.clone();
        other.routes[0].latency_ns.record(9_000).unwrap();
        other.cpu_share = 0.7;
        other.open = Some(OpenTally {
            due: 4,
            ..OpenTally::new()
        });
        one.add(&other);
        assert_eq!((one.requests(), one.latency_ns().len()), (6, 3));
        assert_eq!((one.cpu_share, one.measured.as_secs()), (0.7, 2));
        assert_eq!(one.open.map(|open| open.due), Some(4));
    }
}
