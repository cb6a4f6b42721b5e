//! Memory of whole pages that stays where it is, for the kernel to write into. Knows not what for.
//!
//! `unsafe` here: it is allocated and freed by hand, since a `Vec` promises no page to begin at.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The kernel wants a ring of buffers to begin at a page.
const PAGE_BYTES: usize = 4096;

/// Zeroed memory that begins at a page.
pub(crate) struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory belongs to the owner of the `Pages`, like that of a `Box<[u8]>`.
unsafe impl Send for Pages {}

impl Pages {
    pub(crate) fn new(bytes: usize) -> Pages {
        let layout = Layout::from_size_align(bytes, PAGE_BYTES).expect("a small size");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Pages {
            start: start.unwrap_or_else(|| handle_alloc_error(layout)),
            layout,
        }
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and nothing keeps the address (see `ProvidedBuffers::new`).
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
