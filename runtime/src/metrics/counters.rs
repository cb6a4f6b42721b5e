//! The table of all counters of the runtime, the cells of one thread and their readings. Each set of cells has one
//! writer, its own thread; everyone may read.

use crossbeam_utils::CachePadded;
use turbo_shard_protocol::Overdue;

use crate::metrics::busy_time::BusyTime;
use crate::metrics::cell::{Counter, SharedCounter};
use crate::metrics::declaration::Figure::{PerSecond, ShareOfTime, Total};
use crate::metrics::declaration::{Column, Family, Kind, Shown, Unit, counters};
use crate::metrics::latency::Latencies;
use crate::metrics::pulse::Pulse;

const RESPONSES: Family = Family::new(
    "responses",
    "class",
    "Answers that were sent whole, by the class of their status; a WebSocket is a 1xx.",
);
const REFUSALS: Family = Family::new(
    "refusals",
    "status",
    "Requests and connections that the server itself refused, by the status that they were told.",
);
const TIMEOUTS: Family = Family::new(
    "timeouts",
    "waited_for",
    "Connections that ended because a peer took too long, by what was waited for.",
);
const TLS_FAILURES: Family = Family::new("tls_failures", "reason", "Failed TLS handshakes.");

// Cells are read in this order. What ends stands before what begins, so no reading has more ends than beginnings.
counters! {
    /// Connections that have ended.
    connections_closed: Counter;

    /// Connections open now.
    connections_open = connections_accepted - connections_closed,
        Shown::count(&[Column::compared("connections", Total)]);

    /// Connections accepted since the start.
    connections_accepted: Counter, Shown::count(&[Column::compared("accepted", Total)]);

    /// Connections closed unanswered, because even those that are told 503 were too many.
    connections_dropped: Counter, Shown::count(&[]);

    /// Accepts that failed, most often for want of descriptors. Where one thread accepts for all shards, the first has them.
    accept_errors: SharedCounter, Shown::count(&[]);

    /// Connections that have spoken HTTP/2 since the start.
    http2_connections: Counter, Shown::count(&[]);

    /// Those of them that were ended because the peer had broken the protocol, or strained it.
    http2_faults: Counter, Shown::count(&[]);

    /// WebSockets that have ended.
    websockets_closed: Counter;

    /// WebSockets open now.
    websockets_open = websockets_opened - websockets_closed, Shown::count(&[]);

    /// WebSockets accepted since the start.
    websockets_opened: Counter, Shown::count(&[]);

    /// Exchanges that have ended, by an answer or with their connection.
    requests_ended: Counter;

    /// Requests since the start, those that the server answered in the app's stead too; a WebSocket is one.
    requests: Counter,
        Shown::count(&[Column::compared("requests", Total), Column::compared("requests/s", PerSecond)])
            .per_thread();

    /// Requests that are being answered now; a WebSocket is one for as long as it is open.
    in_flight = requests - requests_ended, Shown::count(&[]);

    /// Answers of informational status: WebSockets that were accepted.
    responses_1xx: Counter, Shown::count(&[]).per_thread().part_of(&RESPONSES, "1xx");

    /// Answers of successful status.
    responses_2xx: Counter, Shown::count(&[]).per_thread().part_of(&RESPONSES, "2xx");

    /// Answers that sent the client elsewhere, or said that it has it already.
    responses_3xx: Counter, Shown::count(&[]).per_thread().part_of(&RESPONSES, "3xx");

    /// Answers that said that the request is wrong.
    responses_4xx: Counter, Shown::count(&[]).per_thread().part_of(&RESPONSES, "4xx");

    /// Answers that said that the server or the app is wrong.
    responses_5xx: Counter,
        Shown::count(&[Column::new("5xx", Total)]).per_thread().part_of(&RESPONSES, "5xx");

    /// Bytes that came from clients.
    received_bytes: Counter, Shown::count(&[]).of_unit(Unit::Bytes).per_thread();

    /// Bytes that went to clients.
    sent_bytes: Counter, Shown::count(&[]).of_unit(Unit::Bytes).per_thread();

    /// Requests that are no HTTP, answered 400.
    refusals_400: Counter, Shown::count(&[]).per_thread().part_of(&REFUSALS, "400");

    /// Requests whose body is too large, answered 413.
    refusals_413: Counter, Shown::count(&[]).per_thread().part_of(&REFUSALS, "413");

    /// Requests whose head is too large, answered 431.
    refusals_431: Counter, Shown::count(&[]).per_thread().part_of(&REFUSALS, "431");

    /// Connections and requests that were too many, answered 503.
    refusals_503: Counter, Shown::count(&[]).per_thread().part_of(&REFUSALS, "503");

    /// Requests refused for another reason, each with its own status.
    refusals_other: Counter, Shown::count(&[]).per_thread().part_of(&REFUSALS, "other");

    /// Peers that did not finish a request's head in time, or did not begin one on a new connection.
    timeouts_head: Counter, Shown::count(&[]).per_thread().part_of(&TIMEOUTS, "head");

    /// Peers that did not send a request's body in time.
    timeouts_body: Counter, Shown::count(&[]).per_thread().part_of(&TIMEOUTS, "body");

    /// Peers that did not read their answer in time.
    timeouts_write: Counter, Shown::count(&[]).per_thread().part_of(&TIMEOUTS, "write");

    /// Connections that were idle between two requests for too long.
    timeouts_keep_alive: Counter, Shown::count(&[]).per_thread().part_of(&TIMEOUTS, "keep_alive");

    /// WebSockets whose peer did not answer in time.
    timeouts_websocket: Counter, Shown::count(&[]).per_thread().part_of(&TIMEOUTS, "websocket");

    /// TLS handshakes that were completed.
    tls_handshakes: Counter, Shown::count(&[]).per_thread();

    /// TLS handshakes that resumed a session.
    tls_resumptions: Counter, Shown::count(&[]).per_thread();

    /// TLS handshakes that the client broke off: mostly it does not trust the certificate.
    tls_failures_refused: Counter, Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "refused");

    /// TLS handshakes for which client and server have nothing in common: version, cipher or protocol.
    tls_failures_incompatible: Counter,
        Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "incompatible");

    /// Connections that sent something that is no TLS, or wrong TLS.
    tls_failures_malformed: Counter,
        Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "malformed");

    /// Requests that were not encrypted, on a port that speaks TLS.
    tls_failures_plain: Counter, Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "plain");

    /// TLS handshakes that were not over in time.
    tls_failures_timeout: Counter, Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "timeout");

    /// Clients that left in the midst of a TLS handshake.
    tls_failures_left: Counter, Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "left");

    /// Connections closed because too many TLS handshakes were in flight.
    tls_failures_crowd: Counter, Shown::count(&[]).per_thread().part_of(&TLS_FAILURES, "crowd");

    /// Calls that wait for a thread of the blocking pool now.
    blocking_queued [pool], Shown::count(&[Column::new("queued", Total)]);

    /// Threads of the blocking pool that are in a call now.
    blocking_busy [pool], Shown::count(&[]);

    /// Requests that were answered 503 because as many as --limit-concurrency allows were in flight.
    refused_in_flight: Counter, Shown::count(&[]).per_thread();

    /// Microseconds that the thread did not wait in the kernel, up to now.
    busy_us: BusyTime,
        Shown::count(&[Column::compared("busy", ShareOfTime)]).of_unit(Unit::Microseconds).per_thread();

    /// How often one call of the app, or one turn of its event loop, held the thread for 50 ms or more.
    stalls: Counter, Shown::count(&[Column::new("stalls", Total)]).per_thread();

    /// Microseconds that those took.
    stalled_us: Counter, Shown::count(&[]).of_unit(Unit::Microseconds).per_thread();

    /// Microseconds that the event loop took to hear of the last pulse, or has not heard of it; 0 if none is sent.
    loop_lag_us [pulse], Shown::count(&[]).of_unit(Unit::Microseconds);

    /// Panics of the server's own code that were caught in a call of the app.
    handler_panics: Counter, Shown::count(&[Column::new("panics", Total)]).per_thread();

    /// Lines of the access log that were lost: they found its ring full, or could not be written.
    access_lines_lost: SharedCounter, Shown::count(&[]).per_thread();

    /// How often the shard died and was started again.
    restarts: Counter, Shown::count(&[Column::new("restarts", Total)]);
}

/// What holds its thread for so long is a stall: all other connections of the shard waited as long.
pub const STALL_MS_MIN: u64 = 50;

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
    /// Where its value is in a reading.
    pub place: fn(&mut Counts) -> &mut u64,
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
    /// How long the thread's event loop takes to hear of something.
    pub(crate) pulse: Pulse,
}

impl Counters {
    /// What the cells say, and the pulse.
    pub(crate) fn read(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add(self);
        counts.loop_lag_us = self.pulse.lag_us();
        counts
    }
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

    /// A connection has come in, or was just closed because there are too many.
    pub(crate) fn note_admission(&self, is_admitted: bool) {
        match is_admitted {
            true => self.connections_accepted.add(1),
            false => self.connections_dropped.add(1),
        }
    }

    /// A whole answer with this status has been sent.
    #[inline]
    pub(crate) fn note_response(&self, status: u16) {
        let class = match status {
            200..=299 => &self.responses_2xx,
            ..=199 => &self.responses_1xx,
            300..=399 => &self.responses_3xx,
            400..=499 => &self.responses_4xx,
            500.. => &self.responses_5xx,
        };
        class.add(1);
    }

    /// The server itself has refused something, and said this status.
    pub(crate) fn note_refusal(&self, status: u16) {
        let kind = match status {
            400 => &self.refusals_400,
            413 => &self.refusals_413,
            431 => &self.refusals_431,
            503 => &self.refusals_503,
            _ => &self.refusals_other,
        };
        kind.add(1);
    }

    pub(crate) fn note_timeout(&self, overdue: Overdue) {
        let kind = match overdue {
            Overdue::Head => &self.timeouts_head,
            Overdue::Body => &self.timeouts_body,
            Overdue::Write => &self.timeouts_write,
            Overdue::KeepAlive => &self.timeouts_keep_alive,
        };
        kind.add(1);
    }

    /// Something has held the thread for this long.
    #[inline]
    pub(crate) fn note_held(&self, held_ms: u64) {
        if held_ms >= STALL_MS_MIN {
            self.stalls.add(1);
            self.stalled_us.add(held_ms * 1000);
        }
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
    fn a_name_stands_once_and_ends_in_its_unit() {
        let rows: Vec<&CounterRow> = counters().collect();
        for (index, row) in rows.iter().enumerate() {
            assert!(
                rows[..index].iter().all(|other| other.name != row.name),
                "{} stands twice",
                row.name
            );
            let unit = row.shown.unit;
            assert_eq!(
                row.name.ends_with("_us"),
                unit == Unit::Microseconds,
                "{}",
                row.name
            );
            assert_eq!(
                row.name.ends_with("_bytes"),
                unit == Unit::Bytes,
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
    fn the_parts_of_a_family_have_one_kind_and_one_unit_and_differ_in_their_label() {
        let parts: Vec<(&CounterRow, Family)> = counters()
            .filter_map(|row| row.shown.family.map(|family| (row, family)))
            .collect();
        for (row, family) in &parts {
            let of_family = parts.iter().filter(|(_, other)| other.name == family.name);
            assert!(of_family.clone().count() > 1, "{}", family.name);
            let alike =
                |other: &CounterRow| other.kind == row.kind && other.shown.unit == row.shown.unit;
            assert!(
                of_family.clone().all(|(other, _)| alike(other)),
                "{}",
                row.name
            );
            let same = of_family.filter(|(_, other)| other.value == family.value);
            assert_eq!(same.count(), 1, "{}", row.name);
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
        assert_eq!(value("requests_ended"), None, "it is not shown");
    }
}
