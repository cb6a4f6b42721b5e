//! Finds the next event in what a connection has received. Part of `connection`.
//!
//! What every request passes is written out where it is used (`inline(always)`): there are two callers, a server's
//! connections and its metrics port, and left to itself the compiler calls function after function for both. `parse_head`
//! alone stays one (`inline(never)`), so that httparse has one caller and is written out there. By callgrind the calls
//! made a request 100 instructions dearer, of 5,000: `make bench-instructions`.

use super::{Connection, lent};
use crate::body_clock::BodyClock;
use crate::http1::answer::Answer;
use crate::http1::body_intake::{BodyIntake, IntakeProgress};
use crate::http1::event::Event;
use crate::http1::head_parser::parse_head;
use crate::http1::lifecycle::{IntakeStage, Phase, Step};
use crate::http1::line_scan::{LineScan, Scan};
use crate::http1::other_protocol::{Strange, named, strange_start};
use crate::limits::EMPTY_LINES_MAX;
use crate::misuse::AnswerStage;
use crate::request_head::RequestHead;
use crate::syntax::is_tchar;
use crate::tick::Tick;
use crate::violation::Violation;

/// What stands at the place where a request line should begin.
enum HeadStart {
    /// Nothing, or a carriage return whose line feed has not come.
    Nothing,
    /// The first byte of a method.
    Method,
    /// The first bytes of another protocol, as far as they tell.
    Unclear,
}

impl Connection {
    /// Drives the connection: what happened next. Requests are taken up one after another: the next head waits until
    /// the exchange before it is complete (RFC 9112 section 9.3.2).
    #[inline(always)]
    pub fn next_event(&mut self, now: Tick) -> Event {
        let event = match self.phase {
            Phase::Fresh | Phase::Idle | Phase::Head => self.next_head(now),
            Phase::Exchange => self.next_in_exchange(now),
            Phase::Refusing(_) => self.next_in_refusal(now),
            Phase::Closing { .. } | Phase::Closed => Event::Close,
        };
        self.note_time(now);
        event
    }

    /// Looks for the head of the next request.
    #[inline(always)]
    fn next_head(&mut self, now: Tick) -> Event {
        if self.has_output_backlog() {
            return Event::NeedMore;
        }
        let start = match self.skip_empty_lines() {
            Ok(start) => start,
            Err(violation) => {
                self.begin_head(now);
                return self.refuse(now, violation);
            }
        };
        if let HeadStart::Nothing = start {
            return self.wait_for_head(now);
        }
        self.begin_head(now);
        if let HeadStart::Unclear = start {
            return self.wait_for_head(now);
        }
        let workspace = lent(&mut self.workspace);
        let unread = workspace.input.unread();
        let refused = match self.head_scan.search(unread, self.limits.head_bytes_max) {
            Scan::Partial => return self.wait_for_head(now),
            Scan::BareLineFeed => Violation::BareLineFeed,
            Scan::TooLong {
                in_first_line: true,
            } => Violation::TargetTooLong,
            Scan::TooLong {
                in_first_line: false,
            } => Violation::HeadTooLarge,
            Scan::Complete(head_len) => {
                match parse_head(&unread[..head_len], &self.limits, &mut workspace.index) {
                    Ok(()) => {
                        workspace.input.hold_head(head_len);
                        return self.begin_exchange(now);
                    }
                    Err(violation) => violation,
                }
            }
        };
        let violation = named(lent(&mut self.workspace).input.unread(), refused);
        if violation == Violation::Http2Preface && self.may_speak_http2() {
            return Event::Http2;
        }
        self.refuse(now, violation)
    }

    /// HTTP/2 begins with the first byte of a connection.
    #[cold]
    fn may_speak_http2(&self) -> bool {
        self.limits.http2_streams_max > 0 && self.answer.status == 0 && self.empty_lines == 0
    }

    /// Drops empty lines before a request line (RFC 9112 section 2.2), and looks at the first byte that follows. A
    /// connection that received only empty lines stays idle.
    #[inline(always)]
    fn skip_empty_lines(&mut self) -> Result<HeadStart, Violation> {
        let Some(workspace) = &mut self.workspace else {
            return Ok(HeadStart::Nothing);
        };
        let input = &mut workspace.input;
        loop {
            match input.unread() {
                [byte, ..] if is_tchar(*byte) => return Ok(HeadStart::Method),
                [b'\r', b'\n', ..] => {
                    self.empty_lines += 1;
                    if self.empty_lines > EMPTY_LINES_MAX {
                        return Err(Violation::TooManyEmptyLines);
                    }
                    input.skip(2);
                    input.release();
                }
                [] | [b'\r'] => return Ok(HeadStart::Nothing),
                [b'\r', ..] => return Err(Violation::BareCarriageReturn),
                [b'\n', ..] => return Err(Violation::BareLineFeed),
                unread => {
                    return match strange_start(unread) {
                        Strange::Unclear if self.half_closed_since.is_none() => {
                            Ok(HeadStart::Unclear)
                        }
                        Strange::Unclear => Err(Violation::RequestLineMalformed),
                        Strange::Refused(violation) => Err(violation),
                    };
                }
            }
        }
    }

    /// The head is incomplete: wait for the rest, unless it will never come.
    fn wait_for_head(&mut self, now: Tick) -> Event {
        let is_expected = match self.phase {
            Phase::Head => !self.has_received_eof(),
            _ => !self.has_received_eof() && !self.is_draining,
        };
        if is_expected {
            return Event::NeedMore;
        }
        self.take(Step::Finished { linger: false }, now);
        Event::Close
    }

    /// The clock of the head runs from its first byte.
    fn begin_head(&mut self, now: Tick) {
        if self.phase != Phase::Head {
            self.take(Step::HeadBegun, now);
        }
    }

    /// The head is complete and set aside.
    #[inline(always)]
    fn begin_exchange(&mut self, now: Tick) -> Event {
        let workspace = lent(&mut self.workspace);
        workspace.body_bytes_written = 0;
        let request = RequestHead::new(workspace.input.head(), &workspace.index);
        self.answer = Answer::due(request);
        self.intake = BodyIntake::begin(request.framing(), request.expects_continue());
        self.body_clock = BodyClock::default();
        self.head_scan = LineScan::default();
        self.empty_lines = 0;
        self.take(Step::HeadRead, now);
        Event::Head
    }

    /// Moves the body and the answer of the exchange on.
    #[inline(always)]
    fn next_in_exchange(&mut self, now: Tick) -> Event {
        match self.answer.stage {
            AnswerStage::Due | AnswerStage::Body => self.next_of_body(now),
            AnswerStage::Complete => self.next_after_answer(now),
            AnswerStage::Cut => {
                self.take(Step::Finished { linger: false }, now);
                Event::Close
            }
        }
    }

    /// The answer is not complete: the app may want the body.
    fn next_of_body(&mut self, now: Tick) -> Event {
        let limits = &*self.limits;
        let workspace = lent(&mut self.workspace);
        match self.intake.advance(&mut workspace.input, limits) {
            Ok(IntakeProgress::Ready) => return Event::BodyReady,
            Ok(IntakeProgress::Chunk) => return Event::BodyChunk,
            Ok(IntakeProgress::End) => return Event::BodyEnd,
            Ok(IntakeProgress::None) => {}
            Err(violation) => return self.refuse(now, violation),
        }
        match self.intake.stage() {
            // The driver waits for a body that will never be complete.
            IntakeStage::Whole | IntakeStage::Stream if self.has_received_eof() => {
                self.answer.stage = AnswerStage::Cut;
                self.take(Step::Finished { linger: false }, now);
                Event::Close
            }
            _ => Event::NeedMore,
        }
    }

    /// The answer is complete: the rest of the body is not wanted.
    #[inline(always)]
    fn next_after_answer(&mut self, now: Tick) -> Event {
        let limits = &*self.limits;
        let workspace = lent(&mut self.workspace);
        if !self.intake.has_ended() {
            self.intake.discard(&mut workspace.input, limits);
            let advanced = self.intake.advance(&mut workspace.input, limits);
            let is_truncated = self.has_received_eof() && !self.intake.has_ended();
            // A violation in it can no longer be answered; nothing more is parsed after it.
            if advanced.is_err() || is_truncated {
                self.intake.abandon();
            }
            if !self.intake.stage().is_final() {
                return Event::NeedMore;
            }
        }
        self.end_exchange(now);
        Event::ExchangeDone
    }

    /// Request and answer are complete, or as complete as they will ever be.
    #[inline(always)]
    fn end_exchange(&mut self, now: Tick) {
        let workspace = lent(&mut self.workspace);
        let is_abandoned = self.intake.stage() == IntakeStage::Abandoned;
        let step = match self.answer.persists && !is_abandoned {
            true => Step::ExchangeEnded,
            // A peer that did not expect this end may be sending its next request at this moment.
            false => Step::Finished {
                linger: is_abandoned
                    || self.answer.peer_persists
                    || !workspace.input.unread().is_empty(),
            },
        };
        workspace.input.release();
        self.answer = self.answer.ended();
        self.take(step, now);
    }
}
