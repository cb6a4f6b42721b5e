//! What a conversation in HTTP/1 asks of the app, and how answers reach the output. Knows no sockets and no clock.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use turbo_shard_protocol::{BodyMode, HeaderLines, Tick};

use super::Http1;
use crate::edge::Passage;
use crate::exchange::http_reply::{Acceptance, HttpPart};
use crate::exchange::response::{INTERNAL_ERROR_BODY, Response};
use crate::metrics::route_names::RouteId;
use crate::net::children::end_if_child;
use crate::service::{Deferred, Exchange, Outcome, Service};
use crate::shard::conversation::answer_part::write_part;
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::conversation::switch::{Switch, ToWebSocket};
use crate::shard::workbench::Workbench;

impl Http1 {
    #[inline(always)]
    pub(super) fn call<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
        with_body: bool,
    ) {
        // Compiled twice, so that a server without an edge pays one branch for it and not one at each thing that the
        // edge may ask for.
        match bench.edge {
            None => self.call_as::<S, false>(bench, now, waker, with_body),
            Some(_) => self.call_as::<S, true>(bench, now, waker, with_body),
        }
    }

    #[inline(never)]
    fn call_as<S: Service, const HAS_EDGE: bool>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
        with_body: bool,
    ) {
        let mut passage = self.passage.as_deref_mut().filter(|_| HAS_EDGE);
        let server_lines = bench.server_lines(now, passage.as_deref());
        let mark = match &passage {
            Some(_) => self.connection.output().len(),
            None => 0,
        };
        let (seen, identified, compression) = match passage.as_deref_mut() {
            Some(Passage {
                seen,
                identified,
                compression,
                ..
            }) => (
                seen.as_ref(),
                identified.as_deref(),
                compression.as_deref_mut(),
            ),
            None => (None, None, None),
        };
        let mut room = MaybeUninit::uninit();
        let connection = match seen {
            Some(seen) => &seen.connection,
            None => self.ends.lent(&mut room),
        };
        let (mut deferred, mut in_flight) = (None, None);
        let is_body_at_hand = !with_body && self.connection.is_body_at_hand();
        let (request, body, response) = self.connection.exchange(&server_lines);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut exchange = Exchange {
                request: match (identified, seen) {
                    (Some(identified), _) => identified.head(),
                    (None, Some(seen)) => seen.head_or(request),
                    (None, None) => request,
                },
                body: with_body.then_some(body),
                is_body_at_hand,
                response: Response::http1(response, compression),
                websocket_limits: &bench.websocket_limits,
                connection,
                waker,
                route: RouteId::UNKNOWN,
                deferred: &mut deferred,
            };
            let edge = bench.edge.as_ref().filter(|_| HAS_EDGE && !with_body);
            let answered = edge.and_then(|edge| edge.answer(&mut in_flight, &mut exchange));
            let outcome = answered.unwrap_or_else(|| bench.service.call(&mut exchange));
            end_if_child();
            (outcome, exchange.response.is_finished(), exchange.route)
        }));
        drop(server_lines);
        if let (Some(passage), Ok((_, _, route))) = (passage, &result) {
            passage.route = *route;
            if in_flight.is_some() {
                passage.in_flight = in_flight;
            }
            self.note_answer(bench, mark);
        }
        match result {
            Ok((Outcome::Answered, true, _)) => self.take_replies(bench, now, waker),
            Ok((Outcome::ReadBody { bytes_max }, ..)) if !with_body => {
                self.connection
                    .read_body(now, BodyMode::Whole { bytes_max });
            }
            Ok((Outcome::Deferred, ..)) if deferred.is_some() => {
                self.await_reply(deferred);
                self.take_replies(bench, now, waker);
                self.feed_body(now);
            }
            Ok((outcome, finished, _)) => {
                log::error!(
                    "the service returned {outcome:?} (answer finished: {finished}), which does not fit"
                );
                self.fail(bench, now);
            }
            Err(_panic) => {
                // The panic hook has printed where; the connection ends, the shard lives on.
                bench.counters.handler_panics.add(1);
                let (peer, id) = (self.ends.peer(), self.id());
                log::error!("a handler panicked while it answered {peer}{id}");
                self.fail(bench, now);
                self.connection.drain();
            }
        }
    }

    fn await_reply(&mut self, deferred: Option<Deferred>) {
        let Some(Deferred { slot, streams_body }) = deferred else {
            return;
        };
        self.body = match streams_body {
            true => BodyFlow::Unasked,
            false => BodyFlow::None,
        };
        if self.connection.has_received_eof() {
            slot.end_input();
        }
        self.slot = Some(slot);
    }

    /// Writes what there is of an answer that comes later, or that is compressed piece by piece.
    #[inline(always)]
    pub(super) fn take_replies<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) {
        // Neither where a request is answered at once, as most are.
        if self.slot.is_some() || self.passage.is_some() {
            self.write_parts(bench, now, waker);
        }
    }

    fn write_parts<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, waker: &Waker) {
        loop {
            let has_more = self.compression().is_some_and(|one| one.has_more());
            if self.slot.is_none() && !has_more {
                return;
            }
            let is_full = self.connection.output().len() >= bench.limits.output_bytes_high;
            if is_full || self.compression().is_some_and(|one| one.is_turn_over()) {
                // The sender waits for what is in the slot. The slot's reader must not wait: it may want more of the
                // request's body before the peer reads on.
                if let Some(slot) = &self.slot {
                    slot.watch(waker);
                }
                return;
            }
            let part = match &self.slot {
                // Compressed before anything else is taken, so that no more waits than one part.
                _ if has_more => None,
                Some(slot) => match slot.take(waker) {
                    Some(HttpPart::Answer(part)) => Some(part),
                    Some(HttpPart::Refusal { status, part }) => {
                        bench.counters.note_refusal(status);
                        Some(part)
                    }
                    Some(HttpPart::Route(route)) => {
                        if let Some(passage) = &mut self.passage {
                            passage.route = route;
                        }
                        continue;
                    }
                    Some(HttpPart::Accept(acceptance)) => {
                        return self.accept(bench, now, *acceptance);
                    }
                    Some(HttpPart::Failed) => return self.fail(bench, now),
                    None => return,
                },
                None => return,
            };
            let mark = self.connection.output().len();
            let written = {
                let server_lines = bench.server_lines(now, self.passage.as_deref());
                let passage = self.passage.as_mut();
                let compression = passage.and_then(|passage| passage.compression.as_deref_mut());
                let writer = self.connection.response(&server_lines);
                let mut response = Response::http1(writer, compression);
                match part {
                    Some(part) => write_part(part, &mut response),
                    None => response.go_on().map(|()| response.is_finished()),
                }
            };
            self.note_answer(bench, mark);
            match written {
                Ok(true) => self.end_exchange(),
                Ok(false) => {}
                Err(misuse) => {
                    let (peer, id) = (self.ends.peer(), self.id());
                    log::error!("the answer to {peer}{id} could not be sent: {misuse}");
                    self.fail(bench, now);
                }
            }
        }
    }

    /// The app takes a WebSocket: the 101 is the last of HTTP on this connection.
    fn accept<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, acceptance: Acceptance) {
        let Acceptance { accepted, slot } = acceptance;
        self.slot = None;
        self.forget_compression();
        let server_lines = bench.server_lines(now, self.passage.as_deref());
        let switched = self
            .connection
            .switch_protocols(now, &accepted.head, &server_lines);
        drop(server_lines);
        match switched {
            Ok(()) => {
                let deflate = accepted.deflate;
                let (bytes, workspace) = self.connection.leave_http();
                if let Some(workspace) = workspace {
                    bench.put_workspace(workspace);
                }
                self.switch = Some(Box::new(Switch::WebSocket(ToWebSocket {
                    passage: self.passage.take(),
                    slot,
                    deflate,
                    bytes,
                })));
            }
            Err(misuse) => {
                log::error!("a WebSocket could not be accepted: {misuse}");
                self.fail(bench, now);
            }
        }
    }

    fn forget_compression(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.compression = None;
        }
    }

    /// Our side cannot answer: 500 while nothing was sent, a cut connection after that.
    fn fail<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        self.end_exchange();
        self.forget_compression();
        let server_lines = bench.server_lines(now, self.passage.as_deref());
        let mut response = self.connection.response(&server_lines);
        if !response.is_started() {
            let mut lines = HeaderLines::new();
            let answered = lines
                .push(b"content-type", b"application/json")
                .and_then(|()| response.whole(500, &lines, INTERNAL_ERROR_BODY));
            if answered.is_ok() {
                return;
            }
        }
        self.connection.cut();
    }
}
