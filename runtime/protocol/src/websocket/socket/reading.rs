//! Finds the next message in the input of a WebSocket. Decides nothing about how it ends.

use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::{Announced, FrameRest, Phase, WebSocket};
use crate::body_clock::BodyClock;
use crate::tick::Tick;
use crate::websocket::close::read_close;
use crate::websocket::event::{MessageKind, WsEvent};
use crate::websocket::frame_head::{read_frame_head, write_control};
use crate::websocket::mask::unmask;
use crate::websocket::violation::WsViolation;

/// What the input holds next.
enum Found {
    /// Nothing that is complete.
    Nothing,
    Message(MessageKind),
    Close {
        code: u16,
        reason: String,
    },
}

impl WebSocket {
    /// The next event; `now` is when it happens if it changes anything.
    pub(super) fn find_event(&mut self, now: Tick) -> WsEvent {
        loop {
            if let Some(farewell) = self.farewell.take() {
                let (code, reason) = *farewell;
                return WsEvent::Closed { code, reason };
            }
            if matches!(self.phase, Phase::Ending { .. }) {
                return WsEvent::NeedMore;
            }
            match self.read() {
                Ok(Found::Message(kind)) => {
                    self.frame_clock.run(now, false);
                    return WsEvent::Message(kind);
                }
                Ok(Found::Close { code, reason }) => self.take_close(now, code, reason),
                Ok(Found::Nothing) if self.has_eof => self.end_without_close(now),
                Ok(Found::Nothing) => {
                    let is_amid_frame = self.frame.is_some() || !self.unread().is_empty();
                    self.frame_clock.run(now, is_amid_frame);
                    return WsEvent::NeedMore;
                }
                Err(violation) => self.fail(now, violation),
            }
        }
    }

    /// Looks past the messages that the app has no room for: answers a ping among the input without waiting for the
    /// app. Returns whether the peer's close frame has come; nothing comes after it, and
    /// [`next_event`](WebSocket::next_event) leads to it.
    pub fn look_ahead(&mut self, now: Tick) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        let of_frame = self.frame.map_or(0, |frame| frame.bytes);
        let of_frame = usize::try_from(of_frame).unwrap_or(usize::MAX);
        let mut at = self.ahead.max(self.spent.saturating_add(of_frame));
        let mut has_close = false;
        while let Some(rest) = self.input.get(at..)
            && let Ok(Some(head)) = read_frame_head(rest, self.deflate.is_some())
            && let Ok(payload_bytes) = usize::try_from(head.payload_bytes)
            && let Some(payload) = rest.get(head.head_bytes..)
            && let Some(payload) = payload.get(..payload_bytes)
        {
            match head.opcode {
                OpCode::Control(Control::Close) => {
                    has_close = true;
                    break;
                }
                OpCode::Control(Control::Ping) => {
                    // A copy: the frame itself is unmasked when its turn comes.
                    let mut payload = payload.to_vec();
                    unmask(&mut payload, head.mask);
                    self.answer_ping(&payload);
                }
                _ => {}
            }
            at += head.head_bytes + payload_bytes;
            self.ahead = at;
        }
        self.note_time(now);
        has_close
    }

    /// Only the latest ping needs an answer (RFC 6455 section 5.5.3), so all that wait for room need only one.
    fn answer_ping(&mut self, payload: &[u8]) {
        if self.has_backlog() {
            self.pong = Some(payload.into());
        } else {
            self.pong = None;
            write_control(Control::Pong, payload, self.output.tail());
        }
    }

    fn read(&mut self) -> Result<Found, WsViolation> {
        loop {
            if let Some(frame) = self.frame {
                let bytes = usize::try_from(frame.bytes)
                    .unwrap_or(usize::MAX)
                    .min(self.unread().len());
                if bytes == 0 && frame.bytes > 0 {
                    return Ok(Found::Nothing);
                }
                if let Some(kind) = self.read_payload(frame, bytes)? {
                    return Ok(Found::Message(kind));
                }
                continue;
            }
            let may_compress = self.deflate.is_some();
            let Some(head) = read_frame_head(self.unread(), may_compress)? else {
                return Ok(Found::Nothing);
            };
            match head.opcode {
                OpCode::Data(opcode) => {
                    if self.phase == Phase::Open {
                        self.message.begin_frame(&head, opcode, &self.limits)?;
                    }
                    self.spent += head.head_bytes;
                    self.frame = Some(FrameRest {
                        bytes: head.payload_bytes,
                        mask: head.mask,
                        is_final: head.is_final,
                    });
                }
                OpCode::Control(opcode) => {
                    // At most 125, which the head's reader has checked.
                    let frame_bytes = head.head_bytes + head.payload_bytes as usize;
                    if self.unread().len() < frame_bytes {
                        return Ok(Found::Nothing);
                    }
                    let was_seen = self.spent < self.ahead;
                    let payload_at = self.spent + head.head_bytes;
                    self.spent += frame_bytes;
                    self.frame_clock = BodyClock::default();
                    unmask(&mut self.input[payload_at..self.spent], head.mask);
                    if opcode == Control::Ping && was_seen {
                        continue; // answered when it was
                    }
                    if let Some(found) = self.read_control(opcode, payload_at)? {
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// The next `bytes` bytes of a data frame's payload. Yields the message that they complete.
    fn read_payload(
        &mut self,
        mut frame: FrameRest,
        bytes: usize,
    ) -> Result<Option<MessageKind>, WsViolation> {
        let piece = &mut self.input[self.spent..self.spent + bytes];
        self.spent += bytes;
        frame.bytes -= bytes as u64;
        let is_frame_end = frame.bytes == 0;
        self.frame = Some(frame).filter(|_| !is_frame_end);
        if is_frame_end {
            self.frame_clock = BodyClock::default();
        }
        if self.phase != Phase::Open {
            return Ok(None);
        }
        let mask = unmask(piece, frame.mask);
        if let Some(frame) = &mut self.frame {
            frame.mask = mask;
        }
        let is_message_end = is_frame_end && frame.is_final;
        if is_message_end && let Some(kind) = self.message.take_whole(piece) {
            self.announced = Announced::InPlace { bytes };
            return kind.map(Some);
        }
        let deflate = &mut self.deflate;
        self.message
            .append(piece, deflate.as_deref_mut(), &self.limits)?;
        if !is_message_end {
            return Ok(None);
        }
        let kind = self.message.finish(deflate.as_deref_mut(), &self.limits)?;
        self.announced = Announced::Assembled;
        Ok(Some(kind))
    }

    /// A whole control frame, whose payload ends where the unread input begins.
    fn read_control(
        &mut self,
        opcode: Control,
        payload_at: usize,
    ) -> Result<Option<Found>, WsViolation> {
        let payload = &self.input[payload_at..self.spent];
        match opcode {
            Control::Close => {
                let (code, reason) = read_close(payload)?;
                let reason = reason.to_owned();
                return Ok(Some(Found::Close { code, reason }));
            }
            Control::Ping if self.phase == Phase::Open => {
                let payload = payload.to_vec();
                self.answer_ping(&payload);
            }
            Control::Ping | Control::Pong => {}
            Control::Reserved(_) => return Err(WsViolation::OpcodeReserved),
        }
        Ok(None)
    }
}
