//! A conversation in HTTP/1: protocol state plus the one exchange in flight. It turns events into calls of the
//! service and answers into output. Sans-IO: bytes, time and a waker are handed in; it knows neither sockets nor engines.

mod calling;

use std::task::Waker;

use turbo_shard_protocol::{BodyMode, Closing, Connection, Event, Expiry, Tick, Violation};

use crate::connection_info::ConnectionInfo;
use crate::edge::Answered;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::conversation::both_ends::BothEnds;
use crate::shard::conversation::open_exchange::OpenExchange;
use crate::shard::conversation::refusal_words::Seconds;
use crate::shard::conversation::switch::{Switch, ToHttp2};
use crate::shard::conversation::turn::Turn;
use crate::shard::workbench::Workbench;

pub(crate) struct Http1 {
    connection: Connection,
    ends: BothEnds,
    exchange: OpenExchange,
    /// The connection has left HTTP/1: the owner takes this after `advance` and goes on with it.
    switch: Option<Box<Switch>>,
}

impl Http1 {
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, info: ConnectionInfo, now: Tick) -> Http1 {
        Http1 {
            connection: Connection::new(bench.limits.clone(), now),
            ends: BothEnds::new(info),
            exchange: OpenExchange::default(),
            switch: None,
        }
    }

    /// A proxy has said whose connection it is, before the first byte of it.
    pub(crate) fn is_of(&mut self, info: ConnectionInfo) {
        self.ends = BothEnds::new(info);
    }

    /// The connection has left HTTP: what it takes along.
    pub(crate) fn take_switch(&mut self) -> Option<Box<Switch>> {
        self.switch.take()
    }

    /// Answers 503 before anything was read: the shard has all the connections it may have.
    pub(crate) fn refuse_overload<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        bench.counters.note_refusal(503);
        self.lend(bench);
        self.connection
            .refuse_status(503, Some(1), &bench.server_lines(now, None));
        self.leave_refused(bench, 503);
    }

    /// Answers what has come, which is no request.
    pub(crate) fn refuse<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        violation: Violation,
    ) {
        self.lend(bench);
        self.exchange.refuse(bench, now, violation, &self.ends);
        self.leave_as_refused(bench, violation.status());
        let server_lines = bench.server_lines(now, None);
        self.connection.refuse_violation(violation, &server_lines);
    }

    /// Takes in what the peer has sent; `advance` answers it.
    pub(crate) fn receive<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, chunk: &[u8]) {
        self.lend(bench);
        self.connection.receive(now, chunk);
    }

    /// The peer will send no more; it may still read.
    pub(crate) fn receive_eof(&mut self, now: Tick) {
        self.connection.receive_eof(now);
        self.exchange.end_input();
    }

    /// Takes in what a deferred answer has brought, then calls the service for every request that is complete, in
    /// order, until bytes, room or an answer are missing.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        mut now: Tick,
        waker: &Waker,
    ) -> Advance {
        if let Some(compression) = self.exchange.compression() {
            compression.begin_turn();
        }
        self.take_replies(bench, now, waker);
        self.feed_body(now);
        if self.switch.is_some() {
            return Advance::MoreToDo;
        }
        let mut turn = Turn::begin();
        loop {
            match self.connection.next_event(now) {
                Event::Head => {
                    bench.counters.requests.add(1);
                    self.exchange.is_in_flight = true;
                    if let Some(edge) = &bench.edge {
                        self.exchange.passage =
                            edge.enter(self.connection.request(), || self.ends.info());
                    }
                    let to_go = bench.send_away.get();
                    if to_go > 0 && self.connection.send_away() {
                        bench.send_away.set(to_go - 1);
                    }
                    self.call(bench, now, waker, false);
                    let worth = 1 + self.exchange.requests_worth();
                    turn.note_call(bench, &mut now, worth);
                    if self.switch.is_some() || turn.is_over() {
                        return Advance::MoreToDo;
                    }
                }
                Event::BodyReady => {
                    self.call(bench, now, waker, true);
                    turn.note_call(bench, &mut now, 0);
                    if turn.is_over() {
                        return Advance::MoreToDo;
                    }
                }
                Event::BodyChunk => self.feed_body(now),
                Event::BodyEnd => {
                    self.exchange.body = BodyFlow::Ending;
                    self.feed_body(now);
                }
                Event::Refused(violation) => {
                    self.exchange.refuse(bench, now, violation, &self.ends);
                    let server_lines = bench.server_lines(now, self.exchange.passage.as_deref());
                    self.leave_as_refused(bench, violation.status());
                    self.connection.answer_refusal(&server_lines);
                }
                Event::ExchangeDone => {
                    self.exchange.body = BodyFlow::None;
                    self.exchange.is_in_flight = false;
                    bench.counters.requests_ended.add(1);
                    if let Some(status) = self.connection.answer_status() {
                        bench.counters.note_response(status);
                    }
                    self.leave(bench, None, true);
                }
                Event::Http2 => {
                    self.leave_for_http2(bench);
                    return Advance::MoreToDo;
                }
                Event::NeedMore | Event::Close => {
                    return match self.exchange.is_turn_over() {
                        true => Advance::MoreToDo,
                        false => Advance::Settled,
                    };
                }
            }
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

    pub(crate) fn awaits_request(&self) -> bool {
        self.connection.awaits_request()
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.exchange.is_in_flight
    }

    pub(crate) fn closing(&self) -> Closing {
        self.connection.closing()
    }

    pub(crate) fn ends_whole(&self) -> bool {
        !self.exchange.is_in_flight || self.exchange.is_refused
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
            // A refusal is found by `advance`, which answers it.
            Expiry::NotYet | Expiry::Refused => false,
            Expiry::Close => true,
            Expiry::Cut => {
                if bench.peer_log.pass(now) {
                    log::info!(
                        "{} did not read its answer in time and was cut off; --write-timeout is {}",
                        self.ends.peer(),
                        Seconds(bench.limits.write_timeout_ms)
                    );
                }
                true
            }
        }
    }

    /// Lets the exchange in flight finish, then closes.
    pub(crate) fn drain(&mut self, _now: Tick) {
        self.connection.drain();
    }

    /// Gives the buffers back to the thread's pool when nothing is unfinished.
    pub(crate) fn rest<S: Service>(&mut self, bench: &Workbench<S>) {
        if let Some(workspace) = self.connection.reclaim() {
            bench.put_workspace(workspace);
        }
    }

    fn leave_as_refused<S: Service>(&mut self, bench: &Workbench<S>, status: u16) {
        match self.exchange.passage.is_some() {
            true => self.leave(bench, Some(status), false),
            false => self.leave_refused(bench, status),
        }
    }

    fn lend<S: Service>(&mut self, bench: &Workbench<S>) {
        if !self.connection.has_workspace() {
            self.connection.lend(bench.take_workspace());
        }
    }

    /// Hands over what has come of a streamed body, as far as the app has room; the rest makes the peer wait.
    fn feed_body(&mut self, now: Tick) {
        if self.exchange.begins_to_read() {
            self.connection.read_body(now, BodyMode::Stream);
        }
        if !self.exchange.reads() {
            return;
        }
        let taken = self.exchange.push_body(self.connection.body());
        if taken > 0 {
            self.connection.consume_body(taken);
        }
    }

    /// The peer has begun with the preface of HTTP/2.
    #[cold]
    fn leave_for_http2<S: Service>(&mut self, bench: &Workbench<S>) {
        let (bytes, workspace) = self.connection.leave_http();
        if let Some(workspace) = workspace {
            bench.put_workspace(workspace);
        }
        let info = self.ends.info();
        self.switch = Some(Box::new(Switch::Http2(ToHttp2 { info, bytes })));
    }

    /// The connection ends with what is in flight.
    pub(crate) fn abandon<S: Service>(&mut self, bench: &Workbench<S>) {
        self.leave(bench, None, false);
    }

    /// The exchange has ended. `refusal` is the status of the server's answer in the app's stead, if that has not begun.
    #[inline]
    fn leave<S: Service>(&mut self, bench: &Workbench<S>, refusal: Option<u16>, is_whole: bool) {
        let connection = &self.connection;
        self.exchange.leave(bench, || Answered {
            status: connection.answer_status().or(refusal),
            body_bytes: connection.answer_body_bytes(),
            is_whole,
        });
    }

    /// What has come was refused before it was a request.
    fn leave_refused<S: Service>(&self, bench: &Workbench<S>, status: u16) {
        if let (Some(edge), false) = (&bench.edge, self.exchange.is_in_flight) {
            let answered = Answered {
                status: Some(status),
                body_bytes: 0,
                is_whole: true,
            };
            edge.refuse(self.connection.unread(), &self.ends.info(), answered);
        }
    }

    /// The access log wants fields of the answer's head, which begins after `mark` in the output if it has been written.
    #[inline]
    fn note_answer<S: Service>(&mut self, bench: &Workbench<S>, mark: usize) {
        if self.exchange.lacks_answer()
            && let (Some(edge), Some(passage)) = (&bench.edge, &mut self.exchange.passage)
            && self.connection.answer_status().is_some()
        {
            let sent = self.connection.output().get(mark..).unwrap_or_default();
            edge.note_answer(passage, sent);
        }
    }
}
