//! A TLS handshake in flight: what it must not exceed, and what it tells in the end.

use std::fmt;
use std::sync::Arc;

use rustls::server::ServerConnection;
use turbo_shard_protocol::Tick;

use super::failure::Failure;
use crate::connection_info::{Address, ConnectionInfo, Scheme};
use crate::service::Service;
use crate::shard::conversation::refusal_words::Seconds;
use crate::shard::workbench::Workbench;
use crate::tls::context::{HandshakePlace, Tls};

pub(super) struct Greeting {
    /// As the socket, or a proxy before it, has it.
    info: ConnectionInfo,
    tls: Tls,
    /// By when it must be over.
    pub(super) deadline: Tick,
    /// The peer has sent something.
    pub(super) has_begun: bool,
    /// The peer will be answered 503.
    pub(super) is_overload: bool,
    /// The host drains.
    pub(super) is_draining: bool,
    _place: HandshakePlace,
}

impl Greeting {
    pub(super) fn new(
        tls: &Tls,
        place: HandshakePlace,
        info: ConnectionInfo,
        now: Tick,
    ) -> Greeting {
        Greeting {
            info,
            tls: tls.clone(),
            deadline: now.after_ms(tls.handshake_timeout_ms()),
            has_begun: false,
            is_overload: false,
            is_draining: false,
            _place: place,
        }
    }

    /// Whether the first bytes begin a request. No record of TLS begins with a letter, and every method does.
    pub(super) fn is_plain_http(&mut self, chunk: &[u8]) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        is_first && chunk.first().is_some_and(u8::is_ascii_uppercase)
    }

    /// The connection as the handshake has left it.
    pub(super) fn info_with(&self, session: &ServerConnection) -> ConnectionInfo {
        ConnectionInfo {
            scheme: Scheme::Https,
            tls: Some(Arc::new(self.tls.facts(session))),
            ..self.info.clone()
        }
    }

    /// Returns whether its time is over.
    pub(super) fn expire<S: Service>(&self, bench: &Workbench<S>, now: Tick) -> bool {
        let is_over = self.deadline <= now;
        if is_over {
            bench.counters.tls_failures_timeout.add(1);
            let seconds = Seconds(self.tls.handshake_timeout_ms());
            note(
                bench,
                now,
                &self.info.peer,
                format_args!(
                    "its TLS handshake was not over in time; --ssl-handshake-timeout is {seconds}"
                ),
            );
        }
        is_over
    }

    pub(super) fn note_failure<S: Service>(
        &self,
        bench: &Workbench<S>,
        now: Tick,
        failure: &Failure,
    ) {
        failure.count(&bench.counters);
        note(
            bench,
            now,
            &self.info.peer,
            format_args!("its TLS handshake has failed: {failure}"),
        );
    }

    /// The peer has left. One that has sent nothing has looked whether the port is open.
    pub(super) fn note_leaving<S: Service>(&self, bench: &Workbench<S>) {
        if self.has_begun {
            bench.counters.tls_failures_left.add(1);
        }
    }
}

/// There is no place for another handshake.
#[cold]
pub(super) fn note_crowd<S: Service>(bench: &Workbench<S>, now: Tick, peer: &Address) {
    bench.counters.tls_failures_crowd.add(1);
    note(
        bench,
        now,
        peer,
        format_args!("too many TLS handshakes are in flight"),
    );
}

fn note<S: Service>(bench: &Workbench<S>, now: Tick, peer: &Address, why: fmt::Arguments<'_>) {
    if bench.peer_log.pass(now) {
        log::info!("{peer} was cut off: {why}");
    }
}
