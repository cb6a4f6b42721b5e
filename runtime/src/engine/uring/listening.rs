//! The listeners of a `uring` shard: which of them accept, and when one whose accepting has failed goes on. The kernel
//! accepts by itself until it is told to stop, or fails. What becomes of a connection is shard.rs's.

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use socket2::Socket;

use crate::engine::uring::operations::Operations;
use crate::net::listener::{Fresh, Listener};
use crate::shard::accepting::{ACCEPT_PAUSE, AcceptFailures, accept_rest};
use crate::shard::workbench::Workbench;

pub(crate) struct Listening {
    listeners: Vec<Accepting>,
    failures: AcceptFailures,
}

struct Accepting {
    listener: Listener,
    is_accepting: bool,
    /// It has failed; it goes on at this time.
    resumes: Option<Instant>,
}

impl Listening {
    pub(crate) fn new(listeners: Vec<Listener>) -> io::Result<Listening> {
        // The kernel would answer "nothing there" instead of waiting. Operations on connections wait as well.
        (listeners.iter()).try_for_each(|listener| listener.set_nonblocking(false))?;
        let accepting = listeners.into_iter().map(|listener| Accepting {
            listener,
            is_accepting: false,
            resumes: None,
        });
        Ok(Listening {
            listeners: accepting.collect(),
            failures: AcceptFailures::new(),
        })
    }

    /// Accepts at every listener that does not, unless its pause is not over.
    pub(crate) fn accept(&mut self, operations: &mut Operations) -> io::Result<()> {
        for (number, one) in (0..).zip(&mut self.listeners) {
            if one.is_accepting || one.resumes.is_some_and(|at| at > Instant::now()) {
                continue;
            }
            let socket = one.listener.as_raw_fd();
            operations.accept(socket, number)?;
            (one.is_accepting, one.resumes) = (true, None);
        }
        Ok(())
    }

    pub(crate) fn stop(&mut self, operations: &mut Operations) -> io::Result<()> {
        for (number, one) in (0..).zip(&mut self.listeners) {
            one.resumes = None;
            if one.is_accepting {
                operations.cancel_accept(number)?;
            }
        }
        Ok(())
    }

    /// Whether an accepting operation is in flight.
    pub(crate) fn is_accepting(&self) -> bool {
        self.listeners.iter().any(|one| one.is_accepting)
    }

    /// When the first of those that have failed goes on.
    pub(crate) fn resumes(&self) -> Option<Instant> {
        self.listeners.iter().filter_map(|one| one.resumes).min()
    }

    /// Whether the accepting of this listener goes on.
    pub(crate) fn note(&mut self, number: u32, more: bool) {
        self.listeners[number as usize].is_accepting = more;
    }

    pub(crate) fn note_failure<S>(&mut self, number: u32, bench: &Workbench<S>, error: &io::Error) {
        self.failures
            .note(&bench.counters, bench.clock.now(), error);
        self.listeners[number as usize].resumes = Some(Instant::now() + ACCEPT_PAUSE);
    }

    /// A connection that this listener has accepted. None if its peer has left already, which is not logged.
    pub(crate) fn fresh(&self, number: u32, socket: Socket) -> Option<Fresh> {
        let info = self.listeners[number as usize]
            .listener
            .info(&socket, None)?;
        Some(Fresh { socket, info })
    }

    /// Takes what waits at all listeners, which then leave their groups. The sockets are non-blocking.
    pub(crate) fn take_rest(&self) -> Vec<Fresh> {
        let mut waiting = Vec::new();
        for one in &self.listeners {
            accept_rest(&one.listener, |fresh| waiting.push(fresh));
        }
        waiting
    }
}
