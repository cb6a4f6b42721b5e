//! The one thread that writes to stderr, and the bounded queue before it: no other thread waits if stderr is not read.
//! Knows neither levels nor formats.
//!
//! A line that finds the queue full is lost and counted, and the count is written as soon as there is room. A forked
//! child has its own queue and thread; what its parent had queued stays its parent's.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;

/// Bytes that may wait to be written. A traceback is 2 to 10 KiB.
const QUEUED_BYTES_MAX: usize = 1024 * 1024;
/// How long an exit waits for what is still to be written.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
const STACK_BYTES: usize = 64 * 1024;
const STDERR: libc::c_int = 2;

/// Makes the line that says how many lines were lost.
static TELL_LOSSES: OnceLock<fn(u64) -> String> = OnceLock::new();

struct Writer {
    process: u32,
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Vec<u8>>,
    /// Of all pieces, including the one that is being written.
    bytes: usize,
    /// Lines that found no room since the last notice.
    lost: u64,
    has_thread: bool,
}

impl Queue {
    /// Takes a piece, or counts it as lost.
    fn push(&mut self, piece: Vec<u8>) {
        if self.bytes > 0 && self.bytes + piece.len() > QUEUED_BYTES_MAX {
            self.lost += piece.iter().filter(|&&byte| byte == b'\n').count().max(1) as u64;
            return;
        }
        self.tell_lost();
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    fn tell_lost(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            let notice = match TELL_LOSSES.get() {
                Some(tell) => tell(lost),
                None => losses_in_words(lost) + "\n",
            };
            self.bytes += notice.len();
            self.pieces.push_back(notice.into_bytes());
        }
    }

    /// The piece to write next; it counts until [`written`](Queue::written).
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.pieces.is_empty() {
            self.tell_lost();
        }
        self.pieces.pop_front()
    }

    fn written(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }
}

/// Losses are told in a line that `tell` makes.
pub(crate) fn tell_losses_as(tell: fn(u64) -> String) {
    let _ = TELL_LOSSES.set(tell);
}

pub(crate) fn losses_in_words(lost: u64) -> String {
    format!("{lost} log lines were lost: nobody read stderr")
}

/// Writes `piece` on stderr, in one piece and after all that was written before, without waiting for it.
pub(crate) fn write(piece: Vec<u8>) {
    if piece.is_empty() {
        return;
    }
    let writer = writer();
    let mut queue = writer.queue.lock();
    if !queue.has_thread {
        queue.has_thread = start(writer).is_ok();
        if !queue.has_thread {
            drop(queue);
            return write_out(&piece);
        }
    }
    queue.push(piece);
    writer.filled.notify_one();
}

/// Waits until all is written, for a moment at most.
pub(crate) fn flush() {
    let writer = writer();
    let until = Instant::now() + FLUSH_WITHIN;
    let mut queue = writer.queue.lock();
    while queue.has_thread && (queue.bytes > 0 || queue.lost > 0) {
        let Some(left) = until.checked_duration_since(Instant::now()) else {
            return;
        };
        writer.emptied.wait_for(&mut queue, left);
    }
}

/// Writes text of the Python side as it is.
#[pyfunction]
pub(crate) fn write_stderr(text: &[u8]) {
    write(text.to_vec());
}

/// Flushes for the Python side, before the process becomes another program.
#[pyfunction]
pub(crate) fn flush_stderr(py: Python<'_>) {
    py.detach(flush);
}

/// This process's writer. It is never given back: a thread uses it for as long as the process lives.
fn writer() -> &'static Writer {
    static WRITER: AtomicPtr<Writer> = AtomicPtr::new(std::ptr::null_mut());
    let process = std::process::id();
    let known = WRITER.load(Ordering::Acquire);
    // SAFETY: it is null or was leaked below, so it lives for ever.
    if let Some(writer) = unsafe { known.as_ref() }
        && writer.process == process
    {
        return writer;
    }
    let fresh: &'static mut Writer = Box::leak(Box::new(Writer {
        process,
        queue: Mutex::default(),
        filled: Condvar::new(),
        emptied: Condvar::new(),
    }));
    // Two threads may come here at once: all use the first one's.
    let first = match WRITER.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => WRITER.load(Ordering::Acquire),
        Err(first) => first,
    };
    // SAFETY: either one was leaked, and is only shared from here on.
    unsafe { &*first }
}

fn start(writer: &'static Writer) -> io::Result<()> {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: the function is there for as long as the process is.
        unsafe { libc::atexit(flush_at_exit) };
    });
    std::thread::Builder::new()
        .name("log".into())
        .stack_size(STACK_BYTES)
        .spawn(move || run(writer))
        .map(drop)
}

extern "C" fn flush_at_exit() {
    flush();
}

fn run(writer: &Writer) -> ! {
    block_signals();
    let mut queue = writer.queue.lock();
    loop {
        let Some(piece) = queue.next() else {
            writer.emptied.notify_all();
            writer.filled.wait(&mut queue);
            continue;
        };
        drop(queue);
        write_out(&piece);
        queue = writer.queue.lock();
        queue.written(piece.len());
    }
}

/// Signals are for the threads that wait for them.
fn block_signals() {
    // SAFETY: a set of zeroes is one; the calls read and write nothing else.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// Writes and waits. If stderr is gone there is no place to report it.
fn write_out(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // Not through Rust's or Python's stderr: others would wait for the lock of those.
        // SAFETY: reads bytes that are there.
        let written = unsafe { libc::write(STDERR, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written) => bytes = &bytes[written..],
            Err(_) => match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => {}
                // Another process that shares it has made it non-blocking.
                io::ErrorKind::WouldBlock => wait_for_room(),
                _ => return,
            },
        }
    }
}

fn wait_for_room() {
    let mut entry = libc::pollfd {
        fd: STDERR,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `entry` is one valid pollfd that lives through the call.
    unsafe { libc::poll(&raw mut entry, 1, -1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(piece) = queue.next() {
            queue.written(piece.len());
            lines.push(String::from_utf8(piece).unwrap());
        }
        lines
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_when_there_is_room_again() {
        let mut queue = Queue::default();
        let line = vec![b'x'; 1023];
        let line = [line, b"\n".to_vec()].concat();
        for _ in 0..2000 {
            queue.push(line.clone());
        }
        queue.push(b"two\nlines\n".to_vec());
        assert!(queue.bytes <= QUEUED_BYTES_MAX);
        let lost = 2000 - QUEUED_BYTES_MAX / 1024 + 2;
        let notice = format!("{lost} log lines were lost: nobody read stderr\n");
        // One is written: the next that comes has the notice before it.
        let first = queue.next().unwrap();
        queue.written(first.len());
        let second = queue.next().unwrap();
        queue.written(second.len());
        queue.push(b"last\n".to_vec());
        let lines = drain(&mut queue);
        assert_eq!(lines.len(), QUEUED_BYTES_MAX / 1024);
        assert_eq!(lines[lines.len() - 2..], [notice, String::from("last\n")]);
        assert_eq!((queue.bytes, queue.lost), (0, 0));
    }

    #[test]
    fn losses_at_the_end_are_told_too() {
        let mut queue = Queue::default();
        queue.push(vec![b'\n'; QUEUED_BYTES_MAX]);
        queue.push(b"lost\n".to_vec());
        let lines = drain(&mut queue);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("1 log lines were lost"));
    }

    #[test]
    fn one_piece_may_be_larger_than_the_queue() {
        let mut queue = Queue::default();
        queue.push(vec![b'x'; 2 * QUEUED_BYTES_MAX]);
        assert_eq!((queue.pieces.len(), queue.lost), (1, 0));
    }
}
