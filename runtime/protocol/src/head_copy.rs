//! A request head that outlives its connection's buffer: a copy of the bytes and of where their parts lie.

use crate::head_index::HeadIndex;
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

    /// What was copied.
    #[inline]
    pub fn head(&self) -> RequestHead<'_> {
        RequestHead::new(&self.head, &self.index)
    }
}
