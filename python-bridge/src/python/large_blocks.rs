//! The allocator of our own code: large blocks come from the kernel and go back to it at once; everything else is the
//! system's. Does not know what is in them.
//!
//! glibc learns from the first large block that is freed to keep the next ones: up to 64 MiB of each thread's arena stayed
//! after uploads. Here a body of 15 MB is gone when it is dropped, and a buffer that grows is moved by its page tables
//! (`mremap`) instead of being copied.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// From this size on a block is a mapping of its own: a system call and the pages' first touch cost less than what is done
/// with so many bytes. Below it, buffers come and go often.
const LARGE_BYTES_MIN: usize = 512 * 1024;
/// No page is smaller, so every mapping has at least this alignment.
const PAGE_BYTES: usize = 4096;

pub(crate) struct LargeBlocks;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES_MIN && layout.align() <= PAGE_BYTES
}

// SAFETY: a large block is a private anonymous mapping of at least `size` bytes, which is aligned to a page and belongs to
// the caller until it is unmapped; any other is the system allocator's. Which of both a block is follows from its layout,
// which the caller hands back unchanged.
unsafe impl GlobalAlloc for LargeBlocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: the caller's promises are the system allocator's conditions.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            // Fresh pages are zero.
            true => map(layout.size()),
            // SAFETY: as in `alloc`.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match is_large(layout) {
            // SAFETY: `alloc` or `realloc` has mapped this block with this size, and nothing uses it any more.
            true => unsafe { _ = libc::munmap(block.cast(), layout.size()) },
            // SAFETY: the block came from the system allocator with this layout.
            false => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size` is not zero and does not overflow when rounded up to the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_large(layout), is_large(wanted)) {
            // SAFETY: the block came from the system allocator with this layout.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            // SAFETY: the block is a mapping of this size, and it is the caller's to move.
            (true, true) => unsafe {
                let moved = libc::mremap(block.cast(), layout.size(), size, libc::MREMAP_MAYMOVE);
                match moved == libc::MAP_FAILED {
                    true => ptr::null_mut(),
                    false => moved.cast(),
                }
            },
            // SAFETY: both blocks are as long as what is copied; the old one is given up once the new one has it.
            _ => unsafe {
                let fresh = self.alloc(wanted);
                if !fresh.is_null() {
                    ptr::copy_nonoverlapping(block, fresh, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                fresh
            },
        }
    }
}

/// Null when there is no memory.
fn map(size: usize) -> *mut u8 {
    // SAFETY: a fresh private mapping touches nothing that exists.
    let mapped = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    match mapped == libc::MAP_FAILED {
        true => ptr::null_mut(),
        false => mapped.cast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resident pages of this process.
    fn resident_bytes() -> usize {
        let numbers = std::fs::read_to_string("/proc/self/statm").unwrap();
        numbers.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * PAGE_BYTES
    }

    #[test]
    fn a_block_keeps_its_bytes_across_every_kind_of_growth() {
        let sizes = [
            1,
            100,
            LARGE_BYTES_MIN - 1,
            LARGE_BYTES_MIN,
            3 * LARGE_BYTES_MIN + 1,
        ];
        for from in sizes {
            for to in sizes {
                let layout = Layout::from_size_align(from, 8).unwrap();
                // SAFETY: the layouts are those that the blocks were made with, and only their own bytes are touched.
                unsafe {
                    let block = LargeBlocks.alloc(layout);
                    for index in 0..from {
                        block.add(index).write(index as u8);
                    }
                    let block = LargeBlocks.realloc(block, layout, to);
                    for index in 0..from.min(to) {
                        assert_eq!(block.add(index).read(), index as u8, "{from} to {to}");
                    }
                    LargeBlocks.dealloc(block, Layout::from_size_align(to, 8).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        const BYTES: usize = 64 * 1024 * 1024;
        let before = resident_bytes();
        for _ in 0..4 {
            let mut grown: Vec<u8> = Vec::new();
            grown.resize(BYTES / 2, 1);
            grown.resize(BYTES, 1);
            assert!(resident_bytes() > before + BYTES / 2);
            drop(grown);
            assert!(resident_bytes() < before + BYTES / 4);
        }
    }
}
