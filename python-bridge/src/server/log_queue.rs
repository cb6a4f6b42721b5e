//! The bounded queue to Python's `logging`, for whom configures that. One Python thread empties it
//! (`turbo_shard/logs/log_thread.py`); no other thread waits for it. Knows neither loggers nor handlers.
//!
//! What finds no room is lost and counted, and that thread says how much. A forked child has no such thread: its lines go to
//! stderr.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use log::Level;
use parking_lot::{Condvar, Mutex};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use turbo_shard_runtime::{LineTaker, ToldRequest, ToldValue};

/// Records that may wait. Worst case with lines of 1 KiB: 10 MiB.
const QUEUED_MAX: usize = 10_000;
/// Requests of the access log among them: they wait in their shards' rings then, and leave room for what is rarer.
const REQUESTS_QUEUED_MAX: usize = QUEUED_MAX / 2;
/// Records that Python gets at once.
const BATCH_MAX: usize = 500;

/// The process whose lines go into the queue; 0 while none do.
static OPEN_IN: AtomicU32 = AtomicU32::new(0);
/// The access log goes into it too, unless it has a file.
static TAKES_REQUESTS: AtomicBool = AtomicBool::new(false);
static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    entries: VecDeque::new(),
    is_open: false,
    is_in_hand: false,
    lost: 0,
});
static FILLED: Condvar = Condvar::new();
static EMPTIED: Condvar = Condvar::new();

struct Queue {
    entries: VecDeque<Entry>,
    is_open: bool,
    /// Python has a batch and has not come for the next.
    is_in_hand: bool,
    /// Records that found no room since the last batch.
    lost: u64,
}

enum Entry {
    Line(Line),
    Request(Box<ToldRequest>),
    /// A record that Python has made.
    Record(Py<PyAny>),
}

/// A line of the server.
struct Line {
    level: Level,
    text: String,
    thread: String,
    at: SystemTime,
}

pub(crate) fn is_open() -> bool {
    OPEN_IN.load(Ordering::Acquire) == std::process::id()
}

pub(crate) fn takes_requests() -> bool {
    is_open() && TAKES_REQUESTS.load(Ordering::Acquire)
}

/// Takes a line of the server, or counts it as lost. False if lines do not go to Python.
pub(crate) fn push_line(level: Level, text: String, thread: &str) -> bool {
    is_open()
        && push(Entry::Line(Line {
            level,
            text,
            thread: thread.into(),
            at: SystemTime::now(),
        }))
}

fn push(entry: Entry) -> bool {
    let mut queue = QUEUE.lock();
    if !queue.is_open {
        return false;
    }
    if queue.entries.len() >= QUEUED_MAX {
        queue.lost += 1;
        drop(queue);
        return true;
    }
    queue.entries.push_back(entry);
    FILLED.notify_one();
    true
}

/// The access log's end.
pub(crate) struct RequestTaker;

impl LineTaker for RequestTaker {
    fn take(&self, request: &ToldRequest) -> bool {
        if !is_open() || QUEUE.lock().entries.len() >= REQUESTS_QUEUED_MAX {
            return false;
        }
        push(Entry::Request(Box::new(request.clone())))
    }
}

/// Lines of the server go into the queue from now on; those of the access log if it `takes_requests`.
#[pyfunction]
pub(crate) fn open_log_queue(takes_requests: bool) {
    TAKES_REQUESTS.store(takes_requests, Ordering::Release);
    QUEUE.lock().is_open = true;
    OPEN_IN.store(std::process::id(), Ordering::Release);
}

/// Lines go to stderr again; what waits is still taken. Nothing in a forked child, in which the queue may be locked.
#[pyfunction]
pub(crate) fn close_log_queue() {
    if !is_open() {
        return;
    }
    OPEN_IN.store(0, Ordering::Release);
    QUEUE.lock().is_open = false;
    FILLED.notify_all();
}

/// Takes a `LogRecord`, or counts it as lost. False if the queue is closed.
#[pyfunction]
pub(crate) fn queue_log_record(record: Py<PyAny>) -> bool {
    is_open() && push(Entry::Record(record))
}

/// Waits for records. Gives them with the number of those that were lost; None once the queue is closed and empty.
#[pyfunction]
pub(crate) fn take_log_records(py: Python<'_>) -> PyResult<Option<(Bound<'_, PyList>, u64)>> {
    let Some((batch, lost)) = py.detach(next_batch) else {
        return Ok(None);
    };
    let list = PyList::empty(py);
    for entry in batch {
        list.append(as_tuple(py, entry)?)?;
    }
    Ok(Some((list, lost)))
}

/// Waits until Python has dealt with all that was queued; false if that takes longer.
#[pyfunction]
pub(crate) fn flush_log_queue(py: Python<'_>, seconds: f64) -> bool {
    if !is_open() {
        return true;
    }
    let until = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 60.0));
    py.detach(|| {
        let mut queue = QUEUE.lock();
        while !queue.entries.is_empty() || queue.is_in_hand {
            if EMPTIED.wait_until(&mut queue, until).timed_out() {
                return false;
            }
        }
        true
    })
}

fn next_batch() -> Option<(Vec<Entry>, u64)> {
    let mut queue = QUEUE.lock();
    queue.is_in_hand = false;
    while queue.entries.is_empty() {
        EMPTIED.notify_all();
        if !queue.is_open {
            return None;
        }
        FILLED.wait(&mut queue);
    }
    queue.is_in_hand = true;
    let count = queue.entries.len().min(BATCH_MAX);
    let batch = queue.entries.drain(..count).collect();
    Some((batch, std::mem::take(&mut queue.lost)))
}

fn as_tuple(py: Python<'_>, entry: Entry) -> PyResult<Bound<'_, PyAny>> {
    match entry {
        Entry::Record(record) => Ok(record.into_bound(py)),
        Entry::Line(Line {
            level,
            text,
            thread,
            at,
        }) => (number_of(level), text, thread, seconds(at)).into_bound_py_any(py),
        Entry::Request(request) => {
            let pairs = PyDict::new(py);
            for (name, value) in request.pairs {
                match value {
                    ToldValue::Text(text) => pairs.set_item(name, text)?,
                    ToldValue::Number(number) => pairs.set_item(name, number)?,
                    ToldValue::Decimal(number) => pairs.set_item(name, number)?,
                    ToldValue::Flag(flag) => pairs.set_item(name, flag)?,
                }
            }
            let (version, status) = (request.version, request.status);
            let args = (
                request.client,
                request.method,
                request.target,
                version,
                status,
            );
            (args, request.line, pairs, seconds(request.at)).into_bound_py_any(py)
        }
    }
}

/// By Python's numbers; below DEBUG there is none.
fn number_of(level: Level) -> u8 {
    match level {
        Level::Error => 40,
        Level::Warn => 30,
        Level::Info => 20,
        Level::Debug => 10,
        Level::Trace => 5,
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
