//! Why bytes are not an answer, and how long a body may be. Reads none.

use std::fmt;

/// Longest body of an answer that is read: what a wrong server can make us hold per connection.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why bytes are not an answer that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not `HTTP/1.1 NNN` and the end of a line.
    StatusLine,
    /// Larger than `HEAD_BYTES_MAX`.
    HeadTooLarge,
    /// Two, or not a number, or above [`BODY_BYTES_MAX`].
    ContentLength,
    /// Neither a Content-Length nor a status that has no body: where the answer ends is not known.
    LengthUnknown,
    /// Something else than chunked, or beside a Content-Length.
    TransferEncoding,
    /// A chunk whose size or end is not one, or bodies of chunks above [`BODY_BYTES_MAX`].
    Chunk,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::StatusLine => "the status line is not one of HTTP/1.1",
            Malformed::HeadTooLarge => "the head does not end",
            Malformed::ContentLength => "Content-Length is not one number within bounds",
            Malformed::LengthUnknown => "the answer has neither a Content-Length nor chunks",
            Malformed::TransferEncoding => {
                "the answer has a Transfer-Encoding that turbo-load does not read"
            }
            Malformed::Chunk => "the answer has a chunk that is malformed, or too many",
        })
    }
}

impl std::error::Error for Malformed {}
