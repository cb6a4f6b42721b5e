//! The payload of close frames (RFC 6455 section 5.5.1, section 7.4). Knows no connection.

use super::limits::CONTROL_BYTES_MAX;
use super::violation::WsViolation;
use crate::misuse::Misuse;

/// The code where an app has nothing to say.
pub const CLOSE_NORMAL: u16 = 1000;

/// The app has failed.
pub const CLOSE_INTERNAL_ERROR: u16 = 1011;

/// Stands for a close frame without a code; never sent.
pub(super) const CLOSE_NO_CODE: u16 = 1005;

/// Stands for a connection that ended without a close frame; never sent.
pub const CLOSE_ABNORMAL: u16 = 1006;

/// The server is about to restart; the client may come back (registered with IANA).
pub(super) const CLOSE_SERVICE_RESTART: u16 = 1012;

/// Longest reason: a control frame without the two bytes of its code.
const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// `code` may stand in a close frame: registered, or free for libraries and apps.
const fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Whether an app may say goodbye with these.
pub fn check_close(code: u16, reason: &str) -> Result<(), Misuse> {
    if !is_close_code(code) {
        return Err(Misuse::CloseCodeInvalid { code });
    }
    if reason.len() > REASON_BYTES_MAX {
        return Err(Misuse::CloseReasonTooLong {
            bytes: reason.len(),
        });
    }
    Ok(())
}

/// Code and reason of a peer's close frame.
pub(super) fn read_close(payload: &[u8]) -> Result<(u16, &str), WsViolation> {
    let [high, low, reason @ ..] = payload else {
        return match payload {
            [] => Ok((CLOSE_NO_CODE, "")),
            _ => Err(WsViolation::ClosePayloadTooShort),
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    if !is_close_code(code) {
        return Err(WsViolation::CloseCodeInvalid);
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((code, reason)),
        Err(_) => Err(WsViolation::CloseReasonNotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent_are_those_of_the_registry_and_the_free_ranges() {
        for code in [1000, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
            assert!(is_close_code(code), "{code}");
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ] {
            assert!(!is_close_code(code), "{code}");
        }
    }

    #[test]
    fn a_close_frame_has_no_payload_or_a_code_and_a_text() {
        assert_eq!(read_close(b""), Ok((1005, "")));
        assert_eq!(read_close(b"\x03\xe8"), Ok((1000, "")));
        assert_eq!(read_close(b"\x03\xe8bye"), Ok((1000, "bye")));
        assert_eq!(read_close(b"\x03"), Err(WsViolation::ClosePayloadTooShort));
        assert_eq!(read_close(b"\x03\xed"), Err(WsViolation::CloseCodeInvalid));
        assert_eq!(
            read_close(b"\x03\xe8\xff"),
            Err(WsViolation::CloseReasonNotUtf8)
        );
    }
}
