//! Frames on their way out: heads at once, bodies as the windows allow it, in turns. Knows no input.

use std::collections::VecDeque;

use crate::http2::event::StreamKey;
use crate::http2::frame::{END_HEADERS, END_STREAM, FRAME_HEAD_BYTES, FrameHead, FrameKind};
use crate::http2::goodwill::Goodwill;
use crate::http2::hpack::encoder;
use crate::http2::limits::FRAME_BYTES_MAX;
use crate::http2::outgoing::{Ending, Outgoing};
use crate::http2::settings::WINDOW_BYTES_INITIAL;
use crate::http2::stream_table::StreamTable;
use crate::send_buffer::SendBuffer;
use crate::tick::Tick;

/// Data that counts as progress: less may be the game of a peer that opens its window by a byte at a time.
const PROGRESS_BYTES_MIN: usize = 1024;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) output: SendBuffer,
    /// What the peer lets us send on all streams together.
    pub(super) window: i64,
    /// What it lets us send on a new stream.
    pub(super) stream_window: i64,
    /// The longest frame that we send; not more than ours, so that streams take turns.
    frame_bytes_max: usize,
    /// The peer is to be told that our table has no room.
    pub(super) owes_table_size: bool,
    /// Streams with something to send whose own window is open, in the order of their turns.
    queue: VecDeque<StreamKey>,
    /// Streams whose last frame was written.
    pub(super) ended: VecDeque<StreamKey>,
    /// Lines of the head that is being written. Kept for its memory.
    pub(super) lines: Vec<u8>,
}

impl Sender {
    pub(super) fn new() -> Sender {
        Sender {
            output: SendBuffer::default(),
            window: WINDOW_BYTES_INITIAL,
            stream_window: WINDOW_BYTES_INITIAL,
            frame_bytes_max: FRAME_BYTES_MAX,
            owes_table_size: true,
            queue: VecDeque::new(),
            ended: VecDeque::new(),
            lines: Vec::new(),
        }
    }

    /// Writes a head: what `write` makes of it, in as many frames as it needs.
    pub(super) fn write_head(&mut self, id: u32, is_end: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let output = self.output.tail();
        let start = output.len();
        output.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
        if std::mem::take(&mut self.owes_table_size) {
            output.push(encoder::NO_TABLE);
        }
        write(output);
        let end_stream = if is_end { END_STREAM } else { 0 };
        let length = output.len() - start - FRAME_HEAD_BYTES;
        let frame = |kind, length, flags| {
            FrameHead {
                length,
                kind,
                flags,
                stream: id,
            }
            .bytes()
        };
        let first = &mut output[start..start + FRAME_HEAD_BYTES];
        if length <= self.frame_bytes_max {
            first.copy_from_slice(&frame(FrameKind::Headers, length, end_stream | END_HEADERS));
            return;
        }
        first.copy_from_slice(&frame(FrameKind::Headers, self.frame_bytes_max, end_stream));
        let rest = output.split_off(start + FRAME_HEAD_BYTES + self.frame_bytes_max);
        let mut pieces = rest.chunks(self.frame_bytes_max).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() {
                END_HEADERS
            } else {
                0
            };
            output.extend_from_slice(&frame(FrameKind::Continuation, piece.len(), flags));
            output.extend_from_slice(piece);
        }
    }

    /// Sends a whole body in one frame, if nothing is in its way. Else it waits for its turn.
    #[inline]
    pub(super) fn send_whole(&mut self, key: StreamKey, outgoing: &mut Outgoing, body: &[u8]) {
        let length = body.len() as i64;
        let is_free = self.queue.is_empty()
            && body.len() <= self.frame_bytes_max
            && length <= self.window
            && length <= outgoing.window;
        if is_free {
            self.write_data(outgoing, body.len(), true, Some(body));
            self.end(key, outgoing);
            return;
        }
        outgoing.pending.tail().extend_from_slice(body);
        outgoing.ending = Ending::Plain;
        self.enqueue(key, outgoing);
    }

    /// The stream has something to send.
    #[inline]
    pub(super) fn enqueue(&mut self, key: StreamKey, outgoing: &mut Outgoing) {
        if !outgoing.is_queued && outgoing.has_more() {
            outgoing.is_queued = true;
            self.queue.push_back(key);
        }
    }

    /// The last frame of the stream was written.
    #[inline]
    pub(super) fn end(&mut self, key: StreamKey, outgoing: &mut Outgoing) {
        outgoing.has_ended = true;
        outgoing.ending = Ending::None;
        outgoing.stalled_since = None;
        self.ended.push_back(key);
    }

    /// Writes data in turns, a frame for each stream, up to `bytes_high` bytes of output.
    pub(super) fn flush(
        &mut self,
        now: Tick,
        streams: &mut StreamTable,
        goodwill: &mut Goodwill,
        bytes_high: usize,
    ) {
        while self.output.unsent().len() < bytes_high
            && let Some(key) = self.queue.pop_front()
        {
            let outgoing = &mut streams.of_mut(key).outgoing;
            if !outgoing.has_more() {
                outgoing.is_queued = false;
                continue;
            }
            let waiting = outgoing.pending.unsent().len();
            let allowed = outgoing.window.min(self.window).max(0) as usize;
            let length = waiting.min(allowed).min(self.frame_bytes_max);
            if length == 0 && waiting > 0 {
                outgoing.stalled_since = outgoing.stalled_since.or(Some(now));
                if self.window <= 0 {
                    self.queue.push_front(key);
                    self.note_stalled(now, streams);
                    return;
                }
                // A WINDOW_UPDATE brings it back.
                outgoing.is_queued = false;
                continue;
            }
            let is_last = length == waiting;
            let is_end = is_last && matches!(outgoing.ending, Ending::Plain);
            if length > 0 || is_end {
                self.write_data(outgoing, length, is_end, None);
                outgoing.stalled_since = None;
            }
            if length >= PROGRESS_BYTES_MIN {
                goodwill.progress();
            }
            if !is_last {
                self.queue.push_back(key);
                continue;
            }
            outgoing.is_queued = false;
            if let Ending::Trailers(lines) = std::mem::replace(&mut outgoing.ending, Ending::None) {
                self.write_head(outgoing.id, true, |block| {
                    encoder::write_lines(&lines, block)
                });
                self.end(key, outgoing);
            } else if is_end {
                self.end(key, outgoing);
            }
        }
    }

    /// Data waits for the peer to open a window.
    pub(super) fn is_stalled(&self, outgoing: &Outgoing) -> bool {
        outgoing.stalled_since.is_some() && outgoing.window.min(self.window) <= 0
    }

    /// The connection's window is closed: nothing goes on for any of those that wait.
    fn note_stalled(&self, now: Tick, streams: &mut StreamTable) {
        for &key in &self.queue {
            let stalled_since = &mut streams.of_mut(key).outgoing.stalled_since;
            *stalled_since = stalled_since.or(Some(now));
        }
    }

    /// A frame of `length` bytes: of `body`, or of what is pending.
    #[inline]
    fn write_data(
        &mut self,
        outgoing: &mut Outgoing,
        length: usize,
        is_end: bool,
        body: Option<&[u8]>,
    ) {
        let head = FrameHead {
            length,
            kind: FrameKind::Data,
            flags: if is_end { END_STREAM } else { 0 },
            stream: outgoing.id,
        };
        let output = self.output.tail();
        output.extend_from_slice(&head.bytes());
        match body {
            Some(body) => output.extend_from_slice(body),
            None => {
                output.extend_from_slice(&outgoing.pending.unsent()[..length]);
                outgoing.pending.consume(length);
            }
        }
        self.window -= length as i64;
        outgoing.window -= length as i64;
    }

    /// Forgets a stream that is released.
    pub(super) fn forget(&mut self, key: StreamKey, outgoing: &mut Outgoing) {
        if std::mem::take(&mut outgoing.is_queued) {
            self.queue.retain(|&queued| queued != key);
        }
    }
}
