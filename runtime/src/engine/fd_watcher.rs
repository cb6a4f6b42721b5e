//! A helper thread that waits for one descriptor, for executors that cannot (glommio). It wakes, it never reads.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Notify;

const TARGET: u64 = 0;
const STOP: u64 = 1;

/// Watches a descriptor from a thread of its own; the descriptor stays its owner's.
pub(crate) struct FdWatcher {
    epoll: Arc<OwnedFd>,
    stop: OwnedFd,
    target: RawFd,
    readable: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FdWatcher {
    pub(crate) fn start(target: RawFd) -> io::Result<FdWatcher> {
        // SAFETY: plain system calls that return a fresh descriptor or -1; `owned` takes each exactly once.
        let epoll = Arc::new(owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?);
        // SAFETY: as above.
        let stop = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        control(&epoll, libc::EPOLL_CTL_ADD, stop.as_raw_fd(), libc::EPOLLIN as u32, STOP)?;
        // Disabled until somebody waits.
        control(&epoll, libc::EPOLL_CTL_ADD, target, libc::EPOLLONESHOT as u32, TARGET)?;
        let readable = Arc::new(Notify::new());
        let thread = {
            let (epoll, readable) = (Arc::clone(&epoll), Arc::clone(&readable));
            std::thread::Builder::new().name("loop-watcher".into()).spawn(move || watch(&epoll, &readable))?
        };
        Ok(FdWatcher { epoll, stop, target, readable, thread: Mutex::new(Some(thread)) })
    }

    /// Returns once the descriptor polls readable.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        let events = (libc::EPOLLIN | libc::EPOLLONESHOT) as u32;
        control(&self.epoll, libc::EPOLL_CTL_MOD, self.target, events, TARGET)?;
        self.readable.notified().await;
        Ok(())
    }

    /// Ends the thread; to be called while the descriptor is still open.
    pub(crate) fn stop(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: `one` is eight readable bytes, which is what an eventfd takes.
        let written = unsafe { libc::write(self.stop.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(thread), true) = (thread, written == 8) {
            let _ = thread.join();
        }
    }
}

impl Drop for FdWatcher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn watch(epoll: &OwnedFd, readable: &Notify) {
    loop {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: `event` is one writable epoll_event and the call is told so; `epoll` is open for the thread's life.
        let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, -1) };
        match (count, event.u64) {
            (1, STOP) => return,
            (1, _) => readable.notify_one(),
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn control(epoll: &OwnedFd, operation: i32, fd: RawFd, events: u32, mark: u64) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: mark };
    // SAFETY: `event` lives through the call; the kernel checks both descriptors.
    match unsafe { libc::epoll_ctl(epoll.as_raw_fd(), operation, fd, &raw mut event) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller got `fd` from the kernel just now and gives it away here.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn each_wait_is_answered_once_the_descriptor_is_readable() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let watcher = FdWatcher::start(near.as_raw_fd()).unwrap();
        for _ in 0..3 {
            far.write_all(b"x").unwrap();
            runtime.block_on(watcher.readable()).unwrap();
            near.read_exact(&mut [0]).unwrap();
        }
        watcher.stop();
    }
}
