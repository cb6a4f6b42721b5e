//! The one thread that makes lines of records and hands them on. It may wait for a disk or a pipe; no shard waits for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crate::edge::access_log::line::{Occasion, push_line};
use crate::edge::access_log::record::Record;
use crate::edge::access_log::rings::Reader;
use crate::edge::access_log::shared::Shared;
use crate::edge::access_log::target::Outlet;
use crate::edge::access_log::told::{LineTaker, ToldRequest};
use crate::metrics::counters::Counters;

/// How often the rings are looked at while requests come: a line is written about that long after its answer.
const TICK: Duration = Duration::from_millis(10);
/// So many looks in vain, and the writer sleeps until a request wakes it.
const IDLE_TICKS_MAX: u32 = 20;
/// A request may come at the very moment in which the writer falls asleep, and see it awake still: it is found then.
const SLEEP: Duration = Duration::from_secs(1);
/// Lines that are handed on at once.
const BATCH_BYTES: usize = 64 * 1024;
/// How long another log may take what is left at the end. Less than the server's end waits for it.
const OFFER_AT_END_FOR: Duration = Duration::from_secs(2);
/// How often losses are said.
const SAY_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Writer {
    log: Arc<Shared>,
    outlet: Outlet,
    /// In the place of lines that are written.
    taker: Option<Arc<dyn LineTaker>>,
    /// When it was found that the server has ended.
    ending_since: Option<Instant>,
    /// Records that are being made into lines.
    taken: Vec<u8>,
    lines: Vec<u8>,
    lost_said: u64,
    said_at: Option<Instant>,
    /// Why writing failed last.
    fault: Option<io::Error>,
}

impl Writer {
    pub(crate) fn new(log: Arc<Shared>, outlet: Outlet) -> Writer {
        Writer {
            log,
            taker: outlet.taker(),
            ending_since: None,
            outlet,
            taken: Vec::new(),
            lines: Vec::new(),
            lost_said: 0,
            said_at: None,
            fault: None,
        }
    }

    pub(crate) fn run(mut self) {
        let mut idle_ticks = 0;
        loop {
            // Asked before the look: what was put into a ring before the end was asked for is found.
            let is_ending = self.log.is_ending.load(Ordering::Acquire);
            if self.log.is_reopen_asked.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
            let has_found = self.drain();
            self.say_losses(is_ending);
            if is_ending {
                break;
            }
            idle_ticks = if has_found { 0 } else { idle_ticks + 1 };
            if idle_ticks < IDLE_TICKS_MAX {
                std::thread::park_timeout(TICK);
            } else {
                self.log.is_asleep.store(true, Ordering::Release);
                std::thread::park_timeout(SLEEP);
                self.log.is_asleep.store(false, Ordering::Release);
            }
        }
        self.log.writer_has_ended();
    }

    fn reopen(&mut self) {
        if self.taker.is_some() {
            return;
        }
        match self.outlet.reopen() {
            Ok(()) => log::info!("the access log was opened again"),
            Err(error) => {
                log::error!("the access log cannot be opened again, the old file is kept: {error}");
            }
        }
    }

    /// Writes what is in the rings. Returns whether there was anything.
    fn drain(&mut self) -> bool {
        let log = Arc::clone(&self.log);
        // Threads take this lock when they begin, not for requests.
        let mut readers = log.readers.lock();
        let mut has_found = false;
        for reader in &mut readers.open {
            has_found |= self.drain_one(reader);
        }
        // Asked in this order: what a thread has written last is seen.
        readers
            .open
            .retain(|reader| !reader.records.is_abandoned() || !reader.records.is_empty());
        has_found
    }

    fn drain_one(&mut self, reader: &mut Reader) -> bool {
        let waiting = reader.records.slots();
        let Ok(chunk) = reader.records.read_chunk(waiting) else {
            return false;
        };
        if waiting == 0 {
            return false;
        }
        // A thread puts whole records in, so there are none but whole ones.
        let (first, second) = chunk.as_slices();
        self.taken.clear();
        self.taken.extend_from_slice(first);
        self.taken.extend_from_slice(second);
        chunk.commit_all();
        let now = (Instant::now(), SystemTime::now());
        let taken = std::mem::take(&mut self.taken);
        let mut left = &*taken;
        while let Some((record, rest)) = Record::read(left) {
            left = rest;
            let ended = self.log.origin + Duration::from_nanos(record.fixed.ended_ns);
            let occasion = Occasion {
                at: now.1 - now.0.saturating_duration_since(ended),
                shard: reader.shard,
            };
            let format = &self.log.settings.format;
            if let Some(taker) = self.taker.clone() {
                let request = ToldRequest::of(format, &record, occasion);
                self.offer(&*taker, &request, &reader.counters);
                continue;
            }
            push_line(format, &record, occasion, &mut self.lines);
            if self.lines.len() >= BATCH_BYTES {
                self.write(&reader.counters);
            }
        }
        debug_assert!(left.is_empty());
        self.taken = taken;
        if self.taker.is_none() {
            self.write(&reader.counters);
        }
        true
    }

    /// Gives a request to another log, or counts it as lost.
    fn offer(&mut self, taker: &dyn LineTaker, request: &ToldRequest, counters: &Counters) {
        while !taker.take(request) {
            let is_late = |since: Instant| since.elapsed() > OFFER_AT_END_FOR;
            if !self.may_wait() && is_late(*self.ending_since.get_or_insert_with(Instant::now)) {
                counters.access_lines_lost.add(1);
                return;
            }
            std::thread::sleep(TICK);
        }
    }

    /// Hands the lines on, or counts them as lost.
    fn write(&mut self, counters: &Counters) {
        let mut at = 0;
        let mut result = self.outlet.mend();
        while result.is_ok() && at < self.lines.len() {
            let (written, outcome) = self.outlet.write(&self.lines[at..]);
            at += written;
            result = match outcome {
                // Its reader is slow, or has made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.may_wait() => {
                    std::thread::sleep(TICK);
                    Ok(())
                }
                outcome => outcome,
            };
        }
        if let Err(error) = result {
            let lost = self.lines[at..].iter().filter(|&&byte| byte == b'\n');
            counters.access_lines_lost.add(lost.count() as u64);
            if at > 0 && self.lines[at - 1] != b'\n' {
                self.outlet.tear();
            }
            self.fault = Some(error);
        }
        self.lines.clear();
    }

    /// The server still runs, so its rings take what comes meanwhile.
    fn may_wait(&self) -> bool {
        !self.log.is_ending.load(Ordering::Acquire)
    }

    fn say_losses(&mut self, is_last_time: bool) {
        let is_too_early = self.said_at.is_some_and(|at| at.elapsed() < SAY_EVERY);
        if is_too_early && !is_last_time {
            return;
        }
        let lost = self.log.readers.lock().lost();
        let fresh = lost.saturating_sub(self.lost_said);
        if fresh == 0 {
            return;
        }
        let lines = if fresh == 1 { "line" } else { "lines" };
        match self.fault.take() {
            Some(error) => log::warn!("{fresh} {lines} of the access log lost: {error}"),
            None => log::warn!("{fresh} {lines} of the access log lost: more came than were taken"),
        }
        self.lost_said = lost;
        self.said_at = Some(Instant::now());
    }
}
