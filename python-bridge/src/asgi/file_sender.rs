//! Sends a file as the body of an answer (`http.response.pathsend`), read on the blocking pool. Knows no Python.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use turbo_shard_runtime::protocol::BodyLength;
use turbo_shard_runtime::{BlockingPool, Flow};

use super::http_phase::Lent;
use crate::streaming::{Gate, Gone};

/// Read and sent at once. The reply's own mark bounds what waits for the peer.
const BLOCK_BYTES: usize = 64 * 1024;

/// What became of a file.
pub(super) enum FileResult {
    Sent,
    PeerLeft,
    Failed(io::Error),
}

/// Told the result, with the answer if nothing of it was sent. May run on any thread.
pub(super) type FileDone = Box<dyn FnOnce(FileResult, Option<Lent>) + Send>;

/// Sends the file at `path` from a pool thread.
pub(super) fn send(pool: &BlockingPool, lent: Lent, path: String, done: FileDone) {
    let mut job = FileJob {
        work: Some((lent, path, done)),
    };
    // A refused job is dropped, which calls `done`.
    let _ = pool.try_run(Box::new(move || job.run()));
}

struct FileJob {
    work: Option<(Lent, String, FileDone)>,
}

impl FileJob {
    fn run(&mut self) {
        let Some((lent, path, done)) = self.work.take() else {
            return;
        };
        match open(&path) {
            Ok((file, length)) => done(send_all(lent, file, length), None),
            Err(error) => done(FileResult::Failed(error), Some(lent)),
        }
    }
}

impl Drop for FileJob {
    fn drop(&mut self) {
        if let Some((lent, _, done)) = self.work.take() {
            let error = io::Error::other("the blocking pool's queue is full");
            done(FileResult::Failed(error), Some(lent));
        }
    }
}

/// The file and its length.
fn open(path: &str) -> io::Result<(File, u64)> {
    // Not blocking: a pipe would keep the thread until something is written to it. For files that makes no difference.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let about = file.metadata()?;
    match about.is_file() {
        true => Ok((file, about.len())),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{path:?} is not a file"),
        )),
    }
}

/// Sends `length` bytes of the file, as fast as the peer reads. Bytes that the file gains meanwhile stay out.
fn send_all(lent: Lent, file: File, length: u64) -> FileResult {
    let Lent {
        handle,
        status,
        lines,
        is_bodiless,
    } = lent;
    let gate = Gate::of(&handle);
    let announced = lines.content_length();
    let length = announced.unwrap_or(length);
    handle.start(status, lines, BodyLength::Known(length));
    if is_bodiless {
        handle.end();
        return FileResult::Sent;
    }
    let mut left = file.take(length);
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES.min(left.limit() as usize));
        if let Err(error) = left
            .by_ref()
            .take(BLOCK_BYTES as u64)
            .read_to_end(&mut block)
        {
            handle.fail();
            return FileResult::Failed(error);
        }
        if block.is_empty() {
            // A file that has shrunk meanwhile leaves the answer too short; the runtime reports and cuts it.
            handle.end();
            return FileResult::Sent;
        }
        let flow = handle.chunk(block);
        if flow == Flow::PeerLeft || (flow == Flow::Wait && gate.wait() == Gone::Yes) {
            return FileResult::PeerLeft;
        }
    }
}
