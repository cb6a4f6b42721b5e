//! The answer's side of a stream: how far it has come, and what of its body waits for the peer's windows. Writes nothing
//! itself.

use crate::misuse::AnswerStage;
use crate::request_head::RequestHead;
use crate::request_line::Method;
use crate::send_buffer::SendBuffer;
use crate::tick::Tick;

/// Capacity that a buffer keeps when its stream is released.
const BYTES_KEPT_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u32,
    pub(super) stage: AnswerStage,
    /// Of the final answer; 0 while its head was not written.
    pub(super) status: u16,
    pub(super) is_to_head: bool,
    /// The answer has no body, whatever the app gives.
    pub(super) is_silent: bool,
    /// What is missing of the length that was announced.
    pub(super) remaining: Option<u64>,
    pub(super) body_bytes_written: u64,
    /// What the peer lets us send; below 0 where it has thought better of it.
    pub(super) window: i64,
    pub(super) pending: SendBuffer,
    pub(super) ending: Ending,
    /// The sender will come to it.
    pub(super) is_queued: bool,
    /// Nothing more is written: the last frame was, or a reset.
    pub(super) has_ended: bool,
    /// The head as HTTP/1 would write it, where somebody wants to look at it.
    pub(super) head_text: Option<Vec<u8>>,
    /// Since when the peer has let nothing of it through.
    pub(super) stalled_since: Option<Tick>,
    /// Since when our side of a tunnel has ended and the peer's has not: a reset might overtake our last words.
    pub(super) lingers_since: Option<Tick>,
}

/// What follows the pending bytes.
#[derive(Debug)]
pub(super) enum Ending {
    /// More of the body.
    None,
    /// The end.
    Plain,
    /// These lines, and the end.
    Trailers(Vec<u8>),
}

impl Outgoing {
    pub(super) fn new() -> Outgoing {
        Outgoing {
            id: 0,
            stage: AnswerStage::Cut,
            status: 0,
            is_to_head: false,
            is_silent: false,
            remaining: None,
            body_bytes_written: 0,
            window: 0,
            pending: SendBuffer::default(),
            ending: Ending::None,
            is_queued: false,
            has_ended: true,
            head_text: None,
            stalled_since: None,
            lingers_since: None,
        }
    }

    /// For another stream.
    pub(super) fn begin(&mut self, id: u32, window: i64) {
        self.id = id;
        self.stage = AnswerStage::Due;
        self.status = 0;
        self.is_to_head = false;
        self.is_silent = false;
        self.remaining = None;
        self.body_bytes_written = 0;
        self.window = window;
        self.ending = Ending::None;
        self.has_ended = false;
        self.head_text = None;
        self.stalled_since = None;
        self.lingers_since = None;
    }

    /// The request is known.
    pub(super) fn answers(&mut self, request: RequestHead<'_>) {
        self.is_to_head = request.method() == Method::Head;
    }

    /// Gives the answer up: nothing of it is sent any more.
    pub(super) fn cut(&mut self) {
        self.stage = AnswerStage::Cut;
        self.has_ended = true;
        self.pending.clear();
        self.ending = Ending::None;
        self.stalled_since = None;
    }

    /// Its stream is over: what has grown gets small again.
    pub(super) fn trim(&mut self) {
        self.cut();
        if self.pending.capacity() > BYTES_KEPT_MAX {
            self.pending = SendBuffer::default();
        }
    }

    /// Something is to be sent, if the windows allow it.
    pub(super) fn has_more(&self) -> bool {
        !self.has_ended
            && (!self.pending.unsent().is_empty() || !matches!(self.ending, Ending::None))
    }
}
