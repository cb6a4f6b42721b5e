//! How a WebSocket ends: the close handshake, violations, deadlines, and the ways to part. Reads no frames.

use tungstenite::protocol::frame::coding::Control;

use super::{Announced, Phase, WebSocket};
use crate::body_clock::BodyClock;
use crate::closing::{Closing, Expiry};
use crate::limits::LINGER_BYTES_MAX;
use crate::misuse::Misuse;
use crate::send_buffer::SendBuffer;
use crate::tick::Tick;
use crate::websocket::close::{CLOSE_ABNORMAL, CLOSE_NO_CODE, CLOSE_SERVICE_RESTART, check_close};
use crate::websocket::frame_head::write_control;
use crate::websocket::ping::PingStep;
use crate::websocket::violation::WsViolation;

/// What a deadline is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Wait {
    /// The rest of a frame.
    Frame,
    /// A sign of life.
    Ping,
    /// The peer to read what we write.
    Write,
    /// The peer's close frame.
    Close,
    /// The peer to close its side.
    Linger,
}

impl WebSocket {
    /// Says goodbye with `code` (1000 if the app has nothing to say) and `reason`, at most 123 bytes. Nothing can be sent
    /// any more; what the peer still sends is dropped. [`Closed`](crate::websocket::WsEvent::Closed) follows when the
    /// peer has answered or `close_timeout_ms` has passed.
    pub fn close(&mut self, now: Tick, code: u16, reason: &str) -> Result<(), Misuse> {
        if self.phase != Phase::Open {
            return Err(Misuse::WebSocketClosed);
        }
        check_close(code, reason)?;
        self.write_close(code, reason);
        self.phase = Phase::CloseSent;
        self.phase_since = now;
        self.note_time(now);
        Ok(())
    }

    /// The server stops: says goodbye with 1012, if neither side has done so.
    pub fn drain(&mut self, now: Tick) {
        // Fails only if the conversation is already over.
        let _ = self.close(now, CLOSE_SERVICE_RESTART, "service restart");
    }

    /// Gives the conversation up without another word, for example after an app's failure in the middle of a message.
    /// [`Closed`](crate::websocket::WsEvent::Closed) with 1006 follows.
    pub fn cut(&mut self, now: Tick) {
        self.end_without_close(now);
        self.phase = Phase::Ending { linger: false };
        self.output = SendBuffer::default();
    }

    /// How far the end of the connection has come. Lingering spares the peer a reset that would overtake our close frame.
    pub fn closing(&self) -> Closing {
        match self.phase {
            Phase::Open | Phase::CloseSent => Closing::Open,
            Phase::Ending { .. } => {
                let linger = self.lingers();
                match linger || !self.output().is_empty() {
                    true => Closing::AfterOutput { linger },
                    false => Closing::Now,
                }
            }
        }
    }

    /// When [`expire`](WebSocket::expire) has something to do.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.next_wait().map(|(deadline, _)| deadline)
    }

    /// Acts on a deadline that has passed. Look at [`output`](WebSocket::output) afterwards in any case: it may hold a
    /// ping or a close frame. After all but [`Expiry::NotYet`], [`next_event`](WebSocket::next_event) says
    /// [`Closed`](crate::websocket::WsEvent::Closed) if it has not yet.
    ///
    /// [`Expiry::Refused`]: the peer was too slow or did not answer a ping; its close frame is in the output.
    pub fn expire(&mut self, now: Tick) -> Expiry {
        // A ping that is due does not hide another deadline that is due.
        while let Some((_, wait)) = self.next_wait().filter(|(deadline, _)| *deadline <= now) {
            match wait {
                Wait::Ping => self.take_ping_deadline(now),
                Wait::Frame => self.fail(now, WsViolation::FrameTimeout),
                Wait::Write => {
                    self.cut(now);
                    return Expiry::Cut;
                }
                Wait::Close | Wait::Linger => {
                    self.cut(now);
                    return Expiry::Close;
                }
            }
            if matches!(self.phase, Phase::Ending { .. }) {
                return Expiry::Refused;
            }
        }
        Expiry::NotYet
    }

    fn take_ping_deadline(&mut self, now: Tick) {
        // A peer that has finished sending gives no sign of life, whether or not the app takes what it has sent.
        let has_read = self.unread().is_empty() || self.has_eof;
        let is_heard_out = self.output().is_empty() && has_read;
        match self.ping.expire(now, is_heard_out, &self.limits) {
            PingStep::Rest => {}
            PingStep::Send => {
                write_control(Control::Ping, b"", self.output.tail());
                self.note_time(now);
            }
            PingStep::GiveUp => self.fail(now, WsViolation::PingTimeout),
        }
    }

    /// The peer's close frame has come: answers it, unless it is the answer to ours.
    pub(super) fn take_close(&mut self, now: Tick, code: u16, reason: String) {
        if self.phase == Phase::Open {
            self.write_close(code, "");
        }
        self.end(now, true, code, reason);
    }

    /// The peer broke a rule: tells it, if we have not said goodbye yet.
    pub(super) fn fail(&mut self, now: Tick, violation: WsViolation) {
        if self.phase == Phase::Open {
            self.write_close(violation.code(), violation.text());
        }
        // A peer that shows no sign of life sends nothing worth waiting for.
        let linger = violation != WsViolation::PingTimeout;
        self.end(now, linger, violation.code(), violation.text().to_owned());
    }

    /// The conversation is over without the peer's close frame.
    pub(super) fn end_without_close(&mut self, now: Tick) {
        self.output = SendBuffer::default();
        self.end(now, false, CLOSE_ABNORMAL, String::new());
    }

    /// The peer may still be sending, and we have the patience to read it.
    pub(super) fn lingers(&self) -> bool {
        matches!(self.phase, Phase::Ending { linger: true })
            && !self.has_eof
            && self.lingered_bytes < LINGER_BYTES_MAX
    }

    /// Writes our close frame; nothing follows it.
    fn write_close(&mut self, code: u16, reason: &str) {
        let mut payload = Vec::with_capacity(2 + reason.len());
        if code != CLOSE_NO_CODE {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        write_control(Control::Close, &payload, self.output.tail());
        self.pong = None;
        if self.announced != Announced::Assembled {
            self.message.clear();
        }
    }

    /// The last phase begins; memory that is no longer needed is given back.
    fn end(&mut self, now: Tick, linger: bool, code: u16, reason: String) {
        if matches!(self.phase, Phase::Ending { .. }) {
            return;
        }
        self.phase = Phase::Ending { linger };
        self.phase_since = now;
        self.farewell = Some(Box::new((code, reason)));
        self.frame = None;
        self.frame_clock = BodyClock::default();
        self.deflate = None;
        self.pong = None;
        if self.announced != Announced::Assembled {
            self.message.clear();
        }
        self.release_input();
        self.note_time(now);
    }

    /// The earliest deadline and what it is about.
    fn next_wait(&self) -> Option<(Tick, Wait)> {
        let limits = &*self.limits;
        let after = |since: Tick, timeout_ms, wait| Some((since.after_ms(timeout_ms), wait));
        let write = self
            .write_since
            .filter(|_| !self.output().is_empty())
            .and_then(|since| after(since, limits.write_timeout_ms, Wait::Write));
        let rate = limits.frame_rate_min_bytes_per_s;
        let frame = self.frame_clock.deadline(limits.frame_timeout_ms, rate);
        let of_phase = match self.phase {
            Phase::Open => {
                let ping = self.ping.deadline().map(|at| (at, Wait::Ping));
                earlier(ping, frame.map(|at| (at, Wait::Frame)))
            }
            Phase::CloseSent => after(self.phase_since, limits.close_timeout_ms, Wait::Close),
            Phase::Ending { .. } if self.lingers() && self.output().is_empty() => {
                after(self.phase_since, limits.linger_timeout_ms, Wait::Linger)
            }
            Phase::Ending { .. } => None,
        };
        earlier(of_phase, write)
    }
}

fn earlier(a: Option<(Tick, Wait)>, b: Option<(Tick, Wait)>) -> Option<(Tick, Wait)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}
