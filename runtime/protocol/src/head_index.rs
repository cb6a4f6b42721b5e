//! Where the parts of a request head lie: offsets into its bytes, so that buffers may move. Holds no bytes itself.

use crate::body_framing::BodyFraming;
use crate::request_line::{Method, Version};

/// A run of bytes in a head; `u32` because a head has at most `HEAD_BYTES_CEILING` bytes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// Where `part` lies in `whole`; `part` must be a slice of it.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Span {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        debug_assert!(start + part.len() <= whole.len());
        Span {
            start: start as u32,
            end: (start + part.len()) as u32,
        }
    }

    /// The bytes of this span.
    #[inline]
    pub(crate) fn of_head(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..self.end as usize]
    }
}

/// Name and value of one field.
#[derive(Copy, Clone, Debug)]
pub(crate) struct FieldSpan {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Everything that was learnt from a head while it was parsed.
#[derive(Clone, Debug)]
pub(crate) struct HeadIndex {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) framing: BodyFraming,
    pub(crate) expects_continue: bool,
    pub(crate) keep_alive: bool,
    /// A proxy may have said where the request comes from.
    pub(crate) is_forwarded: bool,
    /// The id that a server has given to the request, in a copy of its head. A head as it was sent has none.
    pub(crate) request_id: Option<Span>,
    pub(crate) method_span: Span,
    pub(crate) target: Span,
    pub(crate) path: Span,
    pub(crate) query: Span,
    pub(crate) fields: Vec<FieldSpan>,
}

impl HeadIndex {
    pub(crate) fn new() -> HeadIndex {
        HeadIndex {
            fields: Vec::with_capacity(32),
            ..HeadIndex::empty()
        }
    }

    /// Nothing is known, and no memory held.
    pub(crate) fn empty() -> HeadIndex {
        HeadIndex {
            method: Method::Other,
            version: Version::Http11,
            framing: BodyFraming::None,
            expects_continue: false,
            keep_alive: false,
            is_forwarded: false,
            request_id: None,
            method_span: Span::default(),
            target: Span::default(),
            path: Span::default(),
            query: Span::default(),
            fields: Vec::new(),
        }
    }
}
