//! One HTTP/2 connection of a server, without I/O. Owns its streams, their buffers and both sides' windows.
//!
//! ```text
//! connection  Preface ──► Open ──────────────► Closing ──► Closed    Closing: a GOAWAY is the last word, send it, linger
//!                          │ drain: Serving ──► Announced ──► Final   Announced: the peer is told, and may not know it yet
//!
//! stream      (idle) ──► in the table ──► Done | Reset, released      the request's side: `incoming`, the answer's:
//!                                                                     `outgoing`, each with its own end
//! ```
//!
//! The driver takes an event at a time and acts on it before it asks for the next one, so an event's stream is always still
//! there.

mod bodies;
mod ending;
mod frames;
mod heads;
mod tunnels;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::closing::Closing;
use crate::http2::event::{Event, StreamKey};
use crate::http2::goodwill::Goodwill;
use crate::http2::hpack::decoder::Decoder;
use crate::http2::limits::{CONNECTION_WINDOW_BYTES, PENDING_BYTES_HIGH};
use crate::http2::sender::Sender;
use crate::http2::stream_table::{Stream, StreamTable};
use crate::http2::stream_writer::StreamWriter;
use crate::limits::{LINGER_BYTES_MAX, Limits};
use crate::request_head::RequestHead;
use crate::server_lines::ServerLines;
use crate::tick::Tick;

/// Capacity that a buffer keeps while the connection is idle.
const IDLE_BYTES_KEPT_MAX: usize = 1024;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer has yet to say its preface; then its first SETTINGS.
    Preface {
        is_said: bool,
    },
    Open,
    /// Our last word is written. With `linger` the peer may still be sending.
    Closing {
        linger: bool,
    },
    Closed,
}

/// How far the end of a connection in good order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    Serving,
    /// The peer was told; what it has sent before it knows is still taken.
    Announced {
        since: Tick,
    },
    /// No stream above this is taken.
    Final {
        last: u32,
    },
}

/// A head that comes in several frames.
#[derive(Debug)]
struct OpenBlock {
    stream: u32,
    has_ended: bool,
    depends_on_itself: bool,
    bytes: Vec<u8>,
    continuations: u32,
    since: Tick,
}

/// One connection; see the module.
#[derive(Debug)]
pub struct Connection {
    limits: Arc<Limits>,
    /// The peer is told that it may ask for WebSockets.
    takes_websockets: bool,
    phase: Phase,
    drain: Drain,
    input: Vec<u8>,
    /// What of `input` has been read.
    read: usize,
    streams: StreamTable,
    sender: Sender,
    decoder: Decoder,
    block: Option<Box<OpenBlock>>,
    events: VecDeque<Event>,
    /// The highest stream that the peer has opened.
    last_stream: u32,
    /// Streams that ended lately; those that we have reset are marked.
    ended: VecDeque<(u32, bool)>,
    /// What the peer may still send on all streams together.
    window: u32,
    goodwill: Goodwill,
    /// The stream whose whole body goes on where not all of them may.
    whole_turn: Option<StreamKey>,
    /// Since when no stream has been open.
    idle_since: Tick,
    /// When the peer stopped taking output, as far as we know.
    write_since: Option<Tick>,
    /// When the peer, which has finished sending, was last sent something.
    half_closed_since: Option<Tick>,
    lingered_bytes: u32,
}

impl Connection {
    /// A connection whose peer begins with the preface.
    pub fn new(limits: Arc<Limits>, now: Tick) -> Connection {
        Connection {
            limits,
            takes_websockets: false,
            phase: Phase::Preface { is_said: false },
            drain: Drain::Serving,
            input: Vec::new(),
            read: 0,
            streams: StreamTable::default(),
            sender: Sender::new(),
            decoder: Decoder::new(),
            block: None,
            events: VecDeque::new(),
            last_stream: 0,
            ended: VecDeque::new(),
            window: CONNECTION_WINDOW_BYTES,
            goodwill: Goodwill::new(now),
            whole_turn: None,
            idle_since: now,
            write_since: None,
            half_closed_since: None,
            lingered_bytes: 0,
        }
    }

    /// Takes bytes from the peer; call [`next_event`](Connection::next_event) afterwards.
    pub fn receive(&mut self, chunk: &[u8]) {
        match self.phase {
            Phase::Closing { .. } | Phase::Closed => {
                let chunk_len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
                self.lingered_bytes = self.lingered_bytes.saturating_add(chunk_len);
            }
            Phase::Preface { .. } | Phase::Open => {
                if self.read > 0 {
                    self.input.drain(..self.read);
                    self.read = 0;
                }
                self.input.extend_from_slice(chunk);
            }
        }
    }

    /// The peer has finished sending. Requests that are complete can still be answered.
    pub fn receive_eof(&mut self, now: Tick) {
        self.half_closed_since = Some(now);
        self.note_time(now);
    }

    /// What comes next: call it until it says [`Event::NeedMore`], and again after each answer.
    pub fn next_event(&mut self, now: Tick) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if let Some(key) = self.sender.ended.pop_front() {
                if self.streams.is_open(key)
                    && let Some(event) = self.end_answer(now, key)
                {
                    return event;
                }
                continue;
            }
            let is_reading = matches!(self.phase, Phase::Preface { .. } | Phase::Open);
            if !is_reading || self.has_output_backlog() {
                return Event::NeedMore;
            }
            match self.read_frame(now) {
                Ok(true) => {}
                Ok(false) => {
                    self.end_if_over(now);
                    if self.events.is_empty() {
                        return Event::NeedMore;
                    }
                }
                Err(fault) => self.fail(fault),
            }
        }
    }

    /// Writes what the windows allow of the bodies that wait: call it at the end of a turn.
    pub fn flush(&mut self, now: Tick) {
        let bytes_high = self.limits.output_bytes_high;
        self.sender
            .flush(now, &mut self.streams, &mut self.goodwill, bytes_high);
        self.note_time(now);
    }

    /// A request's head.
    pub fn request(&self, key: StreamKey) -> RequestHead<'_> {
        self.streams.of(key).incoming.request()
    }

    /// The request, the body bytes that are here and the writer of the answer, side by side.
    pub fn exchange<'a>(
        &'a mut self,
        key: StreamKey,
        server_lines: &'a ServerLines,
    ) -> (RequestHead<'a>, &'a [u8], StreamWriter<'a>) {
        let Stream { incoming, outgoing } = self.streams.of_mut(key);
        (
            incoming.request(),
            incoming.body(),
            StreamWriter::new(key, outgoing, &mut self.sender, server_lines),
        )
    }

    /// The writer of the answer.
    pub fn response<'a>(
        &'a mut self,
        key: StreamKey,
        server_lines: &'a ServerLines,
    ) -> StreamWriter<'a> {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        StreamWriter::new(key, outgoing, &mut self.sender, server_lines)
    }

    /// The app may write more of this answer: neither it nor the connection has much waiting.
    pub fn has_room(&self, key: StreamKey) -> bool {
        let pending = self.streams.of(key).outgoing.pending.unsent().len();
        pending < PENDING_BYTES_HIGH && !self.has_output_backlog()
    }

    /// The heads of the answer are wanted as text, see [`take_head_text`](Connection::take_head_text).
    pub fn keep_head_text(&mut self, key: StreamKey) {
        self.streams.of_mut(key).outgoing.head_text = Some(Vec::new());
    }

    /// The final head as HTTP/1 would write it, once it was written.
    pub fn take_head_text(&mut self, key: StreamKey) -> Option<Vec<u8>> {
        let head_text = &mut self.streams.of_mut(key).outgoing.head_text;
        head_text.take_if(|text| !text.is_empty())
    }

    /// The status of the answer, if its head was written.
    pub fn answer_status(&self, key: StreamKey) -> Option<u16> {
        Some(self.streams.of(key).outgoing.status).filter(|&status| status != 0)
    }

    /// Bytes of the answer's body that were given.
    pub fn answer_body_bytes(&self, key: StreamKey) -> u64 {
        self.streams.of(key).outgoing.body_bytes_written
    }

    /// The driver is done with the stream, after [`Event::Done`] or [`Event::Reset`].
    pub fn release(&mut self, now: Tick, key: StreamKey) {
        let outgoing = &mut self.streams.of_mut(key).outgoing;
        self.sender.forget(key, outgoing);
        self.streams.remove(key);
        if self.whole_turn == Some(key) {
            self.pass_whole_turn();
        }
        if self.streams.len() == 0 {
            self.idle_since = now;
        }
    }

    /// The bytes to send.
    #[inline]
    pub fn output(&self) -> &[u8] {
        self.sender.output.unsent()
    }

    /// The socket took `n` bytes of [`output`](Connection::output). Report 0 as well.
    ///
    /// # Panics
    /// If there are fewer than `n` bytes.
    pub fn consume_output(&mut self, now: Tick, n: usize) {
        if n > 0 {
            self.sender.output.consume(n);
            self.note_sent(now);
        }
        self.note_time(now);
    }

    /// Takes all output away with its memory, and leaves an empty buffer. Returns where the output begins in it.
    pub fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> usize {
        let start = self.sender.output.swap(buffer);
        self.note_sent(now);
        self.note_time(now);
        start
    }

    /// Output that was counted as sent before is leaving only now.
    pub fn output_leaves_late(&mut self, now: Tick) {
        self.note_sent(now);
        self.note_time(now);
    }

    /// The engine should read. False while the peer does not take what is written for it.
    pub fn wants_read(&self) -> bool {
        let is_wanted = match self.phase {
            Phase::Preface { .. } | Phase::Open => {
                self.input.len() - self.read < self.limits.input_bytes_high
                    && !self.has_output_backlog()
            }
            Phase::Closing { .. } => {
                matches!(self.closing(), Closing::AfterOutput { linger: true })
            }
            Phase::Closed => false,
        };
        is_wanted && !self.has_received_eof()
    }

    /// Streams that are open.
    pub fn streams_open(&self) -> usize {
        self.streams.len()
    }

    /// Their keys.
    pub fn stream_keys(&self) -> impl Iterator<Item = StreamKey> {
        self.streams.keys()
    }

    /// The stream with this [`index`](StreamKey::index), if one has it now.
    pub fn key_at(&self, index: usize) -> Option<StreamKey> {
        let key = StreamKey(u16::try_from(index).ok()?);
        self.streams.is_open(key).then_some(key)
    }

    /// [`next_event`](Connection::next_event) has something to say without further bytes.
    pub fn has_news(&self) -> bool {
        !self.events.is_empty() || !self.sender.ended.is_empty() || self.waits_in_vain()
    }

    /// The peer has finished sending.
    pub fn has_received_eof(&self) -> bool {
        self.half_closed_since.is_some()
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
            Phase::Preface { .. } | Phase::Open => Closing::Open,
        }
    }

    /// Gives memory back that a connection without streams has no use for.
    pub fn rest(&mut self) {
        if self.streams.len() > 0 || self.read < self.input.len() || !self.output().is_empty() {
            return;
        }
        self.input.clear();
        self.read = 0;
        self.streams.rest();
        if self.input.capacity() > IDLE_BYTES_KEPT_MAX {
            self.input = Vec::new();
        }
        if self.sender.output.capacity() > IDLE_BYTES_KEPT_MAX {
            self.sender.output = Default::default();
        }
        self.sender.lines = Vec::new();
        self.events = VecDeque::new();
        self.decoder.rest();
    }

    fn has_output_backlog(&self) -> bool {
        self.output().len() >= self.limits.output_bytes_high
    }

    fn note_sent(&mut self, now: Tick) {
        self.write_since = None;
        self.half_closed_since = self.half_closed_since.map(|_| now);
        if self.output().is_empty() && self.streams.len() == 0 {
            self.idle_since = now;
        }
    }

    #[inline]
    fn note_time(&mut self, now: Tick) {
        self.write_since = match self.output().is_empty() {
            true => None,
            false => self.write_since.or(Some(now)),
        };
    }
}
