//! What the shards' ends of the access log and its writer share: settings, rings and flags. Knows neither of the two.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::edge::access_log::line_format::LineFormat;
use crate::edge::access_log::rings::Readers;
use crate::edge::access_log::skipped_paths::SkippedPath;
use crate::edge::access_log::target::Outlet;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct AccessLogSettings {
    /// The form of a line.
    pub format: LineFormat,
    /// Requests for these paths are not logged.
    pub skip: Vec<SkippedPath>,
    /// Nor are those that took less.
    pub slow: Duration,
}

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) settings: AccessLogSettings,
    /// Records count time from here.
    pub(crate) origin: Instant,
    pub(crate) readers: Mutex<Readers>,
    pub(crate) is_reopen_asked: AtomicBool,
    pub(crate) is_ending: AtomicBool,
    /// The writer waits for somebody to wake it.
    pub(crate) is_asleep: AtomicBool,
    pub(super) first_shard: AtomicUsize,
    /// Taken by the writer when it starts.
    pub(super) outlet: Mutex<Option<Outlet>>,
    pub(super) writer: OnceLock<Thread>,
    pub(super) has_ended: Mutex<bool>,
    pub(super) ended: Condvar,
}

impl Shared {
    /// For each request: reads one flag, which changes only when the server falls idle or awakes.
    #[inline]
    pub(crate) fn wake_if_asleep(&self) {
        if self.is_asleep.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    pub(crate) fn wake(&self) {
        self.is_asleep.store(false, Ordering::Release);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(crate) fn writer_has_ended(&self) {
        *self.has_ended.lock() = true;
        self.ended.notify_all();
    }
}
