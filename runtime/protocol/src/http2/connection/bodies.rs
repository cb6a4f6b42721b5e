//! Bodies as they come, and as the app wants them. Part of `connection`.

use super::Connection;
use super::frames::protocol_error;
use crate::http1::event::BodyMode;
use crate::http2::error_code::ErrorCode;
use crate::http2::event::{Event, Fault, StreamKey};
use crate::http2::frame::{
    END_STREAM, FrameHead, without_padding, write_reset, write_window_update,
};
use crate::http2::hpack::encoder;
use crate::http2::incoming::BodyFault;
use crate::http2::limits::{
    CONNECTION_WINDOW_BYTES, FRAME_COST, STREAM_WINDOW_BYTES, WHOLE_BODIES_BYTES_HIGH,
};
use crate::http2::stream_table::Stream;
use crate::misuse::AnswerStage;
use crate::tick::Tick;
use crate::violation::Violation;

/// Data that counts as progress.
const PROGRESS_BYTES_MIN: usize = 1024;

impl Connection {
    pub(super) fn take_data(
        &mut self,
        now: Tick,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let flow_bytes = payload.len() as u32;
        self.window = self.window.checked_sub(flow_bytes).ok_or(Fault {
            code: ErrorCode::FlowControlError,
            rule: "more data than the connection's window allows",
        })?;
        if self.window < CONNECTION_WINDOW_BYTES / 2 {
            let credit = CONNECTION_WINDOW_BYTES - self.window;
            self.window = CONNECTION_WINDOW_BYTES;
            write_window_update(0, credit, self.sender.output.tail());
        }
        let data = without_padding(head, payload)
            .ok_or(protocol_error("padding that is longer than its frame"))?;
        let Some(key) = self.open_stream(head)? else {
            return self.take_late_data(now, head.stream);
        };
        let has_ended = head.has(END_STREAM);
        match data.len() {
            0 if !has_ended => self.spend(now, FRAME_COST)?,
            length if length >= PROGRESS_BYTES_MIN => self.goodwill.progress(),
            _ => {}
        }
        let incoming = &mut self.streams.of_mut(key).incoming;
        if incoming.has_ended {
            return self.reset(key, ErrorCode::StreamClosed);
        }
        let limits = &*self.limits;
        let rate = limits.body_rate_min_bytes_per_s;
        incoming
            .clock
            .progress(now, data.len(), limits.body_timeout_ms, rate);
        match incoming.receive(data, flow_bytes, limits) {
            Ok(()) => {}
            Err(fault) => return self.take_body_fault(key, fault),
        }
        if incoming.mode() == Some(BodyMode::Stream) && !data.is_empty() {
            self.events.push_back(Event::BodyChunk(key));
        }
        match has_ended {
            true => self.end_body(now, key),
            false => {
                self.credit(now, key);
                Ok(())
            }
        }
    }

    /// The request has ended.
    pub(super) fn end_body(&mut self, now: Tick, key: StreamKey) -> Result<(), Fault> {
        let Stream { incoming, outgoing } = self.streams.of_mut(key);
        if let Err(fault) = incoming.end() {
            return self.take_body_fault(key, fault);
        }
        if outgoing.lingers_since.is_some() {
            self.end_linger(key, None);
            return Ok(());
        }
        incoming.run_clock(now);
        match incoming.mode() {
            Some(BodyMode::Whole { .. }) => self.events.push_back(Event::BodyReady(key)),
            Some(BodyMode::Stream) => self.events.push_back(Event::BodyEnd(key)),
            Some(BodyMode::Discard) | None => {}
        }
        if self.whole_turn == Some(key) {
            self.pass_whole_turn();
        }
        Ok(())
    }

    fn take_body_fault(&mut self, key: StreamKey, fault: BodyFault) -> Result<(), Fault> {
        match fault {
            BodyFault::Window => self.reset(key, ErrorCode::FlowControlError),
            BodyFault::Length => self.reset(key, ErrorCode::ProtocolError),
            BodyFault::Refused(violation) => {
                self.refuse(key, violation);
                Ok(())
            }
        }
    }

    /// The request will not be answered by the app. One whose answer has begun is cut.
    pub(super) fn refuse(&mut self, key: StreamKey, violation: Violation) {
        match self.streams.of(key).outgoing.stage {
            AnswerStage::Due => self.events.push_back(Event::Refused(key, violation)),
            // What still comes of the body is not wanted, and the answer is.
            AnswerStage::Complete => {}
            AnswerStage::Body | AnswerStage::Cut => {
                let _ = self.reset(key, ErrorCode::Cancel);
            }
        }
    }

    /// Data on a stream that is no more: it may have crossed our reset, or is a fault.
    fn take_late_data(&mut self, now: Tick, id: u32) -> Result<(), Fault> {
        let is_reset = self.ended.iter().any(|&ended| ended == (id, true));
        if !is_reset {
            write_reset(id, ErrorCode::StreamClosed, self.sender.output.tail());
        }
        self.spend(now, FRAME_COST)
    }

    /// Says how the body is wanted, once for each request. A peer that waits for `100 Continue` is told to go on.
    pub fn read_body(&mut self, now: Tick, key: StreamKey, mode: BodyMode) {
        let limits = &*self.limits;
        let stream = self.streams.of_mut(key);
        let incoming = &mut stream.incoming;
        if let Err(violation) = incoming.choose(mode, limits) {
            return self.refuse(key, violation);
        }
        let is_awaited = incoming.index.expects_continue
            && !incoming.has_received()
            && !incoming.has_ended
            && mode != BodyMode::Discard
            && stream.outgoing.stage == AnswerStage::Due;
        if is_awaited {
            let id = stream.outgoing.id;
            self.sender
                .write_head(id, false, |block| encoder::write_status(100, block));
        }
        let has_body = !incoming.body().is_empty();
        match (mode, incoming.has_ended) {
            (BodyMode::Whole { .. }, true) => self.events.push_back(Event::BodyReady(key)),
            (BodyMode::Whole { .. }, false) => {
                let here = incoming.body().len() as u32;
                incoming.hand_over(here);
            }
            (BodyMode::Stream, has_ended) => {
                if has_body {
                    self.events.push_back(Event::BodyChunk(key));
                }
                if has_ended {
                    self.events.push_back(Event::BodyEnd(key));
                }
            }
            (BodyMode::Discard, _) => {}
        }
        self.credit(now, key);
    }

    /// The body bytes that are here.
    pub fn body(&self, key: StreamKey) -> &[u8] {
        self.streams.of(key).incoming.body()
    }

    /// The app is done with the first `n` bytes of [`body`](Connection::body).
    ///
    /// # Panics
    /// If there are fewer than `n` bytes.
    pub fn consume_body(&mut self, now: Tick, key: StreamKey, n: usize) {
        self.streams.of_mut(key).incoming.consume(n);
        self.credit(now, key);
    }

    /// Whether the whole body is here already.
    pub fn is_body_at_hand(&self, key: StreamKey) -> bool {
        self.streams.of(key).incoming.has_ended
    }

    /// Lets the peer send more of the body, where it may.
    fn credit(&mut self, now: Tick, key: StreamKey) {
        if self.may_go_on(key) {
            let stream = self.streams.of_mut(key);
            if let Some(credit) = stream.incoming.credit() {
                write_window_update(stream.outgoing.id, credit, self.sender.output.tail());
            }
        }
        self.streams.of_mut(key).incoming.run_clock(now);
    }

    /// A body that is collected whole goes on while few bytes are held, or if it is its turn.
    fn may_go_on(&mut self, key: StreamKey) -> bool {
        if !self.streams.of(key).incoming.is_whole() || self.whole_turn == Some(key) {
            return true;
        }
        let held: usize = self
            .streams
            .keys()
            .map(|key| &self.streams.of(key).incoming)
            .filter(|incoming| incoming.is_whole())
            .map(|incoming| incoming.body().len())
            .sum();
        if held < WHOLE_BODIES_BYTES_HIGH {
            return true;
        }
        *self.whole_turn.get_or_insert(key) == key
    }

    /// The body whose turn it was is complete or gone: the next one that waits goes on.
    pub(super) fn pass_whole_turn(&mut self) {
        self.whole_turn = None;
        let next = self.streams.keys().find(|&key| {
            let incoming = &self.streams.of(key).incoming;
            incoming.is_whole() && !incoming.has_ended && incoming.is_held_back()
        });
        if let Some(key) = next {
            self.whole_turn = Some(key);
            let stream = self.streams.of_mut(key);
            if let Some(credit) = stream.incoming.credit() {
                write_window_update(stream.outgoing.id, credit, self.sender.output.tail());
            }
        }
    }
}

const _: () = assert!(WHOLE_BODIES_BYTES_HIGH > STREAM_WINDOW_BYTES as usize);
