//! Which parts of io_uring this kernel has, found out by trying each. Knows no connections.
//!
//! A version number would not do: distributions carry features back, and seccomp filters take them away.

use std::io;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use io_uring::IoUring;
use turbo_shard_ring::{
    Features, URING_FEATURES, UringFeature, enter_empty, explain, on_own_thread, with_patience,
};

use crate::engine::uring::completion::Completion;
use crate::engine::uring::operations::Operations;

/// What works here, found out once; an error says why the engine cannot run.
pub(crate) fn of_this_kernel() -> Result<Features, String> {
    static FOUND: OnceLock<Result<Features, String>> = OnceLock::new();
    FOUND.get_or_init(|| on_own_thread(probe)).clone()
}

/// Tries one feature after another, each on top of those that were found to work.
fn probe() -> Result<Features, String> {
    // The plainest ring there is: a kernel that refuses this refuses io_uring.
    let plain = with_patience(|| IoUring::new(4)).map_err(|error| explain(&error))?;
    enter_empty(plain.as_raw_fd()).map_err(|error| explain(&error))?;
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
