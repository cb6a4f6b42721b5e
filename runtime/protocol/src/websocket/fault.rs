//! What can be wrong with a request for a WebSocket, and how it is answered. Knows no bytes.

use std::error::Error;
use std::fmt;

/// A rule of RFC 6455 section 4.2.1 that a request broke. Answer [`status`](HandshakeFault::status) with
/// [`lines`](HandshakeFault::lines); the connection remains an HTTP connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// The method is not `GET`.
    MethodNotGet,
    /// HTTP/1.0 knows no upgrade.
    VersionTooOld,
    /// `Upgrade` does not contain `websocket`.
    UpgradeMissing,
    /// `Connection` does not contain `upgrade`.
    ConnectionNotUpgrade,
    /// There is no `Sec-WebSocket-Version: 13`, or more than one version.
    WebSocketVersionUnsupported,
    /// `Sec-WebSocket-Key` is missing or there is more than one.
    KeyNotSingle,
    /// `Sec-WebSocket-Key` is not the base64 of 16 bytes.
    KeyInvalid,
    /// `Sec-WebSocket-Protocol` is not a list of tokens.
    SubprotocolsMalformed,
    /// `Sec-WebSocket-Extensions` is not a list of extensions.
    ExtensionsMalformed,
    /// A request that becomes a WebSocket has no body.
    BodyPresent,
}

impl HandshakeFault {
    /// The status that answers it.
    pub const fn status(self) -> u16 {
        match self {
            HandshakeFault::WebSocketVersionUnsupported | HandshakeFault::UpgradeMissing => 426,
            HandshakeFault::MethodNotGet
            | HandshakeFault::VersionTooOld
            | HandshakeFault::ConnectionNotUpgrade
            | HandshakeFault::KeyNotSingle
            | HandshakeFault::KeyInvalid
            | HandshakeFault::SubprotocolsMalformed
            | HandshakeFault::ExtensionsMalformed
            | HandshakeFault::BodyPresent => 400,
        }
    }

    /// Header lines that belong to the answer.
    pub const fn lines(self) -> &'static [(&'static str, &'static str)] {
        match self {
            HandshakeFault::WebSocketVersionUnsupported => &[("sec-websocket-version", "13")],
            _ => &[],
        }
    }

    /// What is wrong, in one line.
    pub const fn text(self) -> &'static str {
        match self {
            HandshakeFault::MethodNotGet => "a WebSocket handshake must be a GET request",
            HandshakeFault::VersionTooOld => "a WebSocket handshake needs HTTP/1.1",
            HandshakeFault::UpgradeMissing => "upgrade must contain websocket",
            HandshakeFault::ConnectionNotUpgrade => "connection must contain upgrade",
            HandshakeFault::WebSocketVersionUnsupported => "sec-websocket-version must be 13",
            HandshakeFault::KeyNotSingle => "there must be one sec-websocket-key",
            HandshakeFault::KeyInvalid => "sec-websocket-key must be 16 bytes in base64",
            HandshakeFault::SubprotocolsMalformed => "sec-websocket-protocol must list tokens",
            HandshakeFault::ExtensionsMalformed => "sec-websocket-extensions is malformed",
            HandshakeFault::BodyPresent => "a WebSocket handshake must have no body",
        }
    }
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for HandshakeFault {}
