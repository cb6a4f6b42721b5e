//! Sends a file as the body of an answer (`http.response.pathsend`): opened on the blocking pool, then sent as the runtime sends
//! any file. Knows no Python.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use turbo_shard_runtime::protocol::BodyLength;
use turbo_shard_runtime::{BlockingPool, FileBody, FileEnd, send_file};

use super::http_phase::Lent;

/// Told the result, with the answer if nothing of it was sent. May run on any thread.
pub(super) type FileDone = Box<dyn FnOnce(FileEnd, Option<Lent>) + Send>;

/// Sends the file at `path`.
pub(super) fn send(pool: &Arc<BlockingPool>, lent: Lent, path: String, done: FileDone) {
    let mut job = FileJob {
        pool: Arc::clone(pool),
        work: Some((lent, path, done)),
    };
    // A refused job is dropped, which calls `done`.
    let _ = pool.try_run(Box::new(move || job.run()));
}

struct FileJob {
    pool: Arc<BlockingPool>,
    work: Option<(Lent, String, FileDone)>,
}

impl FileJob {
    fn run(&mut self) {
        let Some((lent, path, done)) = self.work.take() else {
            return;
        };
        match open(&path) {
            Ok((file, length)) => send_opened(&self.pool, lent, file, length, done),
            Err(error) => done(FileEnd::Failed(error), Some(lent)),
        }
    }
}

impl Drop for FileJob {
    fn drop(&mut self) {
        if let Some((lent, _, done)) = self.work.take() {
            let error = io::Error::other("the blocking pool's queue is full");
            done(FileEnd::Failed(error), Some(lent));
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

/// Sends `length` bytes of the file, or what the answer has announced. Bytes that the file gains meanwhile stay out.
fn send_opened(pool: &Arc<BlockingPool>, lent: Lent, file: File, length: u64, done: FileDone) {
    let Lent {
        handle,
        status,
        lines,
        is_bodiless,
    } = lent;
    let length = lines.content_length().unwrap_or(length);
    if is_bodiless {
        handle.start(status, lines, BodyLength::Known(length));
        handle.end();
        return done(FileEnd::Sent, None);
    }
    let body = FileBody::of(file, length);
    let done = Box::new(|end| done(end, None));
    // This is one of the pool's threads.
    let may_wait = true;
    send_file(
        Arc::clone(pool),
        handle,
        (status, lines),
        body,
        may_wait,
        done,
    );
}
