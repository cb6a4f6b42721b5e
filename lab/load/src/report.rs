//! What a run prints: one JSON object per line. Knows nothing of how the figures came about.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::Serialize;

use crate::bottleneck::{CPU_SHARE_MAX, refusal};
use crate::failure::Failure;
use crate::io_choice::Io;
use crate::plan::{LoadPlan, Pacing};
use crate::tally::Tally;
use crate::tls::Handshakes;

/// Digits after which percentiles are no longer distinguished: 99.9999.
const NINES_MAX: i32 = 6;

/// A load that ran to its end. Every answer was right, or there would be a [`FailureReport`].
#[derive(Debug, Serialize)]
pub struct LoadReport {
    /// `closed_loop` or `open_loop`.
    pub kind: &'static str,
    /// `closed` or `open`.
    #[serde(rename = "loop")]
    pub pacing: &'static str,
    /// The server.
    pub target: String,
    /// The first request; of the first route.
    pub request: String,
    /// Connections under load.
    pub connections: usize,
    /// Connections besides that were held open, and answered at the start and at the end.
    pub idle_connections: usize,
    /// Requests in flight per connection; streams, over HTTP/2.
    pub pipeline: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// How the generator moved bytes: `uring` or `epoll`.
    pub io: Io,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// Whether it went over TLS.
    pub tls: bool,
    /// `full` or `resumed`, if every request had a connection of its own.
    pub handshakes: Option<&'static str>,
    /// Seed of arrivals and choices.
    pub seed: u64,
    /// Seconds before counting.
    pub warm_up_seconds: f64,
    /// Seconds of counting.
    pub seconds: f64,
    /// Open loop: what was asked for.
    pub rate: Option<f64>,
    /// Open loop: requests that were due in these seconds, per second.
    pub offered_per_second: Option<f64>,
    /// Answers in these seconds, per second.
    pub achieved_per_second: f64,
    /// The same.
    pub requests_per_second: f64,
    /// Right answers within these seconds.
    pub requests: u64,
    /// Open loop: requests that were due while all connections were busy.
    pub requests_waited: Option<u64>,
    /// Open loop: those of them for which none became free before the end. Their latency is the time that they waited.
    pub requests_unsent: Option<u64>,
    /// Answers checked in all, with the warm-up and what was in flight at the end.
    pub answers_checked: u64,
    /// Over HTTP/2: requests that the server refused unheard (REFUSED_STREAM), and that were sent again.
    pub streams_refused: u64,
    /// Always 0: an error ends the run.
    pub errors: u64,
    /// Bytes of the counted answers.
    pub bytes_received: u64,
    /// Latency, in microseconds; none if the generator was the bottleneck.
    pub latency_us: Option<Latency>,
    /// Why there is none.
    pub latency_refused: Option<String>,
    /// Percentiles and their microseconds, for charts.
    pub percentiles: Vec<(f64, f64)>,
    /// The latencies in nanoseconds as an HdrHistogram: V2, deflated, base64.
    pub histogram: Option<String>,
    /// Open loop: how late the generator was in sending though a connection was free.
    pub send_lag_us: Option<SendLag>,
    /// Share of the time in which the generator's busiest thread worked.
    pub generator_cpu_share: f64,
    /// The same with the time in which it could have worked and had no core.
    pub generator_wanted_share: f64,
    /// CPU time of all threads per second, waiting actively included.
    pub generator_cores_used: f64,
    /// Whether the generator may have been the bottleneck: then the server can do more than is shown.
    pub generator_saturated: bool,
    /// Each route of the mix.
    pub by_route: Vec<RouteReport>,
}

/// Microseconds until the checked answer: from sending in a closed loop, from when it was due in an open one.
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
    /// Answers that these are computed from.
    pub count: u64,
}

/// Microseconds from the time when a request was due and a connection free until it was sent.
#[derive(Debug, Serialize)]
pub struct SendLag {
    /// Median.
    pub p50: f64,
    /// 99 of 100 are no later.
    pub p99: f64,
    /// The latest.
    pub max: f64,
}

/// The figures of one route.
#[derive(Debug, Serialize)]
pub struct RouteReport {
    /// The path as it was given.
    pub path: String,
    /// Right answers within the measured time.
    pub requests: u64,
    /// Their latency, if there were any and latencies are reported at all.
    pub latency_us: Option<Latency>,
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

impl LoadReport {
    /// Puts plan and tally into words.
    pub fn new(plan: &LoadPlan, tally: &Tally) -> LoadReport {
        let seconds = tally.measured.as_secs_f64();
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        let requests = tally.requests();
        let open = tally.open.as_ref();
        let latency_ns = tally.latency_ns();
        let latency_refused = refusal(tally);
        let is_reported = latency_refused.is_none();
        let (kind, pacing, pipeline, rate) = match plan.pacing {
            Pacing::Closed { pipeline } => ("closed_loop", "closed", pipeline, None),
            Pacing::Open(schedule) => ("open_loop", "open", 1, Some(schedule.rate)),
        };
        let by_route = plan.mix.routes().iter().zip(&tally.routes);
        LoadReport {
            kind,
            pacing,
            target: plan.target.to_string(),
            request: plan.mix.first().line(plan.numbers.first()),
            connections: plan.connections,
            idle_connections: plan.idle_connections,
            pipeline: plan.http2_streams.unwrap_or(pipeline),
            threads: plan.threads,
            io: tally.io,
            protocol: plan.http2_streams.map_or("HTTP/1.1", |_| "HTTP/2"),
            tls: plan.tls.is_some(),
            handshakes: plan.handshakes.map(Handshakes::name),
            seed: plan.seed,
            warm_up_seconds: plan.warm_up.as_secs_f64(),
            seconds,
            rate,
            offered_per_second: open.map(|open| per_second(open.due as f64)),
            achieved_per_second: per_second(requests as f64),
            requests_per_second: per_second(requests as f64),
            requests,
            requests_waited: open.map(|open| open.waited),
            requests_unsent: open.map(|open| open.unsent),
            answers_checked: tally.answers_checked,
            streams_refused: tally.streams_refused,
            errors: 0,
            bytes_received: tally.bytes_received,
            latency_us: is_reported.then(|| Latency::new(&latency_ns)),
            latency_refused,
            percentiles: if is_reported {
                percentiles(&latency_ns)
            } else {
                Vec::new()
            },
            histogram: is_reported.then(|| encoded(&latency_ns)),
            send_lag_us: open.map(|open| SendLag::new(&open.send_lag_ns)),
            generator_cpu_share: tally.cpu_share,
            generator_wanted_share: tally.wanted_share,
            generator_cores_used: per_second(tally.cpu_time.as_secs_f64()),
            generator_saturated: tally.cpu_share.max(tally.wanted_share) >= CPU_SHARE_MAX,
            by_route: by_route
                .map(|(route, seen)| RouteReport {
                    path: route.path.clone(),
                    requests: seen.requests,
                    latency_us: (is_reported && !seen.latency_ns.is_empty())
                        .then(|| Latency::new(&seen.latency_ns)),
                })
                .collect(),
        }
    }
}

fn us_at(histogram: &Histogram<u32>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1000.0
}

impl Latency {
    fn new(histogram: &Histogram<u32>) -> Latency {
        Latency {
            p50: us_at(histogram, 0.5),
            p90: us_at(histogram, 0.9),
            p99: us_at(histogram, 0.99),
            p99_9: us_at(histogram, 0.999),
            max: histogram.max() as f64 / 1000.0,
            mean: histogram.mean() / 1000.0,
            count: histogram.len(),
        }
    }
}

impl SendLag {
    fn new(histogram: &Histogram<u32>) -> SendLag {
        SendLag {
            p50: us_at(histogram, 0.5),
            p99: us_at(histogram, 0.99),
            max: histogram.max() as f64 / 1000.0,
        }
    }
}

/// From the fastest to the slowest, closer and closer towards the end: 0, 10 … 90, 91 … 99, 99.1 … 99.9 and so on, as far
/// as there are answers to tell them apart; then 100.
fn percentiles(histogram: &Histogram<u32>) -> Vec<(f64, f64)> {
    let mut points = vec![(0.0, histogram.min() as f64 / 1000.0)];
    for nines in 0..NINES_MAX {
        let scale = 10_f64.powi(nines);
        for tenth in 1..=9 {
            // Divided at the end, so that 99.1 is not 99.10000000000001.
            let percent = (100.0 * scale - 100.0 + f64::from(tenth) * 10.0) / scale;
            let beyond = (100.0 - percent) / 100.0 * histogram.len() as f64;
            if beyond >= 1.0 - 1e-9 {
                points.push((percent, us_at(histogram, percent / 100.0)));
            }
        }
    }
    points.push((100.0, histogram.max() as f64 / 1000.0));
    points
}

fn encoded(histogram: &Histogram<u32>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a vector takes every byte, and the histogram is far from the format's limits");
    BASE64_STANDARD.encode(bytes)
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

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;

    use super::*;
    use crate::plan::tests::plan;

    fn tally(answers: u64) -> Tally {
        let mut tally = Tally::new(1);
        for us in 1..=answers {
            tally.routes[0].latency_ns.record(us * 1_000).unwrap();
        }
        tally
    }

    #[test]
    fn percentiles_grow_and_end_where_answers_end() {
        let points = percentiles(&tally(10_000).latency_ns());
        assert!(points.is_sorted_by(|one, other| one.0 < other.0 && one.1 <= other.1));
        let percents: Vec<f64> = points.iter().map(|point| point.0).collect();
        for percent in [0.0, 50.0, 90.0, 99.0, 99.1, 99.9, 99.99, 100.0] {
            assert!(percents.contains(&percent), "{percent} of {percents:?}");
        }
        assert!(!percents.contains(&99.991) && percents.len() < 60);
    }

    #[test]
    fn the_histogram_reads_back_as_it_was() {
        let report = LoadReport::new(&plan(1), &tally(1000));
        let bytes = BASE64_STANDARD.decode(report.histogram.unwrap()).unwrap();
        let read: Histogram<u32> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap();
        assert_eq!(read, tally(1000).latency_ns());
    }

    #[test]
    fn what_is_refused_is_nowhere_in_the_report() {
        let mut tally = tally(1000);
        tally.cpu_share = 0.99;
        let report = LoadReport::new(&plan(1), &tally);
        assert!(report.latency_refused.is_some() && report.generator_saturated);
        assert!(report.latency_us.is_none() && report.histogram.is_none());
        assert!(report.percentiles.is_empty() && report.by_route[0].latency_us.is_none());
    }
}
