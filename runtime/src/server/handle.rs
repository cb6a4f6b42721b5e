//! A running server as other threads hold it: they can stop it and read its counters. Knows nothing of how it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use crate::blocking_pool::PoolLoad;
use crate::edge::AccessLog;
use crate::exposition::reading::{CollectorCounts, LifeStage, Reading, ShardReading};
use crate::metrics::collector::Collector;
use crate::metrics::counters::{ShardCounts, WorkerThreadCounts};
use crate::metrics::latency::{LatencyCounts, LatencyKey};
use crate::metrics::pulse::Pulse;
use crate::server::per_core::ShardRecord;
use crate::server::stop::StopRequest;
use crate::shard::host::WorkerThreadCounters;

/// Stops a server, or reads its counters, from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    pub(crate) requests: Sender<StopRequest>,
    pub(crate) counts: Arc<Mutex<CountSource>>,
    /// The first signal that was heard; 0 before.
    pub(crate) signal: Arc<AtomicI32>,
    pub(crate) is_cut: Arc<AtomicBool>,
    pub(crate) access_log: Option<AccessLog>,
    /// By the row that they belong to.
    pub(crate) pools: Arc<Mutex<BTreeMap<usize, PoolLoad>>>,
    /// A [`LifeStage`].
    pub(crate) stage: Arc<AtomicU8>,
    pub(crate) collector: Arc<Collector>,
}

/// Where the counters are.
pub(crate) enum CountSource {
    Nothing,
    Shards {
        /// Number of the first one.
        first: usize,
        records: Arc<Vec<ShardRecord>>,
    },
    WorkerThreads(Arc<WorkerThreadCounters>),
}

impl ServerHandle {
    /// Of no server: it stops nothing, and its counters are none.
    pub fn of_none() -> ServerHandle {
        ServerHandle {
            requests: crossbeam_channel::unbounded().0,
            counts: Arc::new(Mutex::new(CountSource::Nothing)),
            signal: Arc::default(),
            is_cut: Arc::default(),
            pools: Arc::default(),
            stage: Arc::default(),
            collector: Arc::default(),
            access_log: None,
        }
    }

    /// Stops accepting, lets exchanges in flight finish within the graceful time, then ends. A second call is
    /// [`ServerHandle::stop_now`].
    pub fn stop(&self) {
        self.note_stage(LifeStage::Draining);
        let _ = self.requests.send(StopRequest::Gracefully);
    }

    /// Cuts every connection and ends.
    pub fn stop_now(&self) {
        self.note_stage(LifeStage::Draining);
        self.is_cut.store(true, Relaxed);
        let _ = self.requests.send(StopRequest::Now);
    }

    /// Opens the file of the access log again, because it was moved away.
    pub fn reopen_logs(&self) {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
    }

    /// Reads the counters: one row per shard, or one for all worker threads of the work-stealing runtime.
    pub fn counts(&self) -> Vec<ShardCounts> {
        let mut rows = self.counted();
        for (index, pool) in &*self.pools.lock() {
            if let Some(row) = rows.get_mut(*index) {
                (row.counts.blocking_queued, row.counts.blocking_busy) = pool.read();
            }
        }
        rows
    }

    /// The blocking pool of the shard with this index among those of the process, or of all worker threads of the
    /// work-stealing runtime: it is read with the counters from now on.
    pub fn watch_pool(&self, index: usize, pool: PoolLoad) {
        self.pools.lock().insert(index, pool);
    }

    fn counted(&self) -> Vec<ShardCounts> {
        match &*self.counts.lock() {
            CountSource::Nothing => Vec::new(),
            CountSource::Shards { first, records } => {
                let numbered = records.iter().enumerate();
                let rows = numbered.map(|(index, record)| record.read(first + index));
                rows.collect()
            }
            CountSource::WorkerThreads(counters) => {
                let mut row = ShardCounts::default();
                let of_threads = counters.of_threads();
                let all = of_threads.iter().map(|counters| &**counters);
                all.chain([&counters.of_connections])
                    .for_each(|of_one| row.counts.add(of_one));
                row.counts.loop_lag_us = counters.of_connections.pulse.lag_us();
                vec![row]
            }
        }
    }

    /// How long answers took, by route, of all threads together. Empty unless the server measures it.
    pub fn latencies(&self) -> BTreeMap<LatencyKey, LatencyCounts> {
        let mut sums = BTreeMap::new();
        match &*self.counts.lock() {
            CountSource::Nothing => {}
            CountSource::Shards { records, .. } => {
                for record in &**records {
                    record.counters.latencies.read(&mut sums);
                }
            }
            CountSource::WorkerThreads(counters) => {
                for of_one in counters.of_threads() {
                    of_one.latencies.read(&mut sums);
                }
            }
        }
        sums
    }

    /// The garbage collector of the app's language has stopped it for so long.
    pub fn note_collection(&self, pause_us: u64) {
        self.collector.note(pause_us);
    }

    /// What the garbage collector has cost.
    pub fn collector(&self) -> CollectorCounts {
        CollectorCounts {
            collections: self.collector.collections.load(Relaxed),
            pause_us_total: self.collector.pause_us_total.load(Relaxed),
            pause_us_max: self.collector.pause_us_max.load(Relaxed),
        }
    }

    /// It has come to this stage; it never goes back.
    pub(crate) fn note_stage(&self, stage: LifeStage) {
        self.stage.fetch_max(stage as u8, Relaxed);
    }

    /// All that is known of the server now.
    pub(crate) fn reading(&self) -> Reading {
        let unheard = self.unheard();
        let shards = self.counts().into_iter().enumerate();
        let shards = shards.map(|(index, counted)| ShardReading {
            counted,
            unheard: unheard.get(index).copied().unwrap_or_default(),
        });
        let latencies = self.latencies().into_iter();
        Reading {
            stage: LifeStage::from_number(self.stage.load(Relaxed)),
            shards: shards.collect(),
            silent: Vec::new(),
            collector: self.collector(),
            latencies: latencies
                .map(|(key, counts)| ((key.route.template().to_string(), key.class), counts))
                .collect(),
        }
    }

    /// For how long each event loop has not heard of its pulse, in the order of the rows of counters.
    fn unheard(&self) -> Vec<Duration> {
        match &*self.counts.lock() {
            CountSource::Nothing => Vec::new(),
            CountSource::Shards { records, .. } => {
                let pulses = records.iter().map(|record| &record.counters.pulse);
                pulses.map(Pulse::unheard).collect()
            }
            CountSource::WorkerThreads(counters) => vec![counters.of_connections.pulse.unheard()],
        }
    }

    /// How many requests are being answered now.
    pub fn in_flight(&self) -> u64 {
        // Work stealing counts begin and end on different threads: a reading between the two may be one too few.
        let rows = self.counts();
        rows.iter().map(|row| row.counts.in_flight).sum()
    }

    /// Whether the server was told to end at once, even when nothing of it was left to hear that.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Relaxed)
    }

    /// The signal that asked for the stop, if it was one.
    pub fn stopped_by(&self) -> Option<i32> {
        Some(self.signal.load(Relaxed)).filter(|number| *number != 0)
    }

    /// Reads the counters of each worker thread of the work-stealing runtime; there are none in shard mode.
    pub fn worker_threads(&self) -> Vec<WorkerThreadCounts> {
        match &*self.counts.lock() {
            CountSource::Nothing | CountSource::Shards { .. } => Vec::new(),
            CountSource::WorkerThreads(counters) => {
                let of_threads = counters.of_threads();
                let numbered = of_threads.iter().enumerate();
                numbered
                    .map(|(thread, counters)| WorkerThreadCounts {
                        thread,
                        counts: counters.read(),
                    })
                    .collect()
            }
        }
    }
}
