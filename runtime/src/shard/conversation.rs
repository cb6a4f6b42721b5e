//! What a connection speaks over its transport: HTTP/1, HTTP/2 from its first byte on, or WebSocket after an upgrade. Each
//! keeps its own exchanges, be it one at a time or many. Sans-IO: bytes, time and a waker are handed in; it knows neither
//! sockets nor engines.

pub(crate) mod answer_part;
pub(crate) mod body_flow;
pub(crate) mod both_ends;
mod calling;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod open_exchange;
pub(crate) mod refusal_words;
pub(crate) mod switch;
mod turn;
pub(crate) mod websocket;
mod websocket_exchange;

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick, Upgraded, Violation};

use crate::connection_info::{Alpn, ConnectionInfo};
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::http1::Http1;
use crate::shard::conversation::http2::Http2;
use crate::shard::conversation::switch::{Switch, ToHttp2};
use crate::shard::conversation::websocket::WebSocket;
use crate::shard::workbench::Workbench;

#[expect(
    clippy::large_enum_variant,
    reason = "an idle connection of HTTP/1 is the one that there are most of; the others are boxed"
)]
pub(crate) enum Conversation {
    Http1(Http1),
    Http2(Box<Http2>),
    WebSocket(Box<WebSocket>),
}

/// Calls a method that all kinds have.
macro_rules! any {
    ($conversation:expr, $one:ident => $call:expr) => {
        match $conversation {
            Conversation::Http1($one) => $call,
            Conversation::Http2($one) => $call,
            Conversation::WebSocket($one) => $call,
        }
    };
}

impl Conversation {
    /// How every connection begins: with what TLS has agreed on, if it was asked, else with HTTP/1.
    pub(crate) fn new<S: Service>(
        bench: &Workbench<S>,
        info: ConnectionInfo,
        now: Tick,
    ) -> Conversation {
        match info.tls.as_ref().and_then(|tls| tls.alpn) {
            Some(Alpn::Http2) => {
                let bytes = Upgraded::default();
                let switch = ToHttp2 { info, bytes };
                Conversation::Http2(Box::new(Http2::new(bench, now, switch)))
            }
            None | Some(Alpn::Http11 | Alpn::Http10) => {
                Conversation::Http1(Http1::new(bench, info, now))
            }
        }
    }

    /// Answers 503 before anything was read: the shard has all the connections it may have.
    pub(crate) fn refuse_overload<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        match self {
            Conversation::Http1(http1) => http1.refuse_overload(bench, now),
            Conversation::Http2(http2) => http2.refuse_overload(bench, now),
            // Something was read, or it would not be one.
            Conversation::WebSocket(_) => {}
        }
    }

    /// Refuses what has come before it is a request: the transport knows better what it is.
    pub(crate) fn refuse<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        violation: Violation,
    ) {
        match self {
            Conversation::Http1(http1) => http1.refuse(bench, now, violation),
            // Something was read, or it would not be one of these.
            Conversation::Http2(_) | Conversation::WebSocket(_) => {}
        }
    }

    /// A proxy has said whose connection it is, before the first byte of it.
    pub(crate) fn is_of(&mut self, info: ConnectionInfo) {
        match self {
            Conversation::Http1(http1) => http1.is_of(info),
            // Something was read, or it would not be one of these.
            Conversation::Http2(_) | Conversation::WebSocket(_) => {}
        }
    }

    /// Takes in what the peer has sent; `advance` answers it.
    pub(crate) fn receive<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, chunk: &[u8]) {
        any!(self, one => one.receive(bench, now, chunk));
    }

    /// The peer will send no more; it may still read.
    pub(crate) fn receive_eof(&mut self, now: Tick) {
        any!(self, one => one.receive_eof(now));
    }

    /// Moves the conversation on: requests to the service, answers to the output.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        let advance = any!(self, one => one.advance(bench, now, waker));
        if let Conversation::Http1(http1) = self
            && let Some(switch) = http1.take_switch()
        {
            *self = match *switch {
                Switch::WebSocket(switch) => {
                    Conversation::WebSocket(Box::new(WebSocket::new(bench, now, switch)))
                }
                Switch::Http2(switch) => {
                    Conversation::Http2(Box::new(Http2::new(bench, now, switch)))
                }
            };
            return any!(self, one => one.advance(bench, now, waker));
        }
        advance
    }

    pub(crate) fn output(&self) -> &[u8] {
        any!(self, one => one.output())
    }

    pub(crate) fn consume_output(&mut self, now: Tick, n: usize) {
        any!(self, one => one.consume_output(now, n));
    }

    /// Takes all output away with its memory, leaving an empty buffer, and counts it as sent. Returns where it begins; None
    /// where there is only [`output`](Conversation::output) to copy from.
    pub(crate) fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> Option<usize> {
        match self {
            Conversation::Http1(http1) => Some(http1.swap_output(now, buffer)),
            Conversation::Http2(http2) => Some(http2.swap_output(now, buffer)),
            Conversation::WebSocket(_) => None,
        }
    }

    /// Output that was counted as sent before is leaving only now.
    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        any!(self, one => one.output_leaves_late(now));
    }

    pub(crate) fn wants_read(&self) -> bool {
        any!(self, one => one.wants_read())
    }

    /// Nothing is in flight; the peer may ask next.
    pub(crate) fn awaits_request(&self) -> bool {
        match self {
            Conversation::Http1(http1) => http1.awaits_request(),
            Conversation::Http2(http2) => http2.exchanges_in_flight() == 0,
            Conversation::WebSocket(_) => false,
        }
    }

    /// Requests that were taken in and are not fully answered. An open WebSocket is one.
    pub(crate) fn exchanges_in_flight(&self) -> u64 {
        match self {
            Conversation::Http1(http1) => http1.is_in_flight().into(),
            Conversation::Http2(http2) => http2.exchanges_in_flight(),
            Conversation::WebSocket(_) => 1,
        }
    }

    /// The connection ends with what is in flight.
    pub(crate) fn abandon<S: Service>(&mut self, bench: &Workbench<S>) {
        any!(self, one => one.abandon(bench));
    }

    pub(crate) fn closing(&self) -> Closing {
        any!(self, one => one.closing())
    }

    /// Where it closes, what was said is whole: no answer was broken off that its length would not tell from a whole one.
    pub(crate) fn ends_whole(&self) -> bool {
        match self {
            Conversation::Http1(http1) => http1.ends_whole(),
            // Its frames say where a body or a message ends.
            Conversation::Http2(_) | Conversation::WebSocket(_) => true,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        any!(self, one => one.next_deadline())
    }

    /// A deadline may have passed. Returns whether the connection must go at once.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        any!(self, one => one.expire(bench, now))
    }

    /// Lets what is in flight finish, then closes.
    pub(crate) fn drain(&mut self, now: Tick) {
        any!(self, one => one.drain(now));
    }

    /// Gives the buffers back to the thread's pool when nothing is unfinished.
    pub(crate) fn rest<S: Service>(&mut self, bench: &Workbench<S>) {
        match self {
            Conversation::Http1(http1) => http1.rest(bench),
            Conversation::Http2(http2) => http2.rest(),
            // Its buffers are its own.
            Conversation::WebSocket(_) => {}
        }
    }
}
