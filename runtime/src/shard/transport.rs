//! What lies between the bytes on a connection's socket and its conversation. Sans-IO: it is handed bytes, time and the
//! conversation above it; it knows neither sockets nor engines, and no HTTP.
//!
//! Every way for bytes, time and the end of a connection leads through here, so a transport that changes the bytes, or has
//! deadlines and a close of its own, is one more arm in this file.

mod layer;
mod proxied;
mod secured;

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::connection_info::ConnectionInfo;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::transport::layer::{Layer, Next};
use crate::shard::workbench::Workbench;

pub(crate) enum Transport {
    /// No layer at all: the bytes are the conversation's, and its buffers leave as they are.
    Plain,
    Layered(Box<Layer>),
}

impl Transport {
    pub(crate) fn new<S: Service>(
        bench: &Workbench<S>,
        info: &ConnectionInfo,
        now: Tick,
    ) -> Transport {
        match Layer::first(bench, info, now) {
            None => Transport::Plain,
            Some(layer) => Transport::Layered(Box::new(layer)),
        }
    }

    pub(crate) fn refuse_overload<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            Transport::Plain => above.refuse_overload(bench, now),
            Transport::Layered(layer) => layer.refuse_overload(above, bench, now),
        }
    }

    pub(crate) fn receive<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        chunk: &[u8],
    ) {
        match self {
            Transport::Plain => above.receive(bench, now, chunk),
            Transport::Layered(layer) => {
                if layer.receive(above, bench, now, chunk) == Next::Plain {
                    *self = Transport::Plain;
                }
            }
        }
    }

    pub(crate) fn receive_eof<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            Transport::Plain => above.receive_eof(now),
            Transport::Layered(layer) => layer.receive_eof(above, bench, now),
        }
    }

    /// A turn of the conversation, and the way down for what it has written.
    pub(crate) fn advance<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        match self {
            Transport::Plain => above.advance(bench, now, waker),
            Transport::Layered(layer) => layer.advance(above, bench, now, waker),
        }
    }

    pub(crate) fn output<'a>(&'a self, above: &'a Conversation) -> &'a [u8] {
        match self {
            Transport::Plain => above.output(),
            Transport::Layered(layer) => layer.output(above),
        }
    }

    pub(crate) fn consume_output(&mut self, above: &mut Conversation, now: Tick, n: usize) {
        match self {
            Transport::Plain => above.consume_output(now, n),
            Transport::Layered(layer) => layer.consume_output(above, now, n),
        }
    }

    pub(crate) fn swap_output(
        &mut self,
        above: &mut Conversation,
        now: Tick,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        match self {
            Transport::Plain => above.swap_output(now, buffer),
            Transport::Layered(layer) => layer.swap_output(above, now, buffer),
        }
    }

    pub(crate) fn output_leaves_late(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain => above.output_leaves_late(now),
            Transport::Layered(layer) => layer.output_leaves_late(above, now),
        }
    }

    pub(crate) fn wants_read(&self, above: &Conversation) -> bool {
        match self {
            Transport::Plain => above.wants_read(),
            Transport::Layered(layer) => layer.wants_read(above),
        }
    }

    pub(crate) fn closing(&self, above: &Conversation) -> Closing {
        match self {
            Transport::Plain => above.closing(),
            Transport::Layered(layer) => layer.closing(above),
        }
    }

    pub(crate) fn next_deadline(&self, above: &Conversation) -> Option<Tick> {
        match self {
            Transport::Plain => above.next_deadline(),
            Transport::Layered(layer) => layer.next_deadline(above),
        }
    }

    pub(crate) fn expire<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) -> bool {
        match self {
            Transport::Plain => above.expire(bench, now),
            Transport::Layered(layer) => layer.expire(above, bench, now),
        }
    }

    pub(crate) fn drain(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain => above.drain(now),
            Transport::Layered(layer) => layer.drain(above, now),
        }
    }

    pub(crate) fn rest<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>) {
        match self {
            Transport::Plain => above.rest(bench),
            Transport::Layered(layer) => layer.rest(above, bench),
        }
    }
}

/// A layer that is none costs a pointer: a shard may hold many idle connections.
const _: () = assert!(size_of::<Transport>() == size_of::<usize>());
