//! The peer's faults: every rule that a request can break, by name. Knows nothing of the app's faults (see `misuse`).

use std::error::Error;
use std::fmt;

/// A rule of HTTP/1.1, or a limit of this server, that the peer broke.
///
/// Each is answered with [`status`](Violation::status) and ends the connection: after a violation the two sides no
/// longer agree where the next message starts, so nothing that follows is parsed (RFC 9112 section 2.2, section 6.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// The request line is not `method SP target SP version CRLF` (RFC 9112 section 3).
    RequestLineMalformed,
    /// The bytes of another protocol: TLS.
    TlsRecord,
    /// The bytes of another protocol: a request that is not encrypted, on a port that speaks TLS.
    PlainOnTls,
    /// The bytes of another protocol: HTTP/2 without an upgrade.
    Http2Preface,
    /// The bytes of another protocol: a PROXY protocol header on a port that expects none.
    ProxyHeader,
    /// The bytes of another protocol: a WebSocket frame without a handshake before it.
    WebSocketFrame,
    /// The version has the right form but is neither `HTTP/1.0` nor `HTTP/1.1` (RFC 9110 section 15.6.6).
    VersionUnsupported,
    /// The target is in none of the four forms, or holds bytes that no URI may hold (RFC 9112 section 3.2).
    TargetInvalid,
    /// The target is longer than `target_bytes_max` (RFC 9110 section 15.5.15).
    TargetTooLong,
    /// `CONNECT`: this is an origin server, it opens no tunnels (RFC 9110 section 9.3.6).
    ConnectUnsupported,
    /// A CONNECT of HTTP/2 for another protocol than WebSocket (RFC 9220 section 3).
    ProtocolUnsupported,
    /// More empty lines before a request line than are tolerated (RFC 9112 section 2.2).
    TooManyEmptyLines,
    /// A line feed without a carriage return before it (RFC 9112 section 2.2).
    BareLineFeed,
    /// A carriage return without a line feed after it (RFC 9112 section 2.2).
    BareCarriageReturn,
    /// A field name that is not a token directly followed by a colon; also folded lines (RFC 9112 section 5.1, 5.2).
    FieldNameMalformed,
    /// A control byte other than HTAB in a field value (RFC 9110 section 5.5).
    FieldValueMalformed,
    /// The head is longer than `head_bytes_max`.
    HeadTooLarge,
    /// More fields than `header_fields_max`.
    TooManyFields,
    /// HTTP/1.1 without `Host` (RFC 9112 section 3.2).
    HostMissing,
    /// More than one `Host` line (RFC 9112 section 3.2).
    HostRepeated,
    /// A `Host` that is not `uri-host [":" port]` (RFC 9112 section 3.2).
    HostInvalid,
    /// `Content-Length` is not 1*DIGIT or does not fit 64 bits (RFC 9110 section 8.6).
    ContentLengthInvalid,
    /// More than one `Content-Length` line, even if they agree (RFC 9112 section 6.3).
    ContentLengthRepeated,
    /// `Transfer-Encoding` next to `Content-Length` (RFC 9112 section 6.1).
    BothLengths,
    /// `Transfer-Encoding` is anything but one `chunked` (RFC 9112 section 6.1, section 7).
    TransferEncodingUnsupported,
    /// `Transfer-Encoding` from an HTTP/1.0 peer (RFC 9112 section 6.1).
    TransferEncodingOnHttp10,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    ExpectationUnsupported,
    /// A chunk size that is not 1 to 16 hexadecimal digits (RFC 9112 section 7.1).
    ChunkSizeInvalid,
    /// A control byte in a chunk extension (RFC 9112 section 7.1.1).
    ChunkExtensionInvalid,
    /// A chunk size line longer than `chunk_line_bytes_max`.
    ChunkLineTooLong,
    /// Chunk data that is not followed by CRLF (RFC 9112 section 7.1).
    ChunkEndMalformed,
    /// Far more chunk framing than chunk data.
    ChunkOverheadTooLarge,
    /// A trailer section that is not a list of fields (RFC 9112 section 7.1.2).
    TrailerMalformed,
    /// A trailer section longer than `trailer_bytes_max` or with too many fields.
    TrailerTooLarge,
    /// A field in the trailer section that steers framing or routing (RFC 9110 section 6.5.1).
    TrailerForbidden,
    /// The body is longer than the server or the route accepts (RFC 9110 section 15.5.14).
    BodyTooLarge,
    /// The head took longer than `head_timeout_ms` (RFC 9110 section 15.5.9).
    HeadTimeout,
    /// The body stalled for `body_timeout_ms` or came slower than the minimum rate (RFC 9110 section 15.5.9).
    BodyTimeout,
}

impl Violation {
    /// The status that answers this violation.
    pub const fn status(self) -> u16 {
        match self {
            Violation::HeadTimeout | Violation::BodyTimeout => 408,
            Violation::BodyTooLarge => 413,
            Violation::TargetTooLong => 414,
            Violation::ExpectationUnsupported => 417,
            Violation::HeadTooLarge | Violation::TooManyFields | Violation::TrailerTooLarge => 431,
            Violation::ConnectUnsupported | Violation::ProtocolUnsupported => 501,
            Violation::VersionUnsupported | Violation::Http2Preface => 505,
            _ => 400,
        }
    }

    /// The broken rule in one line: for the answer's body and for the log. Never contains bytes of the peer.
    pub const fn rule(self) -> &'static str {
        match self {
            Violation::RequestLineMalformed => "malformed request line",
            Violation::TlsRecord => "this looks like TLS; this port speaks plain HTTP",
            Violation::PlainOnTls => "this looks like plain HTTP; this port speaks TLS (https)",
            Violation::Http2Preface => "this looks like HTTP/2; this port speaks HTTP/1.1",
            Violation::ProxyHeader => {
                "this looks like a PROXY protocol header; this port expects none"
            }
            Violation::WebSocketFrame => {
                "this looks like a WebSocket frame; a handshake comes before it"
            }
            Violation::VersionUnsupported => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Violation::TargetInvalid => "invalid request target",
            Violation::TargetTooLong => "request target too long",
            Violation::ConnectUnsupported => "CONNECT is not supported",
            Violation::ProtocolUnsupported => "CONNECT is supported for websocket only",
            Violation::TooManyEmptyLines => "too many empty lines before the request",
            Violation::BareLineFeed => "line feed without carriage return",
            Violation::BareCarriageReturn => "carriage return without line feed",
            Violation::FieldNameMalformed => "malformed field name",
            Violation::FieldValueMalformed => "control byte in a field value",
            Violation::HeadTooLarge => "request head too large",
            Violation::TooManyFields => "too many header fields",
            Violation::HostMissing => "Host is missing",
            Violation::HostRepeated => "more than one Host",
            Violation::HostInvalid => "invalid Host",
            Violation::ContentLengthInvalid => "invalid Content-Length",
            Violation::ContentLengthRepeated => "more than one Content-Length",
            Violation::BothLengths => "Content-Length together with Transfer-Encoding",
            Violation::TransferEncodingUnsupported => "Transfer-Encoding must be exactly chunked",
            Violation::TransferEncodingOnHttp10 => "Transfer-Encoding on HTTP/1.0",
            Violation::ExpectationUnsupported => "unsupported expectation",
            Violation::ChunkSizeInvalid => "invalid chunk size",
            Violation::ChunkExtensionInvalid => "control byte in a chunk extension",
            Violation::ChunkLineTooLong => "chunk size line too long",
            Violation::ChunkEndMalformed => "chunk data without CRLF after it",
            Violation::ChunkOverheadTooLarge => "too much chunk framing for too little data",
            Violation::TrailerMalformed => "malformed trailer section",
            Violation::TrailerTooLarge => "trailer section too large",
            Violation::TrailerForbidden => "forbidden field in the trailer section",
            Violation::BodyTooLarge => "request body too large",
            Violation::HeadTimeout => "request head took too long",
            Violation::BodyTimeout => "request body took too long",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule())
    }
}

impl Error for Violation {}

#[cfg(test)]
mod tests {
    use super::Violation;

    #[test]
    fn statuses_fit_their_rules() {
        assert_eq!(Violation::BothLengths.status(), 400);
        assert_eq!(Violation::HeadTimeout.status(), 408);
        assert_eq!(Violation::BodyTooLarge.status(), 413);
        assert_eq!(Violation::TargetTooLong.status(), 414);
        assert_eq!(Violation::ExpectationUnsupported.status(), 417);
        assert_eq!(Violation::TooManyFields.status(), 431);
        assert_eq!(Violation::ConnectUnsupported.status(), 501);
        assert_eq!(Violation::ProtocolUnsupported.status(), 501);
        assert_eq!(Violation::VersionUnsupported.status(), 505);
    }

    #[test]
    fn display_names_the_rule() {
        assert_eq!(Violation::HostMissing.to_string(), "Host is missing");
    }
}
