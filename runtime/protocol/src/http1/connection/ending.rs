//! How a connection ends: refusals, deadlines, draining, cutting. Part of `connection`.

use super::{Connection, lent};
use crate::closing::{Expiry, Overdue};
use crate::http1::deadlines::{Wait, Waits};
use crate::http1::event::Event;
use crate::http1::lifecycle::{Phase, Refusal, Step};
use crate::http1::response_head::status_text;
use crate::http1::response_writer::write_refusal;
use crate::misuse::AnswerStage;
use crate::server_lines::ServerLines;
use crate::tick::Tick;
use crate::violation::Violation;

impl Connection {
    /// Writes the answer to the violation of the last [`Event::Refused`]: its status, its rule as text,
    /// `connection: close`. Does nothing if the app's answer had already begun, or if nothing was refused.
    ///
    /// The driver must call this because of the server's lines: a 4xx carries a date (RFC 9110 section 6.6.1) and there is
    /// no clock here. A driver that goes on to the next event instead gets the same answer without these lines.
    pub fn answer_refusal(&mut self, server_lines: &ServerLines) {
        if let Phase::Refusing(refusal) = self.phase {
            self.write_answer_to(refusal, Some(server_lines));
        }
    }

    /// Answers with `status` and a short text in the app's stead and closes: for a server that is too busy (503 with
    /// `retry-after`). Without a request in flight it answers whatever the peer may be about to ask. An answer that has
    /// begun is cut instead. Needs a lent workspace.
    pub fn refuse_status(
        &mut self,
        status: u16,
        retry_after_s: Option<u32>,
        server_lines: &ServerLines,
    ) {
        self.refuse_with(status, status_text(status), retry_after_s, server_lines);
    }

    /// The same for a violation that the owner of the connection has found in what came first.
    pub fn refuse_violation(&mut self, violation: Violation, server_lines: &ServerLines) {
        self.refuse_with(violation.status(), violation.rule(), None, server_lines);
    }

    fn refuse_with(
        &mut self,
        status: u16,
        text: &str,
        retry_after_s: Option<u32>,
        server_lines: &ServerLines,
    ) {
        let is_answerable = match self.phase {
            Phase::Fresh | Phase::Idle | Phase::Head => true,
            Phase::Exchange => self.answer.stage == AnswerStage::Due,
            Phase::Refusing(refusal) => refusal.is_answerable,
            Phase::Closing { .. } | Phase::Closed => return,
        };
        if is_answerable {
            let is_to_head = self.answer.is_to_head;
            let output = lent(&mut self.workspace).output.tail();
            write_refusal(
                output,
                Some(server_lines),
                status,
                retry_after_s,
                text,
                is_to_head,
            );
        }
        self.finish(is_answerable);
    }

    /// When to call [`expire`](Connection::expire); any other call may change it.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.waits().next().map(|(deadline, _)| deadline)
    }

    /// What the deadline that has passed is about; None if none has, or if only the rest of a connection's end waited.
    pub fn overdue(&self, now: Tick) -> Option<Overdue> {
        let (deadline, wait) = self.waits().next()?;
        if deadline > now {
            return None;
        }
        match wait {
            Wait::Silence if self.phase == Phase::Idle => Some(Overdue::KeepAlive),
            Wait::Silence | Wait::Head => Some(Overdue::Head),
            Wait::Body => Some(Overdue::Body),
            Wait::Write | Wait::HalfClosed => Some(Overdue::Write),
            Wait::Linger => None,
        }
    }

    /// Acts on a deadline that has passed.
    pub fn expire(&mut self, now: Tick) -> Expiry {
        let wait = match self.waits().next() {
            Some((deadline, wait)) if deadline <= now => wait,
            _ => return Expiry::NotYet,
        };
        match (wait, self.answer.stage) {
            (Wait::Head, _) => self.refuse_for(now, Violation::HeadTimeout, false),
            (Wait::Body, AnswerStage::Due) => {
                self.refuse_for(now, Violation::BodyTimeout, false);
            }
            (Wait::Silence | Wait::Linger, _) | (Wait::Body, AnswerStage::Complete) => {
                self.answer = self.answer.ended();
                self.take(Step::Gone, now);
                return Expiry::Close;
            }
            (Wait::Body | Wait::Write | Wait::HalfClosed, _) => {
                self.answer = self.answer.ended();
                lent(&mut self.workspace).output.clear();
                self.take(Step::Gone, now);
                return Expiry::Cut;
            }
        }
        Expiry::Refused
    }

    /// Finish what has begun, then close: the answer in flight says `connection: close` if its head is not yet written,
    /// a head that has partly arrived is still answered. An idle connection closes at once.
    pub fn drain(&mut self) {
        self.is_draining = true;
        self.answer.persists = false;
        if self.is_between_requests() {
            self.finish(false);
        }
    }

    /// Asks the peer to come back on another connection, by `connection: close` in the answer that is due. Only where that
    /// loses nothing: the request is whole, and no other has come behind it. Returns whether the peer will be asked; a
    /// connection that closes after this answer anyway, or has left HTTP by then, does not ask.
    pub fn send_away(&mut self) -> bool {
        let is_last = self.in_exchange()
            && self.answer.stage == AnswerStage::Due
            && self.answer.peer_persists
            && self.may_persist()
            && self.intake.has_ended()
            && !self.has_received_eof()
            && lent(&mut self.workspace).input.unread().is_empty();
        self.answer.is_last |= is_last;
        is_last
    }

    /// The app failed after the start of its answer. What was written is still sent, but the body gets no proper end:
    /// the peer sees a broken answer and not a short one. (A peer on HTTP/1.0 that reads until the connection closes
    /// cannot tell the difference: RFC 9112 section 8.)
    pub fn cut(&mut self) {
        self.finish(false);
    }

    /// Notes a violation found in the input and announces it.
    pub(super) fn refuse(&mut self, now: Tick, violation: Violation) -> Event {
        self.refuse_for(now, violation, true);
        Event::Refused(violation)
    }

    /// A violation waits for its announcement or its answer.
    pub(super) fn next_in_refusal(&mut self, now: Tick) -> Event {
        let Phase::Refusing(refusal) = self.phase else {
            unreachable!("only called while refusing");
        };
        if refusal.is_announced {
            self.write_answer_to(refusal, None);
            return Event::Close;
        }
        self.refuse(now, refusal.violation)
    }

    /// From here on no input is parsed, and nothing that the app writes goes out.
    fn refuse_for(&mut self, now: Tick, violation: Violation, is_announced: bool) {
        let is_answerable = match self.phase {
            Phase::Refusing(refusal) => refusal.is_answerable,
            Phase::Exchange => self.answer.stage == AnswerStage::Due,
            _ => true,
        };
        self.answer.stage = AnswerStage::Cut;
        self.take(
            Step::Refused(Refusal {
                violation,
                is_answerable,
                is_announced,
            }),
            now,
        );
    }

    fn write_answer_to(&mut self, refusal: Refusal, server_lines: Option<&ServerLines>) {
        if refusal.is_answerable {
            let is_to_head = self.answer.is_to_head;
            let output = lent(&mut self.workspace).output.tail();
            let violation = refusal.violation;
            let (status, text) = (violation.status(), violation.rule());
            write_refusal(output, server_lines, status, None, text, is_to_head);
        }
        self.finish(refusal.is_answerable);
    }

    /// No more input, no more answers; what is written is sent. Keeps `phase_since`, because the caller does not know
    /// the time: the clock of lingering starts when the last output is sent.
    pub(super) fn finish(&mut self, linger: bool) {
        self.phase = self.phase.after(Step::Finished { linger });
        self.answer = self.answer.ended();
    }

    fn waits(&self) -> Waits<'_> {
        Waits {
            limits: &self.limits,
            phase: self.phase,
            phase_since: self.phase_since,
            has_unsent_output: !self.output().is_empty(),
            write_since: self.write_since,
            half_closed_since: self.half_closed_since,
            body: self.body_clock,
        }
    }
}
