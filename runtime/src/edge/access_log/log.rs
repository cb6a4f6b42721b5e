//! The access log as the server holds it: opened before anything is bound, started with the server, finished at its end.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rtrb::RingBuffer;

use crate::edge::access_log::pen::Pen;
use crate::edge::access_log::rings::Readers;
use crate::edge::access_log::shared::{AccessLogSettings, Shared};
use crate::edge::access_log::target::{AccessLogTarget, Outlet};
use crate::edge::access_log::writer::Writer;
use crate::metrics::counters::Counters;
use crate::start_error::StartError;

/// Bytes of records that may wait on one thread: 3,000 to 10,000 requests. Only what is used costs memory.
/// Worst case per shard: 1 MiB.
const RING_BYTES: usize = 1024 * 1024;

/// How long the end of a server waits until its last lines are written.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Stack of the writer, which formats lines.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// The log of one server.
#[derive(Clone)]
pub struct AccessLog(Arc<Shared>);

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessLog").field(&self.0.settings).finish()
    }
}

impl AccessLog {
    /// Opens the target, so that a wrong one is found before anything else happens.
    pub fn open(
        settings: AccessLogSettings,
        target: AccessLogTarget,
    ) -> Result<AccessLog, StartError> {
        let named = format!("{target:?}");
        let outlet = Outlet::open(target).map_err(|error| {
            let path = named
                .strip_prefix("File(")
                .and_then(|path| path.strip_suffix(')'));
            StartError::new(format!(
                "access_log: {} cannot be written: {error}",
                path.unwrap_or("standard output")
            ))
        })?;
        Ok(AccessLog(Arc::new(Shared {
            settings,
            origin: Instant::now(),
            readers: Mutex::<Readers>::default(),
            is_reopen_asked: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            is_asleep: AtomicBool::new(false),
            first_shard: AtomicUsize::new(0),
            outlet: Mutex::new(Some(outlet)),
            writer: OnceLock::new(),
            has_ended: Mutex::default(),
            ended: Condvar::new(),
        })))
    }

    /// Lets go of the target: another process writes there.
    pub(crate) fn close(&self) {
        *self.0.outlet.lock() = None;
    }

    /// Starts the writer. `first_shard` is the number of the first of this process's shards.
    pub(crate) fn start(&self, first_shard: usize) -> Result<(), StartError> {
        let Some(outlet) = self.0.outlet.lock().take() else {
            return Ok(());
        };
        self.0.first_shard.store(first_shard, Ordering::Release);
        let writer = Writer::new(Arc::clone(&self.0), outlet);
        let thread = std::thread::Builder::new()
            .name("access-log".into())
            .stack_size(STACK_BYTES)
            .spawn(move || writer.run())
            .map_err(|error| {
                StartError::new(format!(
                    "the thread of the access log cannot be started: {error}"
                ))
            })?;
        let _ = self.0.writer.set(thread.thread().clone());
        Ok(())
    }

    /// The calling thread's end of it. A shard has its number; worker threads of the work-stealing runtime get theirs here.
    pub(crate) fn pen(&self, shard: Option<usize>, counters: &Arc<Counters>) -> Pen {
        let (producer, consumer) = RingBuffer::new(RING_BYTES);
        let first = self.0.first_shard.load(Ordering::Acquire);
        let shard = shard.map(|shard| first + shard);
        self.0.readers.lock().add(shard, consumer, counters);
        Pen::new(Arc::clone(&self.0), Arc::clone(counters), producer)
    }

    /// The file was moved away: a new one is to be opened under its name.
    pub(crate) fn reopen(&self) {
        self.0.is_reopen_asked.store(true, Ordering::Release);
        self.0.wake();
    }

    /// No more requests are answered: waits until every line is written, for a moment at most.
    pub(crate) fn finish(&self) {
        let Some(writer) = self.0.writer.get() else {
            return;
        };
        if self.0.is_ending.swap(true, Ordering::AcqRel) {
            return;
        }
        writer.unpark();
        let mut has_ended = self.0.has_ended.lock();
        let waited = self
            .0
            .ended
            .wait_while_for(&mut has_ended, |ended| !*ended, FINISH_WITHIN);
        if waited.timed_out() {
            log::warn!(
                "lines of the access log are lost: nobody has taken them within {} s of the end",
                FINISH_WITHIN.as_secs()
            );
        }
    }
}
