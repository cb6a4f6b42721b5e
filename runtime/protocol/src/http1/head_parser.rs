//! Turns the bytes of a complete request head into an index of its parts, or names the rule that they break. Knows no
//! connection.
//!
//! The grammar is httparse's; this file adds what httparse leaves open: line ends (bare line feeds never get here, see
//! `line_scan`), targets, `Host`, framing, expectations and persistence.

use std::mem::MaybeUninit;

use httparse::Status;

use crate::forwarded::is_proxy_field;
use crate::head_index::{FieldSpan, HeadIndex, Span};
use crate::http1::framing_fields::FramingFields;
use crate::limits::{HEADER_FIELDS_CEILING, Limits};
use crate::request_line::{Method, Version};
use crate::request_target::{is_host, split_target};
use crate::syntax::list_elements;
use crate::violation::Violation;

/// Fields that must not stand in a trailer section, because they steer framing, routing or the connection
/// (RFC 9110 section 6.5.1).
const TRAILERS_FORBIDDEN: [&[u8]; 8] = [
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"connection",
    b"expect",
    b"te",
    b"trailer",
    b"upgrade",
];

/// Parses `head`, which ends with its empty line and holds no bare line feed.
#[inline(never)]
pub(crate) fn parse_head(
    head: &[u8],
    limits: &Limits,
    index: &mut HeadIndex,
) -> Result<(), Violation> {
    let mut table = [const { MaybeUninit::uninit() }; HEADER_FIELDS_CEILING];
    let fields_max = limits.header_fields_max.min(HEADER_FIELDS_CEILING);
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut table[..fields_max]) {
        Ok(Status::Complete(len)) if len == head.len() => {}
        Ok(_) => return Err(Violation::RequestLineMalformed),
        Err(error) => return Err(diagnose(head, error)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Violation::RequestLineMalformed);
    };
    let (method, target) = (method.as_bytes(), target.as_bytes());
    if target.len() > limits.target_bytes_max {
        return Err(Violation::TargetTooLong);
    }
    index.method = Method::from_bytes(method);
    index.version = match minor {
        0 => Version::Http10,
        _ => Version::Http11,
    };
    index.method_span = Span::of(method, head);
    index.target = Span::of(target, head);
    let parts = split_target(index.method, target)?;
    index.path = Span::of(parts.path, head);
    index.query = Span::of(parts.query, head);

    let mut meaning = FieldMeaning::default();
    index.fields.clear();
    for field in request.headers.iter() {
        let name = field.name.as_bytes();
        index.fields.push(FieldSpan {
            name: Span::of(name, head),
            value: Span::of(field.value, head),
        });
        meaning.note(name, field.value)?;
    }
    check_host(index.version, meaning.host)?;
    if let Some(authority) = parts.authority {
        replace_host(index, head, authority);
    }
    index.framing = meaning.framing.framing(index.version)?;
    // An HTTP/1.0 peer's expectation is ignored, whatever it is (RFC 9110 section 10.1.1).
    index.expects_continue = match (index.version, meaning.expectation) {
        (Version::Http10, _) | (_, Expectation::None) => false,
        (_, Expectation::Continue) => true,
        (_, Expectation::Other) => return Err(Violation::ExpectationUnsupported),
    };
    index.keep_alive = match index.version {
        Version::Http11 | Version::Http2 => !meaning.close,
        Version::Http10 => meaning.keep_alive && !meaning.close,
    };
    index.is_forwarded = meaning.is_forwarded;
    Ok(())
}

/// Checks a complete trailer section, empty line included; its fields are then dropped: nothing here needs them, and an
/// app must not take them for header fields (RFC 9112 section 7.1.2).
pub(crate) fn check_trailers(section: &[u8], limits: &Limits) -> Result<(), Violation> {
    if section == b"\r\n" {
        return Ok(());
    }
    let mut table = [httparse::EMPTY_HEADER; HEADER_FIELDS_CEILING];
    let fields_max = limits.header_fields_max.min(HEADER_FIELDS_CEILING);
    match httparse::parse_headers(section, &mut table[..fields_max]) {
        Ok(Status::Complete((len, fields))) if len == section.len() => {
            let is_forbidden = |name: &str| {
                TRAILERS_FORBIDDEN
                    .iter()
                    .any(|forbidden| name.as_bytes().eq_ignore_ascii_case(forbidden))
            };
            match fields.iter().any(|field| is_forbidden(field.name)) {
                true => Err(Violation::TrailerForbidden),
                false => Ok(()),
            }
        }
        Err(httparse::Error::TooManyHeaders) => Err(Violation::TrailerTooLarge),
        _ => Err(Violation::TrailerMalformed),
    }
}

/// What all fields that concern the protocol say together.
#[derive(Default)]
struct FieldMeaning<'h> {
    host: Option<&'h [u8]>,
    framing: FramingFields,
    expectation: Expectation,
    close: bool,
    keep_alive: bool,
    is_forwarded: bool,
}

#[derive(Copy, Clone, Default)]
enum Expectation {
    #[default]
    None,
    Continue,
    Other,
}

impl<'h> FieldMeaning<'h> {
    /// Notes one field. Most names are told apart by their length alone.
    #[inline]
    fn note(&mut self, name: &[u8], value: &'h [u8]) -> Result<(), Violation> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => match self.host.replace(value) {
                None => Ok(()),
                Some(_) => Err(Violation::HostRepeated),
            },
            6 if name.eq_ignore_ascii_case(b"expect") => {
                self.note_expect(value);
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.note_connection(value);
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                self.framing.content_length(value)
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.framing.transfer_encoding(value)
            }
            9 | 15..=18 => {
                self.is_forwarded |= is_proxy_field(name);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note_expect(&mut self, value: &[u8]) {
        let is_continue = value.eq_ignore_ascii_case(b"100-continue");
        self.expectation = match (self.expectation, is_continue) {
            (Expectation::None | Expectation::Continue, true) => Expectation::Continue,
            _ => Expectation::Other,
        };
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// `Host` against RFC 9112 section 3.2: exactly one on HTTP/1.1, and valid.
fn check_host(version: Version, host: Option<&[u8]>) -> Result<(), Violation> {
    match host {
        Some(host) if is_host(host) => Ok(()),
        Some(_) => Err(Violation::HostInvalid),
        None if version == Version::Http11 => Err(Violation::HostMissing),
        None => Ok(()),
    }
}

/// The authority of an absolute-form target is the host, whatever `Host` says (RFC 9112 section 3.2.2): every reader of
/// the fields finds it there.
#[cold]
fn replace_host(index: &mut HeadIndex, head: &[u8], authority: &[u8]) {
    for field in &mut index.fields {
        if field.name.of_head(head).eq_ignore_ascii_case(b"host") {
            field.value = Span::of(authority, head);
        }
    }
}

/// Names the rule behind an error of httparse.
#[cold]
fn diagnose(head: &[u8], error: httparse::Error) -> Violation {
    let has_bare_return =
        memchr::memchr_iter(b'\r', head).any(|at| head.get(at + 1) != Some(&b'\n'));
    if has_bare_return {
        return Violation::BareCarriageReturn;
    }
    match error {
        httparse::Error::TooManyHeaders => Violation::TooManyFields,
        httparse::Error::HeaderName => Violation::FieldNameMalformed,
        httparse::Error::HeaderValue => Violation::FieldValueMalformed,
        httparse::Error::Version if has_other_version(head) => Violation::VersionUnsupported,
        _ => Violation::RequestLineMalformed,
    }
}

/// The request line ends with a well-formed `HTTP/x.y`.
fn has_other_version(head: &[u8]) -> bool {
    let line_len = memchr::memchr(b'\r', head).unwrap_or(head.len());
    let mut words = head[..line_len].split(|&byte| byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some(_), Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None) => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "head_parser_tests.rs"]
mod tests;
