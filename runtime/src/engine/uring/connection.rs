//! One connection of a `uring` shard: what it has asked the kernel for, and what it does with what comes back. Knows nothing
//! of HTTP beyond what its driver says.
//!
//! ```text
//!  received bytes ─► driver ─► output ─► copied into a send ─► the socket
//!
//!  Serving ──(its end)──► Ending: driver dropped, operations cancelled ──(the last has completed)──► gone, socket closed
//! ```
//!
//! The number of a connection stays its own until the last of its operations has completed, so that no completion can be
//! taken for another connection's.

mod patience;

use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::Waker;

use socket2::Socket;
use turbo_shard_protocol::{Closing, Tick};

use crate::engine::connection_life::{ConnectionLife, Ending, Verdict};
use crate::engine::uring::completion::SendId;
use crate::engine::uring::operations::Operations;
use crate::engine::wakes::WakeTarget;
use crate::net::sockets::end_conversation;
use crate::shard::advance::Advance;
use crate::shard::host::Host;

/// Output of up to this size is copied into its send: cheaper than exchanging buffers that are in the cache.
///
/// What was copied or exchanged counts as sent for the driver at once: a connection that is otherwise idle then gives
/// its buffers back while they are warm. The engine sees to it that the peer takes the bytes in time.
const COPIED_BYTES_MAX: usize = 8 * 1024;

/// Up to this many received bytes may wait for more, where a buffer's end has cut what came. Worst case per connection:
/// twice this beyond the input that makes its peer wait.
const UNTURNED_BYTES_MAX: usize = 32 * 1024;

/// What a connection needs after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// It waits for its operations, a wake or its deadline.
    Waits,
    /// Another turn, once the others had theirs.
    Again,
    /// Its end.
    Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    /// Nothing is asked for.
    No,
    Yes,
    /// It was asked to end; what comes until then is taken all the same.
    Cancelled,
}

struct Sending {
    id: SendId,
    /// The driver counts these bytes as sent already.
    is_told: bool,
    /// The driver may have held something back for want of room: its turn comes when the bytes are out, not before.
    is_awaited: bool,
    /// There was as much output as the driver may have.
    was_full: bool,
    /// When the socket last took something.
    since: Tick,
}

/// A connection that is served.
pub(crate) struct Connection {
    number: u32,
    socket: Socket,
    /// None once it has ended, and waits for its operations only.
    life: Option<ConnectionLife>,
    target: Arc<WakeTarget>,
    waker: Waker,
    receiving: Receiving,
    /// When bytes last came.
    received_at: Option<Tick>,
    /// How many bytes have come since the last turn.
    fresh_bytes: usize,
    sending: Option<Sending>,
    /// Operations whose last completion is due.
    in_flight: u32,
}

impl Connection {
    pub(crate) fn new(
        number: u32,
        socket: Socket,
        life: ConnectionLife,
        target: Arc<WakeTarget>,
    ) -> Connection {
        let waker = target.waker();
        Connection {
            number,
            socket,
            life: Some(life),
            target,
            waker,
            receiving: Receiving::No,
            received_at: None,
            fresh_bytes: 0,
            sending: None,
            in_flight: 0,
        }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// The connection and its operations have ended: the socket may be closed.
    pub(crate) fn is_over(&self) -> bool {
        self.life.is_none() && self.in_flight == 0
    }

    pub(crate) fn is_serving(&self) -> bool {
        self.life.is_some()
    }

    /// Little enough has come since its last turn. A peer that sends without a pause needs turns that make it wait.
    pub(crate) fn may_wait_for_more(&self) -> bool {
        self.fresh_bytes <= UNTURNED_BYTES_MAX
    }

    /// Asks for another turn.
    pub(crate) fn wake(&self) {
        self.target.wake_by_ref();
    }

    /// A receive has completed; with `more` it goes on.
    pub(crate) fn note_receive(&mut self, more: bool) {
        if !more {
            self.receiving = Receiving::No;
            self.in_flight -= 1;
        }
    }

    /// Takes in what the peer has sent; None is its end. Returns false if the connection must end.
    pub(crate) fn received<H: Host>(
        &mut self,
        host: &H,
        now: Tick,
        result: io::Result<Option<&[u8]>>,
    ) -> bool {
        let Some(life) = &mut self.life else {
            return true;
        };
        match result {
            Ok(Some(bytes)) => {
                life.driver.receive(host.bench(), now, bytes);
                self.fresh_bytes += bytes.len();
                self.received_at = Some(now);
                true
            }
            Ok(None) => {
                life.driver.receive_eof(host.bench(), now);
                true
            }
            // The turn asks again if it still wants to: the buffers of this turn have been given back by then.
            Err(error) => matches!(
                error.raw_os_error(),
                Some(libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN)
            ),
        }
    }

    /// A send has completed. Returns whether the connection needs a turn, or an error if it must end.
    pub(crate) fn sent(
        &mut self,
        operations: &mut Operations,
        now: Tick,
        id: SendId,
        result: io::Result<usize>,
    ) -> io::Result<bool> {
        self.in_flight -= 1;
        let sending = self.sending.take();
        let (Some(life), Some(mut sending)) = (&mut self.life, sending) else {
            operations.end_send(id);
            return Ok(false);
        };
        let sent = match result {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            // Nothing has left, and another attempt may succeed.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {
                operations.continue_send(id, 0)?;
                self.sending = Some(sending);
                self.in_flight += 1;
                return Ok(false);
            }
            result => result,
        };
        let sent = sent.inspect_err(|_| operations.end_send(id))?;
        if !sending.is_told {
            operations.end_send(id);
            let unsent = life.driver.output().len();
            life.driver.consume_output(now, sent.min(unsent));
            return Ok(true);
        }
        // Until now the peer was neither idle nor unwilling to take what comes next.
        life.driver.output_leaves_late(now);
        if sent < operations.unsent(id) {
            operations.continue_send(id, sent)?;
            sending.since = now;
            self.sending = Some(sending);
            self.in_flight += 1;
            return Ok(false);
        }
        operations.end_send(id);
        // The usual case: the answer is out, and there is nothing more to do until the peer sends again.
        let has_more = !life.driver.output().is_empty() || life.driver.closing() != Closing::Open;
        Ok(sending.is_awaited || has_more)
    }

    /// A cancellation has been carried out, unless it has not `found` its operation.
    pub(crate) fn cancelled(&mut self, operations: &mut Operations, found: bool) -> io::Result<()> {
        self.in_flight -= 1;
        if found || self.receiving != Receiving::Cancelled {
            return Ok(());
        }
        // Between two rounds, no cancellation finds a receive that brings bytes without a pause.
        self.receiving = Receiving::Yes;
        if self.life.is_none() {
            self.cancel_receive(operations)?;
        }
        Ok(())
    }

    /// Lets the driver answer what has come, and asks the kernel for what is needed next.
    pub(crate) fn turn<H: Host>(
        &mut self,
        host: &H,
        operations: &mut Operations,
        now: Tick,
    ) -> io::Result<Turned> {
        self.target.begins_turn();
        let Some(life) = &mut self.life else {
            return Ok(Turned::Waits);
        };
        if self.sending.as_ref().is_some_and(|sending| sending.is_told) {
            // Only the engine knows how long the peer has taken nothing.
            life.driver.output_leaves_late(now);
        }
        if !life.goes_on(host, now) {
            return Ok(Turned::Ends);
        }
        let advance = life.driver.advance(host.bench(), now, &self.waker);
        let now = host.bench().latest(now);
        self.send(host.bench().limits.output_bytes_high, operations, now)?;
        let Some(life) = &mut self.life else {
            return Ok(Turned::Waits);
        };
        let is_sent = self.sending.is_none() && life.driver.output().is_empty();
        match life.ending(is_sent) {
            Ending::NotYet => {}
            Ending::ShutWrite => drop(self.socket.shutdown(Shutdown::Write)),
            // What counted as sent must really be sent: the end waits for it.
            Ending::Now if self.sending.as_ref().is_some_and(|sending| sending.is_told) => {}
            Ending::Now => return Ok(Turned::Ends),
        }
        let mut turned = match advance {
            Advance::MoreToDo => Turned::Again,
            Advance::Settled => Turned::Waits,
        };
        let has_drain_to_hear = life.has_drain_to_hear(host);
        // A connection that has more to do has enough input for its next turn. So has one that stopped between two
        // requests for want of room, which it has by now. A body is read even if its peer does not read.
        let was_full = |sending: &Sending| sending.is_told && sending.was_full;
        let has_enough = advance == Advance::MoreToDo
            || life.driver.awaits_request() && self.sending.as_ref().is_some_and(was_full);
        let wants_read = !has_enough && life.driver.wants_read();
        if wants_read {
            if self.receiving == Receiving::No {
                self.receive(operations, now)?;
            }
            if turned == Turned::Waits && has_drain_to_hear {
                turned = self.hear_of_drain(operations, now);
            }
        } else if self.fresh_bytes > 0 && self.receiving == Receiving::Yes {
            // The driver has enough and more came: from here on it stays with the peer. A receive that no bytes reach
            // needs no cancelling.
            self.cancel_receive(operations)?;
        }
        self.fresh_bytes = 0;
        let is_settled = advance == Advance::Settled;
        let engine_deadline = self.told_send_deadline(host.bench().limits.write_timeout_ms);
        match self.judge(
            host,
            operations,
            now,
            engine_deadline,
            is_settled,
            wants_read,
        ) {
            Verdict::InTime => {}
            Verdict::HearFirst | Verdict::Met => return Ok(Turned::Again),
            Verdict::End => return Ok(Turned::Ends),
        }
        if let Some(life) = &mut self.life {
            life.driver.rest(host.bench());
            life.arm(host, now, engine_deadline);
        }
        Ok(turned)
    }

    /// Ends the connection: its operations are cancelled, and own their memory until they have completed. Its life, if it has
    /// not ended before, is the caller's to part with, whatever the ring says.
    pub(crate) fn end(
        &mut self,
        operations: &mut Operations,
    ) -> (Option<ConnectionLife>, io::Result<()>) {
        let life = self.life.take();
        let cancelled = match life {
            Some(_) => self.cancel_all(operations),
            None => Ok(()),
        };
        (life, cancelled)
    }

    fn cancel_all(&mut self, operations: &mut Operations) -> io::Result<()> {
        if self.receiving == Receiving::Yes {
            self.cancel_receive(operations)?;
        }
        if let Some(sending) = &self.sending {
            operations.cancel_send(sending.id, self.number)?;
            self.in_flight += 1;
        }
        Ok(())
    }

    /// Gives up the connection together with its ring, whose operations have ended.
    pub(crate) fn abandon(&mut self) -> Option<ConnectionLife> {
        self.life.take()
    }

    /// Asks for what the peer sends. A connection that got some in this turn lets those that got none go first:
    /// otherwise a peer that sends faster than it is answered would take all the buffers, turn after turn.
    fn receive(&mut self, operations: &mut Operations, now: Tick) -> io::Result<()> {
        let socket = self.socket.as_raw_fd();
        if self.received_at == Some(now) {
            operations.receive_last(socket, self.number);
        } else {
            operations.receive(socket, self.number)?;
        }
        self.receiving = Receiving::Yes;
        self.in_flight += 1;
        Ok(())
    }

    fn cancel_receive(&mut self, operations: &mut Operations) -> io::Result<()> {
        operations.cancel_receive(self.number)?;
        self.receiving = Receiving::Cancelled;
        self.in_flight += 1;
        Ok(())
    }

    /// Sends the output, one piece at a time.
    fn send(
        &mut self,
        output_bytes_high: usize,
        operations: &mut Operations,
        now: Tick,
    ) -> io::Result<()> {
        let Some(life) = &mut self.life else {
            return Ok(());
        };
        let output_len = life.driver.output().len();
        if self.sending.is_some() || output_len == 0 {
            return Ok(());
        }
        let (socket, driver) = (self.socket.as_raw_fd(), &mut life.driver);
        // A connection that is about to end must know when its last bytes have left.
        let goes_on = driver.closing() == Closing::Open;
        let swapped = (goes_on && output_len > COPIED_BYTES_MAX)
            .then(|| {
                operations.swap_and_send(socket, self.number, |buffer| {
                    driver.swap_output(now, buffer)
                })
            })
            .transpose()?
            .flatten();
        let (id, copied) = match swapped {
            Some(id) => (id, None),
            None => {
                let (id, len) = operations.send(socket, self.number, driver.output())?;
                (id, Some(len))
            }
        };
        let is_told =
            copied.is_none_or(|len| goes_on && len == output_len && len <= COPIED_BYTES_MAX);
        // In flight before the driver, which may panic, hears of it.
        self.in_flight += 1;
        self.sending = Some(Sending {
            id,
            is_told,
            is_awaited: output_len > COPIED_BYTES_MAX || output_len >= output_bytes_high,
            was_full: output_len >= output_bytes_high,
            since: now,
        });
        if let Some(len) = copied {
            // What does not count as sent starts the driver's clock: from here on we wait for the peer.
            driver.consume_output(now, if is_told { len } else { 0 });
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        end_conversation(self.socket.as_raw_fd());
    }
}
