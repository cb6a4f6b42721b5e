//! The driver of one connection: bytes and ticks in, events and bytes out. Knows no socket and no clock.
//!
//! The parts: `connection/reading.rs` finds the next event in the input, `connection/ending.rs` is about refusals,
//! deadlines and the ways to part, `connection/outgoing.rs` about output, `connection/upgrade.rs` about leaving HTTP. The states are those of `lifecycle.rs`.

mod ending;
#[cfg(test)]
mod memory_tests;
mod outgoing;
mod reading;
mod upgrade;

use std::sync::Arc;

use crate::body_clock::BodyClock;
use crate::closing::Closing;
use crate::http1::answer::Answer;
use crate::http1::body_intake::BodyIntake;
use crate::http1::event::BodyMode;
use crate::http1::lifecycle::{IntakeStage, Phase, Step};
use crate::http1::line_scan::LineScan;
use crate::http1::response_writer::ResponseWriter;
use crate::http1::workspace::Workspace;
use crate::limits::{LINGER_BYTES_MAX, Limits};
use crate::misuse::AnswerStage;
use crate::request_head::RequestHead;
use crate::server_lines::ServerLines;
use crate::tick::Tick;

pub use upgrade::Upgraded;

/// One server-side HTTP/1.1 connection (RFC 9112).
///
/// The life of a driver: [`lend`](Connection::lend) a workspace when the socket becomes readable and none is lent; hand
/// the bytes to [`receive`](Connection::receive); call [`next_event`](Connection::next_event) until it says
/// [`NeedMore`](crate::Event::NeedMore) or [`Close`](crate::Event::Close), and again whenever the app has answered or
/// consumed; send [`output`](Connection::output); ask [`next_deadline`](Connection::next_deadline) and
/// [`closing`](Connection::closing); [`reclaim`](Connection::reclaim) the workspace if the connection gives it up.
#[derive(Debug)]
pub struct Connection {
    limits: Arc<Limits>,
    workspace: Option<Box<Workspace>>,
    phase: Phase,
    phase_since: Tick,
    /// Search for the end of the head that is arriving.
    head_scan: LineScan,
    /// Empty lines before that head.
    empty_lines: u8,
    /// No further exchange may begin after this one.
    is_draining: bool,
    intake: BodyIntake,
    body_clock: BodyClock,
    answer: Answer,
    /// When the peer stopped taking output, as far as we know.
    write_since: Option<Tick>,
    /// When the peer, which has finished sending, was last sent something.
    half_closed_since: Option<Tick>,
    /// Bytes swallowed while lingering.
    lingered_bytes: u32,
}

/// An idle connection is this struct and an entry in a table; a shard may hold many.
const _: () = assert!(size_of::<Connection>() <= 176);

/// A connection moves to its shard once, and into a task in work-stealing mode.
const _: () = {
    const fn assert_send<T: Send>() {}
    assert_send::<Connection>();
};

impl Connection {
    /// A connection that was accepted at `now`. It closes without an answer if the peer stays silent for
    /// `head_timeout_ms`.
    pub fn new(limits: Arc<Limits>, now: Tick) -> Connection {
        Connection {
            limits,
            workspace: None,
            phase: Phase::Fresh,
            phase_since: now,
            head_scan: LineScan::default(),
            empty_lines: 0,
            is_draining: false,
            intake: BodyIntake::none(),
            body_clock: BodyClock::default(),
            answer: Answer::NONE,
            write_since: None,
            half_closed_since: None,
            lingered_bytes: 0,
        }
    }

    /// A workspace is lent.
    #[inline]
    pub fn has_workspace(&self) -> bool {
        self.workspace.is_some()
    }

    /// Lends the buffers that work needs. The one that was lent before, if any, must have been reclaimed.
    pub fn lend(&mut self, workspace: Box<Workspace>) {
        assert!(self.workspace.is_none(), "a workspace is already lent");
        self.workspace = Some(workspace);
    }

    /// Gives the workspace back, reset, if nothing is unfinished: no partial head, no exchange, no unsent output.
    pub fn reclaim(&mut self) -> Option<Box<Workspace>> {
        let is_needed = match self.phase {
            Phase::Fresh | Phase::Idle => !self.is_idle(),
            Phase::Head | Phase::Exchange | Phase::Refusing(_) => true,
            Phase::Closing { .. } | Phase::Closed => !self.output().is_empty(),
        };
        if is_needed {
            return None;
        }
        let mut workspace = self.workspace.take()?;
        workspace.reset();
        Some(workspace)
    }

    /// Ends the connection's life and gives the workspace back, reset, whatever was unfinished.
    pub fn into_workspace(self) -> Option<Box<Workspace>> {
        let mut workspace = self.workspace?;
        workspace.reset();
        Some(workspace)
    }

    /// Takes bytes from the peer; call [`next_event`](Connection::next_event) afterwards. Needs a lent workspace, except
    /// while closing: then the bytes are only counted, to bound the lingering.
    pub fn receive(&mut self, now: Tick, chunk: &[u8]) {
        match self.phase {
            Phase::Closing { .. } | Phase::Closed => {
                let chunk_len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
                self.lingered_bytes = self.lingered_bytes.saturating_add(chunk_len);
            }
            Phase::Refusing(_) => {}
            Phase::Fresh | Phase::Idle | Phase::Head | Phase::Exchange => {
                let limits = &*self.limits;
                let rate = limits.body_rate_min_bytes_per_s;
                self.body_clock
                    .progress(now, chunk.len(), limits.body_timeout_ms, rate);
                lent(&mut self.workspace).input.append(chunk);
            }
        }
    }

    /// The peer has finished sending (half-close). An exchange whose request is complete can still be answered, and
    /// complete pipelined requests after it; a partial head or body is dropped. An idle connection closes at once; call
    /// [`next_event`](Connection::next_event) for the others.
    pub fn receive_eof(&mut self, now: Tick) {
        self.note_time(now);
        self.half_closed_since = Some(now);
        if self.is_between_requests() {
            self.take(Step::Finished { linger: false }, now);
        }
    }

    /// The request of the exchange in flight: from [`Event::Head`](crate::Event::Head) until
    /// [`ExchangeDone`](crate::Event::ExchangeDone), [`Refused`](crate::Event::Refused) or
    /// [`Close`](crate::Event::Close).
    ///
    /// # Panics
    /// Outside an exchange.
    pub fn request(&self) -> RequestHead<'_> {
        match &self.workspace {
            Some(workspace) if self.in_exchange() => {
                RequestHead::new(workspace.input.head(), &workspace.index)
            }
            _ => panic!("no exchange is in flight"),
        }
    }

    /// Says how the body is wanted, once per exchange after [`Event::Head`](crate::Event::Head); later only
    /// [`BodyMode::Discard`] may be said. Without a choice the body is discarded when the answer is complete.
    ///
    /// A peer that waits for `100 Continue` is told to go on if the body is wanted, its announced length is allowed and
    /// none of it has come. If it is not wanted, the connection ends after the answer, because the peer may send it or
    /// not (RFC 9110 section 10.1.1).
    ///
    /// # Panics
    /// Outside an exchange, or when a body that is being read is asked for in another way.
    pub fn read_body(&mut self, now: Tick, mode: BodyMode) {
        assert!(self.in_exchange(), "no exchange is in flight");
        let workspace = lent(&mut self.workspace);
        let is_continue_wanted = self.intake.choose(mode, &mut workspace.input, &self.limits);
        if is_continue_wanted && self.answer.stage == AnswerStage::Due {
            workspace
                .output
                .tail()
                .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.note_time(now);
    }

    /// The body bytes that are here: all of them after [`BodyReady`](crate::Event::BodyReady), those that were not
    /// consumed after [`BodyChunk`](crate::Event::BodyChunk).
    pub fn body(&self) -> &[u8] {
        match &self.workspace {
            Some(workspace) if self.in_exchange() => workspace.input.body(),
            _ => &[],
        }
    }

    /// [`BodyMode::Stream`]: the app is done with the first `n` bytes of [`body`](Connection::body). Call
    /// [`next_event`](Connection::next_event) afterwards: it also restarts the clock of a peer that had to wait.
    ///
    /// # Panics
    /// If there are fewer than `n` bytes.
    pub fn consume_body(&mut self, n: usize) {
        lent(&mut self.workspace).input.consume_body(n);
    }

    /// What has come and is no request yet, or was refused as none.
    pub fn unread(&self) -> &[u8] {
        match &self.workspace {
            Some(workspace) => workspace.input.unread(),
            None => &[],
        }
    }

    /// Whether the whole body lies in the input already, so that [`BodyMode::Whole`](crate::BodyMode::Whole) brings
    /// [`BodyReady`](crate::Event::BodyReady) at once. False for a chunked body, whose end is not known without decoding.
    pub fn is_body_at_hand(&self) -> bool {
        match &self.workspace {
            Some(workspace) if self.in_exchange() => {
                self.intake.is_at_hand(&workspace.input, &self.limits)
            }
            _ => false,
        }
    }

    /// The request, the body bytes that are here and the writer of the answer, side by side.
    ///
    /// # Panics
    /// Outside an exchange.
    #[inline(always)]
    pub fn exchange<'a>(
        &'a mut self,
        server_lines: &'a ServerLines,
    ) -> (RequestHead<'a>, &'a [u8], ResponseWriter<'a>) {
        assert!(self.in_exchange(), "no exchange is in flight");
        let may_persist = self.may_persist();
        let Workspace {
            input,
            output,
            index,
            body_bytes_written,
        } = lent(&mut self.workspace);
        (
            RequestHead::new(input.head(), index),
            input.body(),
            ResponseWriter::new(
                &mut self.answer,
                output.tail(),
                body_bytes_written,
                server_lines,
                may_persist,
            ),
        )
    }

    /// The writer of the answer. Outside an exchange every step on it is a [`Misuse`](crate::Misuse), so that an answer
    /// that comes too late does no harm. Call [`next_event`](Connection::next_event) after writing.
    ///
    /// # Panics
    /// Without a workspace.
    pub fn response<'a>(&'a mut self, server_lines: &'a ServerLines) -> ResponseWriter<'a> {
        let may_persist = self.may_persist();
        let Some(workspace) = &mut self.workspace else {
            panic!("no workspace is lent");
        };
        ResponseWriter::new(
            &mut self.answer,
            workspace.output.tail(),
            &mut workspace.body_bytes_written,
            server_lines,
            may_persist,
        )
    }

    /// The engine should read. False is backpressure: a body that the app does not consume, pipelined requests ahead of
    /// an answer that is still due, output that the peer does not take. False also when nothing more will be looked at;
    /// true while lingering, so that the peer's last bytes are swallowed.
    pub fn wants_read(&self) -> bool {
        let Some(workspace) = &self.workspace else {
            return !self.has_received_eof() && self.is_read_wanted_without_buffers();
        };
        let limits = &*self.limits;
        let input = &workspace.input;
        let has_room = input.unread().len() < limits.input_bytes_high;
        let is_wanted = match self.phase {
            Phase::Fresh | Phase::Idle | Phase::Head => has_room || !self.has_output_backlog(),
            Phase::Exchange => match self.intake.stage() {
                IntakeStage::Whole | IntakeStage::Discard => true,
                IntakeStage::Stream => input.body().len() < limits.input_bytes_high,
                IntakeStage::Undecided | IntakeStage::Complete => has_room,
                IntakeStage::Abandoned => false,
            },
            Phase::Refusing(_) | Phase::Closing { .. } | Phase::Closed => {
                self.is_read_wanted_without_buffers()
            }
        };
        is_wanted && !self.has_received_eof()
    }

    /// What comes next is a request's head, or the rest of one.
    pub fn awaits_request(&self) -> bool {
        matches!(self.phase, Phase::Fresh | Phase::Idle | Phase::Head)
    }

    /// Between a request's head and the end of its exchange.
    #[inline]
    pub fn in_exchange(&self) -> bool {
        self.phase == Phase::Exchange
    }

    /// The peer has finished sending.
    #[inline]
    pub fn has_received_eof(&self) -> bool {
        self.half_closed_since.is_some()
    }

    /// Between requests, with nothing buffered in either direction.
    pub fn is_idle(&self) -> bool {
        self.is_between_requests() && self.output().is_empty()
    }

    /// How far the end of the connection has come.
    pub fn closing(&self) -> Closing {
        match self.phase {
            Phase::Closing { linger } => {
                let linger =
                    linger && !self.has_received_eof() && self.lingered_bytes < LINGER_BYTES_MAX;
                match linger || !self.output().is_empty() {
                    true => Closing::AfterOutput { linger },
                    false => Closing::Now,
                }
            }
            Phase::Closed => Closing::Now,
            Phase::Fresh | Phase::Idle | Phase::Head | Phase::Exchange | Phase::Refusing(_) => {
                Closing::Open
            }
        }
    }

    /// No byte of a request is here.
    fn is_between_requests(&self) -> bool {
        matches!(self.phase, Phase::Fresh | Phase::Idle)
            && self
                .workspace
                .as_ref()
                .is_none_or(|workspace| workspace.input.is_empty())
    }

    /// What we want of a socket whose bytes need no buffer.
    fn is_read_wanted_without_buffers(&self) -> bool {
        match self.phase {
            Phase::Fresh | Phase::Idle => true,
            Phase::Closing { .. } => {
                matches!(self.closing(), Closing::AfterOutput { linger: true })
            }
            Phase::Head | Phase::Exchange | Phase::Refusing(_) | Phase::Closed => false,
        }
    }

    /// So much output is unsent that nothing should be added to it.
    fn has_output_backlog(&self) -> bool {
        self.output().len() >= self.limits.output_bytes_high
    }

    /// An answer that is written now may promise that the connection lives on.
    #[inline]
    fn may_persist(&self) -> bool {
        !self.is_draining && !self.answer.is_last && !self.intake.prevents_reuse(&self.limits)
    }

    /// Keeps the clocks that the app's side, which is not told the time, can start or stop.
    #[inline(always)]
    fn note_time(&mut self, now: Tick) {
        self.write_since = match self.output().is_empty() {
            true => None,
            false => self.write_since.or(Some(now)),
        };
        self.body_clock.run(now, self.is_waiting_for_body());
    }

    /// The peer owes body bytes, and we do not keep it waiting.
    #[inline]
    fn is_waiting_for_body(&self) -> bool {
        if self.phase != Phase::Exchange || self.intake.has_ended() {
            return false;
        }
        match self.intake.stage() {
            IntakeStage::Whole => true,
            IntakeStage::Stream => self.body().is_empty(),
            // Until the peer has its answer there is no hurry.
            IntakeStage::Discard => {
                self.answer.stage == AnswerStage::Complete && self.output().is_empty()
            }
            IntakeStage::Undecided | IntakeStage::Complete | IntakeStage::Abandoned => false,
        }
    }

    /// Moves the connection on.
    #[inline]
    fn take(&mut self, step: Step, now: Tick) {
        self.phase = self.phase.after(step);
        self.phase_since = now;
    }
}

/// The workspace, which the caller has lent. A function of the field alone leaves the other fields free to be borrowed.
#[inline]
fn lent(workspace: &mut Option<Box<Workspace>>) -> &mut Workspace {
    match workspace {
        Some(workspace) => workspace,
        None => panic!("no workspace is lent"),
    }
}
