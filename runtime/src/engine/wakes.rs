//! Which connections get a turn: wakers that the connections of a shard hand out, called on its thread or on others.
//! Knows neither operations nor connections, only their numbers.

use std::cell::RefCell;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Poll, Wake, Waker};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// The wakes of one shard's thread.
pub(crate) struct Wakes {
    shared: Arc<Shared>,
    /// Each waker is in there at most once, so the number of wakers bounds it.
    from_elsewhere: Receiver<u32>,
}

struct Shared {
    sender: Sender<u32>,
    /// The thread waits in the kernel or is about to: it must be rung.
    is_asleep: AtomicBool,
    /// An eventfd.
    bell: File,
}

/// What a [`Waker`] leads to.
pub(crate) struct WakeTarget {
    shared: Arc<Shared>,
    number: u32,
    is_queued: AtomicBool,
}

thread_local! {
    /// The numbers that this thread has woken for itself.
    static OWN: RefCell<Own> = const { RefCell::new(Own::of(0)) };
}

struct Own {
    /// The address of the [`Shared`] that this thread serves; 0 for none.
    of: usize,
    woken: Vec<u32>,
    /// The task that collects the wakes, where an executor's others run between two of its turns.
    collector: Option<Waker>,
}

impl Own {
    const fn of(shared: usize) -> Own {
        Own {
            of: shared,
            woken: Vec::new(),
            collector: None,
        }
    }
}

impl Wakes {
    /// Makes the wakes of the calling thread.
    pub(crate) fn new() -> io::Result<Wakes> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nothing else has it.
        let bell = unsafe { File::from_raw_fd(fd) };
        let (sender, from_elsewhere) = unbounded();
        let shared = Arc::new(Shared {
            sender,
            is_asleep: AtomicBool::new(false),
            bell,
        });
        OWN.with_borrow_mut(|own| *own = Own::of(Arc::as_ptr(&shared) as usize));
        Ok(Wakes {
            shared,
            from_elsewhere,
        })
    }

    /// A target whose wakes [`collect`](Wakes::collect) reports by this number.
    pub(crate) fn target(&self, number: u32) -> Arc<WakeTarget> {
        Arc::new(WakeTarget {
            shared: Arc::clone(&self.shared),
            number,
            is_queued: AtomicBool::new(false),
        })
    }

    /// Takes the numbers that were woken. A number's connection may be gone, and another may have it now.
    pub(crate) fn collect(&self, into: &mut Vec<u32>) {
        OWN.with_borrow_mut(|own| into.append(&mut own.woken));
        into.extend(self.from_elsewhere.try_iter());
    }

    /// Polls readable when [`goes_to_sleep`](Wakes::goes_to_sleep) is followed by a wake from elsewhere. It need not be
    /// read: each ring is an event for an edge-triggered poll.
    pub(crate) fn bell(&self) -> RawFd {
        self.shared.bell.as_raw_fd()
    }

    /// Returns when the thread has woken a target itself. Of several callers only one is told; there should be one.
    pub(crate) async fn own(&self) {
        let _end = Collecting;
        poll_fn(|cx| {
            OWN.with_borrow_mut(|own| {
                if !own.woken.is_empty() {
                    return Poll::Ready(());
                }
                own.collector = Some(cx.waker().clone());
                Poll::Pending
            })
        })
        .await;
    }

    /// Announces a wait. Returns false if a target was woken meanwhile; then there is nothing to wait for.
    pub(crate) fn goes_to_sleep(&self) -> bool {
        self.shared.is_asleep.store(true, Ordering::SeqCst);
        // Pairs with the fence in `wake`: either it sees that we sleep, or we see its number.
        fence(Ordering::SeqCst);
        let is_quiet =
            self.from_elsewhere.is_empty() && OWN.with_borrow(|own| own.woken.is_empty());
        if !is_quiet {
            self.wakes_up();
        }
        is_quiet
    }

    pub(crate) fn wakes_up(&self) {
        self.shared.is_asleep.store(false, Ordering::Relaxed);
    }
}

/// A task that has stopped waiting for wakes collects them anyway, and need not be woken.
struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        let _ = OWN.try_with(|own| own.borrow_mut().collector = None);
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        let ours = Arc::as_ptr(&self.shared) as usize;
        OWN.with_borrow_mut(|own| {
            if own.of == ours {
                *own = Own::of(0);
            }
        });
    }
}

impl WakeTarget {
    /// Call before a turn: a wake from now on is another one. What was written before a wake is visible afterwards.
    pub(crate) fn begins_turn(&self) {
        // The swap reads what a wake that came too late to queue has released; a plain store would not.
        self.is_queued.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// A turn of its own accord, after the others had theirs.
    pub(crate) fn wake_by_ref(&self) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let here = &raw const *self.shared as usize;
        // A destructor of the thread may wake after the thread's own list is gone; then nothing collects wakes.
        let collector = OWN.try_with(|own| {
            let mut own = own.borrow_mut();
            (own.of == here).then(|| {
                own.woken.push(self.number);
                own.collector.take()
            })
        });
        if let Ok(Some(collector)) = collector {
            if let Some(collector) = collector {
                collector.wake();
            }
            return;
        }
        if self.shared.sender.send(self.number).is_err() {
            return; // the shard is gone
        }
        fence(Ordering::SeqCst);
        if self.shared.is_asleep.swap(false, Ordering::SeqCst) {
            // It can only fail when the counter is full, which needs 2^64 rings.
            let _ = (&self.shared.bell).write_all(&1_u64.to_ne_bytes());
        }
    }
}

impl Wake for WakeTarget {
    fn wake(self: Arc<Self>) {
        WakeTarget::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        WakeTarget::wake_by_ref(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Context;

    fn collected(wakes: &Wakes) -> Vec<u32> {
        let mut woken = Vec::new();
        wakes.collect(&mut woken);
        woken
    }

    #[test]
    fn who_is_woken_twice_before_a_turn_has_one() {
        let wakes = Wakes::new().unwrap();
        let target = wakes.target(7);
        target.waker().wake();
        target.waker().wake_by_ref();
        assert!(!wakes.goes_to_sleep());
        assert_eq!(collected(&wakes), [7]);
        target.begins_turn();
        target.waker().wake();
        assert_eq!(collected(&wakes), [7]);
    }

    #[test]
    fn a_wake_from_another_thread_rings_who_sleeps_and_nobody_else() {
        let wakes = Wakes::new().unwrap();
        let rings = || {
            let mut count = [0; 8];
            drop(std::io::Read::read(&mut &wakes.shared.bell, &mut count));
            u64::from_ne_bytes(count)
        };
        let (first, second) = (wakes.target(1), wakes.target(2));
        std::thread::spawn(move || first.waker().wake())
            .join()
            .unwrap();
        assert_eq!(rings(), 0);
        assert!(!wakes.goes_to_sleep(), "a number waits");
        assert_eq!(collected(&wakes), [1]);
        assert!(wakes.goes_to_sleep());
        std::thread::spawn(move || second.waker().wake())
            .join()
            .unwrap();
        assert_eq!(rings(), 1);
        assert_eq!(collected(&wakes), [2]);
    }

    #[test]
    fn the_task_that_collects_is_woken_while_it_waits_and_not_otherwise() {
        struct Collector(AtomicBool);
        impl Wake for Collector {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let collector = Arc::new(Collector(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&collector));
        let wakes = Wakes::new().unwrap();
        let mut own = Box::pin(wakes.own());
        let mut poll = || own.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        wakes.target(7).wake_by_ref();
        assert!(collector.0.swap(false, Ordering::Relaxed));
        assert!(poll().is_ready());
        assert_eq!(collected(&wakes), [7]);

        let mut given_up = Box::pin(wakes.own());
        let poll = given_up.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        drop(given_up);
        wakes.target(8).wake_by_ref();
        assert!(!collector.0.load(Ordering::Relaxed));
    }

    #[test]
    fn a_waker_outlives_its_shard() {
        let wakes = Wakes::new().unwrap();
        let target = wakes.target(1);
        drop(wakes);
        target.waker().wake();
    }
}
