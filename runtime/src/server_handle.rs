//! A running server as other threads hold it: it can be stopped, and its counters be read. Knows nothing of how it runs.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;

use crate::engine::per_core::ShardRecord;
use crate::shard::counters::{ShardCounts, WorkerCounts};
use crate::shard::host::WorkerCounters;
use crate::stop::StopRequest;

/// Stops a server, or reads its counters, from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    pub(crate) requests: Sender<StopRequest>,
    pub(crate) counts: Arc<Mutex<CountSource>>,
}

/// Where the counters are.
pub(crate) enum CountSource {
    Nothing,
    Shards {
        /// Number of the first one.
        first: usize,
        records: Arc<Vec<ShardRecord>>,
    },
    Workers(Box<dyn Fn() -> WorkerCounters + Send>),
}

impl ServerHandle {
    /// Stops accepting, lets exchanges in flight finish within the graceful time, then ends. Asked for a second time it
    /// is [`ServerHandle::stop_now`].
    pub fn stop(&self) {
        let _ = self.requests.send(StopRequest::Gracefully);
    }

    /// Cuts every connection and ends.
    pub fn stop_now(&self) {
        let _ = self.requests.send(StopRequest::Now);
    }

    /// Reads the counters: one row per shard, or one for all workers of the work-stealing runtime.
    pub fn counts(&self) -> Vec<ShardCounts> {
        match &*self.counts.lock().unwrap_or_else(PoisonError::into_inner) {
            CountSource::Nothing => Vec::new(),
            CountSource::Shards { first, records } => {
                let numbered = records.iter().enumerate();
                let rows = numbered.map(|(index, record)| ShardCounts {
                    shard: first + index,
                    ..record.read()
                });
                rows.collect()
            }
            CountSource::Workers(read) => {
                let (counters, mut row) = (read(), ShardCounts::default());
                counters.workers.iter().for_each(|worker| row.add(worker));
                row.add(&counters.connections);
                vec![row]
            }
        }
    }

    /// Reads the counters of each worker of the work-stealing runtime; there are none in shard mode.
    pub fn workers(&self) -> Vec<WorkerCounts> {
        match &*self.counts.lock().unwrap_or_else(PoisonError::into_inner) {
            CountSource::Nothing | CountSource::Shards { .. } => Vec::new(),
            CountSource::Workers(read) => {
                let workers = read().workers;
                let numbered = workers.iter().enumerate();
                numbered
                    .map(|(worker, counters)| WorkerCounts::read(worker, counters))
                    .collect()
            }
        }
    }
}
