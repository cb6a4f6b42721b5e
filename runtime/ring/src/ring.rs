//! The two queues that are shared with the kernel, and the one system call that moves both. Knows no operations.
//!
//! `unsafe` here: who pushes an operation upholds what `push` asks for, and owns the memory that the operation points to.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};

use crate::features::{Features, UringFeature};

/// The kernel takes a full queue at the first attempt unless it is out of memory.
const SUBMIT_ATTEMPTS_MAX: u32 = 8;

/// How large a ring is, and when it begins.
#[derive(Clone, Copy, Debug)]
pub struct RingPlan {
    /// Operations that are handed over at once.
    pub submissions: u32,
    /// Completions that the kernel writes before it must put some aside; it keeps those as well (`FEAT_NODROP`).
    pub completions: u32,
    /// The ring does nothing before [`Ring::enable`], whose thread it then belongs to.
    pub starts_disabled: bool,
}

impl RingPlan {
    /// What such a ring locks in memory, about: the two queues and the entries that are handed over, each in whole pages.
    pub const fn locked_bytes(self) -> u64 {
        let queues = 64 + self.completions * 16 + self.submissions * 4;
        (pages(queues) + pages(self.submissions * 64)) as u64
    }
}

const fn pages(bytes: u32) -> u32 {
    bytes.div_ceil(4096) * 4096
}

/// A ring that belongs to one thread.
pub struct Ring {
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
    /// A ring of the calling thread, unless it starts disabled.
    pub fn new(features: Features, plan: RingPlan) -> io::Result<Ring> {
        let mut builder = IoUring::builder();
        builder
            .setup_cqsize(plan.completions)
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
        if plan.starts_disabled {
            builder.setup_r_disabled();
        }
        let ring = builder.build(plan.submissions)?;
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

    /// Gives a ring that started disabled to the calling thread.
    pub fn enable(&self) -> io::Result<()> {
        self.ring.submitter().register_enable_rings()
    }

    /// Lets operations name files by their place in this list, which the kernel then need not look up each time.
    pub fn register_files(&self, files: &[RawFd]) -> io::Result<()> {
        self.ring.submitter().register_files(files)
    }

    /// Tells the kernel of memory to receive into; `address` is that of a ring of as many entries.
    ///
    /// # Safety
    /// The ring of entries, and what they point to, stay valid for as long as the kernel may receive through this ring.
    pub(crate) unsafe fn register_buffers(
        &self,
        address: u64,
        entries: u16,
        group: u16,
        flags: u16,
    ) -> io::Result<()> {
        let submitter = self.ring.submitter();
        // SAFETY: the caller's promise.
        unsafe { submitter.register_buf_ring_with_flags(address, entries, group, flags) }
    }

    /// Puts an operation into the queue; a full queue is handed over first.
    ///
    /// # Safety
    /// What the operation points to stays valid until its last completion, without any conflicting access.
    pub unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
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
    pub fn has_submissions(&mut self) -> bool {
        !self.ring.submission().is_empty()
    }

    /// Hands over what was pushed, without looking at what has completed.
    pub fn submit(&mut self) -> io::Result<()> {
        self.enter(0, EnterFlags::empty(), None)
    }

    /// Hands over what was pushed, and waits for at least `want` completions, but no longer than `timeout`.
    pub fn submit_and_wait(&mut self, want: u32, timeout: Option<Duration>) -> io::Result<()> {
        // Always with GETEVENTS: deferred work is done only then, and completions that were put aside come back.
        self.enter(want, EnterFlags::GETEVENTS | self.idle, timeout)
    }

    /// Takes what has been completed.
    pub fn take_completions(&mut self, into: &mut Vec<cqueue::Entry>) {
        into.extend(self.ring.completion());
    }

    /// Also where the kernel has put completions aside: the next wait brings them back.
    pub fn has_completions(&mut self) -> bool {
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
    use crate::features::URING_FEATURES;

    const PLAN: RingPlan = RingPlan {
        submissions: 4,
        completions: 16,
        starts_disabled: false,
    };

    /// With all that this kernel lets a ring have.
    fn ring() -> Ring {
        let features = URING_FEATURES
            .into_iter()
            .fold(Features::default(), |found, feature| {
                let tried = found.with(feature);
                Ring::new(tried, PLAN).map_or(found, |_| tried)
            });
        Ring::new(features, PLAN).unwrap()
    }

    #[test]
    fn completions_that_found_no_room_are_known_of_and_come_back() {
        let mut ring = ring();
        let operations = PLAN.completions as usize + 1;
        for _ in 0..operations {
            // SAFETY: it points to nothing.
            unsafe { ring.push(&opcode::Nop::new().build()) }.unwrap();
        }
        ring.submit().unwrap();
        let mut completed = Vec::new();
        ring.take_completions(&mut completed);
        assert_eq!(completed.len(), PLAN.completions as usize);
        assert!(ring.has_completions());
        ring.submit_and_wait(1, None).unwrap();
        ring.take_completions(&mut completed);
        assert_eq!(completed.len(), operations);
        assert!(!ring.has_completions());
    }
}
