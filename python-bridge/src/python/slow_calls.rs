//! Notices handlers that hold their shard for long, and says so once per route. Knows nothing of Python.
//!
//! A route's first slow call on a shard does not count: imports or connections on first use make it slow once, and
//! there is nothing to mend.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Display;
use std::sync::LazyLock;

use parking_lot::Mutex;
use turbo_shard_runtime::STALL_MS_MIN;

/// The time in milliseconds, as exact as the kernel's tick (1 to 4 ms), for a few nanoseconds.
#[inline]
pub(crate) fn coarse_ms() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `now` only. It cannot fail for a clock that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Call when the handler has returned.
#[inline]
pub(crate) fn watch(label: &str, began_ms: u64, advice: &str) {
    let held_ms = coarse_ms().saturating_sub(began_ms);
    if held_ms >= STALL_MS_MIN {
        report(label, &format!("handler {label}"), held_ms, advice);
    }
}

/// As [`watch`], for an app whose routes only the app knows: said once for the app, with the request's name.
#[inline]
pub(crate) fn watch_app(app: &str, request: &dyn Display, began_ms: u64, advice: &str) {
    let held_ms = coarse_ms().saturating_sub(began_ms);
    if held_ms >= STALL_MS_MIN {
        // Peers choose the paths: they must not make the set of reported routes grow.
        report(app, &format!("{app} ({request})"), held_ms, advice);
    }
}

#[cold]
fn report(key: &str, label: &str, held_ms: u64, advice: &str) {
    thread_local! {
        /// Routes that were slow on this thread once: at most all of them.
        static FORGIVEN: RefCell<HashSet<String>> = RefCell::default();
    }
    // Only slow calls come here, so a lock that all shards share does no harm.
    static REPORTED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    if FORGIVEN.with_borrow_mut(|forgiven| forgiven.insert(key.to_owned())) {
        log::debug!("{label} held its shard for {held_ms} ms, the first time that it was slow");
        return;
    }
    let is_new = REPORTED.lock().insert(key.to_owned());
    if is_new {
        log::warn!(
            "{label} held its shard for {held_ms} ms, with all its connections waiting; {advice}"
        );
    }
}
