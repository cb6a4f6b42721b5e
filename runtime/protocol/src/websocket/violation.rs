//! The peer's faults on a WebSocket: every rule that a frame can break, by name, and the close code that answers it.

use std::fmt;

/// A rule of RFC 6455 or RFC 7692, or a limit of this server, that the peer broke. Each ends the connection with
/// [`code`](WsViolation::code) and its text as the reason.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum WsViolation {
    /// A frame of a client without a mask (RFC 6455 section 5.1).
    Unmasked,
    /// A reserved bit that no agreed extension has given a meaning here (RFC 6455 section 5.2, RFC 7692 section 6).
    ReservedBits,
    /// An opcode that means nothing (RFC 6455 section 5.2).
    OpcodeReserved,
    /// A length that is not in its shortest form or has its top bit set (RFC 6455 section 5.2).
    LengthInvalid,
    /// A control frame of more than 125 bytes (RFC 6455 section 5.5).
    ControlTooLong,
    /// A control frame in pieces (RFC 6455 section 5.5).
    ControlFragmented,
    /// A continuation of nothing (RFC 6455 section 5.4).
    ContinuationUnexpected,
    /// A new message before the last one was complete (RFC 6455 section 5.4).
    ContinuationMissing,
    /// A text message that is not UTF-8 (RFC 6455 section 8.1).
    TextNotUtf8,
    /// A close frame with one byte (RFC 6455 section 5.5.1).
    ClosePayloadTooShort,
    /// A close code that must not be sent (RFC 6455 section 7.4).
    CloseCodeInvalid,
    /// A close reason that is not UTF-8 (RFC 6455 section 5.5.1).
    CloseReasonNotUtf8,
    /// A compressed message that does not inflate (RFC 7692 section 7.2.2).
    DeflateInvalid,
    /// A frame longer than `frame_bytes_max`.
    FrameTooLarge,
    /// A message longer than `message_bytes_max`.
    MessageTooLarge,
    /// More empty frames in a message than `EMPTY_FRAGMENTS_MAX`.
    TooManyEmptyFragments,
    /// A frame that stalled or trickled.
    FrameTimeout,
    /// No sign of life after a ping.
    PingTimeout,
}

impl WsViolation {
    /// The close code that tells the peer (RFC 6455 section 7.4.1).
    pub(super) const fn code(self) -> u16 {
        match self {
            WsViolation::TextNotUtf8 | WsViolation::CloseReasonNotUtf8 => 1007,
            WsViolation::TooManyEmptyFragments | WsViolation::FrameTimeout => 1008,
            WsViolation::FrameTooLarge | WsViolation::MessageTooLarge => 1009,
            WsViolation::PingTimeout => 1011,
            WsViolation::Unmasked
            | WsViolation::ReservedBits
            | WsViolation::OpcodeReserved
            | WsViolation::LengthInvalid
            | WsViolation::ControlTooLong
            | WsViolation::ControlFragmented
            | WsViolation::ContinuationUnexpected
            | WsViolation::ContinuationMissing
            | WsViolation::ClosePayloadTooShort
            | WsViolation::CloseCodeInvalid
            | WsViolation::DeflateInvalid => 1002,
        }
    }

    /// What the peer did, in a few words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            WsViolation::Unmasked => "frame is not masked",
            WsViolation::ReservedBits => "reserved bits are set",
            WsViolation::OpcodeReserved => "opcode is reserved",
            WsViolation::LengthInvalid => "length is not in its shortest form",
            WsViolation::ControlTooLong => "control frame is longer than 125 bytes",
            WsViolation::ControlFragmented => "control frame is fragmented",
            WsViolation::ContinuationUnexpected => "continuation of no message",
            WsViolation::ContinuationMissing => "message begins inside another",
            WsViolation::TextNotUtf8 => "text is not UTF-8",
            WsViolation::ClosePayloadTooShort => "close code is incomplete",
            WsViolation::CloseCodeInvalid => "close code is invalid",
            WsViolation::CloseReasonNotUtf8 => "close reason is not UTF-8",
            WsViolation::DeflateInvalid => "message does not inflate",
            WsViolation::FrameTooLarge => "frame is too large",
            WsViolation::MessageTooLarge => "message is too large",
            WsViolation::TooManyEmptyFragments => "too many empty fragments",
            WsViolation::FrameTimeout => "frame came too slowly",
            WsViolation::PingTimeout => "ping was not answered",
        }
    }
}

impl fmt::Display for WsViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
