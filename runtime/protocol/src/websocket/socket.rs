//! The driver of one WebSocket after the 101: bytes and ticks in, messages and bytes out. Knows no socket and no clock.
//!
//! The parts: `socket/reading.rs` finds messages in the input, `socket/ending.rs` is about the close handshake, deadlines
//! and the ways to part.

mod ending;
#[cfg(test)]
mod memory_tests;
mod reading;

use std::sync::Arc;

use tungstenite::protocol::frame::coding::{Control, Data};

use super::deflate::Deflate;
use super::event::WsEvent;
use super::extensions::DeflateParams;
use super::frame_head::{MessageHead, write_control};
use super::limits::{IDLE_BUFFER_BYTES_MAX, WebSocketLimits};
use super::message::MessageIntake;
use super::ping::PingClock;
use crate::body_clock::BodyClock;
use crate::misuse::Misuse;
use crate::send_buffer::SendBuffer;
use crate::tick::Tick;

/// One server-side WebSocket connection (RFC 6455), from the byte after the 101.
///
/// The life of a driver: hand the bytes to [`receive`](WebSocket::receive), those that came with the handshake first;
/// call [`next_event`](WebSocket::next_event) until it says [`Message`](WsEvent::Message), which stays readable until the
/// app has taken it and the next call is made, or [`NeedMore`](WsEvent::NeedMore); send [`output`](WebSocket::output);
/// ask [`next_deadline`](WebSocket::next_deadline) and [`closing`](WebSocket::closing).
///
/// An app that takes no message holds up everything behind it, and at `input_bytes_high` the peer itself;
/// [`look_ahead`](WebSocket::look_ahead) still finds pings and the peer's close frame. Our own
/// [`close`](WebSocket::close) and [`drain`](WebSocket::drain), and an [`expire`](WebSocket::expire) that ended the
/// conversation, make messages pointless: call `next_event` after them whether or not the app has taken its message.
#[derive(Debug)]
pub struct WebSocket {
    limits: Arc<WebSocketLimits>,
    input: Vec<u8>,
    /// Bytes at the front of `input` that have been dealt with.
    spent: usize,
    /// How far [`look_ahead`](WebSocket::look_ahead) has come in `input`, if it was needed.
    ahead: usize,
    /// The data frame whose payload is arriving.
    frame: Option<FrameRest>,
    message: MessageIntake,
    announced: Announced,
    deflate: Option<Box<Deflate>>,
    output: SendBuffer,
    /// The answer to the peer's latest ping, which waits for room in the output.
    pong: Option<Box<[u8]>>,
    phase: Phase,
    /// When the phase began; while ending, when the last output was sent.
    phase_since: Tick,
    /// How it ended, until the driver has been told.
    farewell: Option<Box<(u16, String)>>,
    /// The peer has finished sending.
    has_eof: bool,
    ping: PingClock,
    frame_clock: BodyClock,
    /// When the peer stopped taking output, as far as we know.
    write_since: Option<Tick>,
    /// Bytes swallowed while lingering.
    lingered_bytes: u32,
}

/// An idle WebSocket is this struct and two small buffers; a shard may hold many.
const _: () = assert!(size_of::<WebSocket>() <= 384);

/// Where the conversation stands (RFC 6455 section 7.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Messages go both ways.
    Open,
    /// Our close frame has been written and the peer's has not come. Its messages are no longer wanted.
    CloseSent,
    /// Nothing is written or read any more.
    Ending {
        /// Read and throw away what the peer still sends.
        linger: bool,
    },
}

/// What is left of a data frame.
#[derive(Copy, Clone, Debug)]
struct FrameRest {
    bytes: u64,
    mask: [u8; 4],
    is_final: bool,
}

/// Where the message lies that the driver was told of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Announced {
    None,
    /// The last bytes of the spent input: a message of one frame that was all there.
    InPlace {
        bytes: usize,
    },
    /// Put together in `message`.
    Assembled,
}

impl WebSocket {
    /// A WebSocket whose 101 was written at `now`; `deflate` is what [`Handshake::accept`](super::Handshake::accept)
    /// agreed on.
    pub fn new(
        limits: Arc<WebSocketLimits>,
        deflate: Option<DeflateParams>,
        now: Tick,
    ) -> WebSocket {
        let level = limits.compression.level;
        let ping = PingClock::new(&limits, now);
        WebSocket {
            limits,
            input: Vec::new(),
            spent: 0,
            ahead: 0,
            frame: None,
            message: MessageIntake::default(),
            announced: Announced::None,
            deflate: deflate.map(|params| Box::new(Deflate::new(params, level))),
            output: SendBuffer::default(),
            pong: None,
            phase: Phase::Open,
            phase_since: now,
            farewell: None,
            has_eof: false,
            ping,
            frame_clock: BodyClock::default(),
            write_since: None,
            lingered_bytes: 0,
        }
    }

    /// Takes bytes from the peer; call [`next_event`](WebSocket::next_event) afterwards, if the app is ready.
    pub fn receive(&mut self, now: Tick, chunk: &[u8]) {
        if matches!(self.phase, Phase::Ending { .. }) {
            let chunk_len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            self.lingered_bytes = self.lingered_bytes.saturating_add(chunk_len);
            return;
        }
        self.ping.hear(now);
        // From here on the peer waits for us; `next_event` finds out whether we wait for it again.
        let limits = &*self.limits;
        let rate = limits.frame_rate_min_bytes_per_s;
        self.frame_clock
            .progress(now, chunk.len(), limits.frame_timeout_ms, rate);
        self.frame_clock.run(now, false);
        if self.announced == Announced::None && self.spent > 0 {
            self.input.drain(..self.spent);
            self.ahead = self.ahead.saturating_sub(self.spent);
            self.spent = 0;
        }
        self.input.extend_from_slice(chunk);
    }

    /// The peer has finished sending. Without a close frame before it the conversation has failed: it is no use to send
    /// messages to a peer that cannot answer a ping.
    pub fn receive_eof(&mut self, now: Tick) {
        self.has_eof = true;
        self.note_time(now);
    }

    /// What happened next. The message that was announced before is gone.
    pub fn next_event(&mut self, now: Tick) -> WsEvent {
        self.release_message();
        let event = self.find_event(now);
        self.release_input();
        self.note_time(now);
        event
    }

    /// The message after [`WsEvent::Message`], until the next call of [`next_event`](WebSocket::next_event); empty
    /// otherwise.
    pub fn message(&self) -> &[u8] {
        match self.announced {
            Announced::None => &[],
            Announced::InPlace { bytes } => &self.input[self.spent - bytes..self.spent],
            Announced::Assembled => self.message.bytes(),
        }
    }

    /// The same, without a copy where that is possible; [`message`](WebSocket::message) is empty afterwards.
    pub fn take_message(&mut self) -> Vec<u8> {
        let message = match self.announced {
            Announced::Assembled => self.message.take_bytes(),
            Announced::None | Announced::InPlace { .. } => self.message().to_vec(),
        };
        self.release_message();
        message
    }

    /// Sends a text message. Look at [`has_backlog`](WebSocket::has_backlog) first: the output takes everything.
    pub fn send_text(&mut self, text: &str) -> Result<(), Misuse> {
        self.send(Data::Text, text.as_bytes())
    }

    /// Sends a binary message. Look at [`has_backlog`](WebSocket::has_backlog) first: the output takes everything.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        self.send(Data::Binary, bytes)
    }

    /// So much output is unsent that senders should wait.
    pub fn has_backlog(&self) -> bool {
        self.output().len() >= self.limits.output_bytes_high
    }

    /// The bytes to send.
    #[inline]
    pub fn output(&self) -> &[u8] {
        self.output.unsent()
    }

    /// The socket took `n` bytes of [`output`](WebSocket::output). Report 0 as well: it starts the clock of a peer that
    /// does not read.
    ///
    /// # Panics
    /// If there are fewer than `n` bytes.
    pub fn consume_output(&mut self, now: Tick, n: usize) {
        if n > 0 {
            self.output.consume(n);
            self.write_since = None;
            if self.output().is_empty() {
                if matches!(self.phase, Phase::Ending { .. }) {
                    self.phase_since = now;
                }
                if self.output.capacity() > IDLE_BUFFER_BYTES_MAX {
                    self.output = SendBuffer::default();
                }
            }
        }
        self.note_time(now);
    }

    /// Output that was counted as sent before is leaving only now: the peer has not refused the next output yet.
    pub fn output_leaves_late(&mut self, now: Tick) {
        self.write_since = None;
        if matches!(self.phase, Phase::Ending { .. }) && self.output().is_empty() {
            self.phase_since = now;
        }
        self.note_time(now);
    }

    /// Messages go both ways. False from our own close or drain on: then [`next_event`](WebSocket::next_event) yields
    /// no more messages. Call it whether or not the app has room for one, to hear of the peer's close.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The engine should read. False is backpressure: the app does not take its messages. False also when nothing more
    /// will be looked at; true while lingering, so that the peer's last bytes are swallowed.
    pub fn wants_read(&self) -> bool {
        !self.has_eof
            && match self.phase {
                Phase::Open | Phase::CloseSent => {
                    self.unread().len() < self.limits.input_bytes_high
                }
                Phase::Ending { .. } => self.lingers(),
            }
    }

    fn send(&mut self, opcode: Data, payload: &[u8]) -> Result<(), Misuse> {
        if self.phase != Phase::Open {
            return Err(Misuse::WebSocketClosed);
        }
        let output = self.output.tail();
        if let Some(deflate) = &mut self.deflate
            && payload.len() >= self.limits.compression.message_bytes_min.max(1)
        {
            // The head says how long the payload is, so it is clear when all of it is there.
            let start = output.len();
            let payload_at = start + MessageHead::BYTES_MAX;
            output.resize(payload_at, 0);
            if deflate.compress(payload, output) {
                let head = MessageHead::new(opcode, true, output.len() - payload_at);
                let head = head.as_bytes();
                output[start..start + head.len()].copy_from_slice(head);
                output.drain(start + head.len()..payload_at);
                return Ok(());
            }
            output.truncate(start);
        }
        output.reserve(MessageHead::BYTES_MAX + payload.len());
        output.extend_from_slice(MessageHead::new(opcode, false, payload.len()).as_bytes());
        output.extend_from_slice(payload);
        Ok(())
    }

    /// Input that has not been dealt with.
    fn unread(&self) -> &[u8] {
        &self.input[self.spent..]
    }

    /// Forgets the message that the driver was told of.
    fn release_message(&mut self) {
        if self.announced == Announced::Assembled {
            self.message.clear();
        }
        self.announced = Announced::None;
        self.release_input();
    }

    /// Gives the input's memory back if it is empty and large, or no longer of use.
    fn release_input(&mut self) {
        if self.announced != Announced::None {
            return;
        }
        if matches!(self.phase, Phase::Ending { .. }) {
            self.input = Vec::new();
            (self.spent, self.ahead) = (0, 0);
        } else if self.spent == self.input.len() {
            (self.spent, self.ahead) = (0, 0);
            self.input.clear();
            if self.input.capacity() > IDLE_BUFFER_BYTES_MAX {
                self.input = Vec::new();
            }
        }
    }

    /// Keeps the clocks that the app's side, which is not told the time, can start or stop; sends a pong that had to
    /// wait for room.
    fn note_time(&mut self, now: Tick) {
        if self.phase == Phase::Open
            && !self.has_backlog()
            && let Some(payload) = self.pong.take()
        {
            write_control(Control::Pong, &payload, self.output.tail());
        }
        self.write_since = match self.output().is_empty() {
            true => None,
            false => self.write_since.or(Some(now)),
        };
    }
}
