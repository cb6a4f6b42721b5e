//! Frames as they come, but for heads and data. Part of `connection`.

use super::{Connection, Drain, Phase};
use crate::http2::error_code::ErrorCode;
use crate::http2::event::{Event, Fault, StreamKey};
use crate::http2::frame::{
    ACK, FRAME_HEAD_BYTES, FrameHead, FrameKind, PREFACE, number, write_frame, write_goaway,
    write_reset,
};
use crate::http2::limits::{FRAME_BYTES_MAX, FRAME_COST, RESET_COST};
use crate::http2::settings::{self, Setting, WINDOW_BYTES_CEILING};
use crate::tick::Tick;

/// What ends the connection; with the code that a fault of most kinds has.
pub(super) fn protocol_error(rule: &'static str) -> Fault {
    Fault {
        code: ErrorCode::ProtocolError,
        rule,
    }
}

fn wrong_size(rule: &'static str) -> Fault {
    Fault {
        code: ErrorCode::FrameSizeError,
        rule,
    }
}

impl Connection {
    /// Reads the next frame, if it is complete.
    pub(super) fn read_frame(&mut self, now: Tick) -> Result<bool, Fault> {
        if self.phase == (Phase::Preface { is_said: false }) && !self.read_preface()? {
            return Ok(false);
        }
        let unread = &self.input[self.read..];
        let Some((head, rest)) = unread.split_first_chunk::<FRAME_HEAD_BYTES>() else {
            return Ok(false);
        };
        let head = FrameHead::read(head);
        if head.length > FRAME_BYTES_MAX {
            return Err(wrong_size("a frame is longer than MAX_FRAME_SIZE"));
        }
        if rest.len() < head.length {
            return Ok(false);
        }
        // The payload is lent to the frame's reader, which changes all the rest.
        let start = self.read + FRAME_HEAD_BYTES;
        self.read = start + head.length;
        let input = std::mem::take(&mut self.input);
        let taken = self.take_frame(now, head, &input[start..self.read]);
        self.input = input;
        taken.map(|()| true)
    }

    fn read_preface(&mut self) -> Result<bool, Fault> {
        let unread = &self.input[self.read..];
        let common = unread.len().min(PREFACE.len());
        if unread[..common] != PREFACE[..common] {
            return Err(protocol_error(
                "the connection does not begin with the preface",
            ));
        }
        if common < PREFACE.len() {
            return Ok(false);
        }
        self.read += PREFACE.len();
        self.phase = Phase::Preface { is_said: true };
        let output = self.sender.output.tail();
        settings::write_ours(
            self.limits.http2_streams_max,
            self.limits.head_bytes_max,
            self.takes_websockets,
            output,
        );
        Ok(true)
    }

    fn take_frame(&mut self, now: Tick, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if self.phase != Phase::Open {
            if head.kind != FrameKind::Settings || head.has(ACK) {
                return Err(protocol_error("the first frame is not SETTINGS"));
            }
            self.phase = Phase::Open;
        }
        if let Some(block) = &self.block
            && (head.kind != FrameKind::Continuation || head.stream != block.stream)
        {
            return Err(protocol_error(
                "a frame stands between a head and its CONTINUATION",
            ));
        }
        match head.kind {
            FrameKind::Data => self.take_data(now, head, payload),
            FrameKind::Headers => self.take_headers(now, head, payload),
            FrameKind::Continuation => self.take_continuation(now, head, payload),
            FrameKind::RstStream => self.take_reset(now, head, payload),
            FrameKind::Settings => self.take_settings(now, head, payload),
            FrameKind::Ping => self.take_ping(now, head, payload),
            FrameKind::WindowUpdate => self.take_window_update(now, head, payload),
            FrameKind::Priority => self.take_priority(now, head, payload),
            FrameKind::PushPromise => Err(protocol_error("a client does not push")),
            FrameKind::GoAway if head.stream != 0 => Err(protocol_error("GOAWAY on a stream")),
            FrameKind::GoAway if payload.len() < 8 => Err(wrong_size("GOAWAY is too short")),
            // It asks for nothing more; what it has asked for is answered.
            FrameKind::GoAway | FrameKind::Unknown(_) => self.spend(now, FRAME_COST),
        }
    }

    /// A peer may do only so much that brings nothing on.
    pub(super) fn spend(&mut self, now: Tick, cost: u32) -> Result<(), Fault> {
        match self.goodwill.spend(now, cost) {
            true => Ok(()),
            false => Err(Fault {
                code: ErrorCode::EnhanceYourCalm,
                rule: "too many frames that bring no request on",
            }),
        }
    }

    fn take_settings(&mut self, now: Tick, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(protocol_error("SETTINGS on a stream"));
        }
        if !payload.len().is_multiple_of(6) || (head.has(ACK) && !payload.is_empty()) {
            return Err(wrong_size("SETTINGS of a wrong length"));
        }
        self.spend(now, FRAME_COST)?;
        if head.has(ACK) {
            return Ok(());
        }
        for setting in settings::read(payload) {
            match setting? {
                Setting::TableSize => self.sender.owes_table_size = true,
                Setting::FrameBytes(bytes) => debug_assert!(bytes >= FRAME_BYTES_MAX),
                Setting::InitialWindow(window) => self.change_windows(window)?,
            }
        }
        write_frame(FrameKind::Settings, ACK, 0, &[], self.sender.output.tail());
        Ok(())
    }

    /// The windows of all streams move with their beginning (RFC 9113 section 6.9.2).
    fn change_windows(&mut self, window: i64) -> Result<(), Fault> {
        let change = window - std::mem::replace(&mut self.sender.stream_window, window);
        let keys: Vec<StreamKey> = self.streams.keys().collect();
        for key in keys {
            let outgoing = &mut self.streams.of_mut(key).outgoing;
            outgoing.window += change;
            if outgoing.window > WINDOW_BYTES_CEILING {
                return Err(Fault {
                    code: ErrorCode::FlowControlError,
                    rule: "SETTINGS make a window too large",
                });
            }
            self.sender.enqueue(key, outgoing);
        }
        Ok(())
    }

    fn take_ping(&mut self, now: Tick, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(protocol_error("PING on a stream"));
        }
        if payload.len() != 8 {
            return Err(wrong_size("PING of a wrong length"));
        }
        self.spend(now, FRAME_COST)?;
        if !head.has(ACK) {
            write_frame(FrameKind::Ping, ACK, 0, payload, self.sender.output.tail());
        } else if matches!(self.drain, Drain::Announced { .. }) {
            self.end_announcement();
        }
        Ok(())
    }

    fn take_window_update(
        &mut self,
        now: Tick,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(wrong_size("WINDOW_UPDATE of a wrong length"));
        }
        self.spend(now, FRAME_COST)?;
        let increment = i64::from(number(payload) & 0x7fff_ffff);
        if head.stream == 0 {
            self.sender.window += increment;
            return match (increment, self.sender.window <= WINDOW_BYTES_CEILING) {
                (0, _) => Err(protocol_error("WINDOW_UPDATE by nothing")),
                (_, true) => Ok(()),
                (_, false) => Err(Fault {
                    code: ErrorCode::FlowControlError,
                    rule: "WINDOW_UPDATE makes the connection's window too large",
                }),
            };
        }
        let Some(key) = self.open_stream(head)? else {
            return Ok(());
        };
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        outgoing.window += increment;
        if increment == 0 {
            return self.reset(key, ErrorCode::ProtocolError);
        }
        if outgoing.window > WINDOW_BYTES_CEILING {
            return self.reset(key, ErrorCode::FlowControlError);
        }
        self.sender.enqueue(key, outgoing);
        Ok(())
    }

    /// Priorities are read and ignored; on a stream that depends on itself they are an error all the same.
    fn take_priority(&mut self, now: Tick, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if head.stream == 0 {
            return Err(protocol_error("PRIORITY on no stream"));
        }
        self.spend(now, FRAME_COST)?;
        let code = match payload.len() == 5 {
            false => ErrorCode::FrameSizeError,
            true if number(payload) & 0x7fff_ffff == head.stream => ErrorCode::ProtocolError,
            true => return Ok(()),
        };
        match self.streams.find(head.stream) {
            Some(key) => self.reset(key, code),
            None => {
                write_reset(head.stream, code, self.sender.output.tail());
                Ok(())
            }
        }
    }

    fn take_reset(&mut self, now: Tick, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(wrong_size("RST_STREAM of a wrong length"));
        }
        let Some(key) = self.open_stream(head)? else {
            return self.spend(now, FRAME_COST);
        };
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        if outgoing.lingers_since.is_some() {
            self.end_linger(key, None);
            return self.spend(now, FRAME_COST);
        }
        outgoing.cut();
        self.note_ended(head.stream, false);
        self.events.push_back(Event::Reset(key));
        self.spend(now, RESET_COST)
    }

    /// The stream that a frame is for; None if it has ended. One that was never opened has nothing to be told.
    pub(super) fn open_stream(&self, head: FrameHead) -> Result<Option<StreamKey>, Fault> {
        if head.stream == 0 {
            return Err(protocol_error("a frame of streams on no stream"));
        }
        let key = self.streams.find(head.stream);
        if key.is_none() && (head.stream > self.last_stream || head.stream.is_multiple_of(2)) {
            return Err(protocol_error("a frame on an idle stream"));
        }
        Ok(key)
    }

    /// Our side ends the stream before its time.
    pub(super) fn reset(&mut self, key: StreamKey, code: ErrorCode) -> Result<(), Fault> {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        if outgoing.lingers_since.is_some() {
            self.end_linger(key, Some(code));
            return Ok(());
        }
        if outgoing.has_ended {
            return Ok(()); // its end is an event already
        }
        let id = outgoing.id;
        outgoing.cut();
        write_reset(id, code, self.sender.output.tail());
        self.note_ended(id, true);
        self.events.push_back(Event::Reset(key));
        Ok(())
    }

    /// The connection ends because of the peer: a GOAWAY says why, and every stream is told.
    pub(super) fn fail(&mut self, fault: Fault) {
        let output = self.sender.output.tail();
        write_goaway(self.last_stream, fault.code, fault.rule, output);
        self.events.push_back(Event::Failed(fault));
        self.cut_streams();
        self.end(true);
    }
}
