//! Negotiates permessage-deflate (RFC 7692 section 7.1). Knows no compression.

use super::limits::Compression;
use crate::syntax::{is_tchar, is_token, trim_ows};

/// What both sides agreed on about compression.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DeflateParams {
    /// Our messages do not refer to earlier ones.
    pub server_no_context_takeover: bool,
    /// The client's messages do not refer to earlier ones.
    pub client_no_context_takeover: bool,
    /// Our window is 2 to the power of this, 9 to 15. The client's may be any: we read all of them.
    pub server_max_window_bits: u8,
}

/// One offer of permessage-deflate that can be accepted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct DeflateOffer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    /// The largest window of ours that the client can read, if it says so.
    server_max_window_bits: Option<u8>,
}

/// The value is no list of extensions (RFC 6455 section 9.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl DeflateOffer {
    /// The first acceptable offer of permessage-deflate in one `Sec-WebSocket-Extensions` line. Offers that have
    /// parameters that we do not know or cannot honour are skipped (RFC 7692 section 7.1); other extensions as well.
    pub(super) fn first_of(value: &[u8]) -> Result<Option<DeflateOffer>, Malformed> {
        let mut first = None;
        // Looks at every element, so that a malformed one is refused whatever stands before it.
        for element in split_outside_quotes(value, b',') {
            let element = trim_ows(element);
            if !element.is_empty() {
                let offer = DeflateOffer::of_extension(element)?;
                first = first.or(offer);
            }
        }
        Ok(first)
    }

    fn of_extension(extension: &[u8]) -> Result<Option<DeflateOffer>, Malformed> {
        let mut parts = split_outside_quotes(extension, b';').map(trim_ows);
        let name = parts.next().unwrap_or_default();
        if !is_token(name) {
            return Err(Malformed);
        }
        let mut offer = Some(DeflateOffer {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
        });
        let mut has_client_max_window_bits = false;
        for part in parts {
            let (name, value) = parameter(part)?;
            let Some(accepted) = &mut offer else { continue };
            let is_known = match name {
                b"server_no_context_takeover" => {
                    value.is_none()
                        && !std::mem::replace(&mut accepted.server_no_context_takeover, true)
                }
                b"client_no_context_takeover" => {
                    value.is_none()
                        && !std::mem::replace(&mut accepted.client_no_context_takeover, true)
                }
                // A window of 8 bits is valid, but the compressor cannot make one.
                b"server_max_window_bits" => match value.and_then(window_bits) {
                    Some(bits @ 9..) => accepted.server_max_window_bits.replace(bits).is_none(),
                    Some(_) | None => false,
                },
                b"client_max_window_bits" => {
                    let is_valid = value.is_none_or(|value| window_bits(value).is_some());
                    is_valid && !std::mem::replace(&mut has_client_max_window_bits, true)
                }
                _ => false,
            };
            if !is_known {
                offer = None;
            }
        }
        let is_deflate = name.eq_ignore_ascii_case(b"permessage-deflate");
        Ok(offer.filter(|_| is_deflate))
    }

    /// What we make of the offer.
    pub(super) fn accept(&self, compression: &Compression) -> DeflateParams {
        let ours = compression.window_bits;
        DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover
                || !compression.context_takeover,
            client_no_context_takeover: self.client_no_context_takeover
                || !compression.context_takeover,
            server_max_window_bits: self
                .server_max_window_bits
                .map_or(ours, |theirs| theirs.min(ours)),
        }
    }

    /// The value of our `Sec-WebSocket-Extensions`. The client learns our window only if it asked: some refuse a
    /// parameter that they did not offer. `client_max_window_bits` is left out: we read the largest window.
    pub(super) fn write_answer(&self, params: &DeflateParams, output: &mut Vec<u8>) {
        output.extend_from_slice(b"permessage-deflate");
        if params.server_no_context_takeover {
            output.extend_from_slice(b"; server_no_context_takeover");
        }
        if params.client_no_context_takeover {
            output.extend_from_slice(b"; client_no_context_takeover");
        }
        if self.server_max_window_bits.is_some() {
            output.extend_from_slice(b"; server_max_window_bits=");
            let mut digits = itoa::Buffer::new();
            output.extend_from_slice(digits.format(params.server_max_window_bits).as_bytes());
        }
    }
}

/// `name`, `name=token` or `name="token"` (RFC 6455 section 9.1).
fn parameter(part: &[u8]) -> Result<(&[u8], Option<&[u8]>), Malformed> {
    let Some(equals) = part.iter().position(|&byte| byte == b'=') else {
        return match is_token(part) {
            true => Ok((part, None)),
            false => Err(Malformed),
        };
    };
    let (name, value) = (trim_ows(&part[..equals]), trim_ows(&part[equals + 1..]));
    let value = match value {
        // A quoted value must be a token as well, so that there is nothing to unescape.
        [b'"', quoted @ .., b'"'] => quoted,
        plain => plain,
    };
    match is_token(name) && is_token(value) {
        true => Ok((name, Some(value))),
        false => Err(Malformed),
    }
}

/// 8 to 15, written without a leading zero (RFC 7692 section 7.1.2.1).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// The pieces of `value` between separators that are not in a quoted string.
fn split_outside_quotes(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    debug_assert!(!is_tchar(separator));
    let mut is_quoted = false;
    value.split(move |&byte| {
        is_quoted ^= byte == b'"';
        byte == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &[u8], compression: &Compression) -> Option<String> {
        let offer = DeflateOffer::first_of(value).unwrap()?;
        let mut bytes = Vec::new();
        offer.write_answer(&offer.accept(compression), &mut bytes);
        Some(String::from_utf8(bytes).unwrap())
    }

    fn takeover() -> Compression {
        Compression {
            context_takeover: true,
            window_bits: 12,
            ..Compression::new(true)
        }
    }

    #[test]
    fn a_plain_offer_is_accepted() {
        assert_eq!(
            answer(b"permessage-deflate", &takeover()).unwrap(),
            "permessage-deflate"
        );
        assert_eq!(
            answer(
                b"x, PerMessage-Deflate ; client_max_window_bits",
                &takeover()
            )
            .unwrap(),
            "permessage-deflate"
        );
    }

    #[test]
    fn without_takeover_neither_side_refers_back() {
        assert_eq!(
            answer(b"permessage-deflate", &Compression::new(true)).unwrap(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        );
    }

    #[test]
    fn what_the_client_asks_for_it_gets() {
        assert_eq!(
            answer(
                b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                &takeover()
            )
            .unwrap(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        );
        assert_eq!(
            answer(
                b"permessage-deflate; server_max_window_bits=10",
                &takeover()
            )
            .unwrap(),
            "permessage-deflate; server_max_window_bits=10"
        );
        // Ours is smaller than what it can read.
        assert_eq!(
            answer(
                b"permessage-deflate; server_max_window_bits=\"15\"",
                &takeover()
            )
            .unwrap(),
            "permessage-deflate; server_max_window_bits=12"
        );
    }

    #[test]
    fn offers_that_cannot_be_honoured_are_skipped() {
        for bad in [
            &b"permessage-deflate; server_max_window_bits=8"[..],
            b"permessage-deflate; server_max_window_bits=16",
            b"permessage-deflate; server_max_window_bits=09",
            b"permessage-deflate; server_max_window_bits",
            b"permessage-deflate; client_max_window_bits=7",
            b"permessage-deflate; client_max_window_bits; client_max_window_bits",
            b"permessage-deflate; server_no_context_takeover=1",
            b"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            b"permessage-deflate; unknown",
            b"permessage-bzip2",
            b"",
            b" , ,",
        ] {
            assert_eq!(answer(bad, &takeover()), None, "{bad:?}");
            let mut with_fallback = bad.to_vec();
            with_fallback.extend_from_slice(b", permessage-deflate; server_max_window_bits=9");
            assert_eq!(
                answer(&with_fallback, &takeover()).unwrap(),
                "permessage-deflate; server_max_window_bits=9"
            );
        }
    }

    #[test]
    fn what_is_no_list_of_extensions_is_malformed() {
        for bad in [
            &b"\x80\xff"[..],
            b"a b",
            b"a;",
            b"a; =1",
            b"a; b=",
            b"a; b=\"",
            b"a; b=\"c d\"",
            b"permessage-deflate, \"",
            b";",
        ] {
            assert_eq!(DeflateOffer::first_of(bad), Err(Malformed), "{bad:?}");
        }
    }
}
