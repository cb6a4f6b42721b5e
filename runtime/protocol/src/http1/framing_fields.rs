//! Chooses how a request body is delimited. Knows nothing of sockets or handlers.
//!
//! Request smuggling lives on two parsers that disagree about where a body ends. There is no room for disagreement
//! here: anything but one plain `Content-Length` or one plain `Transfer-Encoding: chunked` is refused, never repaired
//! (RFC 9112 section 6.3 allows a recipient to repair some of it; the leniency is not worth the risk).

use crate::body_framing::BodyFraming;
use crate::request_line::Version;
use crate::syntax::parse_digits;
use crate::violation::Violation;

/// What the fields of one head say about its body, collected field by field.
#[derive(Debug, Default)]
pub(crate) struct FramingFields {
    content_length: Option<u64>,
    chunked: bool,
}

impl FramingFields {
    /// Notes one `Content-Length` line. A second one is refused even if it agrees: a list of lengths is the classic
    /// way to make two parsers pick different ones (RFC 9112 section 6.3, item 5).
    pub(crate) fn content_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        let length = parse_digits(value).ok_or(Violation::ContentLengthInvalid)?;
        match self.content_length.replace(length) {
            None => Ok(()),
            Some(_) => Err(Violation::ContentLengthRepeated),
        }
    }

    /// Notes one `Transfer-Encoding` line: only a single, bare `chunked` (RFC 9112 section 6.1, section 7).
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Violation> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Violation::TransferEncodingUnsupported);
        }
        self.chunked = true;
        Ok(())
    }

    /// The framing, once every field has been seen.
    pub(crate) fn framing(&self, version: Version) -> Result<BodyFraming, Violation> {
        match (self.chunked, self.content_length, version) {
            (false, None, _) => Ok(BodyFraming::None),
            (false, Some(length), _) => Ok(BodyFraming::Length(length)),
            (true, Some(_), _) => Err(Violation::BothLengths),
            (true, None, Version::Http10) => Err(Violation::TransferEncodingOnHttp10),
            (true, None, Version::Http11 | Version::Http2) => Ok(BodyFraming::Chunked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing_of(fields: &[(&str, &[u8])], version: Version) -> Result<BodyFraming, Violation> {
        let mut seen = FramingFields::default();
        for (name, value) in fields {
            match *name {
                "cl" => seen.content_length(value)?,
                _ => seen.transfer_encoding(value)?,
            }
        }
        seen.framing(version)
    }

    #[test]
    fn plain_framings_are_understood() {
        let http11 = Version::Http11;
        assert_eq!(framing_of(&[], http11), Ok(BodyFraming::None));
        assert_eq!(
            framing_of(&[("cl", b"42")], http11),
            Ok(BodyFraming::Length(42))
        );
        assert_eq!(
            framing_of(&[("te", b"Chunked")], http11),
            Ok(BodyFraming::Chunked)
        );
    }

    #[test]
    fn two_lengths_are_refused_even_if_they_agree() {
        assert_eq!(
            framing_of(&[("cl", b"5"), ("cl", b"5")], Version::Http11),
            Err(Violation::ContentLengthRepeated)
        );
        for order in [
            [("cl", &b"5"[..]), ("te", &b"chunked"[..])],
            [("te", b"chunked"), ("cl", b"5")],
        ] {
            assert_eq!(
                framing_of(&order, Version::Http11),
                Err(Violation::BothLengths)
            );
        }
    }

    #[test]
    fn only_one_bare_chunked_is_a_transfer_encoding() {
        for value in [
            &b"xchunked"[..],
            b"chunked, identity",
            b"gzip, chunked",
            b",chunked",
            b"chunked,",
            b"chunked;q=1",
            b"\xa0chunked",
            b"identity",
            b"",
        ] {
            assert_eq!(
                framing_of(&[("te", value)], Version::Http11),
                Err(Violation::TransferEncodingUnsupported),
                "{value:?}"
            );
        }
        assert_eq!(
            framing_of(&[("te", b"chunked"), ("te", b"chunked")], Version::Http11),
            Err(Violation::TransferEncodingUnsupported)
        );
    }

    #[test]
    fn http_1_0_has_no_transfer_encoding() {
        assert_eq!(
            framing_of(&[("te", b"chunked")], Version::Http10),
            Err(Violation::TransferEncodingOnHttp10)
        );
    }
}
