//! A thread's end of the access log: it puts records into a ring of its own and never waits. Knows no format's words.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtrb::Producer;
use turbo_shard_protocol::RequestHead;

use crate::connection_info::ConnectionInfo;
use crate::edge::access_log::note::Note;
use crate::edge::access_log::record::Fixed;
use crate::edge::access_log::shared::Shared;
use crate::edge::passage::Answered;
use crate::metrics::counters::Counters;
use crate::metrics::route_names::RouteId;

/// Memory that is kept for the next notes.
const SPARE_MAX: usize = 64;
/// A larger piece is not kept. Worst case per thread: 64 x 2 KiB = 128 KiB.
const SPARE_BYTES_MAX: usize = 2048;

/// The calling thread's. Never shared.
pub(crate) struct Pen {
    log: Arc<Shared>,
    counters: Arc<Counters>,
    ring: RefCell<Producer<u8>>,
    ring_bytes: usize,
    /// The writer was told that the ring fills up.
    has_urged: Cell<bool>,
    spare: RefCell<Vec<Vec<u8>>>,
}

impl Pen {
    pub(crate) fn new(log: Arc<Shared>, counters: Arc<Counters>, ring: Producer<u8>) -> Pen {
        Pen {
            log,
            counters,
            ring_bytes: ring.buffer().capacity(),
            ring: RefCell::new(ring),
            has_urged: Cell::new(false),
            spare: RefCell::default(),
        }
    }

    /// Notes a request; None if it is not to be logged.
    pub(crate) fn note(
        &self,
        request: RequestHead<'_>,
        connection: &ConnectionInfo,
    ) -> Option<Note> {
        let settings = &self.log.settings;
        let path = request.path();
        if settings.skip.iter().any(|skipped| skipped.is_for(path)) {
            return None;
        }
        Some(Note::of_request(
            &settings.format,
            self.memory(),
            request,
            connection,
        ))
    }

    /// Notes the head of the answer, with which `sent` begins.
    pub(crate) fn note_answer(&self, note: &mut Note, sent: &[u8]) {
        note.note_answer(&self.log.settings.format, sent);
    }

    /// The exchange has ended.
    pub(crate) fn write(
        &self,
        mut note: Note,
        began: Instant,
        took: Duration,
        route: RouteId,
        answered: Answered,
    ) {
        if took >= self.log.settings.slow {
            let ended = began.saturating_duration_since(self.log.origin) + took;
            note.finish(Fixed {
                ended_ns: nanoseconds(ended),
                took_ns: nanoseconds(took),
                body_bytes: answered.body_bytes,
                route,
                status: answered.status.unwrap_or(CLIENT_CLOSED_REQUEST),
                is_whole: answered.is_whole,
                ..Fixed::default()
            });
            self.push(&note.record);
        }
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_MAX && note.record.capacity() <= SPARE_BYTES_MAX {
            spare.push(note.record);
        }
    }

    /// Something was refused before it was a request.
    pub(crate) fn write_refusal(
        &self,
        sent: &[u8],
        connection: &ConnectionInfo,
        answered: Answered,
    ) {
        let format = &self.log.settings.format;
        let note = Note::of_nonsense(format, self.memory(), sent, connection);
        let (now, took) = (Instant::now(), Duration::ZERO);
        self.write(note, now, took, RouteId::UNKNOWN, answered);
    }

    fn push(&self, record: &[u8]) {
        let mut ring = self.ring.borrow_mut();
        if ring.push_entire_slice(record).is_err() {
            self.counters.access_lines_lost.add(1);
        }
        self.log.wake_if_asleep();
        // What the producer knows of the room costs nothing; the look at the writer's progress is for the rare case.
        let half = self.ring_bytes / 2;
        if ring.cached_slots() >= half || ring.slots() >= half {
            self.has_urged.set(false);
        } else if !self.has_urged.replace(true) {
            self.log.wake();
        }
    }

    fn memory(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }
}

/// What a request is logged with whose connection ended before its answer began, as nginx does it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
