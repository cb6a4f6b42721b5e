//! What a run prints: one JSON object per line. Knows nothing of how the figures came about.

use serde::Serialize;

use crate::closed_loop::{LoopPlan, Tally};
use crate::failure::Failure;

/// From this share of its core on, the generator itself may have been what limited the figures.
pub const SATURATED_SHARE: f64 = 0.97;

/// A closed loop that ran to its end. Every answer was right, or there would be a [`FailureReport`].
#[derive(Debug, Serialize)]
pub struct LoopReport {
    /// `closed_loop`.
    pub kind: &'static str,
    /// The server.
    pub target: String,
    /// The first request.
    pub request: String,
    /// Connections with one request in flight each.
    pub connections: usize,
    /// Seconds before counting.
    pub warm_up_seconds: f64,
    /// Seconds of counting.
    pub seconds: f64,
    /// Right answers within these seconds.
    pub requests: u64,
    /// The quotient of the two.
    pub requests_per_second: f64,
    /// Answers checked in all, with the warm-up and what was in flight at the end.
    pub answers_checked: u64,
    /// Always 0: an error ends the run.
    pub errors: u64,
    /// Bytes of the counted answers.
    pub bytes_received: u64,
    /// Latency, in microseconds.
    pub latency_us: Latency,
    /// Share of the time in which the generator had its core.
    pub generator_cpu_share: f64,
    /// Whether it may have been the bottleneck: then the server can do more than is shown.
    pub generator_saturated: bool,
}

/// Microseconds from sending to the checked answer.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90 of 100 are no slower.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p99_9: f64,
    /// The slowest.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Answers that these are taken from.
    pub count: u64,
}

/// A run that does not count.
#[derive(Debug, Serialize)]
pub struct FailureReport {
    /// `failure`.
    pub kind: &'static str,
    /// `wrong_answer` or `broken`.
    pub failure: &'static str,
    /// The first difference, or what broke.
    pub message: String,
    /// Errors seen: the run ended with the first.
    pub errors: u64,
}

/// Connections held open.
#[derive(Debug, Serialize)]
pub struct HeldReport {
    /// `held` when all are open; `released` at the end.
    pub kind: &'static str,
    /// Connections that were opened, each with one checked answer.
    pub connections: usize,
    /// Those of them that are open and silent.
    pub open: usize,
}

impl LoopReport {
    /// Puts plan and tally into words.
    pub fn new(plan: &LoopPlan, tally: &Tally) -> LoopReport {
        let seconds = tally.measured.as_secs_f64();
        LoopReport {
            kind: "closed_loop",
            target: plan.target.to_string(),
            request: plan.exchange.line(plan.numbers.first()),
            connections: plan.connections,
            warm_up_seconds: plan.warm_up.as_secs_f64(),
            seconds,
            requests: tally.requests,
            requests_per_second: if seconds > 0.0 {
                tally.requests as f64 / seconds
            } else {
                0.0
            },
            answers_checked: tally.answers_checked,
            errors: 0,
            bytes_received: tally.bytes_received,
            latency_us: Latency::new(tally),
            generator_cpu_share: tally.cpu_share,
            generator_saturated: tally.cpu_share >= SATURATED_SHARE,
        }
    }
}

impl Latency {
    fn new(tally: &Tally) -> Latency {
        let histogram = &tally.latency_ns;
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: histogram.max() as f64 / 1000.0,
            mean: histogram.mean() / 1000.0,
            count: histogram.len(),
        }
    }
}

impl FailureReport {
    /// Puts a failure into words.
    pub fn new(failure: &Failure) -> FailureReport {
        FailureReport {
            kind: "failure",
            failure: failure.kind(),
            message: failure.to_string(),
            errors: 1,
        }
    }
}

/// One line of JSON.
pub fn json_line(report: &impl Serialize) -> String {
    serde_json::to_string(report).expect("reports have nothing that JSON lacks")
}
