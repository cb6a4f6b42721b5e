//! The memory that the kernel receives into: a ring of buffers. The kernel takes buffers from it, and gets them back
//! once their bytes have been looked at. Knows no connections.
//!
//! `unsafe` here: a buffer belongs to the kernel from the moment it is published until a completion names it. A
//! [`Chunk`] is the proof of the latter; it cannot be copied, and goes back to the buffers that it came from by `recycle`.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::cqueue;
use io_uring::types::BufRingEntry;

use crate::pages::Pages;
use crate::ring::Ring;

/// The group's number; a ring has this one only.
pub const GROUP: u16 = 0;
/// `IOU_PBUF_RING_INC` of <linux/io_uring.h>.
const INCREMENTAL: u16 = 2;

/// Number and size of a ring's buffers: what can have been received and not looked at. What comes beyond it stays in the
/// sockets (`ENOBUFS`).
#[derive(Clone, Copy, Debug)]
pub struct BufferPlan {
    /// A power of two, at most 2^15.
    pub buffers: u16,
    /// Size of each.
    pub buffer_bytes: usize,
    /// Receives share a buffer ([`IncrementalBuffers`](crate::UringFeature::IncrementalBuffers)). Otherwise each takes one.
    pub are_shared: bool,
}

/// Received bytes that have not been looked at yet.
#[derive(Debug)]
pub struct Chunk {
    buffer: u16,
    offset: usize,
    len: usize,
    /// The kernel is through with the buffer.
    is_last: bool,
}

/// The buffers of one ring.
pub struct ProvidedBuffers {
    plan: BufferPlan,
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
    pub unsafe fn new(ring: &Ring, plan: BufferPlan) -> io::Result<ProvidedBuffers> {
        assert!(plan.buffers.is_power_of_two() && plan.buffers <= 1 << 15);
        let flags = if plan.are_shared { INCREMENTAL } else { 0 };
        let count = usize::from(plan.buffers);
        let mut provided = ProvidedBuffers {
            plan,
            ring: Pages::new(count * size_of::<BufRingEntry>()),
            memory: Pages::new(count * plan.buffer_bytes),
            tail: 0,
            used_bytes: vec![0; count].into_boxed_slice(),
        };
        let address = provided.ring.start() as u64;
        // SAFETY: the pages are aligned and large enough for `count` entries, and the caller keeps them.
        unsafe { ring.register_buffers(address, plan.buffers, GROUP, flags)? };
        for buffer in 0..plan.buffers {
            provided.publish(buffer);
        }
        Ok(provided)
    }

    /// The bytes that a completion reports, if it used a buffer.
    pub fn chunk(&mut self, result: i32, flags: u32) -> Option<Chunk> {
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
    pub fn is_cut(&self, chunk: &Chunk) -> bool {
        chunk.offset + chunk.len == self.plan.buffer_bytes
    }

    /// What a chunk of these buffers has.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let start = usize::from(chunk.buffer) * self.plan.buffer_bytes + chunk.offset;
        assert!(start + chunk.len <= self.memory.len());
        // SAFETY: `chunk()` has checked that this lies within one buffer. The kernel has written it, and writes only
        // behind it until the buffer is published again, which takes the last chunk of it.
        unsafe { std::slice::from_raw_parts(self.memory.start().add(start), chunk.len) }
    }

    /// A completion without bytes has named a buffer, which the kernel did not need. Where receives share buffers the
    /// kernel has kept it, though it may say otherwise at the end of a file (axboe/liburing#1553): publishing it again
    /// would hand it out twice.
    pub fn recycle_unused(&mut self, chunk: Chunk) {
        if !self.plan.are_shared {
            self.recycle(chunk);
        }
    }

    /// Gives back what has been looked at.
    pub fn recycle(&mut self, chunk: Chunk) {
        if chunk.is_last {
            self.used_bytes[usize::from(chunk.buffer)] = 0;
            self.publish(chunk.buffer);
        }
    }

    /// Lets the kernel have a whole buffer.
    fn publish(&mut self, buffer: u16) {
        let entries = self.ring.start().cast::<BufRingEntry>();
        let slot = usize::from(self.tail & (self.plan.buffers - 1));
        let start = usize::from(buffer) * self.plan.buffer_bytes;
        // SAFETY: both offsets lie within their pages. The kernel does not look at this entry before the tail has moved
        // past it, and the entry's fields other than the tail are ours.
        unsafe {
            let entry = &mut *entries.add(slot);
            entry.set_addr(self.memory.start().add(start) as u64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Features;
    use crate::ring::RingPlan;

    #[test]
    fn a_shared_buffer_that_brought_nothing_is_still_the_kernels() {
        // `IORING_CQE_F_BUFFER` without `IORING_CQE_F_BUF_MORE`, buffer 0.
        let flags = 1;
        let plan = RingPlan {
            submissions: 4,
            completions: 8,
            starts_disabled: false,
        };
        for are_shared in [false, true] {
            let ring = Ring::new(Features::default(), plan).unwrap();
            let buffers = BufferPlan {
                buffers: 2,
                buffer_bytes: 4096,
                are_shared,
            };
            // SAFETY: nothing is received through this ring.
            let Ok(mut provided) = (unsafe { ProvidedBuffers::new(&ring, buffers) }) else {
                assert!(
                    are_shared,
                    "every kernel that has provided buffers has the others"
                );
                return;
            };
            let published = provided.tail;
            let unused = provided.chunk(0, flags).unwrap();
            provided.recycle_unused(unused);
            let is_published_again = provided.tail != published;
            assert_eq!(is_published_again, !are_shared);
        }
    }
}
