//! How long answers took, by route and class of status: histograms with one writing thread each. Knows no HTTP.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::metrics::cell::Counter;
use crate::metrics::route_names::RouteId;

/// Upper ends of the buckets, in microseconds; one more has all that took longer.
pub const LATENCY_BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// Classes of statuses, 1xx to 5xx.
const CLASSES: usize = 5;

/// What answers are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyKey {
    /// The route.
    pub route: RouteId,
    /// The first digit of the status, 1 to 5.
    pub class: u8,
}

impl LatencyKey {
    pub(crate) fn new(route: RouteId, status: u16) -> LatencyKey {
        LatencyKey {
            route,
            class: (status / 100).clamp(1, CLASSES as u16) as u8,
        }
    }

    fn index(self) -> usize {
        self.route.index() * CLASSES + usize::from(self.class) - 1
    }
}

/// The cells of one kind of answer on one thread.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [Counter; LATENCY_BOUNDS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    fn add(&self, us: u64) {
        let bucket = LATENCY_BOUNDS_US.partition_point(|&bound| bound < us);
        self.buckets[bucket].add(1);
        self.sum_us.add(us);
    }
}

/// A reading of a histogram, of one thread or the sums of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyCounts {
    /// Answers in each bucket, each answer in one of them.
    pub buckets: [u64; LATENCY_BOUNDS_US.len() + 1],
    /// Microseconds that they took together.
    pub sum_us: u64,
}

impl LatencyCounts {
    pub(crate) fn add(&mut self, other: &LatencyCounts) {
        for (total, bucket) in self.buckets.iter_mut().zip(other.buckets) {
            *total += bucket;
        }
        self.sum_us += other.sum_us;
    }
}

/// The histograms of one thread, where others read them.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    of_keys: Mutex<Vec<(LatencyKey, Arc<Histogram>)>>,
}

impl Latencies {
    /// Adds what this thread has measured to `sums`.
    pub(crate) fn read(&self, sums: &mut BTreeMap<LatencyKey, LatencyCounts>) {
        for (key, histogram) in &*self.of_keys.lock() {
            let sum = sums.entry(*key).or_default();
            for (total, bucket) in sum.buckets.iter_mut().zip(&histogram.buckets) {
                *total += bucket.value();
            }
            sum.sum_us += histogram.sum_us.value();
        }
    }

    fn of(&self, key: LatencyKey) -> Arc<Histogram> {
        let mut of_keys = self.of_keys.lock();
        // A shard that was started again goes on with the histograms of the one that died.
        if let Some((_, histogram)) = of_keys.iter().find(|(known, _)| *known == key) {
            return Arc::clone(histogram);
        }
        let histogram = Arc::<Histogram>::default();
        of_keys.push((key, Arc::clone(&histogram)));
        histogram
    }
}

/// The writing thread's way to them: no lock after the first answer of a kind.
#[derive(Default)]
pub(crate) struct LatencyWriter {
    /// By the key's number.
    own: RefCell<Vec<Option<Arc<Histogram>>>>,
}

impl LatencyWriter {
    /// An answer took so long. It is always the same `latencies` that the thread has.
    pub(crate) fn add(&self, latencies: &Latencies, key: LatencyKey, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut own = self.own.borrow_mut();
        let index = key.index();
        if index >= own.len() {
            own.resize(index + 1, None);
        }
        let histogram = own[index].get_or_insert_with(|| latencies.of(key));
        histogram.add(us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_in_the_bucket_that_it_does_not_exceed() {
        let latencies = Latencies::default();
        let writer = LatencyWriter::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            let key = LatencyKey::new(RouteId::UNKNOWN, 200);
            writer.add(&latencies, key, Duration::from_micros(us));
        }
        let mut sums = BTreeMap::new();
        latencies.read(&mut sums);
        let counts = sums[&LatencyKey::new(RouteId::UNKNOWN, 299)];
        assert_eq!((counts.buckets[0], counts.buckets[1]), (2, 1));
        assert_eq!((counts.buckets[14], counts.buckets[15]), (1, 1));
        assert_eq!(counts.sum_us, 20_000_202);
    }

    #[test]
    fn threads_are_summed_and_a_later_writer_goes_on() {
        let (one, two) = (Latencies::default(), Latencies::default());
        let route = RouteId::of("/latency/{x}");
        for latencies in [&one, &one, &two] {
            let writer = LatencyWriter::default();
            writer.add(
                latencies,
                LatencyKey::new(route, 404),
                Duration::from_millis(2),
            );
            writer.add(
                latencies,
                LatencyKey::new(route, 500),
                Duration::from_millis(9),
            );
        }
        let mut sums = BTreeMap::new();
        one.read(&mut sums);
        two.read(&mut sums);
        let missing = sums[&LatencyKey::new(route, 404)];
        assert_eq!(missing.sum_us, 6_000);
        assert_eq!(missing.buckets.iter().sum::<u64>(), 3);
        assert_eq!(sums.len(), 2);
    }
}
