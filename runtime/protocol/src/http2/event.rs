//! What a connection tells its driver. Plain values.

use std::fmt;

use crate::http2::error_code::ErrorCode;
use crate::violation::Violation;

/// A stream while it is open: small, and used again for another one after it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamKey(pub(super) u16);

impl StreamKey {
    /// A number below the most streams that a peer may have open: an index of what the driver knows of the stream.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request's head is complete: answer it.
    Head(StreamKey),
    /// The whole body is here, as was asked for.
    BodyReady(StreamKey),
    /// More of the body is here.
    BodyChunk(StreamKey),
    /// All of the body is here.
    BodyEnd(StreamKey),
    /// The request breaks a rule of HTTP: call [`answer_refusal`](super::Connection::answer_refusal). The stream goes on until
    /// it is done.
    Refused(StreamKey, Violation),
    /// The answer was written to its end: [`release`](super::Connection::release) the stream.
    Done(StreamKey),
    /// The stream has ended before that: release it.
    Reset(StreamKey),
    /// The peer has broken HTTP/2, or strained it: the connection ends. Its streams follow.
    Failed(Fault),
    /// Nothing more without more bytes, room or answers.
    NeedMore,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code of the GOAWAY.
    pub code: ErrorCode,
    /// The broken rule, also for the peer to read. Never contains its bytes.
    pub rule: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.rule, self.code.as_str())
    }
}
