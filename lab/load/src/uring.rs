//! Moves the bytes of one thread's connections through a ring of io_uring: one system call hands over many requests and
//! brings many answers. Knows when to receive and to send again, and nothing of what is asked.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

use turbo_shard_ring::Chunk;

use crate::checker::Checker;
use crate::failure::Failure;
use crate::flow::{Answered, Flow};
use crate::uring_operations::{Completion, Operations};

/// Connections on a ring.
pub struct Uring {
    operations: Operations,
    lanes: Vec<Lane>,
    /// Connections whose receive must be asked for again, once buffers have been given back.
    to_receive: Vec<usize>,
}

#[derive(Default)]
struct Lane {
    flow: Flow,
    /// What has come and was not looked at.
    inbox: VecDeque<Arrival>,
    /// Reported after the received bytes, which may say why.
    send_error: Option<io::Error>,
}

enum Arrival {
    Bytes(Chunk),
    End,
    Error(io::Error),
}

impl Uring {
    /// A ring for so many connections; if the kernel refuses anything, it does so here.
    pub fn new(connections: usize) -> io::Result<Uring> {
        Ok(Uring {
            operations: Operations::new(connections)?,
            lanes: Vec::with_capacity(connections),
            to_receive: Vec::new(),
        })
    }

    /// Adds a connection, which blocks.
    pub fn add(&mut self, stream: TcpStream) {
        self.operations.add(stream);
        self.to_receive.push(self.lanes.len());
        self.lanes.push(Lane::default());
    }

    /// Gives the ring to this thread.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.operations.begin().map_err(|error| broken(&error))
    }

    /// What is in flight on a connection.
    pub fn flow(&self, lane: usize) -> &Flow {
        &self.lanes[lane].flow
    }

    /// The same, to put more.
    pub fn flow_mut(&mut self, lane: usize) -> &mut Flow {
        &mut self.lanes[lane].flow
    }

    /// Sends the pending output, with that of others or at the next [`Uring::hand_over`] or [`Uring::wait`]; if the
    /// connection is still sending earlier output, behind that.
    pub fn flush(&mut self, lane: usize) -> Result<(), Failure> {
        if self.operations.is_sending(lane) {
            return Ok(());
        }
        let flow = &mut self.lanes[lane].flow;
        self.operations
            .send(lane, |bytes| flow.take_output(bytes))
            .map_err(|error| broken(&error))
    }

    /// Hands over what waits for a full lot.
    pub fn hand_over(&mut self) -> Result<(), Failure> {
        self.operations.hand_over().map_err(|error| broken(&error))
    }

    /// Waits for something to happen, no longer than `timeout`, and appends the connections with news to `ready`.
    /// Returns whether there was anything to do.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<bool, Failure> {
        self.wait_inner(timeout, ready)
            .map_err(|error| broken(&error))
    }

    fn wait_inner(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> io::Result<bool> {
        for lane in self.to_receive.drain(..) {
            self.operations.receive(lane)?;
        }
        let was_busy = self.operations.enter(timeout)?;
        // All of them before any received bytes are looked at: a request is reported as sent no later than its answer.
        while let Some(completion) = self.operations.next_completion()? {
            match completion {
                Completion::Received { lane, result, more } => {
                    self.take_received(lane, result, more, ready);
                }
                Completion::Sent { lane, result } => self.take_sent(lane, result, ready)?,
                Completion::Cancelled => {}
            }
        }
        Ok(was_busy)
    }

    fn take_received(
        &mut self,
        index: usize,
        result: io::Result<Option<Chunk>>,
        more: bool,
        ready: &mut Vec<usize>,
    ) {
        let arrival = match result {
            Ok(Some(chunk)) => {
                if !more {
                    self.to_receive.push(index);
                }
                Arrival::Bytes(chunk)
            }
            Ok(None) => Arrival::End,
            // All buffers are full of bytes that come next.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.to_receive.push(index);
                return;
            }
            Err(error) => Arrival::Error(error),
        };
        let lane = &mut self.lanes[index];
        lane.announce(index, ready);
        lane.inbox.push_back(arrival);
    }

    fn take_sent(
        &mut self,
        index: usize,
        result: io::Result<usize>,
        ready: &mut Vec<usize>,
    ) -> io::Result<()> {
        let lane = &mut self.lanes[index];
        match result {
            Ok(count) => {
                lane.flow.confirm_sent(count);
                if lane.flow.has_output() && !self.operations.is_sending(index) {
                    let flow = &mut lane.flow;
                    self.operations
                        .send(index, |bytes| flow.take_output(bytes))?;
                }
            }
            Err(error) => {
                lane.announce(index, ready);
                lane.send_error = Some(error);
            }
        }
        Ok(())
    }

    /// Checks what has come on a connection, and appends the right answers to `answers`.
    pub fn receive(
        &mut self,
        index: usize,
        checker: &mut Checker<'_>,
        answers: &mut Vec<Answered>,
    ) -> Result<(), Failure> {
        let lane = &mut self.lanes[index];
        while let Some(arrival) = lane.inbox.pop_front() {
            match arrival {
                Arrival::Bytes(chunk) => {
                    let bytes = self.operations.bytes(&chunk);
                    let taken = lane.flow.take_in(checker, bytes, answers);
                    self.operations.recycle(chunk);
                    taken?;
                }
                Arrival::End => return Err(lane.flow.closed(checker)),
                Arrival::Error(error) => {
                    return Err(Failure::io("an answer could not be read", &error));
                }
            }
        }
        if let Some(error) = lane.send_error.take() {
            return Err(Failure::io("a request could not be sent", &error));
        }
        if lane.flow.has_output() {
            // A ping is owed its pong.
            self.flush(index)?;
        }
        Ok(())
    }
}

impl Lane {
    /// Names the connection once, however much comes.
    fn announce(&self, index: usize, ready: &mut Vec<usize>) {
        if self.inbox.is_empty() && self.send_error.is_none() {
            ready.push(index);
        }
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure::io("io_uring failed", error)
}

/// Why there is no ring, and what would help.
pub fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => format!(
            "io_uring is forbidden here ({error}), by a container's seccomp filter or by kernel.io_uring_disabled"
        ),
        Some(libc::ENOSYS) => format!("this kernel has no io_uring ({error})"),
        Some(libc::EINVAL) => {
            format!("this kernel's io_uring is too old ({error}); Linux 6.1 or newer is needed")
        }
        Some(libc::ENOMEM) => format!(
            "the memory for a ring was refused ({error}); a larger limit of locked memory (ulimit -l) may help"
        ),
        _ => format!("a ring could not be made: {error}"),
    }
}

#[cfg(test)]
mod tests;
