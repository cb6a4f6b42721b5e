//! The two ways to move bytes, and which of them a run takes. Knows nothing of what is asked, or when.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::HandshakeKind;

use crate::channel::Channel;
use crate::checker::Checker;
use crate::epoll::Epoll;
use crate::failure::Failure;
use crate::flow::{Answered, Flow};
use crate::io_choice::{Io, IoChoice};
use crate::plan::LoadPlan;
use crate::uring::{Uring, explain};
use crate::uring_operations::LOT_MAX;

/// What moves one thread's bytes.
pub enum Transport {
    /// By epoll.
    Epoll(Box<Epoll>),
    /// By io_uring.
    Uring(Box<Uring>),
}

impl Transport {
    /// One for each thread, and all of the same kind.
    pub fn for_threads(plan: &LoadPlan) -> Result<Vec<Transport>, Failure> {
        let needs_reads = plan.slow_read_bytes_per_second.is_some() || plan.tls.is_some();
        choose(plan.io, needs_reads, || urings(plan))
            .and_then(|rings| rings.map_or_else(|| epolls(plan), Ok))
    }

    /// Which one it is.
    pub fn io(&self) -> Io {
        match self {
            Transport::Epoll(_) => Io::Epoll,
            Transport::Uring(_) => Io::Uring,
        }
    }

    /// Adds a connection, whose number is one more than that of the one before.
    pub fn add(&mut self, channel: Channel<TcpStream>) -> io::Result<()> {
        match (self, channel) {
            (Transport::Epoll(epoll), channel) => epoll.add(channel),
            (Transport::Uring(uring), Channel::Plain(stream)) => {
                uring.add(stream);
                Ok(())
            }
            (Transport::Uring(_), Channel::Secured(_)) => Err(only_by_epoll()),
        }
    }

    /// Puts another connection in the place of one; that one ends.
    pub fn replace(&mut self, lane: usize, channel: Channel<TcpStream>) -> io::Result<()> {
        match self {
            Transport::Epoll(epoll) => epoll.replace(lane, channel),
            Transport::Uring(_) => Err(only_by_epoll()),
        }
    }

    /// How a connection's TLS session began.
    pub fn handshake_kind(&self, lane: usize) -> Option<HandshakeKind> {
        match self {
            Transport::Epoll(epoll) => epoll.link(lane).stream().handshake_kind(),
            Transport::Uring(_) => None,
        }
    }

    /// Begins, on the thread that will use it.
    pub fn begin(&mut self) -> Result<(), Failure> {
        match self {
            Transport::Epoll(_) => Ok(()),
            Transport::Uring(uring) => uring.begin(),
        }
    }

    /// What is in flight on a connection.
    pub fn flow(&self, lane: usize) -> &Flow {
        match self {
            Transport::Epoll(epoll) => epoll.link(lane).flow(),
            Transport::Uring(uring) => uring.flow(lane),
        }
    }

    /// The same, to put more.
    pub fn flow_mut(&mut self, lane: usize) -> &mut Flow {
        match self {
            Transport::Epoll(epoll) => epoll.link_mut(lane).flow_mut(),
            Transport::Uring(uring) => uring.flow_mut(lane),
        }
    }

    /// Sends pending output; a ring may keep it until a lot is full, [`Transport::hand_over`] or [`Transport::wait`].
    pub fn flush(&mut self, lane: usize) -> Result<(), Failure> {
        match self {
            Transport::Epoll(epoll) => epoll.link_mut(lane).flush(),
            Transport::Uring(uring) => uring.flush(lane),
        }
    }

    /// Most requests that are sent together.
    pub fn lot_max(&self) -> usize {
        match self {
            Transport::Epoll(_) => 1,
            Transport::Uring(_) => LOT_MAX,
        }
    }

    /// Hands over all that was kept.
    pub fn hand_over(&mut self) -> Result<(), Failure> {
        match self {
            Transport::Epoll(_) => Ok(()),
            Transport::Uring(uring) => uring.hand_over(),
        }
    }

    /// Waits for something to happen, no longer than `timeout` from `now` on, and appends the connections with something to
    /// receive to `ready`. Returns whether there was anything to do.
    pub fn wait(
        &mut self,
        timeout: Duration,
        now: Instant,
        ready: &mut Vec<usize>,
    ) -> Result<bool, Failure> {
        match self {
            Transport::Epoll(epoll) => epoll.wait(timeout, now, ready),
            Transport::Uring(uring) => uring.wait(timeout, ready),
        }
    }

    /// Checks what has come on a connection, and appends the right answers to `answers`.
    pub fn receive(
        &mut self,
        lane: usize,
        checker: &mut Checker<'_>,
        answers: &mut Vec<Answered>,
    ) -> Result<(), Failure> {
        match self {
            Transport::Epoll(epoll) => epoll.receive(lane, checker, answers),
            Transport::Uring(uring) => uring.receive(lane, checker, answers),
        }
    }
}

#[cold]
fn only_by_epoll() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a ring has no TLS sessions")
}

/// The rings, if the run takes them. A slow reader says when to read, and a TLS session does, which a ring does by itself.
fn choose<T>(
    choice: IoChoice,
    needs_reads: bool,
    rings: impl FnOnce() -> io::Result<T>,
) -> Result<Option<T>, Failure> {
    match choice {
        IoChoice::Uring => rings()
            .map(Some)
            .map_err(|error| Failure::Broken(format!("--io uring: {}", explain(&error)))),
        IoChoice::Auto if !needs_reads => Ok(rings().ok()),
        IoChoice::Auto | IoChoice::Epoll => Ok(None),
    }
}

fn urings(plan: &LoadPlan) -> io::Result<Vec<Transport>> {
    (0..plan.threads)
        .map(|thread| {
            let connections = plan.part(thread, plan.connections as u64).count();
            Ok(Transport::Uring(Box::new(Uring::new(connections)?)))
        })
        .collect()
}

fn epolls(plan: &LoadPlan) -> Result<Vec<Transport>, Failure> {
    (0..plan.threads)
        .map(|_| Ok(Transport::Epoll(Box::new(Epoll::new()?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T>(errno: i32) -> impl FnOnce() -> io::Result<T> {
        move || Err(io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn a_refused_ring_is_an_error_with_its_reason_if_it_was_asked_for() {
        let reasons = [
            (libc::EPERM, "forbidden here"),
            (libc::ENOSYS, "has no io_uring"),
            (libc::EINVAL, "Linux 6.1 or newer"),
            (libc::ENOMEM, "ulimit -l"),
            (libc::EMFILE, "could not be made: Too many open files"),
        ];
        for (errno, reason) in reasons {
            let failure = choose::<()>(IoChoice::Uring, false, refused(errno)).unwrap_err();
            let text = failure.to_string();
            assert!(
                text.starts_with("--io uring: ") && text.contains(reason),
                "{text}"
            );
            assert_eq!(failure.exit_status(), 4);
        }
    }

    #[test]
    fn left_alone_a_run_takes_what_there_is() {
        let auto = |needs_reads, rings: io::Result<()>| {
            choose(IoChoice::Auto, needs_reads, || rings).unwrap()
        };
        assert_eq!(auto(false, Ok(())), Some(()));
        assert_eq!(auto(false, refused(libc::EPERM)()), None);
        assert_eq!(auto(true, Ok(())), None);
        assert_eq!(
            choose(IoChoice::Epoll, false, || Ok(())).unwrap(),
            None::<()>
        );
    }
}
