//! Which metrics there are: those of the table of counters, and what is measured beside it. The page and its documentation
//! are made of these rows.

use crate::exposition::sample_lines::MetricKind;
use crate::metrics::counters::{CounterRow, counters};
use crate::metrics::declaration::{Kind, Unit};

/// What every name begins with.
const PREFIX: &str = "turbo_shard_";

/// A metric of the page.
pub(crate) struct Metric {
    /// As in [`Head`](crate::exposition::sample_lines::Head).
    pub(crate) name: String,
    pub(crate) kind: MetricKind,
    pub(crate) unit: &'static str,
    pub(crate) help: String,
    pub(crate) labels: Vec<&'static str>,
    /// The counters that it shows, each with its value of the last label; none for what is measured elsewhere.
    pub(crate) counters: Vec<&'static CounterRow>,
}

/// A metric, for documentation.
#[derive(Clone, Debug)]
pub struct MetricRow {
    /// As queries name it: of a histogram without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// What it measures, in a sentence.
    pub help: String,
    /// What its series are told apart by.
    pub labels: Vec<&'static str>,
}

pub(crate) const BUILD: (&str, &str) = (
    "turbo_shard_build",
    "Version, mode and engine of the server; always 1.",
);
pub(crate) const READY: (&str, &str) = (
    "turbo_shard_ready",
    "Whether the server serves and was not told to stop, as /readyz says.",
);
pub(crate) const COLLECTIONS: (&str, &str) = (
    "turbo_shard_gc_collections",
    "Collections of Python's garbage collector.",
);
pub(crate) const PAUSES: (&str, &str) = (
    "turbo_shard_gc_pause_seconds",
    "Time that collections took; a free-threaded Python stops all threads for most of it.",
);
pub(crate) const LONGEST_PAUSE: (&str, &str) = (
    "turbo_shard_gc_pause_max_seconds",
    "The longest collection since the start.",
);
pub(crate) const DURATION: (&str, &str) = (
    "turbo_shard_request_duration_seconds",
    "From a complete request head to the end of its answer in the server's buffer, of all shards together; of a WebSocket its life.",
);

/// The metrics of the table of counters, in its order.
pub(crate) fn counted() -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for row in counters() {
        let name = name_of(row);
        if let Some(known) = metrics.iter_mut().find(|metric| metric.name == name) {
            known.counters.push(row);
            continue;
        }
        metrics.push(Metric {
            name,
            kind: match row.kind {
                Kind::Counter => MetricKind::Counter,
                Kind::Gauge => MetricKind::Gauge,
            },
            unit: unit_of(row),
            help: help_of(row),
            labels: ["shard"]
                .into_iter()
                .chain(row.shown.family.map(|family| family.label))
                .collect(),
            counters: vec![row],
        });
    }
    metrics
}

/// Every metric that a page may have.
pub fn metric_rows() -> Vec<MetricRow> {
    let counted = counted();
    let of_table = counted
        .iter()
        .map(|metric| row_of(&metric.name, metric.kind, &metric.help, &metric.labels));
    let beside = [
        row_of(
            BUILD.0,
            MetricKind::Info,
            BUILD.1,
            &["version", "mode", "engine"],
        ),
        row_of(READY.0, MetricKind::Gauge, READY.1, &[]),
        row_of(COLLECTIONS.0, MetricKind::Counter, COLLECTIONS.1, &[]),
        row_of(PAUSES.0, MetricKind::Counter, PAUSES.1, &[]),
        row_of(LONGEST_PAUSE.0, MetricKind::Gauge, LONGEST_PAUSE.1, &[]),
        row_of(
            DURATION.0,
            MetricKind::Histogram,
            DURATION.1,
            &["route", "class"],
        ),
    ];
    of_table.chain(beside).collect()
}

fn row_of(name: &str, kind: MetricKind, help: &str, labels: &[&'static str]) -> MetricRow {
    let (suffix, word) = match kind {
        MetricKind::Counter => ("_total", "counter"),
        MetricKind::Gauge => ("", "gauge"),
        MetricKind::Histogram => ("", "histogram"),
        MetricKind::Info => ("_info", "info"),
    };
    MetricRow {
        name: format!("{name}{suffix}"),
        kind: word,
        help: help.to_owned(),
        labels: labels.to_vec(),
    }
}

/// `busy_us` is `turbo_shard_busy_seconds`.
fn name_of(row: &CounterRow) -> String {
    let own = row.shown.family.map_or(row.name, |family| family.name);
    match row.shown.unit {
        Unit::Count | Unit::Bytes => format!("{PREFIX}{own}"),
        Unit::Microseconds => format!("{PREFIX}{}_seconds", own.trim_end_matches("_us")),
    }
}

/// What is counted in microseconds is shown in seconds.
fn help_of(row: &CounterRow) -> String {
    let help = row.shown.family.map_or(row.help, |family| family.help);
    help.replace("Microseconds", "Seconds")
}

fn unit_of(row: &CounterRow) -> &'static str {
    match row.shown.unit {
        Unit::Count => "",
        Unit::Microseconds => "seconds",
        Unit::Bytes => "bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_and_follow_the_conventions() {
        let rows = metric_rows();
        for (index, row) in rows.iter().enumerate() {
            assert!(rows[..index].iter().all(|other| other.name != row.name));
            assert!(row.name.starts_with(PREFIX), "{}", row.name);
            assert_eq!(
                row.name.ends_with("_total"),
                row.kind == "counter",
                "{}",
                row.name
            );
            assert!(!row.name.contains("_us"), "{}", row.name);
            assert!(!row.help.contains("icroseconds"), "{}", row.name);
        }
        let named = |name| rows.iter().find(|row| row.name == name);
        assert_eq!(
            named("turbo_shard_responses_total").unwrap().labels,
            ["shard", "class"]
        );
        assert!(named("turbo_shard_busy_seconds_total").is_some());
        assert!(named("turbo_shard_received_bytes_total").is_some());
    }
}
