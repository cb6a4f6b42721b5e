//! What a conversation in HTTP/2 asks of the app, and how answers reach their streams. Knows no sockets and no clock.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use turbo_shard_protocol::http2::StreamKey;
use turbo_shard_protocol::{BodyMode, HeaderLines, Tick};

use super::Http2;
use crate::edge::{Note, Passage};
use crate::exchange::http_reply::HttpPart;
use crate::exchange::response::{INTERNAL_ERROR_BODY, Response};
use crate::metrics::route_names::RouteId;
use crate::net::children::end_if_child;
use crate::service::{Deferred, Exchange, Outcome, Service};
use crate::shard::conversation::answer_part::write_part;
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::workbench::Workbench;

impl Http2 {
    pub(super) fn call<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        key: StreamKey,
        with_body: bool,
    ) {
        let stream = self.streams.of(key);
        let server_lines = bench.server_lines(now, stream.passage.as_deref());
        let (seen, identified, compression) = match stream.passage.as_deref_mut() {
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
        let waker = self.wakers.of(key);
        let (mut deferred, mut in_flight) = (None, None);
        let is_body_at_hand = !with_body && self.connection.is_body_at_hand(key);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let (request, body, response) = self.connection.exchange(key, &server_lines);
            let mut exchange = Exchange {
                request: match (identified, seen) {
                    (Some(identified), _) => identified.head(),
                    (None, Some(seen)) => seen.head_or(request),
                    (None, None) => request,
                },
                body: with_body.then_some(body),
                is_body_at_hand,
                response: Response::http2(response, compression),
                websocket_limits: &bench.websocket_limits,
                connection,
                waker,
                route: RouteId::UNKNOWN,
                deferred: &mut deferred,
            };
            let edge = bench.edge.as_ref().filter(|_| !with_body);
            let answered = edge.and_then(|edge| edge.answer(&mut in_flight, &mut exchange));
            let outcome = answered.unwrap_or_else(|| bench.service.call(&mut exchange));
            end_if_child();
            (outcome, exchange.response.is_finished(), exchange.route)
        }));
        drop(server_lines);
        if let (Some(passage), Ok((_, _, route))) = (&mut stream.passage, &result) {
            passage.route = *route;
            if in_flight.is_some() {
                passage.in_flight = in_flight;
            }
        }
        self.note_answer(bench, key);
        match result {
            Ok((Outcome::Answered, true, _)) => self.take_replies(bench, now, key),
            Ok((Outcome::ReadBody { bytes_max }, ..)) if !with_body => {
                self.connection
                    .read_body(now, key, BodyMode::Whole { bytes_max });
            }
            Ok((Outcome::Deferred, ..)) if deferred.is_some() => {
                self.await_reply(key, deferred);
                self.take_replies(bench, now, key);
                self.feed_body(now, key);
            }
            Ok((outcome, finished, _)) => {
                log::error!(
                    "the service returned {outcome:?} (answer finished: {finished}), which does not fit"
                );
                self.fail(bench, now, key);
            }
            Err(_panic) => {
                // The panic hook has printed where; the stream ends, its connection and the shard live on.
                bench.counters.handler_panics.add(1);
                let (peer, id) = (self.ends.peer(), self.streams.of(key).id());
                log::error!("a handler panicked while it answered {peer}{id}");
                self.fail(bench, now, key);
            }
        }
    }

    fn await_reply(&mut self, key: StreamKey, deferred: Option<Deferred>) {
        let Some(Deferred { slot, streams_body }) = deferred else {
            return;
        };
        if self.connection.has_received_eof() {
            slot.end_input();
        }
        let stream = self.streams.of(key);
        stream.body = match streams_body {
            true => BodyFlow::Unasked,
            false => BodyFlow::None,
        };
        stream.slot = Some(slot);
    }

    /// Goes on with streams whose apps have something to say.
    pub(super) fn take_woken<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        let mut woken = std::mem::take(&mut self.woken);
        self.wakers.take(&mut woken);
        for place in woken.drain(..) {
            if let Some(key) = self.connection.key_at(place)
                && self.streams.is_open(key)
            {
                self.take_replies(bench, now, key);
                self.feed_body(now, key);
            }
        }
        self.woken = woken;
    }

    /// Goes on with streams that have waited for room, in turns. Returns whether one of them had some.
    pub(super) fn resume_blocked<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        let mut has_written = false;
        for key in std::mem::take(&mut self.streams.blocked) {
            self.streams.of(key).is_blocked = false;
            if !self.streams.is_open(key) {
                continue;
            }
            let stream = self.streams.of(key);
            let is_over = stream
                .compression()
                .is_some_and(|compression| compression.is_turn_over());
            if !is_over && self.connection.has_room(key) {
                has_written = true;
                self.take_replies(bench, now, key);
            } else {
                self.streams.block(key);
            }
        }
        has_written
    }

    /// Some stream has compressed as much as one turn may: it goes on in the next one.
    pub(super) fn is_turn_over(&mut self) -> bool {
        for place in 0..self.streams.blocked.len() {
            let key = self.streams.blocked[place];
            let compression = self.streams.of(key).compression();
            if compression.is_some_and(|compression| compression.is_turn_over())
                && self.connection.has_room(key)
            {
                return true;
            }
        }
        false
    }

    /// Writes what there is of an answer that comes later, or that is compressed piece by piece.
    fn take_replies<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, key: StreamKey) {
        loop {
            let stream = self.streams.of(key);
            let compression = stream.compression();
            let has_more = compression.as_ref().is_some_and(|one| one.has_more());
            let is_turn_over = compression.is_some_and(|one| one.is_turn_over());
            if stream.slot.is_none() && !has_more {
                return;
            }
            if is_turn_over || !self.connection.has_room(key) {
                // The sender waits for what is in the slot. The slot's reader must not wait: it may want more of the
                // request's body before the peer reads on.
                if let Some(slot) = &stream.slot {
                    slot.watch(self.wakers.of(key));
                }
                return self.streams.block(key);
            }
            let part = match &stream.slot {
                // Compressed before anything else is taken, so that no more waits than one part.
                _ if has_more => None,
                Some(slot) => match slot.take(self.wakers.of(key)) {
                    Some(HttpPart::Answer(part)) => Some(part),
                    Some(HttpPart::Refusal { status, part }) => {
                        bench.counters.note_refusal(status);
                        Some(part)
                    }
                    Some(HttpPart::Route(route)) => {
                        if let Some(passage) = &mut stream.passage {
                            passage.route = route;
                        }
                        continue;
                    }
                    Some(HttpPart::Accept(_)) => {
                        log::error!("a WebSocket could not be accepted over HTTP/2");
                        return self.fail(bench, now, key);
                    }
                    Some(HttpPart::Failed) => return self.fail(bench, now, key),
                    None => return,
                },
                None => return,
            };
            let written = {
                let server_lines = bench.server_lines(now, stream.passage.as_deref());
                let writer = self.connection.response(key, &server_lines);
                let mut response = Response::http2(writer, stream.compression());
                match part {
                    Some(part) => write_part(part, &mut response),
                    None => response.go_on().map(|()| response.is_finished()),
                }
            };
            self.note_answer(bench, key);
            match written {
                Ok(true) => self.streams.of(key).end(),
                Ok(false) => {}
                Err(misuse) => {
                    let (peer, id) = (self.ends.peer(), self.streams.of(key).id());
                    log::error!("the answer to {peer}{id} could not be sent: {misuse}");
                    return self.fail(bench, now, key);
                }
            }
        }
    }

    /// The access log wants fields of the answer's head, if that has been written.
    fn note_answer<S: Service>(&mut self, bench: &Workbench<S>, key: StreamKey) {
        if let (Some(edge), Some(passage)) = (&bench.edge, &mut self.streams.of(key).passage)
            && passage.note.as_ref().is_some_and(Note::lacks_answer)
            && let Some(head) = self.connection.take_head_text(key)
        {
            edge.note_answer(passage, &head);
        }
    }

    /// Our side cannot answer: 500 while nothing was sent, a reset of the stream after that.
    fn fail<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, key: StreamKey) {
        let stream = self.streams.of(key);
        stream.end();
        stream.forget_compression();
        let server_lines = bench.server_lines(now, stream.passage.as_deref());
        let mut response = self.connection.response(key, &server_lines);
        if !response.is_started() {
            let mut lines = HeaderLines::new();
            let answered = lines
                .push(b"content-type", b"application/json")
                .and_then(|()| response.whole(500, &lines, INTERNAL_ERROR_BODY));
            if answered.is_ok() {
                return;
            }
        }
        drop(server_lines);
        self.connection.cut(key);
    }
}
