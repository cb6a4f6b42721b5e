//! The connection driver, whatever the connection speaks: HTTP, or WebSocket after an upgrade. Sans-IO: bytes, time and a
//! waker are handed in; it knows neither sockets nor engines.

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::service::{ConnectionInfo, Service};
use crate::shard::conversation::http1::HttpDriver;
use crate::shard::conversation::websocket::WebSocketDriver;
use crate::shard::workbench::Workbench;

/// What the connection's owner does after the driver has advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Wait for bytes, room, a reply or the deadline.
    Settled,
    /// Something is left to do: call `advance` again once the others had their turn.
    MoreToDo,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every connection is HTTP all its life; the few that are not are boxed"
)]
pub(crate) enum Driver {
    Http(HttpDriver),
    WebSocket(Box<WebSocketDriver>),
}

/// Calls a method that both kinds have.
macro_rules! either {
    ($driver:expr, $one:ident => $call:expr) => {
        match $driver {
            Driver::Http($one) => $call,
            Driver::WebSocket($one) => $call,
        }
    };
}

impl Driver {
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, info: ConnectionInfo, now: Tick) -> Driver {
        Driver::Http(HttpDriver::new(bench, info, now))
    }

    /// Answers 503 before anything was read: the shard has all the connections it may have.
    pub(crate) fn refuse_overload<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        if let Driver::Http(http) = self {
            http.refuse_overload(bench, now);
        }
    }

    /// Takes in what the peer has sent; `advance` answers it.
    pub(crate) fn receive<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, chunk: &[u8]) {
        either!(self, one => one.receive(bench, now, chunk));
    }

    /// The peer will send no more; it may still read.
    pub(crate) fn receive_eof(&mut self, now: Tick) {
        either!(self, one => one.receive_eof(now));
    }

    /// Moves the connection on: requests to the service, answers to the output.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        let advance = either!(self, one => one.advance(bench, now, waker));
        if let Driver::Http(http) = self
            && let Some((switch, upgraded)) = http.take_switch(bench)
        {
            let mut websocket = Box::new(WebSocketDriver::new(bench, now, *switch, upgraded));
            let advance = websocket.advance(bench, now, waker);
            *self = Driver::WebSocket(websocket);
            return advance;
        }
        advance
    }

    pub(crate) fn output(&self) -> &[u8] {
        either!(self, one => one.output())
    }

    pub(crate) fn consume_output(&mut self, now: Tick, n: usize) {
        either!(self, one => one.consume_output(now, n));
    }

    /// Takes all output away with its memory, leaving an empty buffer, and counts it as sent. Returns where it begins; None
    /// where there is only [`output`](Driver::output) to copy from.
    pub(crate) fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> Option<usize> {
        match self {
            Driver::Http(http) => Some(http.swap_output(now, buffer)),
            Driver::WebSocket(_) => None,
        }
    }

    /// Output that was counted as sent before is leaving only now.
    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        either!(self, one => one.output_leaves_late(now));
    }

    pub(crate) fn wants_read(&self) -> bool {
        either!(self, one => one.wants_read())
    }

    /// Nothing is in flight; the peer may ask next.
    pub(crate) fn awaits_request(&self) -> bool {
        matches!(self, Driver::Http(http) if http.awaits_request())
    }

    /// A request that was taken in is not fully answered, or a WebSocket is open.
    pub(crate) fn is_in_flight(&self) -> bool {
        match self {
            Driver::Http(http) => http.is_in_flight(),
            Driver::WebSocket(_) => true,
        }
    }

    pub(crate) fn closing(&self) -> Closing {
        either!(self, one => one.closing())
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        either!(self, one => one.next_deadline())
    }

    /// A deadline may have passed. Returns whether the connection must go at once.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        either!(self, one => one.expire(bench, now))
    }

    /// Lets what is in flight finish, then closes.
    pub(crate) fn drain(&mut self, now: Tick) {
        either!(self, one => one.drain(now));
    }

    /// Gives the buffers back to the thread's pool when nothing is unfinished.
    pub(crate) fn rest<S: Service>(&mut self, bench: &Workbench<S>) {
        if let Driver::Http(http) = self {
            http.rest(bench);
        }
    }
}
