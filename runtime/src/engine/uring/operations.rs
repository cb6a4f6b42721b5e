//! Operations in flight and the memory they use. An operation owns its buffer from the moment it is pushed until its last
//! completion has come, whatever happens to the connection that asked for it. Knows neither drivers nor hosts.
//!
//! `unsafe` here: this is the one place that pushes operations, so it upholds what [`Ring::push`] asks for. The memory
//! they point to is a [`SendBuffer`]'s or lies in [`ProvidedBuffers`]; both outlive the operations, because `Drop`
//! waits for these, and leaks the memory if they do not end.

use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::time::{Duration, Instant};

use io_uring::types::{CancelBuilder, Fd};
use io_uring::{cqueue, opcode, squeue};
use slab::Slab;
use socket2::Socket;
use turbo_shard_ring::{Chunk, Features, GROUP, ProvidedBuffers, Ring, UringFeature};

use crate::engine::uring::completion::{Completion, SendId};
use crate::engine::uring::plan;
use crate::engine::uring::spare_buffers::SpareBuffers;

/// Bytes that one send carries where they are copied; more takes several sends.
pub(crate) const SEND_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of one operation: its length has 32 bits.
const ONE_SEND_BYTES_MAX: usize = 1 << 30;
/// Bytes to send that wait for the end of the turn. More are handed over earlier, while the cache still has them.
const QUEUED_BYTES_MAX: usize = 128 * 1024;
/// How long the end of a ring waits for what it has cancelled. Receives and sends end at once.
const QUIET_WITHIN: Duration = Duration::from_secs(2);

/// The number of a cancellation that belongs to no connection.
const NOBODY: u32 = u32::MAX;

/// Which operation a completion belongs to: the upper half of what the kernel hands back. The lower half is the number.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    Accept = 1,
    Receive,
    Send,
    Poll,
    Cancel,
}

/// Bytes on their way out.
struct SendBuffer {
    connection: u32,
    bytes: Vec<u8>,
    sent: usize,
    fd: RawFd,
}

/// The operations of one shard.
pub(crate) struct Operations {
    /// Neither is dropped before the kernel has let go of them; see `Drop`.
    memory: ManuallyDrop<Memory>,
    ring: Ring,
    /// Receives that are pushed after all others of the turn.
    last: VecDeque<(RawFd, u32)>,
    completions: Vec<cqueue::Entry>,
    next: usize,
    /// Operations whose last completion has not been taken.
    in_flight: usize,
    /// Bytes of sends that were not handed over yet, about.
    queued_bytes: usize,
    has_multishot_receive: bool,
}

struct Memory {
    received: ProvidedBuffers,
    sends: Slab<SendBuffer>,
    spare: SpareBuffers,
}

impl Operations {
    pub(crate) fn new(features: Features) -> io::Result<Operations> {
        let ring = Ring::new(features, plan::RING)?;
        let buffers = plan::buffers(features.has(UringFeature::IncrementalBuffers));
        // SAFETY: `Drop` keeps the buffers until nothing is in flight, or for ever.
        let received = unsafe { ProvidedBuffers::new(&ring, buffers)? };
        Ok(Operations {
            memory: ManuallyDrop::new(Memory {
                received,
                sends: Slab::new(),
                spare: SpareBuffers::default(),
            }),
            ring,
            last: VecDeque::new(),
            completions: Vec::new(),
            next: 0,
            in_flight: 0,
            queued_bytes: 0,
            has_multishot_receive: features.has(UringFeature::MultishotReceive),
        })
    }

    /// Accepts connections until it is cancelled or fails. `listener` is blocking: the kernel waits, not we.
    pub(crate) fn accept(&mut self, listener: RawFd, number: u32) -> io::Result<()> {
        let accept = opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC);
        self.push(accept.build(), Kind::Accept, number)
    }

    pub(crate) fn cancel_accept(&mut self, number: u32) -> io::Result<()> {
        self.cancel_named(user_data(Kind::Accept, number), NOBODY)
    }

    /// Receives what the connection's peer sends, once or for as long as there are buffers.
    pub(crate) fn receive(&mut self, socket: RawFd, connection: u32) -> io::Result<()> {
        let entry = match self.has_multishot_receive {
            true => opcode::RecvMulti::new(Fd(socket), GROUP).build(),
            false => opcode::Recv::new(Fd(socket), std::ptr::null_mut(), 0)
                .buf_group(GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT),
        };
        self.push(entry, Kind::Receive, connection)
    }

    /// The same, behind the receives that other connections ask for in this turn: the first receives find buffers.
    pub(crate) fn receive_last(&mut self, socket: RawFd, connection: u32) {
        self.last.push_back((socket, connection));
    }

    pub(crate) fn cancel_receive(&mut self, connection: u32) -> io::Result<()> {
        // It may be among them, and the kernel can only cancel what it has.
        self.push_last()?;
        self.cancel_named(user_data(Kind::Receive, connection), connection)
    }

    /// Sends as much of `bytes` as one send takes. Returns how much that is.
    pub(crate) fn send(
        &mut self,
        socket: RawFd,
        connection: u32,
        bytes: &[u8],
    ) -> io::Result<(SendId, usize)> {
        let len = bytes.len().min(SEND_BYTES_MAX);
        let mut buffer = self.memory.spare.take();
        buffer.extend_from_slice(&bytes[..len]);
        Ok((self.send_buffer(socket, connection, buffer, 0)?, len))
    }

    /// Sends what `swap` puts in the place of an empty buffer, from the position that it returns.
    pub(crate) fn swap_and_send(
        &mut self,
        socket: RawFd,
        connection: u32,
        swap: impl FnOnce(&mut Vec<u8>) -> Option<usize>,
    ) -> io::Result<Option<SendId>> {
        let mut buffer = self.memory.spare.take();
        match swap(&mut buffer) {
            Some(start) => self
                .send_buffer(socket, connection, buffer, start)
                .map(Some),
            None => {
                self.memory.spare.give(buffer);
                Ok(None)
            }
        }
    }

    /// The socket took a part; sends the rest.
    pub(crate) fn continue_send(&mut self, id: SendId, sent: usize) -> io::Result<()> {
        self.memory.sends[id.0 as usize].sent += sent;
        self.push_send(id)
    }

    /// A send has completed and is not continued.
    pub(crate) fn end_send(&mut self, id: SendId) {
        let buffer = self.memory.sends.remove(id.0 as usize).bytes;
        self.memory.spare.give(buffer);
    }

    /// How much of a send the socket has not taken yet.
    pub(crate) fn unsent(&self, id: SendId) -> usize {
        let send = &self.memory.sends[id.0 as usize];
        send.bytes.len() - send.sent
    }

    pub(crate) fn cancel_send(&mut self, id: SendId, connection: u32) -> io::Result<()> {
        self.cancel_named(user_data(Kind::Send, id.0), connection)
    }

    /// Reports each time `fd` becomes readable.
    pub(crate) fn poll(&mut self, fd: RawFd, tag: u32) -> io::Result<()> {
        let poll = opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32).multi(true);
        self.push(poll.build(), Kind::Poll, tag)
    }

    /// Hands over what was asked for, and looks for completions. With `waits`, waits for one up to `timeout`.
    pub(crate) fn enter(&mut self, waits: bool, timeout: Option<Duration>) -> io::Result<()> {
        self.push_last()?;
        let timeout = if waits { timeout } else { None };
        self.ring.submit_and_wait(u32::from(waits), timeout)?;
        debug_assert_eq!(self.next, self.completions.len(), "all were taken before");
        self.completions.clear();
        (self.next, self.queued_bytes) = (0, 0);
        self.ring.take_completions(&mut self.completions);
        Ok(())
    }

    pub(crate) fn next_completion(&mut self) -> Option<Completion> {
        let entry = self.completions.get(self.next)?.clone();
        self.next += 1;
        Some(self.decode(&entry))
    }

    /// Operations wait to be handed over.
    pub(crate) fn has_submissions(&mut self) -> bool {
        self.ring.has_submissions() || !self.last.is_empty()
    }

    /// The kernel has completed something that has not been looked at yet.
    pub(crate) fn has_news(&mut self) -> bool {
        self.next < self.completions.len() || self.ring.has_completions()
    }

    pub(crate) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.memory.received.bytes(chunk)
    }

    pub(crate) fn is_cut(&self, chunk: &Chunk) -> bool {
        self.memory.received.is_cut(chunk)
    }

    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.memory.received.recycle(chunk);
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn send_buffer(
        &mut self,
        fd: RawFd,
        connection: u32,
        bytes: Vec<u8>,
        sent: usize,
    ) -> io::Result<SendId> {
        let send = SendBuffer {
            connection,
            bytes,
            sent,
            fd,
        };
        let number = u32::try_from(self.memory.sends.insert(send));
        let id = SendId(number.expect("fewer than 2^32 connections"));
        self.push_send(id)?;
        Ok(id)
    }

    fn push_send(&mut self, id: SendId) -> io::Result<()> {
        let send = &self.memory.sends[id.0 as usize];
        let unsent = &send.bytes[send.sent..];
        let len = unsent.len().min(ONE_SEND_BYTES_MAX);
        let entry =
            opcode::Send::new(Fd(send.fd), unsent.as_ptr(), len as u32).flags(libc::MSG_NOSIGNAL);
        self.push(entry.build(), Kind::Send, id.0)?;
        self.queued_bytes += len;
        if self.queued_bytes >= QUEUED_BYTES_MAX {
            self.queued_bytes = 0;
            self.ring.submit()?;
        }
        Ok(())
    }

    fn push_last(&mut self) -> io::Result<()> {
        while let Some((socket, connection)) = self.last.pop_front() {
            self.receive(socket, connection)?;
        }
        Ok(())
    }

    fn cancel_named(&mut self, name: u64, connection: u32) -> io::Result<()> {
        self.push(
            opcode::AsyncCancel::new(name).build(),
            Kind::Cancel,
            connection,
        )
    }

    fn push(&mut self, entry: squeue::Entry, kind: Kind, number: u32) -> io::Result<()> {
        let entry = entry.user_data(user_data(kind, number));
        // SAFETY: the only operations with a pointer are sends, and theirs leads into the memory of a `SendBuffer`, which
        // is neither changed nor dropped before `end_send`, which comes after the send's one completion.
        unsafe { self.ring.push(&entry)? };
        self.in_flight += 1;
        Ok(())
    }

    fn decode(&mut self, entry: &cqueue::Entry) -> Completion {
        let (number, result) = (entry.user_data() as u32, entry.result());
        let more = cqueue::more(entry.flags());
        if !more {
            self.in_flight -= 1;
        }
        let outcome = match result {
            0.. => Ok(result),
            error => Err(io::Error::from_raw_os_error(-error)),
        };
        match (entry.user_data() >> 32) as u32 {
            kind if kind == Kind::Receive as u32 => {
                let mut chunk = self.memory.received.chunk(result, entry.flags());
                if result <= 0
                    && let Some(unused) = chunk.take()
                {
                    self.memory.received.recycle_unused(unused);
                }
                let result = outcome.map(|_| chunk);
                Completion::Received {
                    connection: number,
                    result,
                    more,
                }
            }
            kind if kind == Kind::Send as u32 => {
                let connection = self.memory.sends[number as usize].connection;
                let result = outcome.map(|sent| sent as usize);
                Completion::Sent {
                    connection,
                    id: SendId(number),
                    result,
                }
            }
            kind if kind == Kind::Accept as u32 => {
                // SAFETY: the kernel has just made this descriptor for us; nothing else has it.
                let result = outcome.map(|fd| unsafe { Socket::from_raw_fd(fd) });
                Completion::Accepted {
                    listener: number,
                    result,
                    more,
                }
            }
            kind if kind == Kind::Poll as u32 => Completion::Polled {
                tag: number,
                result: outcome.map(drop),
                more,
            },
            _ => Completion::Cancelled {
                connection: number,
                found: outcome.is_ok(),
            },
        }
    }

    /// Cancels everything and waits for the end of it. Returns whether the kernel has let go of our memory.
    fn quieten(&mut self) -> bool {
        let started = Instant::now();
        self.last.clear();
        let everything = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        if self.in_flight > 0 && self.push(everything, Kind::Cancel, NOBODY).is_err() {
            return false;
        }
        loop {
            while self.next_completion().is_some() {}
            if self.in_flight == 0 {
                return true;
            }
            let Some(left) = QUIET_WITHIN.checked_sub(started.elapsed()) else {
                return false;
            };
            if self.enter(true, Some(left)).is_err() {
                return false;
            }
        }
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        if self.quieten() {
            // SAFETY: dropped once, here, and not used afterwards; neither does the kernel use it any more.
            unsafe { ManuallyDrop::drop(&mut self.memory) }
        } else {
            log::error!(
                "{} operations of a ring did not end; their memory is given up",
                self.in_flight
            );
        }
    }
}

fn user_data(kind: Kind, number: u32) -> u64 {
    u64::from(kind as u32) << 32 | u64::from(number)
}

#[cfg(test)]
#[path = "operations_tests.rs"]
mod tests;
