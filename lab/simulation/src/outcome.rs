//! The figures that judge a run, and how they are gathered while it goes on.

use serde::{Deserialize, Serialize};

/// The outcome of one run. Latencies are counted from the moment that the client meant to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// All requests that were sent, and as many were answered.
    pub requests: u64,
    /// Answers per second between the end of the warm-up and the last request.
    pub requests_per_second: f64,
    /// Requests that were due per second in that time.
    pub offered_per_second: f64,
    /// Of the requests after the warm-up.
    pub latency_us: Latency,
    /// Requests in the server, on average over time.
    pub in_system_mean: f64,
    /// How long the run was, in simulated time.
    pub seconds: f64,
    /// The share of their time that the cores were at work.
    pub busy_share: f64,
    /// The busiest core's requests as a multiple of the mean.
    pub balance_max_over_mean: f64,
    /// The share of time in which a core slept while a request waited somewhere.
    pub idle_while_waiting_share: f64,
    /// Requests that a core took from another one's queue, per request.
    pub steals_per_request: f64,
    /// Times that a core was woken, per request.
    pub wakes_per_request: f64,
    /// Events that were simulated.
    pub events: u64,
}

/// Percentiles in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// What is counted while a run goes on.
pub(crate) struct Record {
    latencies_ns: Vec<u64>,
    /// When the warm-up ended and when the last request was due.
    window: Option<(u64, u64)>,
    window_due: u64,
    window_answers: u64,
    in_system: u64,
    in_system_area: u128,
    in_system_since: u64,
    waiting: u64,
    asleep: u64,
    both_since: Option<u64>,
    both_ns: u64,
    pub(crate) busy_ns: Vec<u64>,
    served: Vec<u64>,
    pub(crate) steals: u64,
    pub(crate) wakes: u64,
}

impl Record {
    pub(crate) fn new(cores: usize, requests: usize) -> Self {
        Self {
            latencies_ns: Vec::with_capacity(requests),
            window: None,
            window_due: 0,
            window_answers: 0,
            in_system: 0,
            in_system_area: 0,
            in_system_since: 0,
            waiting: 0,
            asleep: cores as u64,
            both_since: None,
            both_ns: 0,
            busy_ns: vec![0; cores],
            served: vec![0; cores],
            steals: 0,
            wakes: 0,
        }
    }

    /// The client has made a request, or would have with a free connection.
    pub(crate) fn due(&mut self, now: u64, measured: bool) {
        if measured {
            let start = self.window.map_or(now, |(start, _)| start);
            self.window = Some((start, now));
            self.window_due += 1;
        }
    }

    /// `is_last_due_past`: no further request will be due, so the window is closed.
    pub(crate) fn answered(
        &mut self,
        now: u64,
        seen: u64,
        intended: u64,
        measured: bool,
        core: u32,
        is_last_due_past: bool,
    ) {
        if measured {
            self.latencies_ns.push(seen.saturating_sub(intended));
        }
        if self.window.is_some() && !is_last_due_past {
            self.window_answers += 1;
        }
        self.served[core as usize] += 1;
        self.count_in_system(now);
        self.in_system = self.in_system.saturating_sub(1);
    }

    fn count_in_system(&mut self, now: u64) {
        let since = now.saturating_sub(self.in_system_since);
        self.in_system_area += u128::from(self.in_system) * u128::from(since);
        self.in_system_since = now.max(self.in_system_since);
    }

    /// A request has reached the server.
    pub(crate) fn waits(&mut self, now: u64) {
        self.count_in_system(now);
        self.in_system += 1;
        self.waiting += 1;
        self.look_for_idleness(now);
    }

    /// A core has taken a request up.
    pub(crate) fn begins(&mut self, now: u64) {
        self.waiting = self.waiting.saturating_sub(1);
        self.look_for_idleness(now);
    }

    pub(crate) fn falls_asleep(&mut self, now: u64) {
        self.asleep += 1;
        self.look_for_idleness(now);
    }

    pub(crate) fn is_up(&mut self, now: u64) {
        self.asleep = self.asleep.saturating_sub(1);
        self.wakes += 1;
        self.look_for_idleness(now);
    }

    fn look_for_idleness(&mut self, now: u64) {
        let both = self.waiting > 0 && self.asleep > 0;
        match (self.both_since, both) {
            (None, true) => self.both_since = Some(now),
            (Some(since), false) => {
                self.both_ns += now - since;
                self.both_since = None;
            }
            _ => {}
        }
    }

    pub(crate) fn outcome(mut self, end: u64, events: u64) -> Outcome {
        self.count_in_system(end);
        let seconds = end as f64 / 1e9;
        let (window_start, window_end) = self.window.unwrap_or((0, end));
        let window_s = (window_end.saturating_sub(window_start)).max(1) as f64 / 1e9;
        let cores = self.busy_ns.len() as f64;
        let served_total: u64 = self.served.iter().sum();
        let served_most = self.served.iter().max().copied().unwrap_or(0);
        let busy_total: u64 = self.busy_ns.iter().sum();
        let requests = served_total.max(1) as f64;
        Outcome {
            requests: served_total,
            requests_per_second: self.window_answers as f64 / window_s,
            offered_per_second: self.window_due as f64 / window_s,
            latency_us: Latency::of(&mut self.latencies_ns),
            in_system_mean: self.in_system_area as f64 / end.max(1) as f64,
            seconds,
            busy_share: busy_total as f64 / (end.max(1) as f64 * cores),
            balance_max_over_mean: served_most as f64 * cores / requests,
            idle_while_waiting_share: self.both_ns as f64 / end.max(1) as f64,
            steals_per_request: self.steals as f64 / requests,
            wakes_per_request: self.wakes as f64 / requests,
            events,
        }
    }
}

impl Latency {
    fn of(latencies_ns: &mut [u64]) -> Self {
        latencies_ns.sort_unstable();
        let count = latencies_ns.len();
        let at = |percent: f64| {
            let rank = (percent / 100.0 * count as f64).ceil() as usize;
            latencies_ns
                .get(rank.clamp(1, count.max(1)) - 1)
                .map_or(0.0, |&ns| ns as f64 / 1000.0)
        };
        let sum: u128 = latencies_ns.iter().map(|&ns| u128::from(ns)).sum();
        Self {
            mean: sum as f64 / count.max(1) as f64 / 1000.0,
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            max: at(100.0),
        }
    }
}
