//! Answers 503 to a request for which the blocking pool has no room. Knows nothing of Python.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use turbo_shard_runtime::HttpReply;
use turbo_shard_runtime::protocol::HeaderLines;

use super::lines::{Lines, lines_of};
use crate::python::slow_calls::coarse_ms;

const UNAVAILABLE_BODY: &[u8] = br#"{"detail":"Service Unavailable"}"#;

/// The queue is full. `what` names the request, for the log.
#[cold]
pub(crate) fn refuse(handle: HttpReply, what: &dyn Display) {
    log_refused(what);
    let mut lines: HeaderLines = lines_of(Lines::Json);
    lines
        .push(b"retry-after", b"1")
        .expect("our own header is valid");
    handle.refuse(503, lines, UNAVAILABLE_BODY.to_vec());
}

/// One line per second at most: there may be thousands of refusals.
fn log_refused(what: &dyn Display) {
    static LAST_S: AtomicU64 = AtomicU64::new(0);
    static REFUSED: AtomicU64 = AtomicU64::new(0);
    REFUSED.fetch_add(1, Ordering::Relaxed);
    let now_s = coarse_ms() / 1000 + 1;
    if LAST_S.swap(now_s, Ordering::Relaxed) != now_s {
        let refused = REFUSED.swap(0, Ordering::Relaxed);
        log::warn!(
            "{what} answered 503: the blocking pool's queue is full ({refused} refused since last said)"
        );
    }
}
