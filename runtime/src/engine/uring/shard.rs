//! A `uring` shard between two enters of the kernel: what each completion leads to, and how connections begin and end. The
//! loop itself is in `engine.rs`.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slab::Slab;
use socket2::Socket;
use turbo_shard_protocol::Tick;
use turbo_shard_ring::Chunk;

use crate::engine::connection_life::ConnectionLife;
use crate::engine::plan::EngineError;
use crate::engine::uring::completion::Completion;
use crate::engine::uring::connection::{Connection, Turned};
use crate::engine::uring::listening::Listening;
use crate::engine::uring::operations::Operations;
use crate::engine::wakes::Wakes;
use crate::net::listener::Fresh;
use crate::service::{App, HostedLoop};
use crate::shard::accepting::admit;
use crate::shard::control::Order;
use crate::shard::hand_off::Intake;
use crate::shard::host::{Host, LocalHost, Stage};
use crate::shard::hosted_turn::{has_work, turn};
use crate::shard::mailbox::Control;

/// What the shard polls besides sockets, and what it wakes besides connections: numbers that no connection has.
pub(crate) const BELL: u32 = u32::MAX;
pub(crate) const HOSTED: u32 = u32::MAX - 1;
pub(crate) const MAILBOX: u32 = u32::MAX - 2;
pub(crate) const ARRIVALS: u32 = u32::MAX - 3;

/// A shard's things.
pub(crate) struct Shard<'a, A: App> {
    /// Before the connections: nothing is in flight when their sockets are closed.
    pub(crate) operations: Operations,
    connections: Connections<'a, A>,
    pub(crate) wakes: Wakes,
    pub(crate) listening: Listening,
    /// What other shards accept for this one, and which shards serve what this one accepts.
    pub(crate) intake: &'a Intake,
    /// The time of this turn of the loop.
    pub(crate) now: Tick,
    /// The hosted loop has something to run, or may have.
    pub(crate) is_loop_due: bool,
    /// Numbers that get a turn; kept for its memory.
    pub(crate) woken: Vec<u32>,
}

/// Those that are open, or that have open operations.
struct Connections<'a, A: App> {
    slots: Slab<Connection>,
    host: &'a LocalHost<A>,
}

impl<A: App> Drop for Connections<'_, A> {
    /// A shard that is cut, or dies, still counts its connections as closed.
    fn drop(&mut self) {
        for mut connection in self.slots.drain() {
            if let Some(life) = connection.abandon() {
                part(self.host, life, |_| {});
            }
        }
    }
}

impl<'a, A: App> Shard<'a, A> {
    pub(crate) fn new(
        host: &'a LocalHost<A>,
        operations: Operations,
        wakes: Wakes,
        listening: Listening,
        intake: &'a Intake,
    ) -> Shard<'a, A> {
        Shard {
            operations,
            connections: Connections {
                slots: Slab::new(),
                host,
            },
            wakes,
            listening,
            intake,
            now: host.bench.clock.now(),
            is_loop_due: false,
            woken: Vec::new(),
        }
    }

    pub(crate) fn host(&self) -> &'a LocalHost<A> {
        self.connections.host
    }

    /// A shard that has stopped accepting has nothing left to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.connections.slots.is_empty() && !self.listening.is_accepting()
    }

    /// Gives a connection its turn, if the number is a connection's that still serves.
    pub(crate) fn turn(&mut self, number: u32) -> io::Result<()> {
        let Some(slot) = self
            .connections
            .slots
            .get_mut(number as usize)
            .filter(|slot| slot.is_serving())
        else {
            return Ok(());
        };
        let host = self.connections.host;
        self.now = host.bench.latest(self.now);
        let (operations, now) = (&mut self.operations, self.now);
        // A panic ends this connection only (invariant I6).
        match catch_unwind(AssertUnwindSafe(|| slot.turn(host, operations, now))) {
            Ok(turned) => match turned? {
                Turned::Waits => Ok(()),
                Turned::Again => {
                    slot.wake();
                    Ok(())
                }
                Turned::Ends => self.end(number),
            },
            Err(_panic) => self.end_after_panic(number),
        }
    }

    /// One turn of the hosted loop, if it has something to run.
    pub(crate) fn turn_hosted(&mut self, hosted: &dyn HostedLoop) {
        // Its descriptor is asked only after the watch has told of it: that is a system call.
        let is_due = match self.is_loop_due {
            true => has_work(hosted),
            false => hosted.is_ready(),
        };
        if is_due {
            turn(hosted, &self.connections.host.bench);
        }
        self.is_loop_due = is_due && has_work(hosted);
    }

    pub(crate) fn obey(&mut self, control: Control) -> io::Result<()> {
        let host = self.connections.host;
        if control == Control::Pulse {
            host.bench.counters.pulse.is_heard();
            return Ok(());
        }
        let order = Order::new(control, host.stage());
        if order.stops_accepting {
            self.listening.stop(&mut self.operations)?;
            self.close_intake()?;
        }
        let accepted = match order.accepts_rest {
            true => self.accept_rest(),
            false => Ok(()),
        };
        if let Some(stage) = order.enters {
            host.enter(stage);
        }
        accepted
    }

    /// Accepts for as long as it goes well; after a failure again, once its pause is over.
    pub(crate) fn accept(&mut self) -> io::Result<()> {
        match self.connections.host.stage() {
            Stage::Serving => self.listening.accept(&mut self.operations),
            Stage::Draining | Stage::Cutting => Ok(()),
        }
    }

    fn accept_rest(&mut self) -> io::Result<()> {
        let mut waiting = self.listening.take_rest().into_iter();
        waiting.try_for_each(|fresh| self.serve_arrived(fresh))
    }

    pub(crate) fn complete(&mut self, completion: Completion) -> Result<(), EngineError> {
        match completion {
            Completion::Received {
                connection,
                result,
                more,
            } => self.received(connection, result, more).map_err(ring_failed),
            Completion::Sent {
                connection,
                id,
                result,
            } => {
                if let Ok(sent) = &result {
                    let counters = &self.connections.host.bench.counters;
                    counters.sent_bytes.add(*sent as u64);
                }
                let slot = &mut self.connections.slots[connection as usize];
                let (operations, now) = (&mut self.operations, self.now);
                match catch_unwind(AssertUnwindSafe(|| slot.sent(operations, now, id, result))) {
                    Ok(Ok(true)) => self.turn(connection),
                    Ok(Ok(false)) => {
                        self.forget_if_over(connection);
                        Ok(())
                    }
                    Ok(Err(_)) => self.end(connection),
                    Err(_panic) => self.end_after_panic(connection),
                }
                .map_err(ring_failed)
            }
            Completion::Cancelled { connection, found } => {
                // The listener's cancellation bears no connection's number.
                if let Some(slot) = self.connections.slots.get_mut(connection as usize) {
                    slot.cancelled(&mut self.operations, found)
                        .map_err(ring_failed)?;
                    self.forget_if_over(connection);
                }
                Ok(())
            }
            Completion::Accepted {
                listener,
                result,
                more,
            } => {
                self.listening.note(listener, more);
                self.accepted(listener, result).map_err(ring_failed)
            }
            Completion::Polled { tag, result, more } => {
                let fd = match (tag, self.connections.host.hosted()) {
                    (HOSTED, Some(hosted)) => {
                        self.is_loop_due = true;
                        hosted.fd()
                    }
                    _ => self.wakes.bell(),
                };
                result.map_err(EngineError::setup("a descriptor could not be watched"))?;
                if more {
                    Ok(())
                } else {
                    self.operations.poll(fd, tag).map_err(ring_failed)
                }
            }
        }
    }

    fn received(
        &mut self,
        number: u32,
        result: io::Result<Option<Chunk>>,
        more: bool,
    ) -> io::Result<()> {
        let slot = &mut self.connections.slots[number as usize];
        slot.note_receive(more);
        let host = self.connections.host;
        self.now = host.bench.latest(self.now);
        let (operations, now) = (&mut self.operations, self.now);
        let (result, chunk) = match result {
            Ok(chunk) => (Ok(()), chunk),
            Err(error) => (Err(error), None),
        };
        let bytes = result.map(|()| chunk.as_ref().map(|chunk| operations.bytes(chunk)));
        // The rest is usually the next completion: half a body must not become a stream for want of it.
        let is_cut = more && chunk.as_ref().is_some_and(|chunk| operations.is_cut(chunk));
        let received = catch_unwind(AssertUnwindSafe(|| slot.received(host, now, bytes)));
        if let Some(chunk) = chunk {
            operations.recycle(chunk);
        }
        if !slot.is_serving() {
            self.forget_if_over(number);
            return Ok(());
        }
        match received {
            Ok(true) if is_cut && slot.may_wait_for_more() => {
                slot.wake();
                Ok(())
            }
            Ok(true) => self.turn(number),
            Ok(false) => self.end(number),
            Err(_panic) => self.end_after_panic(number),
        }
    }

    fn accepted(&mut self, listener: u32, result: io::Result<Socket>) -> io::Result<()> {
        match result {
            Ok(socket) => {
                let Some(fresh) = self.listening.fresh(listener, socket) else {
                    return Ok(());
                };
                match self.connections.host.stage() {
                    Stage::Serving => self.place(fresh),
                    Stage::Draining => self.serve(fresh),
                    Stage::Cutting => Ok(()),
                }
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => Ok(()),
            Err(error) => {
                if self.connections.host.stage() == Stage::Serving {
                    let bench = &self.connections.host.bench;
                    self.listening.note_failure(listener, bench, &error);
                }
                Ok(())
            }
        }
    }

    /// Begins a connection's life on a blocking socket: the kernel waits for it, not we.
    pub(crate) fn serve(&mut self, Fresh { socket, info }: Fresh) -> io::Result<()> {
        let host = self.connections.host;
        let Some(admitted) = admit(host, info) else {
            return Ok(());
        };
        let life = ConnectionLife::new(host, admitted);
        let id = life.id();
        let vacant = self.connections.slots.vacant_entry();
        let number = u32::try_from(vacant.key()).expect("fewer than 2^32 descriptors");
        let connection = Connection::new(number, socket, life, self.wakes.target(number));
        host.with_table(|table| table.set_waker(id, connection.waker()));
        vacant.insert(connection);
        self.turn(number)
    }

    fn end_after_panic(&mut self, number: u32) -> io::Result<()> {
        log::error!("a connection ended in a panic; the shard goes on");
        // The driver's buffers may be in any state now: they are not given back.
        self.end_with(number, |_| {})
    }

    /// Ends a connection; its socket is closed once its operations have completed.
    fn end(&mut self, number: u32) -> io::Result<()> {
        let host = self.connections.host;
        self.end_with(number, |life| life.driver.rest(&host.bench))
    }

    fn end_with(&mut self, number: u32, last: impl FnOnce(&mut ConnectionLife)) -> io::Result<()> {
        let host = self.connections.host;
        let slot = &mut self.connections.slots[number as usize];
        let (life, cancelled) = slot.end(&mut self.operations);
        // First, because a shard whose ring has failed still counts its connections as closed.
        if let Some(life) = life {
            part(host, life, last);
        }
        cancelled?;
        self.forget_if_over(number);
        Ok(())
    }

    fn forget_if_over(&mut self, number: u32) {
        let slots = &mut self.connections.slots;
        if slots[number as usize].is_over() {
            slots.remove(number as usize);
            if slots.is_empty() {
                // 10,000 connections that came and went must not cost memory for ever.
                slots.shrink_to_fit();
            }
        }
    }
}

/// The connection leaves its host. The driver goes, and with it the app's request: a panic there ends the connection all
/// the same.
fn part<A: App>(
    host: &LocalHost<A>,
    mut life: ConnectionLife,
    last: impl FnOnce(&mut ConnectionLife),
) {
    life.leave(host);
    let parted = catch_unwind(AssertUnwindSafe(move || {
        last(&mut life);
        drop(life);
    }));
    if parted.is_err() {
        log::error!("the end of a connection was a panic; the shard goes on");
    }
}

pub(crate) fn ring_failed(error: io::Error) -> EngineError {
    EngineError::setup("the ring failed")(error)
}
