//! The request's side of a stream: its head, and its body as the app wants it. Knows no frames and no answer.

use crate::body_clock::BodyClock;
use crate::head_index::HeadIndex;
use crate::http1::event::BodyMode;
use crate::http2::limits::STREAM_WINDOW_BYTES;
use crate::limits::Limits;
use crate::request_head::RequestHead;
use crate::request_line::Method;
use crate::tick::Tick;
use crate::violation::Violation;

/// Capacity that a buffer keeps when its stream is released.
const BYTES_KEPT_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) head: Vec<u8>,
    pub(super) index: HeadIndex,
    /// How the body is wanted, if that was said.
    mode: Option<BodyMode>,
    body: Vec<u8>,
    /// What of `body` the app is done with.
    consumed: usize,
    received: u64,
    pub(super) has_ended: bool,
    /// What the peer may still send.
    window: u32,
    /// What it may be allowed to send beyond that, and was not told yet.
    uncredited: u32,
    pub(super) clock: BodyClock,
}

impl Incoming {
    pub(super) fn new() -> Incoming {
        Incoming {
            head: Vec::new(),
            index: HeadIndex::new(),
            mode: None,
            body: Vec::new(),
            consumed: 0,
            received: 0,
            has_ended: false,
            window: STREAM_WINDOW_BYTES,
            uncredited: 0,
            clock: BodyClock::default(),
        }
    }

    /// For another stream; the head is written by the draft.
    pub(super) fn begin(&mut self) {
        self.mode = None;
        self.body.clear();
        self.consumed = 0;
        self.received = 0;
        self.has_ended = false;
        self.window = STREAM_WINDOW_BYTES;
        self.uncredited = 0;
        self.clock = BodyClock::default();
    }

    /// Its stream is over: what has grown gets small again.
    pub(super) fn trim(&mut self) {
        for buffer in [&mut self.head, &mut self.body] {
            if buffer.capacity() > BYTES_KEPT_MAX {
                *buffer = Vec::new();
            }
        }
    }

    #[inline]
    pub(super) fn request(&self) -> RequestHead<'_> {
        RequestHead::new(&self.head, &self.index)
    }

    /// What is here and was not consumed.
    pub(super) fn body(&self) -> &[u8] {
        &self.body[self.consumed..]
    }

    pub(super) fn mode(&self) -> Option<BodyMode> {
        self.mode
    }

    pub(super) fn is_whole(&self) -> bool {
        matches!(self.mode, Some(BodyMode::Whole { .. }))
    }

    /// Says how the body is wanted. An announced length that is not allowed is a violation at once.
    pub(super) fn choose(&mut self, mode: BodyMode, limits: &Limits) -> Result<(), Violation> {
        self.mode = Some(mode);
        self.check_length(self.announced().unwrap_or(0).max(self.received), limits)
    }

    /// Some of the body has come. `flow_bytes` is what it counts in the window, padding included.
    pub(super) fn receive(
        &mut self,
        data: &[u8],
        flow_bytes: u32,
        limits: &Limits,
    ) -> Result<(), BodyFault> {
        self.window = self
            .window
            .checked_sub(flow_bytes)
            .ok_or(BodyFault::Window)?;
        self.uncredited += flow_bytes - data.len() as u32;
        self.received += data.len() as u64;
        if self
            .announced()
            .is_some_and(|announced| self.received > announced)
        {
            return Err(BodyFault::Length);
        }
        self.check_length(self.received, limits)
            .map_err(BodyFault::Refused)?;
        match self.mode {
            Some(BodyMode::Discard) => self.uncredited += data.len() as u32,
            Some(BodyMode::Whole { .. }) => {
                self.body.extend_from_slice(data);
                self.uncredited += data.len() as u32;
            }
            Some(BodyMode::Stream) | None => self.body.extend_from_slice(data),
        }
        Ok(())
    }

    /// The peer has sent all of it.
    pub(super) fn end(&mut self) -> Result<(), BodyFault> {
        self.has_ended = true;
        match self.announced() {
            Some(announced) if announced != self.received => Err(BodyFault::Length),
            _ => Ok(()),
        }
    }

    /// The app is done with the first `n` bytes of [`body`](Incoming::body).
    pub(super) fn consume(&mut self, n: usize) {
        assert!(
            n <= self.body().len(),
            "more of a body consumed than there was"
        );
        self.consumed += n;
        self.uncredited += n as u32;
        if self.consumed == self.body.len() {
            self.body.clear();
            self.consumed = 0;
        }
    }

    /// What the peer may be told now that it may send, if that is worth a frame.
    pub(super) fn credit(&mut self) -> Option<u32> {
        if self.has_ended || self.uncredited < STREAM_WINDOW_BYTES / 2 {
            return None;
        }
        let credit = std::mem::take(&mut self.uncredited);
        self.window += credit;
        Some(credit)
    }

    /// Bytes that came before the body was wanted whole count as taken.
    pub(super) fn hand_over(&mut self, bytes: u32) {
        self.uncredited += bytes;
    }

    /// The peer has been allowed less than it might be.
    pub(super) fn is_held_back(&self) -> bool {
        self.uncredited >= STREAM_WINDOW_BYTES / 2
    }

    pub(super) fn has_received(&self) -> bool {
        self.received > 0
    }

    /// What comes is no body, but one side of a tunnel, which has clocks and bounds of its own.
    pub(super) fn is_tunnel(&self) -> bool {
        self.index.method == Method::Connect
    }

    /// The peer owes bytes, and we do not keep it waiting.
    pub(super) fn is_waiting(&self) -> bool {
        if self.has_ended || self.window == 0 || self.is_tunnel() {
            return false;
        }
        match self.mode {
            Some(BodyMode::Whole { .. }) => true,
            Some(BodyMode::Stream) => self.body().is_empty(),
            Some(BodyMode::Discard) | None => false,
        }
    }

    pub(super) fn run_clock(&mut self, now: Tick) {
        self.clock.run(now, self.is_waiting());
    }

    fn announced(&self) -> Option<u64> {
        match self.index.framing {
            crate::body_framing::BodyFraming::Length(length) => Some(length),
            _ => None,
        }
    }

    fn check_length(&self, length: u64, limits: &Limits) -> Result<(), Violation> {
        let bytes_max = match self.mode {
            Some(BodyMode::Whole { bytes_max }) => bytes_max.min(limits.body_bytes_max),
            _ if self.is_tunnel() => u64::MAX,
            Some(BodyMode::Discard) => u64::MAX,
            Some(BodyMode::Stream) | None => limits.body_bytes_max,
        };
        match length <= bytes_max {
            true => Ok(()),
            false => Err(Violation::BodyTooLarge),
        }
    }
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// More than the stream's window allows.
    Window,
    /// Another length than was announced.
    Length,
    Refused(Violation),
}
