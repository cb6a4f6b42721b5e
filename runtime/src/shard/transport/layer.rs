//! The layers that there may be between a socket's bytes and the conversation: which one is first, and what follows it. Sans-IO,
//! as its parent.

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick, Violation};

use crate::connection_info::ConnectionInfo;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::transport::proxied::Proxied;
use crate::shard::transport::secured::{Received, Secured};
use crate::shard::workbench::Workbench;

#[expect(
    clippy::large_enum_variant,
    reason = "it is boxed, and the small ones do not last"
)]
pub(crate) enum Layer {
    /// A PROXY protocol header comes first.
    Proxied(Proxied),
    /// TLS.
    Secured(Secured),
    /// No handshake could begin: the connection goes at once.
    Refused,
}

/// What becomes of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stays,
    /// From here on there is none.
    Plain,
}

impl Layer {
    pub(super) fn first<S: Service>(
        bench: &Workbench<S>,
        info: &ConnectionInfo,
        now: Tick,
    ) -> Option<Layer> {
        match info.listener.expects_proxy_protocol {
            true => Some(Layer::Proxied(Proxied::new(bench, info, now))),
            false => Layer::after_proxy(bench, info, now),
        }
    }

    fn after_proxy<S: Service>(
        bench: &Workbench<S>,
        info: &ConnectionInfo,
        now: Tick,
    ) -> Option<Layer> {
        let secured = info
            .listener
            .speaks_tls
            .then(|| Secured::new(bench, info.clone(), now));
        secured.map(|secured| secured.map_or(Layer::Refused, Layer::Secured))
    }

    pub(super) fn refuse_overload<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            // Before the handshake there is no way to tell it.
            Layer::Proxied(proxied) if proxied.leads_to_tls() => *self = Layer::Refused,
            Layer::Proxied(_) => above.refuse_overload(bench, now),
            Layer::Secured(secured) => secured.refuse_overload(),
            Layer::Refused => {}
        }
    }

    pub(super) fn receive<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        chunk: &[u8],
    ) -> Next {
        match self {
            Layer::Proxied(proxied) => {
                let Some((info, rest)) = proxied.receive(bench, now, chunk) else {
                    return Next::Stays;
                };
                let next = Layer::after_proxy(bench, &info, now);
                above.is_of(info);
                let Some(layer) = next else {
                    if !rest.is_empty() {
                        above.receive(bench, now, rest);
                    }
                    return Next::Plain;
                };
                *self = layer;
                match rest.is_empty() {
                    true => Next::Stays,
                    false => self.receive(above, bench, now, rest),
                }
            }
            Layer::Secured(secured) => match secured.receive(above, bench, now, chunk) {
                Received::Taken => Next::Stays,
                Received::PlainHttp => {
                    bench.counters.tls_failures_plain.add(1);
                    above.receive(bench, now, chunk);
                    above.refuse(bench, now, Violation::PlainOnTls);
                    Next::Plain
                }
            },
            Layer::Refused => Next::Stays,
        }
    }

    pub(super) fn receive_eof<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) {
        match self {
            Layer::Proxied(proxied) => {
                proxied.receive_eof(bench, now);
                above.receive_eof(now);
            }
            Layer::Secured(secured) => secured.receive_eof(above, bench, now),
            Layer::Refused => {}
        }
    }

    pub(super) fn advance<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        match self {
            Layer::Proxied(_) => above.advance(bench, now, waker),
            Layer::Secured(secured) => secured.advance(above, bench, now, waker),
            Layer::Refused => Advance::Settled,
        }
    }

    pub(super) fn output<'a>(&'a self, above: &'a Conversation) -> &'a [u8] {
        match self {
            Layer::Proxied(_) => above.output(),
            Layer::Secured(secured) => secured.output(),
            Layer::Refused => &[],
        }
    }

    pub(super) fn consume_output(&mut self, above: &mut Conversation, now: Tick, n: usize) {
        match self {
            Layer::Proxied(_) => above.consume_output(now, n),
            Layer::Secured(secured) => secured.consume_output(above, now, n),
            Layer::Refused => {}
        }
    }

    pub(super) fn swap_output(
        &mut self,
        above: &mut Conversation,
        now: Tick,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        match self {
            Layer::Proxied(_) => above.swap_output(now, buffer),
            Layer::Secured(secured) => Some(secured.swap_output(above, now, buffer)),
            Layer::Refused => None,
        }
    }

    pub(super) fn output_leaves_late(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Layer::Proxied(_) => above.output_leaves_late(now),
            Layer::Secured(secured) => secured.output_leaves_late(above, now),
            Layer::Refused => {}
        }
    }

    pub(super) fn wants_read(&self, above: &Conversation) -> bool {
        match self {
            Layer::Proxied(proxied) => !proxied.is_refused() && above.wants_read(),
            Layer::Secured(secured) => secured.wants_read(above),
            Layer::Refused => false,
        }
    }

    pub(super) fn closing(&self, above: &Conversation) -> Closing {
        match self {
            Layer::Proxied(proxied) if proxied.is_refused() => Closing::Now,
            Layer::Proxied(_) => above.closing(),
            Layer::Secured(secured) => secured.closing(above),
            Layer::Refused => Closing::Now,
        }
    }

    pub(super) fn next_deadline(&self, above: &Conversation) -> Option<Tick> {
        match self {
            Layer::Proxied(proxied) => {
                let own = Some(proxied.deadline());
                [own, above.next_deadline()].into_iter().flatten().min()
            }
            Layer::Secured(secured) => secured.next_deadline(above),
            Layer::Refused => None,
        }
    }

    pub(super) fn expire<S: Service>(
        &mut self,
        above: &mut Conversation,
        bench: &Workbench<S>,
        now: Tick,
    ) -> bool {
        match self {
            Layer::Proxied(proxied) => proxied.expire(bench, now) || above.expire(bench, now),
            Layer::Secured(secured) => secured.expire(above, bench, now),
            Layer::Refused => true,
        }
    }

    pub(super) fn drain(&mut self, above: &mut Conversation, now: Tick) {
        match self {
            Layer::Proxied(_) => above.drain(now),
            Layer::Secured(secured) => secured.drain(above, now),
            Layer::Refused => {}
        }
    }

    pub(super) fn rest<S: Service>(&mut self, above: &mut Conversation, bench: &Workbench<S>) {
        match self {
            Layer::Secured(secured) => secured.rest(above, bench),
            Layer::Proxied(_) | Layer::Refused => above.rest(bench),
        }
    }
}
