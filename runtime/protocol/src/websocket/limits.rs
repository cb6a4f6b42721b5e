//! Every bound on what the peer of a WebSocket can make grow, and how it is compressed. Holds numbers, enforces nothing.
//!
//! "Worst case" is per connection; a shard multiplies it by the connections that it accepts. An idle WebSocket holds
//! two buffers of at most `IDLE_BUFFER_BYTES_MAX` and no compression state, unless context takeover was agreed.

use crate::limits::{LimitError, Limits};

/// What a compressed message may have on the wire beyond `message_bytes_max`: deflate adds 5 bytes to 16 KiB that it
/// cannot shrink, and senders that flush often add 5 bytes per flush. Without a bound, a peer could send empty blocks for
/// ever, which inflate to nothing. Costs time, no memory.
pub const DEFLATE_OVERHEAD_BYTES_MAX: usize = 64 * 1024;

/// Most empty frames in one message; beyond it 1008. They cost no memory, but an endless message of them would never be
/// anything else. A real sender has at most one, at the end.
pub const EMPTY_FRAGMENTS_MAX: u16 = 1024;

/// Largest capacity of a buffer that an idle WebSocket keeps. Small messages then need no allocation; the memory of
/// large ones is given back. Worst case: two of these per idle connection.
pub const IDLE_BUFFER_BYTES_MAX: usize = 1024;

/// From our close frame to the peer's; then the connection is closed without it. As `websockets`.
pub const CLOSE_TIMEOUT_MS: u64 = 10_000;

/// Messages smaller than this are not compressed; empty ones never are. As `websockets` and uvicorn, which compress
/// all. A fresh compressor takes about 10 microseconds for a short message: a server that sends many short ones to
/// clients on a fast network is better off with about 1024.
pub const COMPRESSED_BYTES_MIN: usize = 0;

/// Effort of compression, 1 to 9. 3 takes twice the time of 1 and makes JSON a third to a half smaller; 6 gains 6 % more.
pub const COMPRESSION_LEVEL: u32 = 3;

/// Window of compression: 2 to the power of this, 9 to 15. As `websockets`. A compressor takes 4 windows of memory, and
/// JSON of 100 KB becomes 4 % smaller with 15.
pub const COMPRESSION_WINDOW_BITS: u8 = 12;

/// Ceiling of `message_bytes_max` and `frame_bytes_max`: an app takes a message whole.
pub const MESSAGE_BYTES_CEILING: usize = 1024 * 1024 * 1024;

/// Longest payload of a control frame (RFC 6455 section 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

const _: () = {
    assert!(MESSAGE_BYTES_CEILING + DEFLATE_OVERHEAD_BYTES_MAX <= u32::MAX as usize);
    assert!(IDLE_BUFFER_BYTES_MAX >= 14 + CONTROL_BYTES_MAX);
};

/// What a server's user sets of its WebSockets. There is no default here: a server is told all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketSettings {
    /// From one sign of life to the next ping; 0 switches pings off.
    pub ping_interval_ms: u64,
    /// From a ping to any sign of life (a pong or anything else); then 1011; 0 waits for ever.
    pub ping_timeout_ms: u64,
    /// Largest message, after decompression; beyond it 1009. Worst case: this much memory per connection that receives a
    /// message, whatever its size on the wire: decompression stops here.
    pub message_bytes_max: usize,
    /// Whether permessage-deflate (RFC 7692) is agreed to.
    pub deflate: bool,
}

impl WebSocketSettings {
    /// Some settings, for tests and examples, which set what they depend on. No server is told them.
    pub fn sample() -> WebSocketSettings {
        WebSocketSettings {
            ping_interval_ms: 20_000,
            ping_timeout_ms: 20_000,
            message_bytes_max: 16 * 1024 * 1024,
            deflate: true,
        }
    }
}

/// The bounds of the WebSockets of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketLimits {
    /// See [`WebSocketSettings`].
    pub message_bytes_max: usize,
    /// Largest payload of one frame as it comes over the wire; beyond it 1009 as soon as the head of the frame is read.
    /// Costs no memory of its own: a frame is taken apart as it arrives.
    pub frame_bytes_max: usize,
    /// Unread input at which reading pauses; see [`Limits`], as for the other bounds that HTTP has too.
    pub input_bytes_high: usize,
    /// Unsent output at which senders should wait.
    pub output_bytes_high: usize,
    /// See [`WebSocketSettings`].
    pub ping_interval_ms: u64,
    /// See [`WebSocketSettings`].
    pub ping_timeout_ms: u64,
    /// See [`CLOSE_TIMEOUT_MS`].
    pub close_timeout_ms: u64,
    /// An unfinished frame without one byte of progress; then 1008.
    pub frame_timeout_ms: u64,
    /// Average that an unfinished frame must keep; 0 switches the check off.
    pub frame_rate_min_bytes_per_s: u64,
    /// Unsent output without progress; then cut.
    pub write_timeout_ms: u64,
    /// How long we read and throw away after our last byte.
    pub linger_timeout_ms: u64,
    /// How messages are compressed.
    pub compression: Compression,
}

/// How permessage-deflate is offered and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Accept a client's offer. Off: no message is compressed in either direction.
    pub is_enabled: bool,
    /// See [`COMPRESSED_BYTES_MIN`].
    pub message_bytes_min: usize,
    /// See [`COMPRESSION_LEVEL`].
    pub level: u32,
    /// See [`COMPRESSION_WINDOW_BITS`].
    pub window_bits: u8,
    /// Messages may refer to earlier ones. Small similar messages shrink much better then, but a connection holds its
    /// compressor (243 KiB and 4 windows, 259 KiB with the default window) from the first message that it sends and its
    /// decompressor (47 KiB) from the first compressed one that it gets. Off: both exist only while a
    /// message is worked on, an idle connection holds neither, and the client is told not to refer back either.
    pub context_takeover: bool,
}

impl Compression {
    /// With the constants of this file.
    pub fn new(is_enabled: bool) -> Compression {
        Compression {
            is_enabled,
            message_bytes_min: COMPRESSED_BYTES_MIN,
            level: COMPRESSION_LEVEL,
            window_bits: COMPRESSION_WINDOW_BITS,
            context_takeover: false,
        }
    }
}

impl WebSocketLimits {
    /// What the user has set, the bounds that HTTP connections have as well, and the constants of this file.
    pub fn new(set: WebSocketSettings, http: &Limits) -> WebSocketLimits {
        WebSocketLimits {
            message_bytes_max: set.message_bytes_max,
            frame_bytes_max: set.message_bytes_max,
            input_bytes_high: http.input_bytes_high,
            output_bytes_high: http.output_bytes_high,
            ping_interval_ms: set.ping_interval_ms,
            ping_timeout_ms: set.ping_timeout_ms,
            close_timeout_ms: CLOSE_TIMEOUT_MS,
            frame_timeout_ms: http.body_timeout_ms,
            frame_rate_min_bytes_per_s: http.body_rate_min_bytes_per_s,
            write_timeout_ms: http.write_timeout_ms,
            linger_timeout_ms: http.linger_timeout_ms,
            compression: Compression::new(set.deflate),
        }
    }

    /// Some bounds, for tests and examples.
    pub fn sample() -> WebSocketLimits {
        WebSocketLimits::new(WebSocketSettings::sample(), &Limits::sample())
    }

    /// Checks the values against the ceilings: for settings that a user wrote.
    ///
    /// The two times of pings and `frame_rate_min_bytes_per_s` may be 0, as may `message_bytes_min` of compression;
    /// everything else must be positive.
    pub fn check(&self) -> Result<(), LimitError> {
        let positive = [
            ("message_bytes_max", self.message_bytes_max as u64),
            ("frame_bytes_max", self.frame_bytes_max as u64),
            ("input_bytes_high", self.input_bytes_high as u64),
            ("output_bytes_high", self.output_bytes_high as u64),
            ("close_timeout_ms", self.close_timeout_ms),
            ("frame_timeout_ms", self.frame_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("linger_timeout_ms", self.linger_timeout_ms),
        ];
        if let Some((field, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(LimitError {
                field,
                problem: "must be at least 1",
            });
        }
        let ranges = [
            (
                "message_bytes_max",
                self.message_bytes_max <= MESSAGE_BYTES_CEILING,
                "must not exceed MESSAGE_BYTES_CEILING (1 GiB)",
            ),
            (
                "frame_bytes_max",
                self.frame_bytes_max <= MESSAGE_BYTES_CEILING,
                "must not exceed MESSAGE_BYTES_CEILING (1 GiB)",
            ),
            (
                "compression.level",
                (1..=9).contains(&self.compression.level),
                "must be 1 to 9",
            ),
            (
                "compression.window_bits",
                (9..=15).contains(&self.compression.window_bits),
                "must be 9 to 15",
            ),
        ];
        match ranges.iter().find(|(_, holds, _)| !holds) {
            Some((field, _, problem)) => Err(LimitError { field, problem }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_pass_their_own_check() {
        assert_eq!(WebSocketLimits::sample().check(), Ok(()));
    }

    #[test]
    fn pings_may_be_off_but_no_buffer_may_be_nothing() {
        let limits = WebSocketLimits {
            ping_interval_ms: 0,
            ping_timeout_ms: 0,
            ..WebSocketLimits::sample()
        };
        assert_eq!(limits.check(), Ok(()));
        let limits = WebSocketLimits {
            message_bytes_max: 0,
            ..WebSocketLimits::sample()
        };
        assert_eq!(limits.check().unwrap_err().field, "message_bytes_max");
    }

    #[test]
    fn windows_are_those_that_the_compressor_can_do() {
        for window_bits in [8, 16] {
            let limits = WebSocketLimits {
                compression: Compression {
                    window_bits,
                    ..Compression::new(true)
                },
                ..WebSocketLimits::sample()
            };
            assert_eq!(limits.check().unwrap_err().field, "compression.window_bits");
        }
    }
}
