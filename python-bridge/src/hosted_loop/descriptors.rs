//! The one epoll set of a hosted loop: asyncio's descriptors, a timer and a bell, on a main thread also Python's signals. Knows nothing of Python.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

/// Furthest that the timer is set, in seconds (asyncio's own most); it is set again when it fires.
const TIMER_SECONDS_MAX: f64 = 24.0 * 3600.0;

/// An epoll set with a timer and a bell in it, and at most one more. The set polls readable while either has fired.
pub(crate) struct Descriptors {
    set: OwnedFd,
    timer: OwnedFd,
    bell: Arc<Bell>,
    /// A descriptor with another owner that wakes the loop's thread as well.
    also: OnceLock<RawFd>,
}

impl Descriptors {
    /// Makes the three of them.
    pub(crate) fn new() -> io::Result<Descriptors> {
        // SAFETY: plain system calls; each result is checked and owned before the next.
        let set = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?;
        // SAFETY: as above.
        let timer = unsafe {
            owned(libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            ))
        }?;
        let descriptors = Descriptors {
            set,
            timer,
            bell: Arc::new(Bell::new()?),
            also: OnceLock::new(),
        };
        for fd in descriptors.foreign_to_asyncio() {
            descriptors.control(libc::EPOLL_CTL_ADD, fd)?;
        }
        Ok(descriptors)
    }

    /// Watches `fd` too, which stays open for as long as this set does; once.
    pub(crate) fn watch(&self, fd: RawFd) -> io::Result<()> {
        if self.also.set(fd).is_err() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.control(libc::EPOLL_CTL_ADD, fd)
    }

    /// The set's own descriptor: the engine watches it, and asyncio's selector shares it.
    pub(crate) fn set_fd(&self) -> RawFd {
        self.set.as_raw_fd()
    }

    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Sets the timer to `when` seconds on the monotonic clock (asyncio's `loop.time()`); in the past it fires at once.
    /// An earlier firing is forgotten.
    pub(crate) fn set_timer(&self, when: f64) {
        let seconds = when.clamp(0.0, now() + TIMER_SECONDS_MAX);
        // One nanosecond late rather than early: an early turn would find nothing due. Zero would switch it off.
        let nanoseconds = (seconds * 1e9).ceil() as i64 + 1;
        self.write_timer(nanoseconds);
    }

    /// Switches the timer off, fired or not.
    pub(crate) fn clear_timer(&self) {
        self.write_timer(0);
    }

    /// Takes timer and bell out of the set: from now on it holds what belongs to asyncio only.
    pub(crate) fn leave_to_asyncio(&self) {
        for fd in self.foreign_to_asyncio() {
            if let Err(error) = self.control(libc::EPOLL_CTL_DEL, fd) {
                log::warn!("a hosted loop's descriptor could not be taken out of its set: {error}");
            }
        }
    }

    /// Undoes [`leave_to_asyncio`](Descriptors::leave_to_asyncio).
    pub(crate) fn return_to_shard(&self) {
        for fd in self.foreign_to_asyncio() {
            if let Err(error) = self.control(libc::EPOLL_CTL_ADD, fd) {
                log::error!(
                    "a hosted loop's descriptor could not be put back into its set: {error}"
                );
            }
        }
    }

    /// Whether anything in the set is ready.
    pub(crate) fn readable(&self) -> bool {
        let mut entry = libc::pollfd {
            fd: self.set_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd that outlives the call, which does not wait.
        unsafe { libc::poll(&raw mut entry, 1, 0) == 1 }
    }

    fn foreign_to_asyncio(&self) -> impl Iterator<Item = RawFd> {
        [self.timer.as_raw_fd(), self.bell.fd()]
            .into_iter()
            .chain(self.also.get().copied())
    }

    fn control(&self, operation: libc::c_int, fd: RawFd) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: fd as u64,
        };
        // SAFETY: both descriptors are open (they are owned by `self`) and `event` outlives the call.
        let result = unsafe { libc::epoll_ctl(self.set_fd(), operation, fd, &raw mut event) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    fn write_timer(&self, nanoseconds: i64) {
        let value = libc::timespec {
            tv_sec: (nanoseconds / 1_000_000_000) as libc::time_t,
            tv_nsec: (nanoseconds % 1_000_000_000) as libc::c_long,
        };
        let setting = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: value,
        };
        // SAFETY: the timer is open, `setting` outlives the call, and the old value is not asked for.
        let result = unsafe {
            libc::timerfd_settime(
                self.timer.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const setting,
                std::ptr::null_mut(),
            )
        };
        debug_assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }
}

/// Wakes a loop's thread from another one, without Python.
pub(crate) struct Bell {
    event: OwnedFd,
    /// Rings that have begun. Counted before the descriptor becomes readable, so a thread that a ring wakes knows of
    /// it, even if the ringing thread has not run on.
    begun: AtomicU64,
    /// Rings that were read off the descriptor, by the thread that is woken.
    heard: AtomicU64,
    /// The thread waits or is about to, and no `ring_if_asleep` has rung for it since.
    is_asleep: AtomicBool,
}

impl Bell {
    fn new() -> io::Result<Bell> {
        // SAFETY: a plain system call whose result is checked and owned.
        let event = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }?;
        Ok(Bell {
            event,
            begun: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            is_asleep: AtomicBool::new(true),
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Makes the descriptor readable.
    pub(crate) fn ring(&self) {
        self.begun.fetch_add(1, Ordering::Release);
        let one = 1u64.to_ne_bytes();
        // SAFETY: the descriptor is open and eight bytes are there to be read. It could only fail by being full, which
        // takes 2^64 rings.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// As [`ring`](Bell::ring), if the thread would not look by itself at what the caller has just left for it.
    pub(crate) fn ring_if_asleep(&self) {
        // Either this sees the flag, or the thread sees what was left: it sets the flag first and looks then.
        fence(Ordering::SeqCst);
        if self.is_asleep.swap(false, Ordering::Relaxed) {
            self.ring();
        }
    }

    /// The thread is about to look for the last time before it waits.
    pub(crate) fn falls_asleep(&self) {
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The thread will look again before it waits.
    pub(crate) fn wakes_up(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Makes the descriptor quiet again. Call on each turn; it costs a system call only after a ring.
    pub(crate) fn silence(&self) {
        let heard = self.heard.load(Ordering::Relaxed);
        if heard == self.begun.load(Ordering::Acquire) {
            return;
        }
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is open and does not block; eight bytes may be written to `count`.
        let read = unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
        if read == 8 {
            let heard = heard.wrapping_add(u64::from_ne_bytes(count));
            self.heard.store(heard, Ordering::Relaxed);
        }
    }
}

/// Seconds on the clock that asyncio's `loop.time()` reads.
pub(crate) fn now() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` may be written to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// # Safety
///
/// `result` is what a system call that makes a descriptor returned just now, and nothing else owns it.
unsafe fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_in_the_past_makes_the_set_readable_until_cleared() {
        let descriptors = Descriptors::new().unwrap();
        assert!(!descriptors.readable());
        descriptors.set_timer(now() - 1.0);
        while !descriptors.readable() {}
        descriptors.clear_timer();
        assert!(!descriptors.readable());
    }

    #[test]
    fn an_endless_timer_does_not_fire() {
        let descriptors = Descriptors::new().unwrap();
        descriptors.set_timer(f64::INFINITY);
        assert!(!descriptors.readable());
    }

    #[test]
    fn a_bell_rings_until_silenced() {
        let descriptors = Descriptors::new().unwrap();
        descriptors.bell().ring();
        descriptors.bell().ring();
        assert!(descriptors.readable());
        descriptors.bell().silence();
        assert!(!descriptors.readable());
    }

    #[test]
    fn one_that_may_wait_is_rung_for_once_and_one_that_will_look_is_not() {
        let descriptors = Descriptors::new().unwrap();
        let bell = descriptors.bell();
        bell.wakes_up();
        bell.ring_if_asleep();
        assert!(!descriptors.readable());
        bell.falls_asleep();
        bell.ring_if_asleep();
        bell.ring_if_asleep();
        assert!(descriptors.readable());
        assert_eq!(bell.begun.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nothing_that_is_left_for_a_sleeper_is_missed() {
        let descriptors = Descriptors::new().unwrap();
        let bell = descriptors.bell();
        let (left, items) = (AtomicU64::new(0), 20_000);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..items {
                    left.fetch_add(1, Ordering::Relaxed);
                    bell.ring_if_asleep();
                }
            });
            let mut seen = 0;
            while seen < items {
                bell.wakes_up();
                bell.silence();
                seen += left.swap(0, Ordering::Relaxed);
                bell.falls_asleep();
                if left.load(Ordering::Relaxed) == 0 && seen < items {
                    // A missing ring would make this endless.
                    while !descriptors.readable() {}
                }
            }
        });
    }

    #[test]
    fn no_ring_is_overheard_whenever_it_comes() {
        let descriptors = Descriptors::new().unwrap();
        let rings = 10_000;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..rings).for_each(|_| descriptors.bell().ring()));
            }
            while descriptors.bell().heard.load(Ordering::Relaxed) < 2 * rings {
                descriptors.bell().silence();
            }
        });
        assert!(!descriptors.readable());
    }
}
