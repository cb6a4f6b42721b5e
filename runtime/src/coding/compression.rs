//! How far the answer of one exchange has been compressed. Knows no header lines and no writer.

use std::sync::Arc;

use turbo_shard_protocol::{HeaderLines, Method, Misuse, RequestHead, Version};

use crate::coding::accepted::Accepted;
use crate::coding::content_coding::ContentCoding;
use crate::coding::encoder::Encoder;
use crate::coding::rules::{CompressionRules, Decision};

/// Compressed at once: one to three milliseconds' work at the most.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;
/// Compressed in one turn of a connection; then the others of its shard have theirs.
const TURN_BYTES_MAX: usize = 2 * PIECE_BYTES;
/// Compressed in the time that a short request takes.
const REQUEST_BYTES: usize = 2 * 1024;

/// What compressing knows of one exchange.
pub(crate) struct Compression {
    rules: Arc<CompressionRules>,
    accepted: Accepted,
    pub(crate) is_to_head: bool,
    body: Option<CodedBody>,
    /// Of this turn.
    turn_bytes: usize,
}

/// A body that is being compressed.
struct CodedBody {
    encoder: Encoder,
    /// Bytes that the app has still to give, where it has said how many.
    to_come: Option<u64>,
    /// What it has given, and how much of that has been compressed: a large piece is compressed over several turns.
    given: Vec<u8>,
    taken: usize,
    end: Option<BodyEnd>,
}

/// The app has given all of the body.
pub(crate) struct BodyEnd {
    pub(crate) trailers: Option<HeaderLines>,
}

/// Bytes to send, and whether they are the last.
pub(crate) struct CodedPiece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: Option<BodyEnd>,
}

impl Compression {
    /// For a request with this head. None for clients of HTTP/1.0, which could read no body without a length.
    pub(crate) fn of(rules: &Arc<CompressionRules>, head: &RequestHead<'_>) -> Option<Compression> {
        (head.version() != Version::Http10).then(|| Compression {
            rules: Arc::clone(rules),
            accepted: Accepted::of(head),
            is_to_head: head.method() == Method::Head,
            body: None,
            turn_bytes: 0,
        })
    }

    pub(crate) fn decide(
        &self,
        status: u16,
        lines: &HeaderLines,
        length: Option<u64>,
    ) -> Result<Decision, Misuse> {
        self.rules.decide(self.accepted, status, lines, length)
    }

    /// A whole small body, compressed.
    pub(crate) fn at_once(
        &mut self,
        coding: ContentCoding,
        body: &[u8],
    ) -> Result<Vec<u8>, Misuse> {
        self.turn_bytes += body.len();
        let coded = || {
            let length = Some(body.len() as u64);
            let mut encoder = Encoder::new(coding, self.rules.level, length)?;
            let mut coded = encoder.write(body, false)?;
            coded.extend(encoder.finish()?);
            Ok(coded)
        };
        coded().map_err(not_coded)
    }

    /// A body begins of which pieces will come.
    pub(crate) fn begin(
        &mut self,
        coding: ContentCoding,
        length: Option<u64>,
    ) -> Result<(), Misuse> {
        let encoder = Encoder::new(coding, self.rules.level, length).map_err(not_coded)?;
        self.body = Some(CodedBody {
            encoder,
            to_come: length,
            given: Vec::new(),
            taken: 0,
            end: None,
        });
        Ok(())
    }

    /// The answer's body is being compressed.
    pub(crate) fn is_coding(&self) -> bool {
        self.body.is_some()
    }

    /// Takes in a piece of the body; [`go_on`](Compression::go_on) compresses it.
    pub(crate) fn give(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        let Some(body) = &mut self.body else {
            return Ok(());
        };
        if let Some(to_come) = body.to_come {
            let length = piece.len() as u64;
            if length > to_come {
                return Err(Misuse::BodyTooLong {
                    excess: length - to_come,
                });
            }
            body.to_come = Some(to_come - length);
        }
        body.given.drain(..body.taken);
        body.taken = 0;
        body.given.extend_from_slice(piece);
        Ok(())
    }

    /// The app has given all of the body.
    pub(crate) fn give_end(&mut self, trailers: Option<HeaderLines>) -> Result<(), Misuse> {
        let Some(body) = &mut self.body else {
            return Ok(());
        };
        match body.to_come {
            Some(missing @ 1..) => Err(Misuse::BodyTooShort { missing }),
            _ => {
                body.end = Some(BodyEnd { trailers });
                Ok(())
            }
        }
    }

    /// Something has been given that is not compressed yet.
    pub(crate) fn has_more(&self) -> bool {
        let body = self.body.as_ref();
        body.is_some_and(|body| body.taken < body.given.len() || body.end.is_some())
    }

    /// Everything has been given.
    pub(crate) fn is_ending(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.end.is_some())
    }

    /// Compresses the next of what has been given. The last of a piece is flushed, so that the client has all of it.
    pub(crate) fn go_on(&mut self) -> Result<CodedPiece, Misuse> {
        let Some(mut body) = self.body.take() else {
            return Ok(CodedPiece {
                bytes: Vec::new(),
                end: None,
            });
        };
        let left = &body.given[body.taken..];
        let piece = &left[..left.len().min(PIECE_BYTES)];
        let is_last = piece.len() == left.len();
        let flushes = is_last && body.end.is_none() && !piece.is_empty();
        let mut bytes = body.encoder.write(piece, flushes).map_err(not_coded)?;
        body.taken += piece.len();
        self.turn_bytes += piece.len();
        if is_last && let Some(end) = body.end.take() {
            bytes.extend(body.encoder.finish().map_err(not_coded)?);
            return Ok(CodedPiece {
                bytes,
                end: Some(end),
            });
        }
        if is_last {
            body.given = Vec::new();
            body.taken = 0;
        }
        self.body = Some(body);
        Ok(CodedPiece { bytes, end: None })
    }

    pub(crate) fn begin_turn(&mut self) {
        self.turn_bytes = 0;
    }

    /// The turn's work, in short requests.
    pub(crate) fn turn_requests(&self) -> u32 {
        (self.turn_bytes / REQUEST_BYTES) as u32
    }

    /// As much has been compressed as one turn allows.
    pub(crate) fn is_turn_over(&self) -> bool {
        self.turn_bytes >= TURN_BYTES_MAX
    }
}

fn not_coded(error: std::io::Error) -> Misuse {
    log::error!("a body could not be compressed: {error}");
    Misuse::BodyNotCoded
}
