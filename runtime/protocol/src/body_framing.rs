//! How a request body is delimited, as a plain value. `http1/framing_fields.rs` chooses it for HTTP/1.

/// How the end of a request body is found (RFC 9112 section 6.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// `Content-Length` bytes follow the head.
    Length(u64),
    /// The end is marked in the body's framing: `Transfer-Encoding: chunked`, or frames of HTTP/2 without a
    /// `content-length`.
    Chunked,
}
