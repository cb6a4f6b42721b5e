//! A conversation in HTTP/2: protocol state plus an exchange for each stream. It turns events into calls of the service and
//! answers into output, as that in HTTP/1 does. Sans-IO: bytes, time and a waker are handed in; it knows neither sockets
//! nor engines.

mod calling;
mod stream_wakers;
mod streams;

use std::task::Waker;

use turbo_shard_protocol::http2::{self, Event, StreamKey};
use turbo_shard_protocol::{BodyMode, Closing, Expiry, Tick, Violation};

use crate::edge::Answered;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::conversation::both_ends::BothEnds;
use crate::shard::conversation::http2::stream_wakers::StreamWakers;
use crate::shard::conversation::http2::streams::Streams;
use crate::shard::conversation::refusal_words::{Refusal, Seconds};
use crate::shard::conversation::switch::ToHttp2;
use crate::shard::workbench::Workbench;

/// Requests that one connection may have answered before the others get their turn, as over HTTP/1.
const REQUESTS_PER_TURN_MAX: u32 = 64;

pub(crate) struct Http2 {
    connection: http2::Connection,
    ends: BothEnds,
    streams: Streams,
    wakers: StreamWakers,
    /// Places of streams that were woken. Kept for its memory.
    woken: Vec<usize>,
    /// What is left of this turn.
    budget: u32,
    /// The peer was asked to come back on another connection.
    is_sent_away: bool,
}

impl Http2 {
    /// Goes on where HTTP/1 has found the preface, or begins, where nothing has come yet.
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, now: Tick, switch: ToHttp2) -> Http2 {
        bench.counters.http2_connections.add(1);
        let mut connection = http2::Connection::new(bench.limits.clone(), now);
        connection.receive(&switch.bytes.input);
        if switch.bytes.has_eof {
            connection.receive_eof(now);
        }
        if switch.bytes.is_draining {
            connection.drain(now);
        }
        Http2 {
            connection,
            ends: BothEnds::new(switch.info),
            streams: Streams::default(),
            wakers: StreamWakers::new(),
            woken: Vec::new(),
            budget: 0,
            is_sent_away: false,
        }
    }

    /// The shard has all the connections it may have: the peer is told to go, before it has asked for anything.
    pub(crate) fn refuse_overload<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        bench.counters.note_refusal(503);
        self.connection.drain(now);
    }

    pub(crate) fn receive<S: Service>(&mut self, _bench: &Workbench<S>, _now: Tick, chunk: &[u8]) {
        self.connection.receive(chunk);
    }

    /// The peer will send no more; it may still read.
    pub(crate) fn receive_eof(&mut self, now: Tick) {
        self.connection.receive_eof(now);
        for exchange in self.streams.open() {
            if let Some(slot) = &exchange.slot {
                slot.end_input();
            }
        }
    }

    /// Acts on what the peer has sent and takes in what deferred answers have brought, until bytes, room or answers are
    /// missing. What is written of bodies leaves in turns.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        mut now: Tick,
        waker: &Waker,
    ) -> Advance {
        self.budget = REQUESTS_PER_TURN_MAX;
        self.wakers.belong_to(waker);
        for exchange in self.streams.open() {
            if let Some(compression) = exchange.compression() {
                compression.begin_turn();
            }
        }
        let mut has_more = self.take_events(bench, &mut now);
        self.take_woken(bench, now);
        loop {
            self.connection.flush(now);
            let has_written = self.resume_blocked(bench, now);
            if has_more || self.is_turn_over() {
                return Advance::MoreToDo;
            }
            // What has ended with the flush is told by the next event.
            if !has_written && !self.connection.has_news() {
                return Advance::Settled;
            }
            has_more = self.take_events(bench, &mut now);
        }
    }

    /// Acts on events. Returns whether more of them may follow at once.
    fn take_events<S: Service>(&mut self, bench: &Workbench<S>, now: &mut Tick) -> bool {
        loop {
            match self.connection.next_event(*now) {
                Event::Head(key) => {
                    self.begin(bench, *now, key);
                    self.call(bench, *now, key, false);
                    *now = bench.catch_up(*now);
                    let worth = self.streams.of(key).compression();
                    let worth = worth.map_or(0, |compression| compression.turn_requests());
                    self.budget = self.budget.saturating_sub(1 + worth);
                    if self.budget == 0 {
                        return true;
                    }
                }
                Event::BodyReady(key) => {
                    self.call(bench, *now, key, true);
                    *now = bench.catch_up(*now);
                }
                Event::BodyChunk(key) => self.feed_body(*now, key),
                Event::BodyEnd(key) => {
                    let exchange = self.streams.of(key);
                    if exchange.slot.is_some() {
                        exchange.body = BodyFlow::Ending;
                    }
                    self.feed_body(*now, key);
                }
                Event::Refused(key, violation) => self.refuse(bench, *now, key, violation),
                Event::Done(key) => self.leave(bench, *now, key, true),
                Event::Reset(key) => self.leave(bench, *now, key, false),
                Event::Failed(fault) => {
                    bench.counters.http2_faults.add(1);
                    if bench.peer_log.pass(*now) {
                        log::info!("{} broke HTTP/2: {fault}", self.ends.peer());
                    }
                }
                Event::NeedMore => return false,
            }
        }
    }

    /// A request's head is complete.
    fn begin<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, key: StreamKey) {
        bench.counters.requests.add(1);
        self.streams.begin(key);
        self.streams.in_flight += 1;
        let passage = bench
            .edge
            .as_ref()
            .and_then(|edge| edge.enter(self.connection.request(key), || self.ends.info()));
        let exchange = self.streams.of(key);
        exchange.is_counted = true;
        let note = passage.as_ref().and_then(|passage| passage.note.as_ref());
        if note.is_some_and(crate::edge::Note::lacks_answer) {
            self.connection.keep_head_text(key);
        }
        exchange.passage = passage;
        let to_go = bench.send_away.get();
        if to_go > 0 && !std::mem::replace(&mut self.is_sent_away, true) {
            bench.send_away.set(to_go - 1);
            self.connection.drain(now);
        }
    }

    /// The server answers in the app's stead.
    fn refuse<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        key: StreamKey,
        violation: Violation,
    ) {
        bench.counters.note_refusal(violation.status());
        if !self.streams.is_open(key) {
            // Its head was refused: it was no request.
            self.streams.begin(key);
        }
        let exchange = self.streams.of(key);
        if bench.peer_log.pass(now) {
            let limits = &*bench.limits;
            let refusal = Refusal { violation, limits };
            let (peer, id) = (self.ends.peer(), exchange.id());
            log::info!("{peer}{id} was refused: {refusal}");
        }
        exchange.end();
        exchange.is_refused = true;
        let server_lines = bench.server_lines(now, exchange.passage.as_deref());
        let answered = Answered {
            status: Some(violation.status()),
            body_bytes: 0,
            is_whole: false,
        };
        if let Some(edge) = &bench.edge {
            match exchange.passage.take() {
                Some(passage) => edge.leave(*passage, answered),
                None if exchange.is_counted => {}
                None => {
                    let is_whole = true;
                    edge.refuse(
                        b"",
                        &self.ends.info(),
                        Answered {
                            is_whole,
                            ..answered
                        },
                    );
                }
            }
        }
        self.connection
            .answer_refusal(key, violation, &server_lines);
    }

    /// The exchange has ended, and its stream with it.
    fn leave<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        key: StreamKey,
        is_whole: bool,
    ) {
        if self.streams.is_open(key) {
            let status = self.connection.answer_status(key);
            let exchange = self.streams.of(key);
            exchange.end();
            exchange.is_open = false;
            if let (Some(edge), Some(passage)) = (&bench.edge, exchange.passage.take()) {
                let answered = Answered {
                    status,
                    body_bytes: self.connection.answer_body_bytes(key),
                    is_whole,
                };
                edge.leave(*passage, answered);
            }
            if exchange.is_counted {
                self.streams.in_flight -= 1;
                bench.counters.requests_ended.add(1);
            }
            if let (Some(status), true, false) = (status, is_whole, self.streams.of(key).is_refused)
            {
                bench.counters.note_response(status);
            }
        }
        self.connection.release(now, key);
    }

    /// The connection ends with what is in flight. What has not ended is counted by its owner.
    pub(crate) fn abandon<S: Service>(&mut self, bench: &Workbench<S>) {
        let keys: Vec<StreamKey> = self.connection.stream_keys().collect();
        for key in keys {
            if !self.streams.is_open(key) {
                continue;
            }
            let exchange = self.streams.of(key);
            exchange.end();
            if let (Some(edge), Some(passage)) = (&bench.edge, exchange.passage.take()) {
                let answered = Answered {
                    status: self.connection.answer_status(key),
                    body_bytes: self.connection.answer_body_bytes(key),
                    is_whole: false,
                };
                edge.leave(*passage, answered);
            }
        }
    }

    /// Hands over what has come of a streamed body, as far as the app has room; the rest makes the peer wait.
    fn feed_body(&mut self, now: Tick, key: StreamKey) {
        let exchange = self.streams.of(key);
        let Some(slot) = &exchange.slot else { return };
        if exchange.body == BodyFlow::Unasked && slot.wants_body() {
            exchange.body = BodyFlow::Flowing;
            // What is here already is told by events.
            self.connection.read_body(now, key, BodyMode::Stream);
            return;
        }
        if !matches!(exchange.body, BodyFlow::Flowing | BodyFlow::Ending) {
            return;
        }
        let body = self.connection.body(key);
        let at_hand = body.len();
        let taken = slot.push_body(body);
        if exchange.body == BodyFlow::Ending && taken == at_hand {
            slot.end_body();
            exchange.body = BodyFlow::None;
        }
        if taken > 0 {
            self.connection.consume_body(now, key, taken);
        }
    }

    pub(crate) fn output(&self) -> &[u8] {
        self.connection.output()
    }

    pub(crate) fn consume_output(&mut self, now: Tick, n: usize) {
        self.connection.consume_output(now, n);
    }

    pub(crate) fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> usize {
        self.connection.swap_output(now, buffer)
    }

    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        self.connection.output_leaves_late(now);
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.connection.wants_read()
    }

    pub(crate) fn exchanges_in_flight(&self) -> u64 {
        self.streams.in_flight
    }

    pub(crate) fn closing(&self) -> Closing {
        self.connection.closing()
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.connection.next_deadline()
    }

    /// A deadline may have passed. Returns whether the connection must go at once.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        if let Some(overdue) = self.connection.overdue(now) {
            bench.counters.note_timeout(overdue);
        }
        match self.connection.expire(now) {
            // What it has led to is found by `advance`.
            Expiry::NotYet | Expiry::Refused => false,
            Expiry::Close => true,
            Expiry::Cut => {
                if bench.peer_log.pass(now) {
                    log::info!(
                        "{} did not read its answers in time and was cut off; --write-timeout is {}",
                        self.ends.peer(),
                        Seconds(bench.limits.write_timeout_ms)
                    );
                }
                true
            }
        }
    }

    /// Lets what is in flight finish, then closes.
    pub(crate) fn drain(&mut self, now: Tick) {
        self.connection.drain(now);
    }

    /// Gives memory back when no stream is open.
    pub(crate) fn rest(&mut self) {
        if self.connection.streams_open() == 0 {
            self.connection.rest();
            self.streams.rest();
            self.wakers.rest();
            self.woken = Vec::new();
        }
    }
}
