//! Heads as they come: HEADERS and CONTINUATION, and the streams that they open. Part of `connection`.

use super::frames::protocol_error;
use super::{Connection, Drain, OpenBlock};
use crate::http2::error_code::ErrorCode;
use crate::http2::event::{Event, Fault, StreamKey};
use crate::http2::frame::{
    END_HEADERS, END_STREAM, FrameHead, PRIORITY, number, without_padding, write_reset,
};
use crate::http2::head_draft::{HeadDraft, HeadFault, TrailerCheck};
use crate::http2::hpack::bad_block::BadBlock;
use crate::http2::limits::{CONTINUATIONS_MAX, FRAME_COST, RESET_COST};
use crate::http2::stream_table::Stream;
use crate::tick::Tick;

impl Connection {
    pub(super) fn take_headers(
        &mut self,
        now: Tick,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<(), Fault> {
        if head.stream.is_multiple_of(2) {
            return Err(protocol_error("HEADERS on a stream that no client opens"));
        }
        let mut fragment = without_padding(head, payload)
            .ok_or(protocol_error("padding that is longer than its frame"))?;
        let mut depends_on_itself = false;
        if head.has(PRIORITY) {
            let (priority, rest) = fragment.split_at_checked(5).ok_or(Fault {
                code: ErrorCode::FrameSizeError,
                rule: "HEADERS are too short",
            })?;
            depends_on_itself = number(priority) & 0x7fff_ffff == head.stream;
            fragment = rest;
        }
        let has_ended = head.has(END_STREAM);
        if head.has(END_HEADERS) {
            return self.take_block(now, head.stream, has_ended, depends_on_itself, fragment);
        }
        self.block = Some(Box::new(OpenBlock {
            stream: head.stream,
            has_ended,
            depends_on_itself,
            bytes: fragment.to_vec(),
            continuations: 0,
            since: now,
        }));
        Ok(())
    }

    pub(super) fn take_continuation(
        &mut self,
        now: Tick,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let Some(block) = &mut self.block else {
            return Err(protocol_error("CONTINUATION of nothing"));
        };
        block.continuations += 1;
        block.bytes.extend_from_slice(payload);
        // A head that is too large once decoded is answered; one that is already too large here may have no end.
        if block.continuations > CONTINUATIONS_MAX || block.bytes.len() > self.limits.head_bytes_max
        {
            return Err(Fault {
                code: ErrorCode::EnhanceYourCalm,
                rule: "a head without an end",
            });
        }
        if !head.has(END_HEADERS) {
            return Ok(());
        }
        match self.block.take() {
            Some(block) => self.take_block(
                now,
                block.stream,
                block.has_ended,
                block.depends_on_itself,
                &block.bytes,
            ),
            None => Ok(()),
        }
    }

    /// A block is complete: a request, or what follows a body. It is read whatever becomes of it, because later ones
    /// depend on its table.
    fn take_block(
        &mut self,
        now: Tick,
        id: u32,
        has_ended: bool,
        depends_on_itself: bool,
        block: &[u8],
    ) -> Result<(), Fault> {
        if let Some(key) = self.streams.find(id) {
            return self.take_trailers(now, key, has_ended, block);
        }
        if id <= self.last_stream {
            return self.take_late_block(now, id, block);
        }
        self.last_stream = id;
        if matches!(self.drain, Drain::Final { .. }) || self.has_received_eof() {
            return self.skip_block(block); // the peer asks again elsewhere
        }
        if self.streams.len() >= self.limits.http2_streams_max as usize {
            self.skip_block(block)?;
            return self.refuse_stream(now, id, ErrorCode::RefusedStream);
        }
        let key = self.streams.insert(id);
        let window = self.sender.stream_window;
        let Stream { incoming, outgoing } = self.streams.of_mut(key);
        outgoing.begin(id, window);
        incoming.begin();
        let mut draft = HeadDraft::new(
            &mut incoming.head,
            &mut incoming.index,
            &self.limits,
            self.takes_websockets,
        );
        let decoded = self
            .decoder
            .decode(block, |name, value| draft.take(name, value));
        if let Err(bad) = decoded {
            // The driver was not told of the stream, so it is not told of its end either.
            self.release(now, key);
            return Err(compression_error(bad));
        }
        let found = draft.finish(has_ended);
        incoming.has_ended = has_ended;
        match found {
            Ok(()) if depends_on_itself => self.abandon_stream(now, key),
            Ok(()) => {
                outgoing.answers(incoming.request());
                self.events.push_back(Event::Head(key));
                Ok(())
            }
            Err(HeadFault::Refused(violation)) => {
                self.events.push_back(Event::Refused(key, violation));
                Ok(())
            }
            Err(HeadFault::Malformed) => self.abandon_stream(now, key),
        }
    }

    /// A stream that was never told to the driver goes as it came.
    fn abandon_stream(&mut self, now: Tick, key: StreamKey) -> Result<(), Fault> {
        let id = self.streams.of(key).outgoing.id;
        self.release(now, key);
        self.refuse_stream(now, id, ErrorCode::ProtocolError)
    }

    fn refuse_stream(&mut self, now: Tick, id: u32, code: ErrorCode) -> Result<(), Fault> {
        write_reset(id, code, self.sender.output.tail());
        self.note_ended(id, true);
        self.spend(now, RESET_COST)
    }

    /// What follows a body is checked and dropped, as over HTTP/1.
    fn take_trailers(
        &mut self,
        now: Tick,
        key: StreamKey,
        has_ended: bool,
        block: &[u8],
    ) -> Result<(), Fault> {
        let mut check = TrailerCheck {
            is_malformed: !has_ended,
        };
        self.decoder
            .decode(block, |name, value| check.take(name, value))
            .map_err(compression_error)?;
        if self.streams.of(key).incoming.has_ended {
            return self.reset(key, ErrorCode::StreamClosed);
        }
        match check.is_malformed {
            true => self.reset(key, ErrorCode::ProtocolError),
            false => self.end_body(now, key),
        }
    }

    /// A block on a stream that is no more: it may have crossed our reset, or is a fault.
    fn take_late_block(&mut self, now: Tick, id: u32, block: &[u8]) -> Result<(), Fault> {
        self.skip_block(block)?;
        match self.ended.iter().find(|(ended, _)| *ended == id) {
            Some((_, true)) => self.spend(now, FRAME_COST),
            Some((_, false)) => Err(Fault {
                code: ErrorCode::StreamClosed,
                rule: "HEADERS on a stream that has ended",
            }),
            None => Err(protocol_error(
                "HEADERS on a stream below one that was opened",
            )),
        }
    }

    fn skip_block(&mut self, block: &[u8]) -> Result<(), Fault> {
        self.decoder
            .decode(block, |_, _| {})
            .map_err(compression_error)
    }
}

fn compression_error(_: BadBlock) -> Fault {
    Fault {
        code: ErrorCode::CompressionError,
        rule: "a head that cannot be decoded",
    }
}
