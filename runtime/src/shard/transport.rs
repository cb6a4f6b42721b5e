//! What lies between the bytes on a connection's socket and its conversation. Sans-IO: it is handed bytes, time and the
//! conversation above it; it knows neither sockets nor engines, and no HTTP.
//!
//! Every way for bytes, time and the end of a connection leads through here, so a transport that changes the bytes, or has
//! deadlines and a close of its own, is one more arm in this file.

mod proxied;

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::connection_info::ConnectionInfo;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::transport::proxied::Proxied;
use crate::shard::workbench::Workbench;

pub(crate) enum Transport {
    /// No layer at all: the bytes are the conversation's, and its buffers leave as they are.
    Plain,
    /// A PROXY protocol header comes first; then it is plain.
    Proxied(Box<Proxied>),
}

impl Transport {
    pub(crate) fn new<S: Service>(
        bench: &Workbench<S>,
        info: &ConnectionInfo,
        now: Tick,
    ) -> Transport {
        match info.listener.expects_proxy_protocol {
            false => Transport::Plain,
            true => Transport::Proxied(Box::new(Proxied::new(bench, info, now))),
        }
    }

    pub(crate) fn refuse_overload<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.refuse_overload(bench, now),
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
            Transport::Proxied(proxied) => {
                if let Some((info, rest)) = proxied.receive(bench, now, chunk) {
                    above.is_of(info);
                    *self = Transport::Plain;
                    if !rest.is_empty() {
                        above.receive(bench, now, rest);
                    }
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
            Transport::Proxied(proxied) => {
                proxied.receive_eof(bench, now);
                above.receive_eof(now);
            }
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
            Transport::Plain | Transport::Proxied(_) => above.advance(bench, now, waker),
        }
    }

    pub(crate) fn output<'a>(&'a self, above: &'a Conversation) -> &'a [u8] {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.output(),
        }
    }

    pub(crate) fn consume_output(&mut self, above: &mut Conversation, now: Tick, n: usize) {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.consume_output(now, n),
        }
    }

    pub(crate) fn swap_output(
        &mut self,
        above: &mut Conversation,
        now: Tick,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.swap_output(now, buffer),
        }
    }

    pub(crate) fn output_leaves_late(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.output_leaves_late(now),
        }
    }

    pub(crate) fn wants_read(&self, above: &Conversation) -> bool {
        match self {
            Transport::Plain => above.wants_read(),
            Transport::Proxied(proxied) => !proxied.is_refused() && above.wants_read(),
        }
    }

    pub(crate) fn closing(&self, above: &Conversation) -> Closing {
        match self {
            Transport::Plain => above.closing(),
            Transport::Proxied(proxied) if proxied.is_refused() => Closing::Now,
            Transport::Proxied(_) => above.closing(),
        }
    }

    pub(crate) fn next_deadline(&self, above: &Conversation) -> Option<Tick> {
        match self {
            Transport::Plain => above.next_deadline(),
            Transport::Proxied(proxied) => {
                let own = Some(proxied.deadline());
                [own, above.next_deadline()].into_iter().flatten().min()
            }
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
            Transport::Proxied(proxied) => proxied.expire(bench, now) || above.expire(bench, now),
        }
    }

    pub(crate) fn drain(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.drain(now),
        }
    }

    pub(crate) fn rest<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>) {
        match self {
            Transport::Plain | Transport::Proxied(_) => above.rest(bench),
        }
    }
}

/// A layer that is none costs a pointer: a shard may hold many idle connections.
const _: () = assert!(size_of::<Transport>() == size_of::<usize>());
