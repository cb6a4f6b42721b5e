//! The order in which the messages of an answer may come, and what may be wrong with one. Knows no bytes.

use turbo_shard_runtime::HttpReply;
use turbo_shard_runtime::protocol::{HeaderLines, Misuse};

/// Which message may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `http.response.start`
    Start,
    /// `http.response.body`, the first one.
    FirstBody,
    /// `http.response.body`
    Body,
    /// `http.response.trailers`
    Trailers,
    /// None: the answer is complete, or given up.
    Complete,
}

impl Phase {
    /// What an app must send here, in words.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Phase::Start => "http.response.start",
            Phase::FirstBody | Phase::Body => "http.response.body",
            Phase::Trailers => "http.response.trailers",
            Phase::Complete => "nothing more: the response is complete",
        }
    }

    /// Whether a message of this type may come here.
    pub(super) fn allows(self, kind: &str) -> bool {
        match kind {
            "http.response.start" => self == Phase::Start,
            "http.response.body" => matches!(self, Phase::FirstBody | Phase::Body),
            "http.response.trailers" => self == Phase::Trailers,
            "http.response.early_hint" => matches!(self, Phase::Start | Phase::FirstBody),
            _ => self == Phase::FirstBody,
        }
    }

    /// Where an answer stands after a piece of its body.
    pub(super) fn after_body(more: bool, has_trailers: bool) -> Phase {
        match (more, has_trailers) {
            (true, _) => Phase::Body,
            (false, true) => Phase::Trailers,
            (false, false) => Phase::Complete,
        }
    }
}

/// What is wrong with a message in this phase; the text is for the app's author.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not this message here.
    OutOfOrder(Phase),
    /// More body than its `content-length`.
    TooLong { excess: u64 },
    /// Less body than its `content-length`.
    TooShort { missing: u64 },
    /// A stream that has no body, beyond what is swallowed.
    Unwanted,
    /// The runtime cannot send it.
    Misuse(Misuse),
}

/// This much of a body that is never sent is swallowed before its `send()` raises: a short one may come to its end.
const SWALLOWED_BYTES_MAX: usize = 64 * 1024;
/// What each piece of it counts in addition.
const SWALLOWED_PIECE_BYTES: usize = 64;

/// What is not sent of a stream without a body: its bytes and an extra for each piece. Such a stream has no client that
/// could make it wait, so an endless one would run for ever.
#[derive(Default)]
pub(super) struct Swallowed(usize);

impl Swallowed {
    pub(super) fn add(&mut self, length: usize) -> Result<(), Refused> {
        self.0 = self.0.saturating_add(length + SWALLOWED_PIECE_BYTES);
        match self.0 > SWALLOWED_BYTES_MAX {
            true => Err(Refused::Unwanted),
            false => Ok(()),
        }
    }
}

/// An answer as the sender of its body holds it.
pub(super) struct Lent {
    pub(super) handle: HttpReply,
    pub(super) status: u16,
    pub(super) lines: HeaderLines,
    /// It has no body, so nothing need be read.
    pub(super) is_bodiless: bool,
}
