//! Makes a request head of the fields of a block, as RFC 9113 section 8.2 and 8.3 want it, in the form that HTTP/1 has: bytes,
//! and an index of their parts. Knows no frames and no streams.

use crate::body_framing::BodyFraming;
use crate::forwarded::is_proxy_field;
use crate::head_index::{FieldSpan, HeadIndex, Span};
use crate::limits::Limits;
use crate::request_line::{Method, Version};
use crate::request_target::{is_host, split_target};
use crate::syntax::{is_field_value, is_tchar, parse_digits, trim_ows};
use crate::violation::Violation;

const HOST: &[u8] = b"host";
/// What a field counts beyond its bytes, as `SETTINGS_MAX_HEADER_LIST_SIZE` counts it.
const FIELD_OVERHEAD_BYTES: usize = 32;

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// It is no request: the stream is reset (RFC 9113 section 8.1.1).
    Malformed,
    /// It is answered.
    Refused(Violation),
}

/// What `:protocol` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    WebSocket,
    Other,
}

/// A head while its fields come.
pub(super) struct HeadDraft<'a> {
    bytes: &'a mut Vec<u8>,
    index: &'a mut HeadIndex,
    limits: &'a Limits,
    takes_websockets: bool,
    list_bytes: usize,
    fault: Option<HeadFault>,
    has_scheme: bool,
    /// What an extended CONNECT asks for (RFC 8441 section 4).
    protocol: Option<Protocol>,
    has_fields: bool,
    authority: Option<Span>,
    host: Option<Span>,
    cookies: usize,
    content_length: Option<u64>,
    has_other_expectation: bool,
}

impl<'a> HeadDraft<'a> {
    pub(super) fn new(
        bytes: &'a mut Vec<u8>,
        index: &'a mut HeadIndex,
        limits: &'a Limits,
        takes_websockets: bool,
    ) -> HeadDraft<'a> {
        bytes.clear();
        index.fields.clear();
        *index = HeadIndex {
            version: Version::Http2,
            keep_alive: true,
            fields: std::mem::take(&mut index.fields),
            ..HeadIndex::empty()
        };
        HeadDraft {
            bytes,
            index,
            limits,
            takes_websockets,
            list_bytes: 0,
            fault: None,
            has_scheme: false,
            protocol: None,
            has_fields: false,
            authority: None,
            host: None,
            cookies: 0,
            content_length: None,
            has_other_expectation: false,
        }
    }

    /// Takes the next field. After a fault nothing is kept any more: the block is read on for the sake of its table only.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        self.list_bytes += name.len() + value.len() + FIELD_OVERHEAD_BYTES;
        let taken = match name {
            _ if self.list_bytes > self.limits.head_bytes_max => {
                Err(HeadFault::Refused(Violation::HeadTooLarge))
            }
            [b':', ..] => self.take_pseudo(name, value),
            _ => self.take_field(name, value),
        };
        self.fault = taken.err();
    }

    /// Every field has come, and the request's end with it or not.
    pub(super) fn finish(mut self, has_ended: bool) -> Result<(), HeadFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let index = &mut *self.index;
        let is_missing = |span: Span| span.start == span.end;
        if is_missing(index.method_span) {
            return Err(HeadFault::Malformed);
        }
        let is_tunnel = match (index.method, self.protocol) {
            (Method::Connect, Some(Protocol::WebSocket)) => true,
            (Method::Connect, Some(Protocol::Other)) => {
                return Err(HeadFault::Refused(Violation::ProtocolUnsupported));
            }
            (Method::Connect, None) => {
                // It names an authority and nothing else (RFC 9113 section 8.5).
                let is_whole =
                    self.authority.is_some() && !self.has_scheme && is_missing(index.target);
                return Err(match is_whole {
                    true => HeadFault::Refused(Violation::ConnectUnsupported),
                    false => HeadFault::Malformed,
                });
            }
            (_, Some(_)) => return Err(HeadFault::Malformed),
            (_, None) => false,
        };
        if is_missing(index.target) || !self.has_scheme {
            return Err(HeadFault::Malformed);
        }
        let target = index.target.of_head(self.bytes);
        match target {
            [b'/', ..] => {}
            b"*" if index.method == Method::Options => {}
            _ => return Err(HeadFault::Malformed),
        }
        // What a tunnel is for has a target as that of HTTP/1's handshake.
        let method = if is_tunnel { Method::Get } else { index.method };
        let parts = split_target(method, target).map_err(HeadFault::Refused)?;
        index.path = Span::of(parts.path, self.bytes);
        index.query = Span::of(parts.query, self.bytes);
        match (self.content_length, has_ended) {
            // What follows is no body: it has no length, and nothing waits for its end.
            (None, _) if is_tunnel => index.framing = BodyFraming::None,
            (Some(_), _) if is_tunnel => return Err(HeadFault::Malformed),
            (None | Some(0), true) => index.framing = BodyFraming::None,
            (Some(_), true) => return Err(HeadFault::Malformed),
            (Some(length), false) => index.framing = BodyFraming::Length(length),
            (None, false) => index.framing = BodyFraming::Chunked,
        }
        self.check_host()?;
        if self.has_other_expectation {
            return Err(HeadFault::Refused(Violation::ExpectationUnsupported));
        }
        if self.cookies > 1 {
            self.join_cookies();
        }
        Ok(())
    }

    fn take_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        let index = &*self.index;
        let is_empty = |span: Span| span.start == span.end;
        let is_first = !self.has_fields
            && match name {
                b":method" => is_empty(index.method_span),
                b":path" => is_empty(index.target),
                b":scheme" => !self.has_scheme,
                b":authority" => self.authority.is_none(),
                b":protocol" => self.takes_websockets && self.protocol.is_none(),
                _ => false,
            };
        if !is_first || (value.is_empty() && name != b":authority") {
            return Err(HeadFault::Malformed);
        }
        match name {
            b":method" => {
                if !value.iter().all(|&byte| is_tchar(byte)) {
                    return Err(HeadFault::Malformed);
                }
                self.index.method = Method::from_bytes(value);
                self.index.method_span = self.push(value);
            }
            b":path" => {
                if value.len() > self.limits.target_bytes_max {
                    return Err(HeadFault::Refused(Violation::TargetTooLong));
                }
                if !value
                    .iter()
                    .all(|byte| (b'!'..=b'~').contains(byte) || *byte >= 0x80)
                {
                    return Err(HeadFault::Malformed);
                }
                self.index.target = self.push(value);
            }
            // The connection's own scheme is what counts: a proxy says it in fields.
            b":scheme" => self.has_scheme = true,
            b":protocol" => {
                self.protocol = Some(match value {
                    b"websocket" => Protocol::WebSocket,
                    _ => Protocol::Other,
                });
            }
            _ => {
                let name = self.push(HOST);
                let value = self.push(value);
                self.authority = Some(value);
                self.index.fields.push(FieldSpan { name, value });
            }
        }
        Ok(())
    }

    fn take_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.has_fields = true;
        let is_name = |&byte: &u8| is_tchar(byte) && !byte.is_ascii_uppercase();
        let is_valid = !name.is_empty()
            && name.iter().all(is_name)
            && is_field_value(value)
            && trim_ows(value).len() == value.len();
        if !is_valid {
            return Err(HeadFault::Malformed);
        }
        if self.index.fields.len() >= self.limits.header_fields_max {
            return Err(HeadFault::Refused(Violation::TooManyFields));
        }
        match name {
            b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding"
            | b"upgrade" => {
                return Err(HeadFault::Malformed);
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(HeadFault::Malformed),
            b"content-length" => {
                let length = parse_digits(value).ok_or(HeadFault::Malformed)?;
                if self.content_length.replace(length).is_some() {
                    return Err(HeadFault::Malformed);
                }
            }
            b"expect" => match value.eq_ignore_ascii_case(b"100-continue") {
                true => self.index.expects_continue = true,
                false => self.has_other_expectation = true,
            },
            b"cookie" => self.cookies += 1,
            HOST => return self.take_host(value),
            _ => self.index.is_forwarded |= is_proxy_field(name),
        }
        let name = self.push(name);
        let value = self.push(value);
        self.index.fields.push(FieldSpan { name, value });
        Ok(())
    }

    /// A `host` says what `:authority` says, or takes its place (RFC 9113 section 8.3.1).
    fn take_host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.host.is_some() {
            return Err(HeadFault::Malformed);
        }
        if let Some(authority) = self.authority {
            let is_same = authority.of_head(self.bytes).eq_ignore_ascii_case(value);
            self.host = Some(authority);
            return is_same.then_some(()).ok_or(HeadFault::Malformed);
        }
        let name = self.push(HOST);
        let value = self.push(value);
        self.host = Some(value);
        self.index.fields.push(FieldSpan { name, value });
        Ok(())
    }

    fn check_host(&self) -> Result<(), HeadFault> {
        match self.authority.or(self.host) {
            Some(host) if is_host(host.of_head(self.bytes)) => Ok(()),
            Some(_) => Err(HeadFault::Refused(Violation::HostInvalid)),
            None => Err(HeadFault::Refused(Violation::HostMissing)),
        }
    }

    /// Clients may send each cookie in a field of its own; an app gets one field (RFC 9113 section 8.2.3).
    fn join_cookies(&mut self) {
        let start = self.bytes.len();
        let mut first = None;
        for place in 0..self.index.fields.len() {
            let field = self.index.fields[place];
            if field.name.of_head(self.bytes) != b"cookie" {
                continue;
            }
            match first {
                None => first = Some(place),
                Some(_) => self.bytes.extend_from_slice(b"; "),
            }
            let value = field.value.start as usize..field.value.end as usize;
            self.bytes.extend_from_within(value);
        }
        let joined = Span {
            start: start as u32,
            end: self.bytes.len() as u32,
        };
        let bytes = &*self.bytes;
        let mut place = 0;
        self.index.fields.retain_mut(|field| {
            let is_first = Some(place) == first;
            place += 1;
            if is_first {
                field.value = joined;
            }
            is_first || field.name.of_head(bytes) != b"cookie"
        });
    }

    fn push(&mut self, part: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(part);
        Span {
            start,
            end: self.bytes.len() as u32,
        }
    }
}

/// A trailer section is checked and dropped, as that of HTTP/1 is.
pub(super) struct TrailerCheck {
    pub(super) is_malformed: bool,
}

impl TrailerCheck {
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) {
        let is_name = |&byte: &u8| is_tchar(byte) && !byte.is_ascii_uppercase();
        self.is_malformed |= name.is_empty() || !name.iter().all(is_name) || !is_field_value(value);
    }
}

#[cfg(test)]
#[path = "head_draft_tests.rs"]
mod tests;
