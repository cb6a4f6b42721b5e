//! A parsed request head as the driver reads it: a view of bytes that the connection owns. Parses nothing.

use std::slice;

use crate::body_framing::BodyFraming;
use crate::head_index::{FieldSpan, HeadIndex};
use crate::request_line::{Method, Version};

/// One request head, valid: every rule of `violation.rs` about heads has been checked.
#[derive(Copy, Clone)]
pub struct RequestHead<'a> {
    head: &'a [u8],
    index: &'a HeadIndex,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn new(head: &'a [u8], index: &'a HeadIndex) -> RequestHead<'a> {
        RequestHead { head, index }
    }

    /// The bytes, and where their parts lie.
    pub(crate) fn parts(&self) -> (&'a [u8], &'a HeadIndex) {
        (self.head, self.index)
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method {
        self.index.method
    }

    /// The method as it was sent.
    pub fn method_bytes(&self) -> &'a [u8] {
        self.index.method_span.of_head(self.head)
    }

    /// The target as it was sent (RFC 9112 section 3.2): ASCII without blanks, control bytes or `#`.
    pub fn target(&self) -> &'a [u8] {
        self.index.target.of_head(self.head)
    }

    /// The path as it was sent, percent-encoding untouched, without the query. An absolute-form target is reduced to
    /// its path (`/` if it has none); for `OPTIONS *` this is `*`.
    #[inline]
    pub fn path(&self) -> &'a [u8] {
        match self.index.path.of_head(self.head) {
            [] => b"/",
            path => path,
        }
    }

    /// The query without its `?`; empty if there is none.
    #[inline]
    pub fn query(&self) -> &'a [u8] {
        self.index.query.of_head(self.head)
    }

    /// The version.
    #[inline]
    pub fn version(&self) -> Version {
        self.index.version
    }

    /// All fields in the order and spelling of the peer; values without surrounding white space. A value may be empty
    /// and may hold bytes from 0x80 to 0xFF (obs-text), whose encoding is unknown.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        Headers {
            head: self.head,
            fields: self.index.fields.iter(),
        }
    }

    /// The value of the first field of this name, whatever the case of its letters.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// How the body is delimited.
    #[inline]
    pub fn framing(&self) -> BodyFraming {
        self.index.framing
    }

    /// The peer waits for `100 Continue` before it sends its body (RFC 9110 section 10.1.1).
    pub fn expects_continue(&self) -> bool {
        self.index.expects_continue
    }

    /// The peer is ready for another request on this connection (RFC 9112 section 9.3).
    #[inline]
    pub fn keep_alive(&self) -> bool {
        self.index.keep_alive
    }

    /// There may be something to read for [`Forwarded`](crate::forwarded::Forwarded): there is a field of proxies.
    #[inline]
    pub fn is_forwarded(&self) -> bool {
        self.index.is_forwarded
    }

    /// The id that the server has given to the request ([`HeadCopy::with_request_id`](crate::HeadCopy::with_request_id)).
    pub fn request_id(&self) -> Option<&'a [u8]> {
        self.index.request_id.map(|span| span.of_head(self.head))
    }
}

impl std::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &String::from_utf8_lossy(self.method_bytes()))
            .field("target", &String::from_utf8_lossy(self.target()))
            .field("version", &self.version())
            .field("fields", &self.index.fields.len())
            .finish_non_exhaustive()
    }
}

/// The fields of a request, as `(name, value)`.
#[derive(Clone)]
pub struct Headers<'a> {
    head: &'a [u8],
    fields: slice::Iter<'a, FieldSpan>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let field = self.fields.next()?;
        Some((
            field.name.of_head(self.head),
            field.value.of_head(self.head),
        ))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl ExactSizeIterator for Headers<'_> {}

impl DoubleEndedIterator for Headers<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let field = self.fields.next_back()?;
        Some((
            field.name.of_head(self.head),
            field.value.of_head(self.head),
        ))
    }
}
