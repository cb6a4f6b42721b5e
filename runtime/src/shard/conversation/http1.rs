//! A conversation in HTTP/1: protocol state plus the one exchange in flight. It turns events into calls of the
//! service and answers into output. Sans-IO: bytes, time and a waker are handed in; it knows neither sockets nor engines.

mod calling;

use std::task::Waker;

use turbo_shard_protocol::{BodyMode, Closing, Connection, Event, Expiry, Tick, Violation};

use crate::coding::Compression;
use crate::connection_info::ConnectionInfo;
use crate::edge::{Answered, InLog, Note, Passage};
use crate::exchange::http_reply::HttpSlot;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::body_flow::BodyFlow;
use crate::shard::conversation::both_ends::BothEnds;
use crate::shard::conversation::refusal_words::{Refusal, Seconds};
use crate::shard::conversation::switch::{Switch, ToHttp2};
use crate::shard::workbench::Workbench;

/// Requests that one connection may have answered before the others get their turn.
/// A pipelining peer must not hold the shard: 64 KiB hold over a thousand short requests.
const REQUESTS_PER_TURN_MAX: u32 = 64;

pub(crate) struct Http1 {
    connection: Connection,
    ends: BothEnds,
    slot: Option<HttpSlot>,
    body: BodyFlow,
    /// Between a request's head and the end of its answer.
    in_flight: bool,
    /// The server has answered in the app's stead, and closes.
    is_refused: bool,
    /// What the server itself does about the exchange in flight, if it does anything.
    passage: Option<Box<Passage>>,
    /// The connection has left HTTP/1: the owner takes this after `advance` and goes on with it.
    switch: Option<Box<Switch>>,
}

impl Http1 {
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, info: ConnectionInfo, now: Tick) -> Http1 {
        Http1 {
            connection: Connection::new(bench.limits.clone(), now),
            ends: BothEnds::new(info),
            slot: None,
            body: BodyFlow::None,
            in_flight: false,
            is_refused: false,
            passage: None,
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
        self.note_refusal(bench, now, violation);
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
        if let Some(slot) = &self.slot {
            slot.end_input();
        }
    }

    /// Takes in what a deferred answer has brought, then calls the service for every request that is complete, in
    /// order, until bytes, room or an answer are missing.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        mut now: Tick,
        waker: &Waker,
    ) -> Advance {
        if let Some(compression) = self.compression() {
            compression.begin_turn();
        }
        self.take_replies(bench, now, waker);
        self.feed_body(now);
        if self.switch.is_some() {
            return Advance::MoreToDo;
        }
        let mut budget = REQUESTS_PER_TURN_MAX;
        loop {
            match self.connection.next_event(now) {
                Event::Head => {
                    bench.counters.requests.add(1);
                    self.in_flight = true;
                    if let Some(edge) = &bench.edge {
                        self.passage = edge.enter(self.connection.request(), || self.ends.info());
                    }
                    let to_go = bench.send_away.get();
                    if to_go > 0 && self.connection.send_away() {
                        bench.send_away.set(to_go - 1);
                    }
                    self.call(bench, now, waker, false);
                    now = bench.catch_up(now);
                    if self.switch.is_some() {
                        return Advance::MoreToDo;
                    }
                    budget = budget.saturating_sub(1 + self.requests_worth());
                    if budget == 0 {
                        return Advance::MoreToDo;
                    }
                }
                Event::BodyReady => {
                    self.call(bench, now, waker, true);
                    now = bench.catch_up(now);
                }
                Event::BodyChunk => self.feed_body(now),
                Event::BodyEnd => {
                    self.body = BodyFlow::Ending;
                    self.feed_body(now);
                }
                Event::Refused(violation) => {
                    self.note_refusal(bench, now, violation);
                    let server_lines = bench.server_lines(now, self.passage.as_deref());
                    self.leave_as_refused(bench, violation.status());
                    self.connection.answer_refusal(&server_lines);
                }
                Event::ExchangeDone => {
                    self.body = BodyFlow::None;
                    self.in_flight = false;
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
                    return match self.compression() {
                        Some(compression) if compression.is_turn_over() => Advance::MoreToDo,
                        _ => Advance::Settled,
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
        self.in_flight
    }

    pub(crate) fn closing(&self) -> Closing {
        self.connection.closing()
    }

    pub(crate) fn ends_whole(&self) -> bool {
        !self.in_flight || self.is_refused
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

    /// What has come, or the request in flight, is refused.
    #[cold]
    fn note_refusal<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, violation: Violation) {
        bench.counters.note_refusal(violation.status());
        if bench.peer_log.pass(now) {
            let limits = &*bench.limits;
            let refusal = Refusal { violation, limits };
            log::info!("{}{} was refused: {refusal}", self.ends.peer(), self.id());
        }
        self.end_exchange();
        self.is_refused = true;
    }

    fn leave_as_refused<S: Service>(&mut self, bench: &Workbench<S>, status: u16) {
        match self.passage.is_some() {
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
        let Some(slot) = &self.slot else { return };
        if self.body == BodyFlow::Unasked && slot.wants_body() {
            self.connection.read_body(now, BodyMode::Stream);
            self.body = BodyFlow::Flowing;
        }
        if !matches!(self.body, BodyFlow::Flowing | BodyFlow::Ending) {
            return;
        }
        let body = self.connection.body();
        let at_hand = body.len();
        let taken = slot.push_body(body);
        if self.body == BodyFlow::Ending && taken == at_hand {
            slot.end_body();
            self.body = BodyFlow::None;
        }
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
        if let (Some(edge), Some(passage)) = (&bench.edge, self.passage.take()) {
            let answered = Answered {
                status: self.connection.answer_status().or(refusal),
                body_bytes: self.connection.answer_body_bytes(),
                is_whole,
            };
            edge.leave(*passage, answered);
        }
    }

    /// What has come was refused before it was a request.
    fn leave_refused<S: Service>(&self, bench: &Workbench<S>, status: u16) {
        if let (Some(edge), false) = (&bench.edge, self.in_flight) {
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
        if let (Some(edge), Some(passage)) = (&bench.edge, &mut self.passage)
            && passage.note.as_ref().is_some_and(Note::lacks_answer)
            && self.connection.answer_status().is_some()
        {
            let sent = self.connection.output().get(mark..).unwrap_or_default();
            edge.note_answer(passage, sent);
        }
    }

    /// The id of the request in flight, for lines of the log.
    fn id(&self) -> InLog<'_> {
        InLog(
            self.passage
                .as_ref()
                .and_then(|it| it.identified.as_deref()),
        )
    }

    /// What has been compressed for the exchange in flight, as so many short requests.
    #[inline]
    fn requests_worth(&mut self) -> u32 {
        self.compression().map_or(0, |one| one.turn_requests())
    }

    /// What compresses the answer of the exchange in flight.
    #[inline]
    fn compression(&mut self) -> Option<&mut Compression> {
        self.passage.as_mut()?.compression.as_deref_mut()
    }

    /// The connection waits for nothing any more.
    fn end_exchange(&mut self) {
        self.slot = None;
        self.body = BodyFlow::None;
    }
}
