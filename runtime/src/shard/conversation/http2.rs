//! A conversation in HTTP/2: protocol state plus an exchange for each stream. It turns events into calls of the service and
//! answers into output, as that in HTTP/1 does. Sans-IO: bytes, time and a waker are handed in; it knows neither sockets
//! nor engines.

mod calling;
mod stream_wakers;
mod streams;
mod websockets;

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
use crate::shard::conversation::refusal_words::Seconds;
use crate::shard::conversation::switch::ToHttp2;
use crate::shard::conversation::turn::Turn;
use crate::shard::workbench::Workbench;

pub(crate) struct Http2 {
    connection: http2::Connection,
    ends: BothEnds,
    streams: Streams,
    wakers: StreamWakers,
    /// Places of streams that were woken. Kept for its memory.
    woken: Vec<usize>,
    turn: Turn,
    /// The peer was asked to come back on another connection.
    is_sent_away: bool,
    /// The server stops: WebSockets say goodbye.
    is_stopping: bool,
}

impl Http2 {
    /// Goes on where HTTP/1 has found the preface, or begins, where nothing has come yet.
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, now: Tick, switch: ToHttp2) -> Http2 {
        bench.counters.http2_connections.add(1);
        let mut connection = http2::Connection::new(bench.limits.clone(), now);
        if bench.service.takes_websockets() {
            connection = connection.with_websockets();
        }
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
            turn: Turn::begin(),
            is_sent_away: false,
            is_stopping: switch.bytes.is_draining,
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
            exchange.end_input();
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
        self.turn = Turn::begin();
        self.wakers.belong_to(waker);
        for exchange in self.streams.open() {
            if let Some(compression) = exchange.compression() {
                compression.begin_turn();
            }
        }
        self.take_postponed(now);
        let mut has_more = self.take_events(bench, &mut now);
        self.take_woken(bench, now);
        loop {
            self.connection.flush(now);
            let has_written = self.resume_blocked(bench, now);
            if has_more || self.is_turn_over() || self.streams.has_postponed() {
                return Advance::MoreToDo;
            }
            // What has ended with the flush is told by the next event.
            if !has_written && !self.connection.has_news() {
                return Advance::Settled;
            }
            has_more = self.take_events(bench, &mut now);
        }
    }

    /// Acts on events, while the turn lasts. Returns whether more of them may follow at once.
    fn take_events<S: Service>(&mut self, bench: &Workbench<S>, now: &mut Tick) -> bool {
        while !self.turn.is_over() {
            match self.connection.next_event(*now) {
                Event::Head(key) => {
                    self.begin(bench, *now, key);
                    self.call(bench, *now, key, false);
                    let worth = 1 + self.streams.exchange(key).requests_worth();
                    self.turn.note_call(bench, now, worth);
                }
                Event::BodyReady(key) => {
                    self.call(bench, *now, key, true);
                    self.turn.note_call(bench, now, 0);
                }
                Event::BodyChunk(key) => self.feed(*now, key),
                Event::BodyEnd(key) => {
                    let exchange = self.streams.exchange(key);
                    if exchange.awaits_reply() {
                        exchange.body = BodyFlow::Ending;
                    }
                    self.feed(*now, key);
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
        true
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
        let exchange = self.streams.exchange(key);
        exchange.is_in_flight = true;
        exchange.passage = passage;
        if exchange.lacks_answer() {
            self.connection.keep_head_text(key);
        }
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
        if !self.streams.is_open(key) {
            // Its head was refused: it was no request.
            self.streams.begin(key);
        }
        let exchange = self.streams.exchange(key);
        exchange.refuse(bench, now, violation, &self.ends);
        let server_lines = bench.server_lines(now, exchange.passage.as_deref());
        let answered = Answered {
            status: Some(violation.status()),
            body_bytes: 0,
            is_whole: false,
        };
        if let Some(edge) = &bench.edge {
            match exchange.passage.take() {
                Some(passage) => edge.leave(*passage, answered),
                None if exchange.is_in_flight => {}
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
            let exchange = self.streams.exchange(key);
            exchange.end();
            exchange.leave(bench, || Answered {
                status,
                body_bytes: self.connection.answer_body_bytes(key),
                is_whole,
            });
            let is_in_flight = exchange.is_in_flight;
            let mut is_noted = exchange.is_refused;
            if self.streams.was_websocket(key) {
                // Its 200 was counted when it was opened.
                is_noted = true;
                bench.counters.websockets_closed.add(1);
            }
            self.streams.close(key);
            if is_in_flight {
                self.streams.in_flight -= 1;
                bench.counters.requests_ended.add(1);
            }
            if let (Some(status), true, false) = (status, is_whole, is_noted) {
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
            let exchange = self.streams.exchange(key);
            exchange.end();
            exchange.leave(bench, || Answered {
                status: self.connection.answer_status(key),
                body_bytes: self.connection.answer_body_bytes(key),
                is_whole: false,
            });
            if self.streams.was_websocket(key) {
                bench.counters.websockets_closed.add(1);
            }
        }
    }

    /// Hands over what has come of a streamed body, as far as the app has room; the rest makes the peer wait.
    fn feed(&mut self, now: Tick, key: StreamKey) {
        if self.streams.websocket(key).is_some() {
            return self.converse(now, key);
        }
        let exchange = self.streams.exchange(key);
        if exchange.begins_to_read() {
            // What is here already is told by events.
            return self.connection.read_body(now, key, BodyMode::Stream);
        }
        if !exchange.reads() {
            return;
        }
        let taken = exchange.push_body(self.connection.body(key));
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
        let of_connection = self.connection.next_deadline();
        let both = [of_connection, self.next_websocket_deadline()];
        both.into_iter().flatten().min()
    }

    /// A deadline may have passed. Returns whether the connection must go at once.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        self.expire_websockets(bench, now);
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
        self.is_stopping = true;
        self.drain_websockets(now);
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
