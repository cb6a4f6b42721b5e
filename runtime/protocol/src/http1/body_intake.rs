//! Takes in one request body as the driver wants it: whole, as a stream, or not at all. Knows the buffer and the framing,
//! no answer and no time.

use crate::body_framing::BodyFraming;
use crate::http1::chunked_decoder::{ChunkStep, ChunkedDecoder};
use crate::http1::event::BodyMode;
use crate::http1::lifecycle::IntakeStage;
use crate::http1::receive_buffer::ReceiveBuffer;
use crate::limits::Limits;
use crate::violation::Violation;

/// What became of a body in one pass.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntakeProgress {
    /// Nothing that the driver must know.
    None,
    /// The whole body is there.
    Ready,
    /// More of the stream is there.
    Chunk,
    /// The stream is over.
    End,
}

/// The body of the exchange in flight.
#[derive(Debug)]
pub(crate) struct BodyIntake {
    stage: IntakeStage,
    decoder: BodyDecoder,
    /// Bytes of the body that were kept so far.
    decoded: u64,
    /// Most bytes of body that may be kept.
    bytes_max: u64,
    /// Bytes on the wire that were thrown away so far.
    discarded: u64,
    /// The peer waits for `100 Continue` and has not been told.
    continue_due: bool,
}

/// Where in the body the input stands.
#[derive(Debug)]
enum BodyDecoder {
    /// So many bytes are still to come; 0 also stands for "no body".
    Length(u64),
    Chunked(ChunkedDecoder),
}

impl BodyIntake {
    /// No body at all: between exchanges.
    pub(crate) fn none() -> BodyIntake {
        BodyIntake::begin(BodyFraming::None, false)
    }

    /// The body that a head announced.
    pub(crate) fn begin(framing: BodyFraming, expects_continue: bool) -> BodyIntake {
        let decoder = match framing {
            BodyFraming::None => BodyDecoder::Length(0),
            BodyFraming::Length(length) => BodyDecoder::Length(length),
            BodyFraming::Chunked => BodyDecoder::Chunked(ChunkedDecoder::new()),
        };
        let continue_due = expects_continue && !matches!(decoder, BodyDecoder::Length(0));
        BodyIntake {
            stage: IntakeStage::Undecided,
            decoder,
            decoded: 0,
            bytes_max: 0,
            discarded: 0,
            continue_due,
        }
    }

    pub(crate) fn stage(&self) -> IntakeStage {
        self.stage
    }

    /// Every byte of the body has been read.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        match &self.decoder {
            BodyDecoder::Length(remaining) => *remaining == 0,
            BodyDecoder::Chunked(decoder) => decoder.has_ended(),
        }
    }

    /// The body is announced with its length, the driver has not chosen what to do with it, and all of it has arrived.
    #[inline]
    pub(crate) fn is_at_hand(&self, input: &ReceiveBuffer, limits: &Limits) -> bool {
        match (self.stage, &self.decoder) {
            (IntakeStage::Undecided, BodyDecoder::Length(remaining)) => {
                *remaining <= limits.body_bytes_max && input.unread().len() as u64 >= *remaining
            }
            _ => false,
        }
    }

    /// The rest of the body, if any, is not worth reading or may never come: the connection cannot be used again.
    #[inline]
    pub(crate) fn prevents_reuse(&self, limits: &Limits) -> bool {
        match (self.stage, &self.decoder) {
            (IntakeStage::Abandoned, _) => true,
            (_, BodyDecoder::Length(remaining)) => {
                self.continue_due || *remaining > limits.discard_bytes_max
            }
            (_, BodyDecoder::Chunked(_)) => self.continue_due,
        }
    }

    /// The driver has chosen. True if `100 Continue` must now be written: the peer waits for it, the body is wanted and
    /// acceptable as far as we know, and none of it has come (RFC 9110 section 10.1.1).
    pub(crate) fn choose(
        &mut self,
        mode: BodyMode,
        input: &mut ReceiveBuffer,
        limits: &Limits,
    ) -> bool {
        self.bytes_max = match mode {
            BodyMode::Whole { bytes_max } => bytes_max.min(limits.body_bytes_max),
            BodyMode::Stream => limits.body_bytes_max,
            BodyMode::Discard => {
                self.discard(input, limits);
                return false;
            }
        };
        self.stage = self.stage.after_choice(mode);
        let is_continue_wanted =
            self.continue_due && input.unread().is_empty() && !self.is_announced_too_large();
        self.continue_due = false;
        is_continue_wanted
    }

    /// From here on the body is swallowed, whatever the driver chose before; or given up, if that is cheaper.
    pub(crate) fn discard(&mut self, input: &mut ReceiveBuffer, limits: &Limits) {
        self.stage = self.stage.after_choice(BodyMode::Discard);
        if self.stage == IntakeStage::Discard {
            input.drop_body();
            if self.prevents_reuse(limits) {
                self.abandon();
            }
        }
    }

    /// The rest will never come, or does not follow the rules and no answer can say so any more.
    pub(crate) fn abandon(&mut self) {
        self.stage = IntakeStage::Abandoned;
    }

    /// Works on the input that is there.
    pub(crate) fn advance(
        &mut self,
        input: &mut ReceiveBuffer,
        limits: &Limits,
    ) -> Result<IntakeProgress, Violation> {
        match self.stage {
            IntakeStage::Undecided | IntakeStage::Complete | IntakeStage::Abandoned => {
                Ok(IntakeProgress::None)
            }
            IntakeStage::Whole => {
                self.keep_available(input, limits)?;
                Ok(self.complete_if_ended(IntakeProgress::Ready))
            }
            IntakeStage::Stream => {
                let decoded_before = self.decoded;
                self.keep_available(input, limits)?;
                match self.decoded > decoded_before {
                    true => Ok(IntakeProgress::Chunk),
                    false => Ok(self.complete_if_ended(IntakeProgress::End)),
                }
            }
            IntakeStage::Discard => {
                self.discard_available(input, limits)?;
                Ok(self.complete_if_ended(IntakeProgress::None))
            }
        }
    }

    fn complete_if_ended(&mut self, progress: IntakeProgress) -> IntakeProgress {
        if !self.has_ended() {
            return IntakeProgress::None;
        }
        self.stage = IntakeStage::Complete;
        progress
    }

    /// Moves every available body byte to the body.
    fn keep_available(
        &mut self,
        input: &mut ReceiveBuffer,
        limits: &Limits,
    ) -> Result<(), Violation> {
        loop {
            if self.is_announced_too_large() {
                return Err(Violation::BodyTooLarge);
            }
            let available = input.unread().len();
            let (framing, data) = self.decoder.step(input.unread(), limits)?;
            input.skip(framing);
            input.keep(data);
            self.decoded += data as u64;
            if data == 0 || framing + data == available {
                break;
            }
        }
        input.settle();
        match self.is_announced_too_large() {
            true => Err(Violation::BodyTooLarge),
            false => Ok(()),
        }
    }

    /// Drops every available body byte, up to the bound on what may be dropped; beyond it the body is given up.
    fn discard_available(
        &mut self,
        input: &mut ReceiveBuffer,
        limits: &Limits,
    ) -> Result<(), Violation> {
        loop {
            let left = limits.discard_bytes_max - self.discarded;
            let available = input.unread().len();
            let window = available.min(usize::try_from(left).unwrap_or(usize::MAX));
            let (framing, data) = self.decoder.step(&input.unread()[..window], limits)?;
            input.skip(framing + data);
            self.discarded += (framing + data) as u64;
            if data == 0 || framing + data == window {
                break;
            }
        }
        input.settle();
        let pending = input.unread().len() as u64;
        if !self.has_ended() && self.discarded + pending > limits.discard_bytes_max {
            self.abandon();
        }
        Ok(())
    }

    /// What was kept and what the framing has announced exceed the bound.
    fn is_announced_too_large(&self) -> bool {
        let announced = match &self.decoder {
            BodyDecoder::Length(remaining) => *remaining,
            BodyDecoder::Chunked(decoder) => decoder.announced(),
        };
        self.decoded.saturating_add(announced) > self.bytes_max
    }
}

impl BodyDecoder {
    /// How many of the next bytes are framing, and how many data follow them.
    fn step(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, usize), Violation> {
        match self {
            BodyDecoder::Length(remaining) => {
                let data = input
                    .len()
                    .min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                *remaining -= data as u64;
                Ok((0, data))
            }
            BodyDecoder::Chunked(decoder) => Ok(match decoder.step(input, limits)? {
                ChunkStep::NeedMore { framing } | ChunkStep::End { framing } => (framing, 0),
                ChunkStep::Data { framing, data } => (framing, data),
            }),
        }
    }
}
