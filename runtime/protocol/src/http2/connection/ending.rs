//! How a connection and its streams end: refusals, deadlines, draining. Part of `connection`.

use super::{Connection, Drain, Phase};
use crate::closing::{Expiry, Overdue};
use crate::header_list::HeaderLines;
use crate::http2::error_code::ErrorCode;
use crate::http2::event::{Event, Fault, StreamKey};
use crate::http2::frame::{FrameKind, write_frame, write_goaway, write_reset};
use crate::http2::limits::{DRAIN_ANNOUNCED_MS_MAX, ENDED_STREAMS_MAX};
use crate::http2::stream_table::Stream;
use crate::server_lines::ServerLines;
use crate::tick::Tick;
use crate::violation::Violation;

/// The highest stream there can be: a GOAWAY with it refuses none yet.
const LAST_STREAM_OF_ALL: u32 = 0x7fff_ffff;
/// What the PING of a drain carries.
const DRAIN_PING: &[u8; 8] = b"draining";

/// What a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Silence,
    Preface,
    Block,
    Body(StreamKey),
    StreamWrite(StreamKey),
    StreamLinger(StreamKey),
    Write,
    HalfClosed,
    Announcement,
    Linger,
}

impl Connection {
    /// Writes the answer to a violation: its status, its rule as text.
    pub fn answer_refusal(
        &mut self,
        key: StreamKey,
        violation: Violation,
        server_lines: &ServerLines,
    ) {
        let mut lines = HeaderLines::new();
        let _ = lines.push(b"content-type", b"text/plain; charset=utf-8");
        let rule = violation.rule().as_bytes();
        // Only an answer that was not begun is refused.
        let _ = self
            .response(key, server_lines)
            .whole(violation.status(), &lines, rule);
    }

    /// The app failed after the start of its answer: the peer sees that it is broken.
    pub fn cut(&mut self, key: StreamKey) {
        let _ = self.reset(key, ErrorCode::InternalError);
    }

    /// When to call [`expire`](Connection::expire); any other call may change it.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.next_wait().map(|(deadline, _)| deadline)
    }

    /// What the deadline that has passed is about; None if none has, or if only the rest of a connection's end waited.
    pub fn overdue(&self, now: Tick) -> Option<Overdue> {
        let (deadline, wait) = self.next_wait()?;
        if deadline > now {
            return None;
        }
        match wait {
            Wait::Silence => Some(Overdue::KeepAlive),
            Wait::Preface | Wait::Block => Some(Overdue::Head),
            Wait::Body(_) => Some(Overdue::Body),
            Wait::StreamWrite(_) | Wait::Write | Wait::HalfClosed => Some(Overdue::Write),
            Wait::Announcement | Wait::Linger | Wait::StreamLinger(_) => None,
        }
    }

    /// Acts on a deadline that has passed.
    pub fn expire(&mut self, now: Tick) -> Expiry {
        let wait = match self.next_wait() {
            Some((deadline, wait)) if deadline <= now => wait,
            _ => return Expiry::NotYet,
        };
        match wait {
            Wait::Silence => {
                self.say_goodbye();
                self.end(true);
            }
            Wait::Announcement => {
                self.end_announcement();
                self.end_if_over(now);
            }
            Wait::Block => self.fail(Fault {
                code: ErrorCode::EnhanceYourCalm,
                rule: "a head took too long",
            }),
            Wait::Body(key) => {
                self.streams.of_mut(key).incoming.clock = Default::default();
                self.refuse(key, Violation::BodyTimeout);
            }
            Wait::StreamWrite(key) => {
                let _ = self.reset(key, ErrorCode::Cancel);
            }
            Wait::StreamLinger(key) => self.end_linger(key, Some(ErrorCode::NoError)),
            Wait::Preface | Wait::Linger => {
                self.phase = Phase::Closed;
                return Expiry::Close;
            }
            Wait::Write | Wait::HalfClosed => {
                self.sender.output.clear();
                self.phase = Phase::Closed;
                return Expiry::Cut;
            }
        }
        Expiry::Refused
    }

    /// Finish what has begun, then close. The peer is told, and may not know it yet: what it sends until then is answered.
    pub fn drain(&mut self, now: Tick) {
        if self.drain != Drain::Serving || self.phase == Phase::Closed {
            return;
        }
        if self.phase != Phase::Open {
            self.end(false);
            return;
        }
        self.drain = Drain::Announced { since: now };
        let output = self.sender.output.tail();
        write_goaway(LAST_STREAM_OF_ALL, ErrorCode::NoError, "", output);
        write_frame(FrameKind::Ping, 0, 0, DRAIN_PING, output);
        self.note_time(now);
    }

    /// The peer knows of the drain, or has had the time to.
    pub(super) fn end_announcement(&mut self) {
        self.drain = Drain::Final {
            last: self.last_stream,
        };
        self.say_goodbye();
    }

    /// Call when nothing more can be read: whether the connection is over, in good order.
    pub(super) fn end_if_over(&mut self, now: Tick) {
        if !matches!(self.phase, Phase::Preface { .. } | Phase::Open) {
            return;
        }
        if self.has_received_eof() {
            self.cut_incomplete();
        }
        let is_last = matches!(self.drain, Drain::Final { .. }) || self.has_received_eof();
        if is_last && self.streams.len() == 0 && self.events.is_empty() {
            self.end(true);
            self.idle_since = now;
        }
    }

    /// The answer's last frame was written. A request that has not ended by then is not wanted any more
    /// (RFC 9113 section 8.1). Of a tunnel the peer ends its side as well, if it is given the time.
    pub(super) fn end_answer(&mut self, now: Tick, key: StreamKey) -> Option<Event> {
        self.goodwill.progress();
        let Stream { incoming, outgoing } = self.streams.of_mut(key);
        let (id, has_ended) = (outgoing.id, incoming.has_ended);
        if !has_ended {
            if incoming.is_tunnel() && outgoing.status == 200 {
                outgoing.lingers_since = Some(now);
                return None;
            }
            write_reset(id, ErrorCode::NoError, self.sender.output.tail());
        }
        self.note_ended(id, !has_ended);
        Some(Event::Done(key))
    }

    pub(super) fn note_ended(&mut self, id: u32, is_reset_by_us: bool) {
        if self.ended.len() == ENDED_STREAMS_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((id, is_reset_by_us));
    }

    /// The peer will send no more: a request that is not complete never will be, and no window is opened for an answer.
    fn cut_incomplete(&mut self) {
        let incomplete: Vec<StreamKey> = self
            .streams
            .keys()
            .filter(|&key| {
                let stream = self.streams.of(key);
                let goes_on =
                    stream.incoming.has_ended && !self.sender.is_stalled(&stream.outgoing);
                !goes_on && !stream.outgoing.has_ended
            })
            .collect();
        for key in incomplete {
            let _ = self.reset(key, ErrorCode::Cancel);
        }
        let lingering = |key: &StreamKey| self.streams.of(*key).outgoing.lingers_since.is_some();
        let lingering: Vec<StreamKey> = self.streams.keys().filter(lingering).collect();
        for key in lingering {
            self.end_linger(key, Some(ErrorCode::NoError));
        }
    }

    /// The peer will send no more, and an answer waits for a window: [`cut_incomplete`](Connection::cut_incomplete) has work.
    pub(super) fn waits_in_vain(&self) -> bool {
        self.has_received_eof()
            && self.phase == Phase::Open
            && !self.has_output_backlog()
            && self
                .streams
                .keys()
                .any(|key| self.sender.is_stalled(&self.streams.of(key).outgoing))
    }

    pub(super) fn cut_streams(&mut self) {
        let keys: Vec<StreamKey> = self.streams.keys().collect();
        for key in keys {
            let outgoing = &mut self.streams.of_mut(key).outgoing;
            if outgoing.lingers_since.is_some() {
                self.end_linger(key, None);
            } else if !outgoing.has_ended {
                outgoing.cut();
                self.events.push_back(Event::Reset(key));
            }
        }
    }

    pub(super) fn end(&mut self, linger: bool) {
        self.phase = Phase::Closing { linger };
        self.block = None;
        self.input = Vec::new();
        self.read = 0;
    }

    fn say_goodbye(&mut self) {
        let last = match self.drain {
            Drain::Final { last } => last,
            Drain::Serving | Drain::Announced { .. } => self.last_stream,
        };
        let output = self.sender.output.tail();
        write_goaway(last, ErrorCode::NoError, "", output);
    }

    /// The earliest deadline and what it is about.
    fn next_wait(&self) -> Option<(Tick, Wait)> {
        let limits = &*self.limits;
        let has_output = !self.output().is_empty();
        let write = self
            .write_since
            .filter(|_| has_output)
            .map(|since| (since.after_ms(limits.write_timeout_ms), Wait::Write));
        let of_phase = match self.phase {
            Phase::Preface { .. } => Some((
                self.idle_since.after_ms(limits.head_timeout_ms),
                Wait::Preface,
            )),
            Phase::Open => self.next_of_open(has_output),
            Phase::Closing { linger: true } if !has_output => Some((
                self.idle_since.after_ms(limits.linger_timeout_ms),
                Wait::Linger,
            )),
            Phase::Closing { .. } | Phase::Closed => None,
        };
        [write, of_phase]
            .into_iter()
            .flatten()
            .min_by_key(|it| it.0)
    }

    fn next_of_open(&self, has_output: bool) -> Option<(Tick, Wait)> {
        let limits = &*self.limits;
        let block = self.block.as_ref();
        let block = block.map(|it| (it.since.after_ms(limits.head_timeout_ms), Wait::Block));
        let announcement = match self.drain {
            Drain::Announced { since } => {
                Some((since.after_ms(DRAIN_ANNOUNCED_MS_MAX), Wait::Announcement))
            }
            Drain::Serving | Drain::Final { .. } => None,
        };
        let own = match self.streams.len() {
            0 if has_output => None,
            // A stranger gets less patience than a peer that has already asked for something.
            0 if self.last_stream == 0 => Some((
                self.idle_since.after_ms(limits.head_timeout_ms),
                Wait::Preface,
            )),
            0 => Some((
                self.idle_since.after_ms(limits.keep_alive_timeout_ms),
                Wait::Silence,
            )),
            _ => self.next_of_streams(),
        };
        let half_closed = self.half_closed_since.filter(|_| !has_output).map(|since| {
            (
                since.after_ms(limits.half_close_timeout_ms),
                Wait::HalfClosed,
            )
        });
        let all = [block, announcement, own, half_closed];
        all.into_iter().flatten().min_by_key(|it| it.0)
    }

    fn next_of_streams(&self) -> Option<(Tick, Wait)> {
        let limits = &*self.limits;
        let rate = limits.body_rate_min_bytes_per_s;
        self.streams
            .keys()
            .flat_map(|key| {
                let stream = self.streams.of(key);
                let clock = &stream.incoming.clock;
                let body = clock.deadline(limits.body_timeout_ms, rate);
                let stalled = stream.outgoing.stalled_since;
                let write = stalled.map(|since| since.after_ms(limits.write_timeout_ms));
                let lingers = stream.outgoing.lingers_since;
                let linger = lingers.map(|since| since.after_ms(limits.linger_timeout_ms));
                [
                    body.map(|deadline| (deadline, Wait::Body(key))),
                    write.map(|deadline| (deadline, Wait::StreamWrite(key))),
                    linger.map(|deadline| (deadline, Wait::StreamLinger(key))),
                ]
            })
            .flatten()
            .min_by_key(|it| it.0)
    }
}
