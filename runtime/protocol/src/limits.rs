//! Every bound on what a peer or an app can make grow: unit, reason, worst case. Holds numbers, enforces nothing.
//!
//! The constants are bounds that no user moves, and the hard ceilings above which no setting may go. What users set is
//! in [`LimitSettings`], without a default here: a server is told all of it. "Worst case" is per connection; a shard
//! multiplies it by the connections that it accepts. A connection between requests holds no buffer at all. Those of
//! WebSockets are in `websocket/limits.rs`.

use std::error::Error;
use std::fmt;

/// Most bytes of an unwanted body that are read and thrown away to keep a connection alive; beyond it closing is
/// cheaper for both sides. Costs time, no memory.
pub const DISCARD_BYTES_MAX: u64 = 64 * 1024;

/// Hops that are looked at in what proxies say of a request, from the right. A longer chain of trusted proxies is none; the
/// last hop that was looked at is its client. Bounds the time that a list in a head takes; it holds no memory.
pub const FORWARDED_HOPS_MAX: usize = 64;

/// Longest header of the PROXY protocol, which is held until it is complete. Real ones have some hundred bytes, with a
/// client's certificate in them a few thousand. Worst case: this much input per connection, for `head_timeout_ms`.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 * 1024;

/// Longest name of a connection in such a header: the specification's own bound.
pub const PROXY_UNIQUE_ID_BYTES_MAX: usize = 128;

/// Longest trailer section of a chunked body, empty line included; beyond it 431.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// Longest chunk size line with its extensions and without CRLF. Signed chunks of object stores need about 100 bytes.
pub const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// Framing bytes of chunks that may run ahead of the allowance of 16 bytes per chunk plus 2 per data byte, so a body of
/// one-byte chunks with long extensions is refused while one of plain one-byte chunks is not.
pub const CHUNK_OVERHEAD_BYTES_MAX: u64 = 16 * 1024;

/// Unread input (a pipelined request, a stream body that the app does not consume) at which reading pauses. Worst case:
/// this plus one read of the engine.
pub const INPUT_BYTES_HIGH: usize = 64 * 1024;

/// Unsent output at which no further pipelined request is started and streaming senders wait.
/// Worst case: this plus one answer (or one chunk of a streamed one).
pub const OUTPUT_BYTES_HIGH: usize = 64 * 1024;

/// Average that a body must keep, counted over the time that we wait for it beyond the first `body_timeout_ms`;
/// otherwise one byte just before each would hold a buffer for ever. Slower than any modem; Kestrel asks for 240.
pub const BODY_RATE_MIN_BYTES_PER_S: u64 = 240;

/// A peer that has finished sending may still read (`nc -N` does), or be gone: a close looks the same to us. It gets
/// its answer as long as that makes progress. If nothing is sent to it for this long, it is cut: a silent stream must
/// not keep a dead connection for ever.
pub const HALF_CLOSE_TIMEOUT_MS: u64 = 30_000;

/// How long we read and throw away after the last byte was sent to a peer that may still be sending.
pub const LINGER_TIMEOUT_MS: u64 = 5_000;

/// Bytes swallowed while lingering: more than twice the largest body that is accepted unless the user says otherwise,
/// so a client that sends all of its upload before it reads still finds the 413. They are thrown away as they are read;
/// a peer that sends more than this after its last answer is cut off, answer or not.
pub const LINGER_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// Empty lines tolerated before one request line (RFC 9112 section 2.2 asks for at least one).
pub const EMPTY_LINES_MAX: u8 = 8;

/// Header lines of one answer, all together; beyond it the app has a bug. Clients have their own bounds: 64 KiB are not
/// enough for apps that set many cookies or a long policy, and other servers have no bound.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 1024 * 1024;

/// Ceiling of `head_bytes_max` and `trailer_bytes_max`: offsets into a head are 32 bits wide.
pub const HEAD_BYTES_CEILING: usize = 16 * 1024 * 1024;

/// Ceiling of `header_fields_max`: the parser's field table is on the stack (32 bytes per field).
pub const HEADER_FIELDS_CEILING: usize = 256;

/// Ceiling of `http2_streams_max`: browsers and proxies are content with 100, and each stream may hold what
/// `http2/limits.rs` says.
pub const HTTP2_STREAMS_CEILING: u32 = 1000;

/// Capacity above which a buffer does not go back to the pool as it is. A workspace that has grown for one upload
/// must not stay large for ever.
pub const WORKSPACE_BYTES_KEPT_MAX: usize = 128 * 1024;

const _: () = {
    assert!(HEAD_BYTES_CEILING <= u32::MAX as usize);
    assert!(TRAILER_BYTES_MAX <= HEAD_BYTES_CEILING);
    assert!(INPUT_BYTES_HIGH <= WORKSPACE_BYTES_KEPT_MAX);
    assert!(OUTPUT_BYTES_HIGH <= WORKSPACE_BYTES_KEPT_MAX);
    assert!(CHUNK_LINE_BYTES_MAX < CHUNK_OVERHEAD_BYTES_MAX as usize);
};

/// The bounds that a server's user sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Largest request head (request line, fields and the empty line); beyond it 431.
    /// Worst case: this much input per connection that is in the middle of a head, for `head_timeout_ms`. A head is read
    /// to its end even where it is larger than [`INPUT_BYTES_HIGH`].
    pub head_bytes_max: usize,
    /// Most fields in a request head or trailer section; beyond it 431.
    pub header_fields_max: usize,
    /// Longest request target; beyond it 414.
    pub target_bytes_max: usize,
    /// Largest request body; beyond it 413. Worst case: a body that is read while it comes holds [`INPUT_BYTES_HIGH`],
    /// whatever its length; one that is handed over whole (WSGI, native handlers), this much input per connection that
    /// uploads.
    pub body_bytes_max: u64,
    /// From the first byte of a head to its end, whatever arrives meanwhile; then 408. Also how long a new connection
    /// may stay silent: a stranger gets less patience than a peer that has already asked for something.
    pub head_timeout_ms: u64,
    /// Waiting for a body without one byte of progress; then 408.
    pub body_timeout_ms: u64,
    /// Idle between two requests; then closed without an answer, as nginx does.
    pub keep_alive_timeout_ms: u64,
    /// Unsent output without progress; then cut.
    pub write_timeout_ms: u64,
    /// Requests that a peer may have in flight on one HTTP/2 connection; those beyond are refused, and may be sent again.
    /// 0: HTTP/2 is not spoken. `http2/limits.rs` has the worst case.
    pub http2_streams_max: u32,
}

/// The bounds of one server, shared by its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`LimitSettings`].
    pub head_bytes_max: usize,
    /// See [`LimitSettings`].
    pub header_fields_max: usize,
    /// See [`LimitSettings`].
    pub target_bytes_max: usize,
    /// See [`LimitSettings`].
    pub body_bytes_max: u64,
    /// See [`DISCARD_BYTES_MAX`]; never more than `body_bytes_max`.
    pub discard_bytes_max: u64,
    /// See [`TRAILER_BYTES_MAX`].
    pub trailer_bytes_max: usize,
    /// See [`CHUNK_LINE_BYTES_MAX`].
    pub chunk_line_bytes_max: usize,
    /// See [`INPUT_BYTES_HIGH`].
    pub input_bytes_high: usize,
    /// See [`OUTPUT_BYTES_HIGH`].
    pub output_bytes_high: usize,
    /// See [`LimitSettings`].
    pub head_timeout_ms: u64,
    /// See [`LimitSettings`].
    pub body_timeout_ms: u64,
    /// See [`BODY_RATE_MIN_BYTES_PER_S`].
    pub body_rate_min_bytes_per_s: u64,
    /// See [`LimitSettings`].
    pub keep_alive_timeout_ms: u64,
    /// See [`LimitSettings`].
    pub write_timeout_ms: u64,
    /// See [`HALF_CLOSE_TIMEOUT_MS`].
    pub half_close_timeout_ms: u64,
    /// See [`LINGER_TIMEOUT_MS`].
    pub linger_timeout_ms: u64,
    /// See [`LimitSettings`].
    pub http2_streams_max: u32,
}

impl Limits {
    /// What the user has set, and the constants of this file.
    pub fn new(set: LimitSettings) -> Limits {
        Limits {
            head_bytes_max: set.head_bytes_max,
            header_fields_max: set.header_fields_max,
            target_bytes_max: set.target_bytes_max,
            body_bytes_max: set.body_bytes_max,
            discard_bytes_max: DISCARD_BYTES_MAX.min(set.body_bytes_max),
            trailer_bytes_max: TRAILER_BYTES_MAX,
            chunk_line_bytes_max: CHUNK_LINE_BYTES_MAX,
            input_bytes_high: INPUT_BYTES_HIGH,
            output_bytes_high: OUTPUT_BYTES_HIGH,
            head_timeout_ms: set.head_timeout_ms,
            body_timeout_ms: set.body_timeout_ms,
            body_rate_min_bytes_per_s: BODY_RATE_MIN_BYTES_PER_S,
            keep_alive_timeout_ms: set.keep_alive_timeout_ms,
            write_timeout_ms: set.write_timeout_ms,
            half_close_timeout_ms: HALF_CLOSE_TIMEOUT_MS,
            linger_timeout_ms: LINGER_TIMEOUT_MS,
            http2_streams_max: set.http2_streams_max,
        }
    }

    /// Some bounds, for tests and examples, which set what they depend on. No server is told them.
    pub fn sample() -> Limits {
        Limits::new(LimitSettings {
            head_bytes_max: 32 * 1024,
            header_fields_max: 100,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 64 * 1024 * 1024,
            head_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            keep_alive_timeout_ms: 60_000,
            write_timeout_ms: 30_000,
            http2_streams_max: 0,
        })
    }

    /// Checks the values against the ceilings and against each other: for settings that a user wrote.
    ///
    /// `body_bytes_max` and `discard_bytes_max` may be 0, `body_rate_min_bytes_per_s` of 0 switches that check off;
    /// everything else must be positive.
    pub fn check(&self) -> Result<(), LimitError> {
        let positive = [
            ("head_bytes_max", self.head_bytes_max as u64),
            ("header_fields_max", self.header_fields_max as u64),
            ("target_bytes_max", self.target_bytes_max as u64),
            ("trailer_bytes_max", self.trailer_bytes_max as u64),
            ("chunk_line_bytes_max", self.chunk_line_bytes_max as u64),
            ("input_bytes_high", self.input_bytes_high as u64),
            ("output_bytes_high", self.output_bytes_high as u64),
            ("head_timeout_ms", self.head_timeout_ms),
            ("body_timeout_ms", self.body_timeout_ms),
            ("keep_alive_timeout_ms", self.keep_alive_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("half_close_timeout_ms", self.half_close_timeout_ms),
            ("linger_timeout_ms", self.linger_timeout_ms),
        ];
        if let Some((field, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(LimitError {
                field,
                problem: "must be at least 1",
            });
        }
        let ceilings = [
            (
                "head_bytes_max",
                self.head_bytes_max <= HEAD_BYTES_CEILING,
                "must not exceed HEAD_BYTES_CEILING (16 MiB)",
            ),
            (
                "trailer_bytes_max",
                self.trailer_bytes_max <= HEAD_BYTES_CEILING,
                "must not exceed HEAD_BYTES_CEILING (16 MiB)",
            ),
            (
                "header_fields_max",
                self.header_fields_max <= HEADER_FIELDS_CEILING,
                "must not exceed HEADER_FIELDS_CEILING (256)",
            ),
            (
                "target_bytes_max",
                self.target_bytes_max < self.head_bytes_max,
                "must be less than head_bytes_max",
            ),
            (
                "chunk_line_bytes_max",
                (self.chunk_line_bytes_max as u64) < CHUNK_OVERHEAD_BYTES_MAX,
                "must be less than CHUNK_OVERHEAD_BYTES_MAX (16 KiB)",
            ),
            (
                "http2_streams_max",
                self.http2_streams_max <= HTTP2_STREAMS_CEILING,
                "must not exceed HTTP2_STREAMS_CEILING (1000)",
            ),
        ];
        match ceilings.iter().find(|(_, holds, _)| !holds) {
            Some((field, _, problem)) => Err(LimitError { field, problem }),
            None => Ok(()),
        }
    }
}

/// A limit that cannot be enforced as it was set.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    /// The name of the field of [`Limits`].
    pub field: &'static str,
    /// What is wrong with its value.
    pub problem: &'static str,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl Error for LimitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_pass_their_own_check() {
        assert_eq!(Limits::sample().check(), Ok(()));
    }

    #[test]
    fn zero_is_named_with_its_field() {
        let limits = Limits {
            write_timeout_ms: 0,
            ..Limits::sample()
        };
        assert_eq!(limits.check().unwrap_err().field, "write_timeout_ms");
    }

    #[test]
    fn target_must_fit_into_the_head() {
        let limits = Limits {
            head_bytes_max: 4096,
            ..Limits::sample()
        };
        let error = limits.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "target_bytes_max must be less than head_bytes_max"
        );
    }

    #[test]
    fn ceilings_hold() {
        let limits = Limits {
            header_fields_max: HEADER_FIELDS_CEILING + 1,
            ..Limits::sample()
        };
        assert_eq!(limits.check().unwrap_err().field, "header_fields_max");
    }
}
