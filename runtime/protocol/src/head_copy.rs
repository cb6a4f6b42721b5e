//! A request head that outlives its connection's buffer: a copy of the bytes and of where their parts lie.

use crate::head_index::{FieldSpan, HeadIndex, Span};
use crate::request_head::RequestHead;

/// One request head, owned.
pub struct HeadCopy {
    head: Box<[u8]>,
    index: HeadIndex,
}

impl HeadCopy {
    /// Copies a head.
    pub fn of(head: RequestHead<'_>) -> HeadCopy {
        let (bytes, index) = head.parts();
        HeadCopy {
            head: bytes.into(),
            index: index.clone(),
        }
    }

    /// Copies a head, with another value of `Host`; `host` must be valid.
    pub fn with_host(head: RequestHead<'_>, host: &[u8]) -> HeadCopy {
        HeadCopy::with_field(head, b"Host", host).0
    }

    /// Copies a head, with `id` in the field `name` as the request's id; both must be valid.
    pub fn with_request_id(head: RequestHead<'_>, name: &[u8], id: &[u8]) -> HeadCopy {
        let (mut copy, value) = HeadCopy::with_field(head, name, id);
        copy.index.request_id = Some(value);
        copy
    }

    /// Copies a head in which the field `name` stands once, with this value. Also returns where that is.
    fn with_field(head: RequestHead<'_>, name: &[u8], value: &[u8]) -> (HeadCopy, Span) {
        let (bytes, index) = head.parts();
        let (name_at, value_at) = (bytes.len(), bytes.len() + name.len());
        let span = |start: usize, end: usize| Span {
            start: start as u32,
            end: end as u32,
        };
        let value_span = span(value_at, value_at + value.len());
        let mut index = index.clone();
        let mut has_field = false;
        index.fields.retain_mut(|field| {
            let is_named = field.name.of_head(bytes).eq_ignore_ascii_case(name);
            if is_named {
                field.value = value_span;
            }
            !is_named || !std::mem::replace(&mut has_field, true)
        });
        if !has_field {
            index.fields.push(FieldSpan {
                name: span(name_at, value_at),
                value: value_span,
            });
        }
        let head = [bytes, name, value].concat().into();
        (HeadCopy { head, index }, value_span)
    }

    /// What was copied.
    #[inline]
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead::new(&self.head, &self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head_parser::parse_head;
    use crate::limits::Limits;

    #[test]
    fn another_host_takes_the_place_of_the_first_or_is_added() {
        for bytes in [
            &b"GET /a HTTP/1.1\r\nhost: a:80\r\nX: y\r\n\r\n"[..],
            b"GET /a HTTP/1.0\r\nX: y\r\n\r\n",
        ] {
            let mut index = HeadIndex::new();
            parse_head(bytes, &Limits::sample(), &mut index).unwrap();
            let copy = HeadCopy::with_host(RequestHead::new(bytes, &index), b"example.com");
            let head = copy.head();
            assert_eq!(head.header("host"), Some(&b"example.com"[..]));
            assert_eq!(head.header("x"), Some(&b"y"[..]));
            assert_eq!(head.path(), b"/a");
            let is_host = |(name, _): &(&[u8], &[u8])| name.eq_ignore_ascii_case(b"host");
            assert_eq!(head.headers().filter(is_host).count(), 1);
        }
    }

    #[test]
    fn an_id_takes_the_place_of_every_field_of_its_name() {
        for (bytes, fields) in [
            (
                &b"GET / HTTP/1.1\r\nX-ID: a\r\nHost: h\r\nx-id: b\r\n\r\n"[..],
                2,
            ),
            (b"GET / HTTP/1.1\r\nHost: h\r\nx-id:\r\n\r\n", 2),
            (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 2),
        ] {
            let mut index = HeadIndex::new();
            parse_head(bytes, &Limits::sample(), &mut index).unwrap();
            let sent = RequestHead::new(bytes, &index);
            assert_eq!(sent.request_id(), None);
            let copy = HeadCopy::with_request_id(sent, b"x-id", b"new");
            let head = copy.head();
            assert_eq!(head.request_id(), Some(&b"new"[..]));
            assert_eq!(head.header("X-Id"), Some(&b"new"[..]));
            assert_eq!(head.header("host"), Some(&b"h"[..]));
            assert_eq!(head.headers().count(), fields);
            let again = HeadCopy::with_host(head, b"other");
            assert_eq!(again.head().request_id(), Some(&b"new"[..]));
        }
    }
}
