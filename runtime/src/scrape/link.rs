//! How a worker of the process mode gives its reading to the supervisor: a client of its Unix socket, in a directory
//! that only its user can enter, gets one and nothing else. On a thread of its own, which no app can hold.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use crate::scrape::answers::Source;

/// A supervisor that does not read is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The thread, until this is dropped.
pub(crate) struct ReadingLink {
    listener: Arc<UnixListener>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ReadingLink {
    pub(crate) fn start(path: &Path, source: Source) -> io::Result<ReadingLink> {
        let listener = Arc::new(UnixListener::bind(path)?);
        let is_over = Arc::new(AtomicBool::new(false));
        let (own, ends) = (Arc::clone(&listener), Arc::clone(&is_over));
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                while !ends.load(Relaxed) {
                    match own.accept() {
                        Ok((mut stream, _)) => {
                            let _ = stream.set_write_timeout(Some(WRITE_TIMEOUT));
                            // One that has left needs nothing.
                            let _ = stream.write_all(source().to_lines().as_bytes());
                        }
                        // The end, or no descriptor left, which passes.
                        Err(_) => std::thread::sleep(ACCEPT_PAUSE),
                    }
                }
            })?;
        Ok(ReadingLink {
            listener,
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for ReadingLink {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        // Wakes the accept.
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
