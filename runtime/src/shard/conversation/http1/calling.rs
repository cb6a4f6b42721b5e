//! What a conversation in HTTP/1 asks of the app, and how answers reach the output. Knows no sockets and no clock.

use std::task::Waker;

use turbo_shard_protocol::{BodyMode, Tick};

use super::Http1;
use crate::exchange::http_reply::Acceptance;
use crate::exchange::response::Response;
use crate::service::Service;
use crate::shard::conversation::answer_part::write_part;
use crate::shard::conversation::calling::{Call, Called, answer_failure};
use crate::shard::conversation::open_exchange::Step;
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
        let passage = &mut self.exchange.passage;
        let passage = passage.as_deref_mut().filter(|_| HAS_EDGE);
        let server_lines = bench.server_lines(now, passage.as_deref());
        let mark = match &passage {
            Some(_) => self.connection.output().len(),
            None => 0,
        };
        let is_body_at_hand = !with_body && self.connection.is_body_at_hand();
        let (request, body, writer) = self.connection.exchange(&server_lines);
        let call = Call {
            request,
            body: with_body.then_some(body),
            is_body_at_hand,
            writer: writer.into(),
            ends: &self.ends,
            passage,
            waker,
        };
        let called = call.make::<S, HAS_EDGE>(bench);
        drop(server_lines);
        if HAS_EDGE {
            self.note_answer(bench, mark);
        }
        match called {
            Called::Answered => self.take_replies(bench, now, waker),
            Called::ReadBody { bytes_max } => {
                self.connection
                    .read_body(now, BodyMode::Whole { bytes_max });
            }
            Called::Deferred(deferred) => {
                let has_eof = self.connection.has_received_eof();
                self.exchange.await_reply(deferred, has_eof);
                self.take_replies(bench, now, waker);
                self.feed_body(now);
            }
            Called::Failed { has_panicked } => {
                self.fail(bench, now);
                if has_panicked {
                    self.connection.drain();
                }
            }
        }
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
        if self.exchange.awaits_reply() || self.exchange.passage.is_some() {
            self.write_parts(bench, now, waker);
        }
    }

    fn write_parts<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, waker: &Waker) {
        loop {
            let mark = self.connection.output().len();
            let has_room = mark < bench.limits.output_bytes_high;
            let part = match self.exchange.next_step(bench, has_room, waker) {
                Step::Write(part) => part,
                Step::Accept(acceptance) => return self.accept(bench, now, acceptance),
                Step::Fail => return self.fail(bench, now),
                Step::AwaitRoom | Step::Rest => return,
            };
            let written = {
                let passage = &mut self.exchange.passage;
                let server_lines = bench.server_lines(now, passage.as_deref());
                let compression = passage
                    .as_mut()
                    .and_then(|it| it.compression.as_deref_mut());
                let writer = self.connection.response(&server_lines).into();
                write_part(part, &mut Response::new(writer, compression))
            };
            self.note_answer(bench, mark);
            if !self.exchange.note_written(written, &self.ends) {
                self.fail(bench, now);
            }
        }
    }

    /// The app takes a WebSocket: the 101 is the last of HTTP on this connection.
    fn accept<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, acceptance: Acceptance) {
        let Acceptance { accepted, slot } = acceptance;
        let server_lines = bench.server_lines(now, self.exchange.passage.as_deref());
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
                    passage: self.exchange.passage.take(),
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

    /// Our side cannot answer: 500 while nothing was sent, a cut connection after that.
    fn fail<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        self.exchange.end();
        self.exchange.forget_compression();
        let server_lines = bench.server_lines(now, self.exchange.passage.as_deref());
        if !answer_failure(self.connection.response(&server_lines).into()) {
            self.connection.cut();
        }
    }
}
