//! The two queues that are shared with the kernel, and the one system call that moves both. Knows no operations.
//!
//! `unsafe` here: `operations.rs` upholds what `push` asks for, and owns the memory that operations point to.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};

use crate::engine::uring::features::{Features, UringFeature};

/// Operations that are handed over at once. More in one turn cost one more system call. The rings count against
/// RLIMIT_MEMLOCK, whose default has room for few. With 128, 256 and 1024 the CPU time of an answer was the same within
/// the noise, at 64 connections and at 512 (medians of six interleaved rounds: 6.4, 7.4, 6.9 and 7.7, 8.0, 7.9 µs).
const SUBMISSIONS: u32 = 128;
/// Completions that the kernel writes before it must put some aside; it keeps those as well (`FEAT_NODROP`).
const COMPLETIONS: u32 = 8 * SUBMISSIONS;

/// What one ring locks in memory, about: the two queues and the entries that are handed over, each in whole pages.
pub(crate) const LOCKED_BYTES: u64 =
    (pages(64 + COMPLETIONS * 16 + SUBMISSIONS * 4) + pages(SUBMISSIONS * 64)) as u64;

const fn pages(bytes: u32) -> u32 {
    bytes.div_ceil(4096) * 4096
}
/// The kernel takes a full queue at the first attempt unless it is out of memory.
const SUBMIT_ATTEMPTS_MAX: u32 = 8;

/// A ring that belongs to the thread that made it.
pub(crate) struct Ring {
    ring: IoUring,
    /// The ring's index on this thread, where the kernel does not need the descriptor.
    registered: Option<u32>,
    /// Passed with each wait: a shard that waits for its peers is idle, and not waiting for a disk.
    idle: EnterFlags,
}

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct RingUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}

const REGISTER_RING_FDS: libc::c_uint = 20;
const UNREGISTER_RING_FDS: libc::c_uint = 21;

impl Ring {
    pub(crate) fn new(features: Features) -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder
            .setup_cqsize(COMPLETIONS)
            .setup_clamp()
            .setup_submit_all()
            .dontfork();
        if features.has(UringFeature::SingleIssuer) {
            builder.setup_single_issuer();
        }
        if features.has(UringFeature::DeferTaskrun) {
            builder.setup_defer_taskrun();
        } else if features.has(UringFeature::CoopTaskrun) {
            builder.setup_coop_taskrun();
        }
        if features.has(UringFeature::NoSqArray) {
            builder.setup_no_sqarray();
        }
        let ring = builder.build(SUBMISSIONS)?;
        let idle = match ring.params().is_feature_no_iowait() {
            true => EnterFlags::NO_IOWAIT,
            false => EnterFlags::empty(),
        };
        let mut ring = Ring {
            ring,
            registered: None,
            idle,
        };
        if features.has(UringFeature::RegisteredRing) {
            let mut update = RingUpdate {
                offset: u32::MAX,
                reserved: 0,
                data: ring.descriptor() as u64,
            };
            ring.register(REGISTER_RING_FDS, &mut update)?;
            ring.registered = Some(update.offset);
        }
        Ok(ring)
    }

    pub(crate) fn io(&self) -> &IoUring {
        &self.ring
    }

    /// Puts an operation into the queue; a full queue is handed over first.
    ///
    /// # Safety
    /// What the operation points to stays valid until its last completion, without any conflicting access.
    pub(crate) unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        for _ in 0..SUBMIT_ATTEMPTS_MAX {
            // SAFETY: the caller's promise.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return Ok(());
            }
            self.submit()?;
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Whether operations wait to be handed over.
    pub(crate) fn has_submissions(&mut self) -> bool {
        !self.ring.submission().is_empty()
    }

    /// Hands over what was pushed, without looking at what has completed.
    pub(crate) fn submit(&mut self) -> io::Result<()> {
        self.enter(0, EnterFlags::empty(), None)
    }

    /// Hands over what was pushed, and waits for at least `want` completions, but no longer than `timeout`.
    pub(crate) fn submit_and_wait(
        &mut self,
        want: u32,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        // Always with GETEVENTS: deferred work is done only then, and completions that were put aside come back.
        self.enter(want, EnterFlags::GETEVENTS | self.idle, timeout)
    }

    /// Takes what has been completed.
    pub(crate) fn take_completions(&mut self, into: &mut Vec<cqueue::Entry>) {
        into.extend(self.ring.completion());
    }

    /// Also where the kernel has put completions aside: the next wait brings them back.
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty() || self.ring.submission().cq_overflow()
    }

    fn enter(&mut self, want: u32, flags: EnterFlags, timeout: Option<Duration>) -> io::Result<()> {
        let to_submit = self.ring.submission().len() as u32;
        let timespec = timeout.map(Timespec::from);
        let mut arguments = SubmitArgs::new();
        if let Some(timespec) = &timespec {
            arguments = arguments.timespec(timespec);
        }
        let (fd, mut flags) = match self.registered {
            Some(index) => (index as i32, flags | EnterFlags::REGISTERED_RING),
            None => (self.descriptor(), flags),
        };
        let (pointer, len) = match timeout {
            Some(_) => {
                flags |= EnterFlags::EXT_ARG;
                (
                    &raw const arguments as usize,
                    size_of::<SubmitArgs<'_, '_>>(),
                )
            }
            None => (0, 0),
        };
        // SAFETY: the ring is ours; `arguments` and what it points to live through the call. SubmitArgs is a transparent
        // `struct io_uring_getevents_arg`.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                fd,
                to_submit,
                want,
                flags.bits(),
                pointer,
                len,
            )
        };
        if entered >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // A signal, the timeout, and completions that must be taken first: the caller looks at those anyway.
            Some(libc::EINTR | libc::ETIME | libc::EBUSY | libc::EAGAIN) => Ok(()),
            _ => Err(error),
        }
    }

    fn descriptor(&self) -> i32 {
        self.ring.as_raw_fd()
    }

    fn register(&self, what: libc::c_uint, update: &mut RingUpdate) -> io::Result<()> {
        // SAFETY: both operations read and write one `struct io_uring_rsrc_update`, which `update` is.
        let registered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_register,
                self.descriptor(),
                what,
                &raw mut *update,
                1,
            )
        };
        if registered < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

impl Drop for Ring {
    /// The thread's registration would keep the ring alive.
    fn drop(&mut self) {
        if let Some(offset) = self.registered {
            let _ = self.register(
                UNREGISTER_RING_FDS,
                &mut RingUpdate {
                    offset,
                    reserved: 0,
                    data: 0,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use io_uring::opcode;

    use super::*;

    #[test]
    fn completions_that_found_no_room_are_known_of_and_come_back() {
        let mut ring = Ring::new(Features::of_this_kernel().unwrap()).unwrap();
        let operations = COMPLETIONS as usize + 1;
        for _ in 0..operations {
            // SAFETY: it points to nothing.
            unsafe { ring.push(&opcode::Nop::new().build()) }.unwrap();
        }
        ring.submit().unwrap();
        let mut completed = Vec::new();
        ring.take_completions(&mut completed);
        assert_eq!(completed.len(), COMPLETIONS as usize);
        assert!(ring.has_completions());
        ring.submit_and_wait(1, None).unwrap();
        ring.take_completions(&mut completed);
        assert_eq!(completed.len(), operations);
        assert!(!ring.has_completions());
    }
}
