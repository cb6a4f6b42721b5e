//! What a conversation in HTTP/2 asks of the app, and how answers reach their streams. Knows no sockets and no clock.

use turbo_shard_protocol::http2::StreamKey;
use turbo_shard_protocol::{BodyMode, Tick};

use super::Http2;
use crate::exchange::response::Response;
use crate::service::Service;
use crate::shard::conversation::answer_part::write_part;
use crate::shard::conversation::calling::{Call, Called, answer_failure};
use crate::shard::conversation::open_exchange::Step;
use crate::shard::workbench::Workbench;

impl Http2 {
    pub(super) fn call<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        key: StreamKey,
        with_body: bool,
    ) {
        let exchange = self.streams.exchange(key);
        let server_lines = bench.server_lines(now, exchange.passage.as_deref());
        let is_body_at_hand = !with_body && self.connection.is_body_at_hand(key);
        let (request, body, writer) = self.connection.exchange(key, &server_lines);
        let call = Call {
            request,
            body: with_body.then_some(body),
            is_body_at_hand,
            writer: writer.into(),
            ends: &self.ends,
            passage: exchange.passage.as_deref_mut(),
            waker: self.wakers.of(key),
        };
        let called = call.make::<S, true>(bench);
        drop(server_lines);
        self.note_answer(bench, key);
        match called {
            Called::Answered => self.take_replies(bench, now, key),
            Called::ReadBody { bytes_max } => {
                self.connection
                    .read_body(now, key, BodyMode::Whole { bytes_max });
            }
            Called::Deferred(deferred) => {
                let has_eof = self.connection.has_received_eof();
                self.streams.exchange(key).await_reply(deferred, has_eof);
                self.take_replies(bench, now, key);
                self.feed(now, key);
            }
            // After a panic as well its connection lives on.
            Called::Failed { .. } => self.fail(bench, now, key),
        }
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
                self.feed(now, key);
            }
        }
        self.woken = woken;
    }

    /// Goes on with streams that have waited for room, in turns. Returns whether one of them had some.
    pub(super) fn resume_blocked<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        let mut has_written = false;
        for key in self.streams.take_blocked() {
            if !self.streams.is_open(key) {
                continue;
            }
            let is_over = self.streams.exchange(key).is_turn_over();
            if !is_over && self.connection.has_room(key) {
                has_written = true;
                self.take_replies(bench, now, key);
                self.converse(now, key);
            } else {
                self.streams.block(key);
            }
        }
        has_written
    }

    /// Some stream has compressed as much as one turn may: it goes on in the next one.
    pub(super) fn is_turn_over(&mut self) -> bool {
        for place in 0..self.streams.blocked().len() {
            let key = self.streams.blocked()[place];
            if self.streams.exchange(key).is_turn_over() && self.connection.has_room(key) {
                return true;
            }
        }
        false
    }

    /// Writes what there is of an answer that comes later, or that is compressed piece by piece.
    fn take_replies<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, key: StreamKey) {
        loop {
            let exchange = self.streams.exchange(key);
            if !exchange.awaits_reply() && exchange.passage.is_none() {
                return;
            }
            let has_room = self.connection.has_room(key);
            let part = match exchange.next_step(bench, has_room, self.wakers.of(key)) {
                Step::Write(part) => part,
                Step::Accept(acceptance) => return self.accept(bench, now, key, acceptance),
                Step::Fail => return self.fail(bench, now, key),
                Step::AwaitRoom => return self.streams.block(key),
                Step::Rest => return,
            };
            let written = {
                let passage = &mut exchange.passage;
                let server_lines = bench.server_lines(now, passage.as_deref());
                let compression = passage
                    .as_mut()
                    .and_then(|it| it.compression.as_deref_mut());
                let writer = self.connection.response(key, &server_lines).into();
                write_part(part, &mut Response::new(writer, compression))
            };
            self.note_answer(bench, key);
            if !self.streams.exchange(key).note_written(written, &self.ends) {
                return self.fail(bench, now, key);
            }
        }
    }

    /// The access log wants fields of the answer's head, if that has been written.
    pub(super) fn note_answer<S: Service>(&mut self, bench: &Workbench<S>, key: StreamKey) {
        let exchange = self.streams.exchange(key);
        if exchange.lacks_answer()
            && let (Some(edge), Some(passage)) = (&bench.edge, &mut exchange.passage)
            && let Some(head) = self.connection.take_head_text(key)
        {
            edge.note_answer(passage, &head);
        }
    }

    /// Our side cannot answer: 500 while nothing was sent, a reset of the stream after that.
    pub(super) fn fail<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, key: StreamKey) {
        let exchange = self.streams.exchange(key);
        exchange.end();
        exchange.forget_compression();
        let server_lines = bench.server_lines(now, exchange.passage.as_deref());
        let is_answered = answer_failure(self.connection.response(key, &server_lines).into());
        drop(server_lines);
        if !is_answered {
            self.connection.cut(key);
        }
    }
}
