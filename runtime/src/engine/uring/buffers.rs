//! The memory that the kernel receives into: a ring of buffers. The kernel takes buffers from it, and gets them back
//! once their bytes have been looked at. Knows no connections.
//!
//! `unsafe` here: a buffer belongs to the kernel from the moment it is published until a completion names it. A
//! [`Chunk`] is the proof of the latter; it cannot be copied, and `recycle` takes it back.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use io_uring::{IoUring, cqueue};

/// The group's number; a ring has this one only.
pub(crate) const GROUP: u16 = 0;
/// `IOU_PBUF_RING_INC` of <linux/io_uring.h>.
const INCREMENTAL: u16 = 2;
/// The kernel wants the ring of buffers to begin at a page.
const PAGE_BYTES: usize = 4096;

/// Number and size of the buffers: what one shard can have received and not looked at. What comes beyond it stays in
/// the sockets until the next turn (`ENOBUFS`).
#[derive(Clone, Copy)]
struct Plan {
    buffers: u16,
    buffer_bytes: usize,
}

/// Receives share a buffer: 512 KiB; small requests touch little of it.
const SHARED: Plan = Plan {
    buffers: 16,
    buffer_bytes: 32 * 1024,
};
/// Each receive takes a buffer: 1 MiB; each small request touches one line of it.
const WHOLE: Plan = Plan {
    buffers: 256,
    buffer_bytes: 4 * 1024,
};
const _: () = assert!(SHARED.buffers.is_power_of_two() && WHOLE.buffers.is_power_of_two());

/// Received bytes that have not been looked at yet.
#[derive(Debug)]
pub(crate) struct Chunk {
    buffer: u16,
    offset: usize,
    len: usize,
    /// The kernel is through with the buffer.
    is_last: bool,
}

/// The buffers of one ring.
pub(crate) struct ProvidedBuffers {
    plan: Plan,
    is_incremental: bool,
    ring: Pages,
    memory: Pages,
    /// How many were ever published, modulo 2^16.
    tail: u16,
    /// How much of each buffer is used, where receives share it.
    used_bytes: Box<[usize]>,
}

impl ProvidedBuffers {
    /// Makes the buffers and tells `ring` of them.
    ///
    /// # Safety
    /// The result must not be dropped while the kernel may still receive through `ring`.
    pub(crate) unsafe fn new(ring: &IoUring, is_incremental: bool) -> io::Result<ProvidedBuffers> {
        let (plan, flags) = match is_incremental {
            true => (SHARED, INCREMENTAL),
            false => (WHOLE, 0),
        };
        let count = usize::from(plan.buffers);
        let mut provided = ProvidedBuffers {
            plan,
            is_incremental,
            ring: Pages::new(count * size_of::<BufRingEntry>()),
            memory: Pages::new(count * plan.buffer_bytes),
            tail: 0,
            used_bytes: vec![0; count].into_boxed_slice(),
        };
        let address = provided.ring.start.as_ptr() as u64;
        // SAFETY: the pages are aligned and large enough for `count` entries, and the caller keeps them.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(address, plan.buffers, GROUP, flags)?;
        }
        for buffer in 0..plan.buffers {
            provided.publish(buffer);
        }
        Ok(provided)
    }

    /// The bytes that a completion reports, if it used a buffer.
    pub(crate) fn chunk(&mut self, result: i32, flags: u32) -> Option<Chunk> {
        let buffer = cqueue::buffer_select(flags)?;
        let len = usize::try_from(result).unwrap_or(0);
        let used = &mut self.used_bytes[usize::from(buffer)];
        let offset = *used;
        *used += len;
        assert!(
            *used <= self.plan.buffer_bytes,
            "the kernel filled more than a buffer has"
        );
        Some(Chunk {
            buffer,
            offset,
            len,
            is_last: !cqueue::buffer_more(flags),
        })
    }

    /// These bytes end where their buffer ends: what came with them and did not fit is in the next one.
    pub(crate) fn is_cut(&self, chunk: &Chunk) -> bool {
        chunk.offset + chunk.len == self.plan.buffer_bytes
    }

    pub(crate) fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let start = usize::from(chunk.buffer) * self.plan.buffer_bytes + chunk.offset;
        debug_assert!(start + chunk.len <= self.memory.layout.size());
        // SAFETY: `chunk()` has checked that this lies within one buffer. The kernel has written it, and writes only
        // behind it until the buffer is published again, which takes the last chunk of it.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr().add(start), chunk.len) }
    }

    /// A completion without bytes has named a buffer, which the kernel did not need. Where receives share buffers the
    /// kernel has kept it, though it may say otherwise at the end of a file (axboe/liburing#1553): publishing it again
    /// would hand it out twice.
    pub(crate) fn recycle_unused(&mut self, chunk: Chunk) {
        if !self.is_incremental {
            self.recycle(chunk);
        }
    }

    /// Gives back what has been looked at.
    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        if chunk.is_last {
            self.used_bytes[usize::from(chunk.buffer)] = 0;
            self.publish(chunk.buffer);
        }
    }

    /// Lets the kernel have a whole buffer.
    fn publish(&mut self, buffer: u16) {
        let entries = self.ring.start.as_ptr().cast::<BufRingEntry>();
        let slot = usize::from(self.tail & (self.plan.buffers - 1));
        let start = usize::from(buffer) * self.plan.buffer_bytes;
        // SAFETY: both offsets lie within their pages. The kernel does not look at this entry before the tail has moved
        // past it, and the entry's fields other than the tail are ours.
        unsafe {
            let entry = &mut *entries.add(slot);
            entry.set_addr(self.memory.start.as_ptr().add(start) as u64);
            entry.set_len(self.plan.buffer_bytes as u32);
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

impl Pages {
    fn new(bytes: usize) -> Pages {
        let layout = Layout::from_size_align(bytes, PAGE_BYTES).expect("a small constant size");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_buffer_that_brought_nothing_is_still_the_kernels() {
        // `IORING_CQE_F_BUFFER` without `IORING_CQE_F_BUF_MORE`, buffer 0.
        let flags = 1;
        let ring = IoUring::new(4).unwrap();
        for is_incremental in [false, true] {
            // SAFETY: nothing is received through this ring.
            let Ok(mut provided) = (unsafe { ProvidedBuffers::new(&ring, is_incremental) }) else {
                assert!(
                    is_incremental,
                    "every kernel that the engine runs on has the others"
                );
                return;
            };
            let published = provided.tail;
            let unused = provided.chunk(0, flags).unwrap();
            provided.recycle_unused(unused);
            let is_published_again = provided.tail != published;
            assert_eq!(is_published_again, !is_incremental);
            ring.submitter().unregister_buf_ring(GROUP).unwrap();
        }
    }
}
