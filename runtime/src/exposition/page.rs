//! Makes the page that a scraper reads of a reading.

use std::collections::HashSet;

use crate::exposition::catalogue::{
    BUILD, COLLECTIONS, DURATION, LONGEST_PAUSE, PAUSES, READY, counted,
};
use crate::exposition::reading::{LifeStage, Reading};
use crate::exposition::sample_lines::{Format, Head, MetricKind, SampleLines, seconds};
use crate::metrics::declaration::Unit;
use crate::metrics::latency::{LATENCY_BOUNDS_US, LatencyCounts};

/// Most routes that have histograms of their own on the page. Those that were first answered later are summed under
/// [`OTHER_ROUTES`]: each costs a scraper up to 90 series.
pub(crate) const ROUTES_SHOWN_MAX: usize = 256;

const OTHER_ROUTES: &str = "(other routes)";
const UNKNOWN_ROUTE: &str = "(unknown)";

/// Makes pages of one server. A route that was shown once is shown from then on, so no series jumps back.
#[derive(Clone)]
pub(crate) struct PageMaker {
    mode: String,
    engine: String,
    shown_routes: HashSet<String>,
}

impl PageMaker {
    pub(crate) fn new(mode: String, engine: String) -> PageMaker {
        PageMaker {
            mode,
            engine,
            shown_routes: HashSet::new(),
        }
    }

    pub(crate) fn page(&mut self, reading: &Reading, format: Format) -> String {
        let mut lines = SampleLines::new(format);
        let version = env!("CARGO_PKG_VERSION");
        lines.head(head(BUILD, MetricKind::Info, ""));
        lines.sample(
            "turbo_shard_build_info",
            &[
                ("version", version),
                ("mode", &self.mode),
                ("engine", &self.engine),
            ],
            1,
        );
        lines.head(head(READY, MetricKind::Gauge, ""));
        lines.sample(READY.0, &[], u8::from(reading.stage == LifeStage::Ready));
        write_counted(&mut lines, reading);
        write_collector(&mut lines, reading);
        self.write_durations(&mut lines, reading);
        lines.end()
    }

    fn write_durations(&mut self, lines: &mut SampleLines, reading: &Reading) {
        lines.head(head(DURATION, MetricKind::Histogram, "seconds"));
        let mut others = [LatencyCounts::default(); 6];
        for ((template, class), counts) in &reading.latencies {
            let is_shown = template.is_empty()
                || self.shown_routes.contains(template)
                || self.shown_routes.len() < ROUTES_SHOWN_MAX
                    && self.shown_routes.insert(template.clone());
            match is_shown {
                true if template.is_empty() => {
                    write_histogram(lines, UNKNOWN_ROUTE, *class, counts)
                }
                true => write_histogram(lines, template, *class, counts),
                false => others[usize::from(*class).min(5)].add(counts),
            }
        }
        for (class, counts) in others.iter().enumerate() {
            if counts.buckets.iter().any(|bucket| *bucket > 0) {
                write_histogram(lines, OTHER_ROUTES, class as u8, counts);
            }
        }
    }
}

fn head<'a>((name, help): (&'a str, &'a str), kind: MetricKind, unit: &'a str) -> Head<'a> {
    Head {
        name,
        kind,
        unit,
        help,
    }
}

fn write_counted(lines: &mut SampleLines, reading: &Reading) {
    for metric in counted() {
        lines.head(head((&metric.name, &metric.help), metric.kind, metric.unit));
        let name = match metric.kind {
            MetricKind::Counter => format!("{}_total", metric.name),
            _ => metric.name.clone(),
        };
        for shard in &reading.shards {
            let number = shard.counted.shard.to_string();
            for row in &metric.counters {
                let own = row.shown.family.map(|family| (family.label, family.value));
                let labels: Vec<(&str, &str)> =
                    [("shard", &*number)].into_iter().chain(own).collect();
                let value = (row.read)(&shard.counted.counts);
                match row.shown.unit {
                    Unit::Microseconds => lines.sample(&name, &labels, seconds(value)),
                    Unit::Count | Unit::Bytes => lines.sample(&name, &labels, value),
                }
            }
        }
    }
}

fn write_collector(lines: &mut SampleLines, reading: &Reading) {
    let counts = reading.collector;
    lines.head(head(COLLECTIONS, MetricKind::Counter, ""));
    lines.sample("turbo_shard_gc_collections_total", &[], counts.collections);
    lines.head(head(PAUSES, MetricKind::Counter, "seconds"));
    let total = seconds(counts.pause_us_total);
    lines.sample("turbo_shard_gc_pause_seconds_total", &[], total);
    lines.head(head(LONGEST_PAUSE, MetricKind::Gauge, "seconds"));
    lines.sample(LONGEST_PAUSE.0, &[], seconds(counts.pause_us_max));
}

fn write_histogram(lines: &mut SampleLines, route: &str, class: u8, counts: &LatencyCounts) {
    let class = format!("{class}xx");
    let name = |part| format!("{}_{part}", DURATION.0);
    let (bucket_name, mut sum) = (name("bucket"), 0);
    for (index, bucket) in counts.buckets.iter().enumerate() {
        sum += bucket;
        let bound = LATENCY_BOUNDS_US
            .get(index)
            .map_or_else(|| String::from("+Inf"), |us| bound_text(*us));
        let labels = [("route", route), ("class", &*class), ("le", &*bound)];
        lines.sample(&bucket_name, &labels, sum);
    }
    let labels = [("route", route), ("class", &*class)];
    lines.sample(&name("sum"), &labels, seconds(counts.sum_us));
    lines.sample(&name("count"), &labels, sum);
}

/// `0.0025`, `10.0`: as OpenMetrics wants a bound.
fn bound_text(us: u64) -> String {
    format!("{:?}", us as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::reading::tests::sample;

    #[test]
    fn a_page_has_counters_by_shard_and_histograms_by_route_and_class() {
        let mut maker = PageMaker::new(String::from("shard"), String::from("uring"));
        let page = maker.page(&sample(1), Format::Prometheus);
        for line in [
            "turbo_shard_requests_total{shard=\"1\"} 7",
            "turbo_shard_responses_total{shard=\"1\",class=\"2xx\"} 5",
            "turbo_shard_busy_seconds_total{shard=\"1\"} 1.500000",
            "turbo_shard_gc_pause_max_seconds 0.000700",
            "turbo_shard_ready 1",
            "# TYPE turbo_shard_responses_total counter",
            "turbo_shard_request_duration_seconds_bucket{route=\"/users/{id}\",class=\"2xx\",le=\"0.0005\"} 0",
            "turbo_shard_request_duration_seconds_bucket{route=\"/users/{id}\",class=\"2xx\",le=\"0.001\"} 3",
            "turbo_shard_request_duration_seconds_bucket{route=\"/users/{id}\",class=\"2xx\",le=\"+Inf\"} 4",
            "turbo_shard_request_duration_seconds_count{route=\"(unknown)\",class=\"4xx\"} 4",
            "turbo_shard_request_duration_seconds_sum{route=\"/a \\\"b\\\"\\\\ü\\n\",class=\"5xx\"} 0.004200",
        ] {
            assert!(page.lines().any(|own| own == line), "{line}\n{page}");
        }
        assert!(!page.contains("# EOF") && !page.contains("# UNIT"));
        let open = maker.page(&sample(1), Format::OpenMetrics);
        assert!(open.ends_with("# EOF\n"));
        assert!(open.contains("# UNIT turbo_shard_busy_seconds seconds\n"));
    }

    #[test]
    fn routes_beyond_the_bound_are_summed_and_those_shown_once_stay() {
        let mut maker = PageMaker::new(String::from("shard"), String::from("tokio"));
        let mut reading = sample(0);
        let counts = reading.latencies[&(String::from("/users/{id}"), 2)];
        maker.page(&reading, Format::Prometheus);
        for number in 0..ROUTES_SHOWN_MAX + 10 {
            reading
                .latencies
                .insert((format!("/0{number:04}"), 2), counts);
        }
        let page = maker.page(&reading, Format::Prometheus);
        let count = |route: &str| {
            let start = format!("{}_count{{route=\"{route}\",class=\"2xx\"}} ", DURATION.0);
            page.lines()
                .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
        };
        assert_eq!(count("/users/{id}").as_deref(), Some("4"));
        assert_eq!(count("/00000").as_deref(), Some("4"));
        // Two of the places were taken before.
        assert_eq!(count(OTHER_ROUTES).as_deref(), Some("48"));
    }
}
