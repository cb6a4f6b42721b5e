//! Waits for connections at listeners that other processes accept from as well, so that each gets its turn. Knows nothing
//! of what is accepted.
//!
//! The kernel wakes one of those who wait for a listener: the first in its list. An entry stays in its place, so the same
//! process would get nearly all connections. So each puts itself at the list's end when it has accepted: the next
//! connection is another one's. Where there is one process, nothing of this shows.
//!
//! `unsafe` here: system calls on descriptors that this owns, or that its caller keeps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// What the bell is called where listeners have numbers.
const BELL: u64 = u64::MAX;

/// Waits on one thread.
pub(crate) struct ExclusiveWatch {
    epoll: OwnedFd,
    bell: Arc<OwnedFd>,
}

/// Ends a watch's wait from another thread, for good.
#[derive(Clone)]
pub(crate) struct Bell(Arc<OwnedFd>);

/// What a wait was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The listener with this number has connections, or had them.
    Connections(usize),
    /// The time is over.
    Nothing,
    /// The bell was rung.
    End,
}

impl ExclusiveWatch {
    pub(crate) fn new() -> io::Result<ExclusiveWatch> {
        // SAFETY: both make a descriptor, which is owned from here on.
        let (epoll, bell) = unsafe {
            (
                owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
            )
        };
        let watch = ExclusiveWatch {
            epoll,
            bell: Arc::new(bell),
        };
        watch.add(watch.bell.as_raw_fd(), BELL, libc::EPOLLIN)?;
        Ok(watch)
    }

    pub(crate) fn bell(&self) -> Bell {
        Bell(Arc::clone(&self.bell))
    }

    /// Waits for `listener` too, as the last of those who do. It must not be closed before the watch is.
    pub(crate) fn enter(&self, listener: &impl AsFd, number: usize) -> io::Result<()> {
        let events = libc::EPOLLIN | libc::EPOLLEXCLUSIVE;
        self.add(listener.as_fd().as_raw_fd(), number as u64, events)
    }

    /// Waits for `listener` no more.
    pub(crate) fn leave(&self, listener: &impl AsFd) -> io::Result<()> {
        let fd = listener.as_fd().as_raw_fd();
        self.control(libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut())
    }

    /// Waits for news, at most for `timeout`.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> io::Result<News> {
        let timeout = timeout.map_or(-1, |time| i32::try_from(time.as_millis()).unwrap_or(-1));
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: the kernel writes one event.
        let found = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), &raw mut event, 1, timeout) };
        match (found, event.u64) {
            (0, _) => Ok(News::Nothing),
            (1, BELL) => Ok(News::End),
            (1, number) => Ok(News::Connections(number as usize)),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(News::Nothing),
                error => Err(error),
            },
        }
    }

    fn add(&self, fd: RawFd, name: u64, events: libc::c_int) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: name,
        };
        self.control(libc::EPOLL_CTL_ADD, fd, &raw mut event)
    }

    fn control(
        &self,
        what: libc::c_int,
        fd: RawFd,
        event: *mut libc::epoll_event,
    ) -> io::Result<()> {
        // SAFETY: `event` is null, or points to an event of the caller's, which the kernel reads.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Bell {
    pub(crate) fn ring(&self) {
        let one = 1_u64;
        // SAFETY: writes eight bytes that are there; a counter that is full has been rung.
        unsafe {
            libc::write(
                self.0.as_raw_fd(),
                (&raw const one).cast(),
                size_of::<u64>(),
            )
        };
    }
}

/// # Safety
///
/// `fd` is an error or a descriptor that nothing else owns.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    match fd {
        // SAFETY: the caller says that nothing else owns it.
        0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const SOON: Option<Duration> = Some(Duration::from_millis(20));

    #[test]
    fn connections_and_the_bell_are_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let watch = ExclusiveWatch::new().unwrap();
        watch.enter(&listener, 7).unwrap();
        assert_eq!(watch.next(SOON).unwrap(), News::Nothing);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(watch.next(None).unwrap(), News::Connections(7));
        watch.leave(&listener).unwrap();
        assert_eq!(watch.next(SOON).unwrap(), News::Nothing);
        watch.bell().ring();
        assert_eq!(watch.next(None).unwrap(), News::End);
    }

    /// Whether a thread of this process sleeps: here each has one place where it can.
    fn sleeps(thread: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
        let after_name = stat.rsplit(") ").next().unwrap();
        after_name.starts_with('S')
    }

    #[test]
    fn those_who_wait_for_one_listener_get_connections_in_turn() {
        const WATCHES: usize = 3;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = crossbeam_channel::unbounded();
        let counts = std::thread::scope(|scope| {
            let (mut bells, mut threads) = (Vec::new(), Vec::new());
            for number in 0..WATCHES {
                let watch = ExclusiveWatch::new().unwrap();
                bells.push(watch.bell());
                watch.enter(&listener, 0).unwrap();
                let (listener, tell) = (&listener, tell.clone());
                scope.spawn(move || {
                    // SAFETY: asks for the calling thread's number.
                    tell.send(unsafe { libc::gettid() }).unwrap();
                    while watch.next(None).unwrap() != News::End {
                        watch.leave(listener).unwrap();
                        let connection = listener.accept();
                        watch.enter(listener, 0).unwrap();
                        if connection.is_ok() {
                            tell.send(number as i32).unwrap();
                        }
                    }
                });
                threads.push(told.recv().unwrap());
            }
            let mut counts = [0; WATCHES];
            for _ in 0..30 * WATCHES {
                // A thread that does not wait yet when a connection comes is passed over.
                while !threads.iter().all(|thread| sleeps(*thread)) {
                    std::thread::yield_now();
                }
                let _client = TcpStream::connect(address).unwrap();
                counts[told.recv().unwrap() as usize] += 1;
            }
            bells.iter().for_each(Bell::ring);
            counts
        });
        assert_eq!(counts, [30; WATCHES]);
    }
}
