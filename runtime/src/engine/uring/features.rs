//! Which parts of io_uring this kernel has, found out by trying each. Knows no connections.
//!
//! A version number would not do: distributions carry features back, and seccomp filters take them away.

use std::fmt;
use std::io;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use io_uring::IoUring;

use crate::engine::io_uring_probe::{enter, explain, with_patience};
use crate::engine::uring::completion::Completion;
use crate::engine::uring::operations::Operations;

/// A part of io_uring that the `uring` engine uses where the kernel has it, and does without elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UringFeature {
    /// One thread submits, which saves locks (Linux 6.0).
    SingleIssuer,
    /// Completions are made when they are asked for, never in between (Linux 6.1; needs `SingleIssuer`).
    DeferTaskrun,
    /// Completions do not interrupt the thread (Linux 5.19). Without it they do.
    CoopTaskrun,
    /// No array of indices between the queue and its entries (Linux 6.6).
    NoSqArray,
    /// The ring is entered by an index instead of a descriptor (Linux 5.18).
    RegisteredRing,
    /// One receive operation brings all that a peer sends (Linux 6.0). Without it each receive is asked for.
    MultishotReceive,
    /// Receives share a buffer, each takes what it needs (Linux 6.12). Without it each takes a whole one.
    IncrementalBuffers,
}

impl fmt::Display for UringFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UringFeature::SingleIssuer => "single issuer (6.0)",
            UringFeature::DeferTaskrun => "deferred task work (6.1)",
            UringFeature::CoopTaskrun => "cooperative task work (5.19)",
            UringFeature::NoSqArray => "no submission array (6.6)",
            UringFeature::RegisteredRing => "registered ring (5.18)",
            UringFeature::MultishotReceive => "multishot receive (6.0)",
            UringFeature::IncrementalBuffers => "incremental buffers (6.12)",
        })
    }
}

/// All of them.
pub const URING_FEATURES: [UringFeature; 7] = [
    UringFeature::SingleIssuer,
    UringFeature::DeferTaskrun,
    UringFeature::CoopTaskrun,
    UringFeature::NoSqArray,
    UringFeature::RegisteredRing,
    UringFeature::MultishotReceive,
    UringFeature::IncrementalBuffers,
];

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Features(u8);

impl Features {
    /// What works here, found out once; an error says why the engine cannot run.
    pub(crate) fn of_this_kernel() -> Result<Features, String> {
        static FOUND: OnceLock<Result<Features, String>> = OnceLock::new();
        FOUND.get_or_init(|| on_own_thread(probe)).clone()
    }

    pub(crate) fn has(self, feature: UringFeature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    pub(crate) fn with(self, feature: UringFeature) -> Features {
        Features(self.0 | 1 << feature as u8)
    }

    /// The same without some, and without what needs them.
    pub(crate) fn without(self, missing: &[UringFeature]) -> Features {
        let mut left = missing
            .iter()
            .fold(self.0, |left, feature| left & !(1 << *feature as u8));
        if left & (1 << UringFeature::SingleIssuer as u8) == 0 {
            left &= !(1 << UringFeature::DeferTaskrun as u8);
        }
        Features(left)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                URING_FEATURES
                    .into_iter()
                    .filter(|feature| self.has(*feature)),
            )
            .finish()
    }
}

/// A ring that has ended interrupts its thread's system calls for some time: each probe gets a thread of its own.
pub(crate) fn on_own_thread<T: Send>(
    probe: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, probe);
        let thread = thread.map_err(|error| format!("no thread could be started: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_panic| Err(String::from("the probe of io_uring panicked")))
    })
}

/// Tries one feature after another, each on top of those that were found to work.
fn probe() -> Result<Features, String> {
    // The plainest ring there is: a kernel that refuses this refuses io_uring.
    let plain = with_patience(|| IoUring::new(4)).map_err(|error| explain(&error))?;
    enter(plain.as_raw_fd()).map_err(|error| explain(&error))?;
    if !plain.params().is_feature_ext_arg() || !plain.params().is_feature_nodrop() {
        return Err(too_old("cannot wait with a timeout"));
    }
    drop(plain);
    with_patience(|| Operations::new(Features::default())).map_err(|error| {
        match error.raw_os_error() {
            Some(libc::ENOMEM) => explain(&error),
            _ => too_old(&format!("cannot provide buffers for receiving ({error})")),
        }
    })?;
    let mut found = Features::default();
    for feature in URING_FEATURES {
        let tried = found.with(feature);
        if works(tried, feature) {
            found = tried;
        }
    }
    Ok(found)
}

/// Whether so many shards can each have a ring at the same time: one limit covers all that a user locks.
pub(crate) fn fits(features: Features, shards: usize) -> Result<(), String> {
    on_own_thread(|| {
        let mut made = Vec::with_capacity(shards);
        for number in 1..=shards {
            let operations = with_patience(|| Operations::new(features)).map_err(|error| {
                format!(
                    "{} (ring {number} of {shards} could not be made)",
                    explain(&error)
                )
            })?;
            made.push(operations);
        }
        Ok(())
    })
}

fn too_old(lack: &str) -> String {
    format!("this kernel's io_uring {lack}; Linux 5.19 or newer is needed")
}

fn works(tried: Features, feature: UringFeature) -> bool {
    if feature == UringFeature::DeferTaskrun && !tried.has(UringFeature::SingleIssuer) {
        return false;
    }
    match feature {
        UringFeature::MultishotReceive | UringFeature::IncrementalBuffers => {
            receives_twice(tried).unwrap_or(false)
        }
        _ => with_patience(|| Operations::new(tried)).is_ok(),
    }
}

/// Whether two pieces of input arrive through one receive operation, if that is what was asked for.
fn receives_twice(features: Features) -> io::Result<bool> {
    let mut operations = with_patience(|| Operations::new(features))?;
    let (mut peer, ours) = UnixStream::pair()?;
    operations.receive(ours.as_raw_fd(), 0)?;
    for piece in [b"one", b"two"] {
        peer.write_all(piece)?;
        operations.enter(true, Some(Duration::from_secs(1)))?;
        let Some(Completion::Received {
            result: Ok(Some(chunk)),
            more,
            ..
        }) = operations.next_completion()
        else {
            return Ok(false);
        };
        let is_right = operations.bytes(&chunk) == piece;
        operations.recycle(chunk);
        if !is_right {
            return Ok(false);
        }
        if !more {
            if features.has(UringFeature::MultishotReceive) {
                return Ok(false);
            }
            operations.receive(ours.as_raw_fd(), 0)?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deferred_work_needs_a_single_issuer() {
        let all = URING_FEATURES
            .into_iter()
            .fold(Features::default(), Features::with);
        assert!(all.has(UringFeature::DeferTaskrun));
        let left = all.without(&[UringFeature::SingleIssuer]);
        assert!(!left.has(UringFeature::DeferTaskrun));
        assert!(left.has(UringFeature::CoopTaskrun));
    }

    #[test]
    fn every_feature_has_a_bit_of_its_own() {
        for feature in URING_FEATURES {
            let set = Features::default().with(feature);
            assert_eq!(
                URING_FEATURES.iter().filter(|one| set.has(**one)).count(),
                1
            );
        }
    }
}
