//! A ring with the sockets it works on, and the memory that its operations point to, which outlives them. Knows receives
//! and sends, and nothing of what is in them.
//!
//! `unsafe` here: an operation's memory belongs to the kernel until its last completion. Receives use
//! [`ProvidedBuffers`]. A send uses the bytes of its connection's `Outgoing`, which are neither changed nor dropped while
//! it `is_busy`. Whatever ends the run, nothing is freed before the kernel has let go of it (see `Drop`).

use std::io;
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use io_uring::types::{CancelBuilder, Fixed};
use io_uring::{cqueue, opcode, squeue};
use turbo_shard_ring::{
    BufferPlan, Chunk, Features, GROUP, ProvidedBuffers, Ring, RingPlan, UringFeature,
};

/// Requests that a ring hands over together. Each waits for the rest of its lot; the larger the lot, the less each pays
/// for the system call.
pub(crate) const LOT_MAX: usize = 16;
/// Completions that the kernel writes before it must put some aside: a receive and a send of each connection fit twice.
const COMPLETIONS_PER_CONNECTION: usize = 4;
const COMPLETIONS_MIN: usize = 1024;
/// Room for what one receive brings. A line more than four pages: otherwise the first lines of all buffers, which are
/// all that small answers touch, would share a few places in the cache.
const BUFFER_BYTES: usize = 4 * 4096 + 64;
/// One for each connection, so that answers that come all at once need no second receive (`ENOBUFS`), within these
/// bounds: 1 MiB to 64 MiB of addresses; answers touch what they need.
const BUFFERS_MIN: usize = 64;
const BUFFERS_MAX: usize = 4096;
const _: () = assert!(BUFFERS_MAX.is_power_of_two() && BUFFERS_MAX <= 1 << 15);
/// How long we wait for the end of what was cancelled.
const QUIET_WITHIN: Duration = Duration::from_secs(1);
/// A number that no connection has.
const NOBODY: u32 = u32::MAX;

/// What has happened on a connection.
#[derive(Debug)]
pub(crate) enum Completion {
    /// Bytes; none at the end of the connection.
    Received {
        lane: usize,
        result: io::Result<Option<Chunk>>,
        /// The receive goes on.
        more: bool,
    },
    /// The socket has taken some of the bytes to send.
    Sent {
        lane: usize,
        result: io::Result<usize>,
    },
    /// Nothing that matters.
    Cancelled,
}

#[derive(Clone, Copy)]
#[repr(u32)]
enum Kind {
    Receive,
    Send,
    Cancel,
}

/// One thread's ring.
pub(crate) struct Operations {
    ring: Ring,
    memory: ManuallyDrop<Memory>,
    completions: Vec<cqueue::Entry>,
    next: usize,
    /// Pushed and not handed over.
    lot: usize,
    /// Operations whose last completion has not come.
    in_flight: usize,
}

struct Memory {
    received: ProvidedBuffers,
    sockets: Vec<Socket>,
}

struct Socket {
    stream: TcpStream,
    outgoing: Outgoing,
}

/// What a connection is sending.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// How much of it the socket has taken.
    sent: usize,
    is_busy: bool,
}

impl Operations {
    /// A ring that does nothing before [`Operations::begin`].
    pub(crate) fn new(connections: usize) -> io::Result<Operations> {
        let completions = (connections * COMPLETIONS_PER_CONNECTION).max(COMPLETIONS_MIN);
        let plan = RingPlan {
            submissions: 2 * LOT_MAX as u32,
            completions: completions as u32,
            starts_disabled: true,
        };
        // One thread asks, and work is done only when it asks: so nothing interrupts it. Linux 6.1, which also has
        // receives that go on.
        let features = Features::default()
            .with(UringFeature::SingleIssuer)
            .with(UringFeature::DeferTaskrun);
        let ring = Ring::new(features, plan)?;
        let buffers = connections
            .next_power_of_two()
            .clamp(BUFFERS_MIN, BUFFERS_MAX);
        let buffers = BufferPlan {
            buffers: buffers as u16,
            buffer_bytes: BUFFER_BYTES,
            are_shared: false,
        };
        // SAFETY: `drop` gives them up only when no receive is left.
        let received = unsafe { ProvidedBuffers::new(&ring, buffers)? };
        let memory = Memory {
            received,
            sockets: Vec::with_capacity(connections),
        };
        Ok(Operations {
            ring,
            memory: ManuallyDrop::new(memory),
            completions: Vec::new(),
            next: 0,
            lot: 0,
            in_flight: 0,
        })
    }

    /// Takes in a connection, whose number is one more than that of the one before. It must block if read or written
    /// directly, or receives would not wait.
    pub(crate) fn add(&mut self, stream: TcpStream) {
        self.memory.sockets.push(Socket {
            stream,
            outgoing: Outgoing::default(),
        });
    }

    /// Gives the ring to this thread, which alone may use it from now on. All connections have been added.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        let sockets = &self.memory.sockets;
        let files: Vec<RawFd> = sockets
            .iter()
            .map(|socket| socket.stream.as_raw_fd())
            .collect();
        self.ring.enable()?;
        // Looked up once, and not for each operation.
        self.ring.register_files(&files)
    }

    /// Receives all that comes on a connection, until a completion says that it does not go on.
    pub(crate) fn receive(&mut self, lane: usize) -> io::Result<()> {
        let entry = opcode::RecvMulti::new(Fixed(lane as u32), GROUP).build();
        self.push(entry, Kind::Receive, lane as u32)
    }

    /// Whether the socket has not yet taken all of the last send.
    pub(crate) fn is_sending(&self, lane: usize) -> bool {
        self.memory.sockets[lane].outgoing.is_busy
    }

    /// Sends what `fill` puts into the connection's buffer, which is empty, if it returns that it did.
    pub(crate) fn send(
        &mut self,
        lane: usize,
        fill: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> io::Result<()> {
        let outgoing = &mut self.memory.sockets[lane].outgoing;
        assert!(!outgoing.is_busy, "the kernel may be reading these bytes");
        outgoing.bytes.clear();
        outgoing.sent = 0;
        if fill(&mut outgoing.bytes) {
            self.push_send(lane)?;
        }
        Ok(())
    }

    /// Hands over what was pushed, without looking at what has completed.
    pub(crate) fn hand_over(&mut self) -> io::Result<()> {
        if self.lot == 0 {
            return Ok(());
        }
        self.lot = 0;
        self.ring.submit()
    }

    /// Hands over what was pushed and waits until something is completed, no longer than `timeout`, and not at all if
    /// that is zero. Returns whether there was anything to do.
    pub(crate) fn enter(&mut self, timeout: Duration) -> io::Result<bool> {
        self.lot = 0;
        let has_pushed = self.ring.has_submissions();
        let wait = (!timeout.is_zero()).then_some(timeout);
        self.ring.submit_and_wait(u32::from(wait.is_some()), wait)?;
        debug_assert_eq!(self.next, self.completions.len(), "all were taken before");
        self.completions.clear();
        self.next = 0;
        self.ring.take_completions(&mut self.completions);
        Ok(has_pushed || !self.completions.is_empty())
    }

    pub(crate) fn next_completion(&mut self) -> io::Result<Option<Completion>> {
        let Some(entry) = self.completions.get(self.next).cloned() else {
            return Ok(None);
        };
        self.next += 1;
        self.decode(&entry).map(Some)
    }

    pub(crate) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.memory.received.bytes(chunk)
    }

    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.memory.received.recycle(chunk);
    }

    fn push_send(&mut self, lane: usize) -> io::Result<()> {
        let outgoing = &mut self.memory.sockets[lane].outgoing;
        outgoing.is_busy = true;
        let unsent = &outgoing.bytes[outgoing.sent..];
        let len = u32::try_from(unsent.len()).unwrap_or(u32::MAX);
        // We do not wait for room in the socket: the part that was sent is reported at once.
        let entry = opcode::Send::new(Fixed(lane as u32), unsent.as_ptr(), len)
            .flags(libc::MSG_NOSIGNAL)
            .build();
        self.push(entry, Kind::Send, lane as u32)
    }

    fn push(&mut self, entry: squeue::Entry, kind: Kind, number: u32) -> io::Result<()> {
        let entry = entry.user_data(u64::from(kind as u32) << 32 | u64::from(number));
        // SAFETY: the only operations with a pointer are sends, and theirs leads into the bytes of an `Outgoing` that is
        // busy from here to the send's one completion.
        unsafe { self.ring.push(&entry)? };
        self.in_flight += 1;
        self.lot += 1;
        if self.lot >= LOT_MAX {
            self.hand_over()?;
        }
        Ok(())
    }

    fn decode(&mut self, entry: &cqueue::Entry) -> io::Result<Completion> {
        let more = cqueue::more(entry.flags());
        if !more {
            self.in_flight -= 1;
        }
        let lane = entry.user_data() as u32 as usize;
        let outcome = match entry.result() {
            error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
            count => Ok(count as usize),
        };
        Ok(match (entry.user_data() >> 32) as u32 {
            kind if kind == Kind::Receive as u32 => {
                let mut chunk = self.memory.received.chunk(entry.result(), entry.flags());
                if !matches!(outcome, Ok(1..))
                    && let Some(unused) = chunk.take()
                {
                    self.recycle(unused);
                }
                let result = outcome.map(|_| chunk);
                Completion::Received { lane, result, more }
            }
            kind if kind == Kind::Send as u32 => {
                let outgoing = &mut self.memory.sockets[lane].outgoing;
                outgoing.is_busy = false;
                if let Ok(count) = outcome {
                    outgoing.sent += count;
                    if outgoing.sent < outgoing.bytes.len() {
                        self.push_send(lane)?;
                    }
                }
                Completion::Sent {
                    lane,
                    result: outcome,
                }
            }
            _ => Completion::Cancelled,
        })
    }

    /// Cancels everything and waits for the end of it. Returns whether the kernel has let go of our memory.
    fn quieten(&mut self) -> bool {
        let started = Instant::now();
        let mut is_cancelled = false;
        loop {
            while let Some(entry) = self.completions.get(self.next) {
                self.next += 1;
                self.in_flight -= usize::from(!cqueue::more(entry.flags()));
            }
            if self.in_flight == 0 {
                return true;
            }
            if !is_cancelled {
                let everything = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
                if self.push(everything, Kind::Cancel, NOBODY).is_err() {
                    return false;
                }
                is_cancelled = true;
            }
            let Some(left) = QUIET_WITHIN.checked_sub(started.elapsed()) else {
                return false;
            };
            if self.enter(left).is_err() {
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
        }
        // Otherwise the memory is given up: the kernel may still write to it, and the process is about to end.
    }
}

#[cfg(test)]
mod tests;
