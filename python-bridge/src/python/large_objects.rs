//! Makes Python's allocator give back what it keeps of large objects. Does not know what they were for.
//!
//! On free-threaded Python each thread has a heap of its own (mimalloc). The pages of a freed object wait until no
//! thread can still be reading them. The heap finds that out when ten more have been freed, and unmaps them a while
//! later, when it is asked for memory again: a thread of a pool that has read an upload keeps it until it reads others.
//! With eight threads, uploads of 15 MB left 120 MB behind. So an idle thread asks for objects that are large enough to
//! have pages of their own, and never writes to them. 3.13 needs that; 3.14 gives back more by itself.

use std::cell::Cell;
use std::time::Duration;

use super::thread::{attached, thread_parks};

/// Objects from this size on are worth it.
const LARGE_BYTES_MIN: usize = 1024 * 1024;
/// How often an idle thread looks, and how long it waits before: longer than the allocator does.
const LOOKS: u8 = 4;
const LOOK_AFTER: Duration = Duration::from_millis(150);

thread_local! {
    /// How often this thread has still to look.
    static LOOKS_LEFT: Cell<u8> = const { Cell::new(0) };
}

/// This thread's Python code makes or gets an object of so many bytes.
#[inline]
pub(crate) fn note_object(bytes: usize) {
    if bytes >= LARGE_BYTES_MIN {
        LOOKS_LEFT.set(LOOKS);
    }
}

/// How long this thread may be idle before it calls [`give_back`], if there is anything to give back.
pub(crate) fn gives_back_after() -> Option<Duration> {
    (LOOKS_LEFT.get() > 0).then_some(LOOK_AFTER)
}

/// Gives back what this thread's heap keeps of large objects, as far as it can already. On a detached thread.
pub(crate) fn give_back() {
    LOOKS_LEFT.set(LOOKS_LEFT.get().saturating_sub(1));
    collect();
    thread_parks();
}

#[cfg(Py_GIL_DISABLED)]
fn collect() {
    use pyo3::ffi;

    /// Each has a page of its own; freeing ten of them moves the time on by which the others wait.
    const OWN_PAGE_BYTES: ffi::Py_ssize_t = 600 * 1024;
    const OWN_PAGES: usize = 11;
    /// Larger than what a heap has left, so it looks for more.
    const LARGEST_BYTES: ffi::Py_ssize_t = 17 * 1024 * 1024;
    attached(|py| {
        let sizes = std::iter::repeat_n(OWN_PAGE_BYTES, OWN_PAGES).chain([LARGEST_BYTES]);
        for bytes in sizes {
            // SAFETY: attached; a null pointer asks for bytes that are not filled, which nothing reads. Without memory
            // the result is null, with an exception.
            unsafe {
                let room = ffi::PyBytes_FromStringAndSize(std::ptr::null(), bytes);
                if room.is_null() {
                    drop(pyo3::PyErr::take(py));
                }
                ffi::Py_XDECREF(room);
            }
        }
    });
}

/// Large objects are the C library's there, and each thread has an arena of its own.
#[cfg(not(Py_GIL_DISABLED))]
fn collect() {
    #[cfg(target_env = "gnu")]
    // SAFETY: may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
