//! Names the protocol of bytes that are no HTTP/1, so that the log says what was set up wrong. Asked only about bytes that are
//! refused anyway.

use crate::syntax::is_start_of;
use crate::violation::Violation;

/// What follows the two empty lines that begin a PROXY protocol header of version 2, which are empty lines to HTTP.
const PROXY_V2_REST: &[u8] = b"\0\r\nQUIT\n";
/// Families of a PROXY protocol header of version 1.
const PROXY_V1: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// What bytes come to that do not begin as a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strange {
    /// More of them may tell.
    Unclear,
    /// They are refused.
    Refused(Violation),
}

/// `unread` begins with a byte that begins no method.
pub(super) fn strange_start(unread: &[u8]) -> Strange {
    match *unread {
        [0x16] | [0x81 | 0x82 | 0x88 | 0x89 | 0x8a] => Strange::Unclear,
        // The handshake of every version since SSL 3.
        [0x16, 0x03, ..] => Strange::Refused(Violation::TlsRecord),
        // Final frames, masked as those of a client are.
        [0x81 | 0x82 | 0x88 | 0x89 | 0x8a, 0x80..=0xff, ..] => {
            Strange::Refused(Violation::WebSocketFrame)
        }
        [0, ..] if is_start_of(PROXY_V2_REST, unread) => match unread.len() < PROXY_V2_REST.len() {
            true => Strange::Unclear,
            false => Strange::Refused(Violation::ProxyHeader),
        },
        _ => Strange::Refused(Violation::RequestLineMalformed),
    }
}

/// The violation of a head that was refused for `found`, or what its bytes look like instead.
#[cold]
pub(super) fn named(head: &[u8], found: Violation) -> Violation {
    if head.starts_with(HTTP2_PREFACE) {
        return Violation::Http2Preface;
    }
    match PROXY_V1.iter().any(|start| head.starts_with(start)) {
        true => Violation::ProxyHeader,
        false => found,
    }
}
