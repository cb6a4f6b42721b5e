//! What lies between the bytes on a connection's socket and its conversation. Sans-IO: it is handed bytes, time and the
//! conversation above it; it knows neither sockets nor engines, and no HTTP.
//!
//! Every way for bytes, time and the end of a connection leads through here, so a transport that changes the bytes, or has
//! deadlines and a close of its own, is one more arm in this file.

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::workbench::Workbench;

pub(crate) enum Transport {
    /// No layer at all: the bytes are the conversation's, and its buffers leave as they are.
    Plain,
}

impl Transport {
    pub(crate) fn refuse_overload<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            Transport::Plain => above.refuse_overload(bench, now),
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
        }
    }

    pub(crate) fn receive_eof(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain => above.receive_eof(now),
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
        }
    }

    pub(crate) fn output<'a>(&'a self, above: &'a Conversation) -> &'a [u8] {
        match self {
            Transport::Plain => above.output(),
        }
    }

    pub(crate) fn consume_output(&mut self, above: &mut Conversation, now: Tick, n: usize) {
        match self {
            Transport::Plain => above.consume_output(now, n),
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
        }
    }

    pub(crate) fn output_leaves_late(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain => above.output_leaves_late(now),
        }
    }

    pub(crate) fn wants_read(&self, above: &Conversation) -> bool {
        match self {
            Transport::Plain => above.wants_read(),
        }
    }

    pub(crate) fn closing(&self, above: &Conversation) -> Closing {
        match self {
            Transport::Plain => above.closing(),
        }
    }

    pub(crate) fn next_deadline(&self, above: &Conversation) -> Option<Tick> {
        match self {
            Transport::Plain => above.next_deadline(),
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
        }
    }

    pub(crate) fn drain(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain => above.drain(now),
        }
    }

    pub(crate) fn rest<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>) {
        match self {
            Transport::Plain => above.rest(bench),
        }
    }
}

/// A layer that is none costs no memory: a shard may hold many idle connections.
const _: () = assert!(size_of::<Transport>() == 0);
