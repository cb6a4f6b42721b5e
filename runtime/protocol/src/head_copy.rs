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
        const NAME: &[u8] = b"Host";
        let (bytes, index) = head.parts();
        let (name_at, value_at) = (bytes.len(), bytes.len() + NAME.len());
        let span = |start: usize, end: usize| Span {
            start: start as u32,
            end: end as u32,
        };
        let value = span(value_at, value_at + host.len());
        let mut index = index.clone();
        let is_host = |field: &&mut FieldSpan| field.name.of_head(bytes).eq_ignore_ascii_case(NAME);
        match index.fields.iter_mut().find(is_host) {
            Some(field) => field.value = value,
            // HTTP/1.0 may come without.
            None => index.fields.push(FieldSpan {
                name: span(name_at, value_at),
                value,
            }),
        }
        HeadCopy {
            head: [bytes, NAME, host].concat().into(),
            index,
        }
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
}
