//! The table of all counters of the runtime, the cells of one thread and their readings. Each set of cells has one
//! writer, its own thread; everyone may read.

use crossbeam_utils::CachePadded;

use crate::metrics::busy_time::BusyTime;
use crate::metrics::cell::Counter;
use crate::metrics::declaration::Figure::{PerSecond, ShareOfTime, Total};
use crate::metrics::declaration::{Column, Kind, Shown, Unit, counters};
use crate::metrics::latency::Latencies;

// Cells are read in this order. What ends stands before what begins, so no reading has more ends than beginnings.
counters! {
    /// Connections that have ended.
    connections_closed: Counter;

    /// Connections open now.
    connections_open = connections_accepted - connections_closed, Shown {
        unit: Unit::Count,
        per_thread: false,
        columns: &[Column::compared("connections", Total)],
    };

    /// Connections accepted since the start.
    connections_accepted: Counter, Shown {
        unit: Unit::Count,
        per_thread: false,
        columns: &[Column::compared("accepted", Total)],
    };

    /// Exchanges that have ended, by an answer or with their connection.
    requests_ended: Counter;

    /// Requests that the app was called for since the start; a WebSocket is one.
    requests: Counter, Shown {
        unit: Unit::Count,
        per_thread: true,
        columns: &[Column::compared("requests", Total), Column::compared("requests/s", PerSecond)],
    };

    /// Requests that are being answered now; a WebSocket is one for as long as it is open.
    in_flight = requests - requests_ended;

    /// Microseconds that the thread did not wait in the kernel, up to now.
    busy_us: BusyTime, Shown {
        unit: Unit::Microseconds,
        per_thread: true,
        columns: &[Column::compared("busy", ShareOfTime)],
    };

    /// Panics of the server's own code that were caught in a call of the app.
    handler_panics: Counter, Shown {
        unit: Unit::Count,
        per_thread: true,
        columns: &[Column::new("panics", Total)],
    };

    /// How often the shard died and was started again.
    restarts: Counter, Shown {
        unit: Unit::Count,
        per_thread: false,
        columns: &[Column::new("restarts", Total)],
    };
}

/// A counter as it is shown: in the answers of `stats()` and of the stats socket, in the table of `turbo-shard stats`,
/// on a page of the documentation. Those are made of these rows.
#[derive(Debug)]
pub struct CounterRow {
    /// Its key. If its unit is one of time, that is the last part of the name.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// What the table of counters says of it beyond that.
    pub shown: Shown,
    /// Its value in a reading.
    pub read: fn(&Counts) -> u64,
}

/// The counters that are shown, in the order of the table.
pub fn counters() -> impl Iterator<Item = &'static CounterRow> {
    TABLE.iter().flatten()
}

/// Counters of one shard, or of one worker thread of the work-stealing runtime, and how long its answers took.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    cells: CachePadded<Cells>,
    /// Empty unless the server measures that.
    pub(crate) latencies: Latencies,
}

impl std::ops::Deref for Counters {
    type Target = Cells;

    fn deref(&self) -> &Cells {
        &self.cells
    }
}

impl Cells {
    /// Connections open now, for a set whose connections all end where they began. For shards that choose among each
    /// other: it reads two cells and no clock.
    pub(crate) fn connections_open(&self) -> u64 {
        // `closed` is read first: it can never be seen ahead of `accepted`.
        let closed = self.connections_closed.value();
        self.connections_accepted.value().saturating_sub(closed)
    }

    pub(crate) fn read(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add(self);
        counts
    }
}

/// A reading of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Number of the shard; 0 in work-stealing mode, which has one row.
    pub shard: usize,
    /// The core that the shard is pinned to.
    pub core: Option<usize>,
    /// What it has counted.
    pub counts: Counts,
}

/// A reading of one worker thread of the work-stealing runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerThreadCounts {
    /// Number of the thread, in the order in which they served first.
    pub thread: usize,
    /// What it has counted. What belongs to no thread is 0.
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_and_ends_in_its_unit_of_time() {
        let rows: Vec<&CounterRow> = counters().collect();
        for (index, row) in rows.iter().enumerate() {
            assert!(
                rows[..index].iter().all(|other| other.name != row.name),
                "{} stands twice",
                row.name
            );
            assert_eq!(
                row.name.ends_with("_us"),
                row.shown.unit == Unit::Microseconds,
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn a_column_shows_a_rate_only_of_what_grows_and_a_share_only_of_time() {
        for row in counters() {
            for column in row.shown.columns {
                let fits = match column.figure {
                    Total => true,
                    PerSecond => row.kind == Kind::Counter,
                    ShareOfTime => {
                        row.kind == Kind::Counter && row.shown.unit == Unit::Microseconds
                    }
                };
                assert!(fits, "{}: {}", row.name, column.heading);
            }
        }
    }

    #[test]
    fn sums_are_taken_before_differences() {
        let (began, ended) = (Counters::default(), Counters::default());
        began.requests.add(3);
        ended.requests_ended.add(2);
        let mut counts = ended.read();
        assert_eq!(counts.in_flight, 0, "no fewer than none");
        counts.add(&began);
        assert_eq!((counts.requests, counts.in_flight), (3, 1));
    }

    #[test]
    fn a_row_reads_its_own_counter() {
        let cells = Counters::default();
        cells.handler_panics.add(2);
        cells.connections_accepted.add(5);
        cells.connections_closed.add(1);
        let counts = cells.read();
        let value = |name| {
            counters()
                .find(|row| row.name == name)
                .map(|row| (row.read)(&counts))
        };
        assert_eq!(value("handler_panics"), Some(2));
        assert_eq!(value("connections_open"), Some(4));
        assert_eq!(value("requests"), Some(0));
        assert_eq!(value("in_flight"), None, "it is not shown");
    }
}
