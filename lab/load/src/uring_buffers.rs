//! The memory that the kernel receives into: a ring of buffers. The kernel takes buffers from it, and gets them back
//! once their bytes have been looked at. Knows no connections.
//!
//! `unsafe` here: a buffer belongs to the kernel from when it is published until a completion names it. A [`Chunk`] is the
//! proof of the latter; it cannot be copied, and [`ProvidedBuffers::recycle`] takes it back.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use io_uring::{IoUring, cqueue};

/// The group's number; a ring has this one only.
pub(crate) const GROUP: u16 = 0;
/// The kernel wants the ring of buffers to begin at a page.
const PAGE_BYTES: usize = 4096;
/// Room for what one receive brings. A line more than four pages: otherwise the first lines of all buffers, which are
/// all that small answers touch, would share a few places in the cache.
const BUFFER_BYTES: usize = 4 * PAGE_BYTES + 64;
/// One for each connection, so that answers that come all at once need no second receive (`ENOBUFS`), within these
/// bounds: 1 MiB to 64 MiB of addresses; answers touch what they need.
const BUFFERS_MIN: usize = 64;
const BUFFERS_MAX: usize = 4096;
const _: () = assert!(BUFFERS_MAX.is_power_of_two() && BUFFERS_MAX <= 1 << 15);

/// Received bytes that have not been looked at yet.
#[derive(Debug)]
pub(crate) struct Chunk {
    buffer: u16,
    len: usize,
}

/// The buffers of one ring.
pub(crate) struct ProvidedBuffers {
    count: u16,
    ring: Pages,
    memory: Pages,
    /// How many were ever published, modulo 2^16.
    tail: u16,
}

impl ProvidedBuffers {
    /// Makes the buffers and tells `ring` of them.
    ///
    /// # Safety
    /// The result must not be dropped while the kernel may still receive through `ring`.
    pub(crate) unsafe fn new(ring: &IoUring, connections: usize) -> io::Result<ProvidedBuffers> {
        let count = connections
            .next_power_of_two()
            .clamp(BUFFERS_MIN, BUFFERS_MAX);
        let mut provided = ProvidedBuffers {
            count: count as u16,
            ring: Pages::new(count * size_of::<BufRingEntry>()),
            memory: Pages::new(count * BUFFER_BYTES),
            tail: 0,
        };
        let address = provided.ring.start.as_ptr() as u64;
        // SAFETY: the pages are aligned and large enough for `count` entries, and the caller keeps them.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(address, provided.count, GROUP, 0)?;
        }
        for buffer in 0..provided.count {
            provided.publish(buffer);
        }
        Ok(provided)
    }

    /// The bytes that a completion reports, if it used a buffer.
    pub(crate) fn chunk(&self, entry: &cqueue::Entry) -> Option<Chunk> {
        let buffer = cqueue::buffer_select(entry.flags())?;
        let len = usize::try_from(entry.result()).unwrap_or(0);
        assert!(
            buffer < self.count && len <= BUFFER_BYTES,
            "the kernel filled what no buffer has"
        );
        Some(Chunk { buffer, len })
    }

    pub(crate) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let start = usize::from(chunk.buffer) * BUFFER_BYTES;
        // SAFETY: `chunk()` has checked that this lies within one buffer. The kernel has written it, and writes again only
        // after it was published again, which takes the chunk.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr().add(start), chunk.len) }
    }

    /// Gives back what has been looked at.
    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.publish(chunk.buffer);
    }

    /// Lets the kernel have a buffer.
    fn publish(&mut self, buffer: u16) {
        let entries = self.ring.start.as_ptr().cast::<BufRingEntry>();
        let slot = usize::from(self.tail & (self.count - 1));
        let start = usize::from(buffer) * BUFFER_BYTES;
        // SAFETY: both offsets lie within their pages. The kernel does not look at this entry before the tail has moved
        // past it, and the entry's fields other than the tail are ours.
        unsafe {
            let entry = &mut *entries.add(slot);
            entry.set_addr(self.memory.start.as_ptr().add(start) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(buffer);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry, aligned, and is written by us alone; the kernel reads it.
        unsafe {
            let tail = BufRingEntry::tail(entries).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// Zeroed memory that begins at a page.
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory belongs to the owner of the `Pages`, like that of a `Box<[u8]>`.
unsafe impl Send for Pages {}

impl Pages {
    fn new(bytes: usize) -> Pages {
        let layout = Layout::from_size_align(bytes, PAGE_BYTES).expect("a small size");
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Pages {
            start: start.unwrap_or_else(|| handle_alloc_error(layout)),
            layout,
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and nothing keeps the address (see `ProvidedBuffers::new`).
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
