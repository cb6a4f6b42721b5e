//! Answers that come in pieces: pulls an iterator, chunk by chunk, as fast as the peer reads.
//! Knows nothing of routes; its only view of the connection is the reply handle.
//!
//! Where the pulling happens: an async iterator is a task on the loop (the shard's own, or an asyncio thread's); a sync
//! one is pulled between two turns of that loop, a few chunks at a time, so that other connections get their turns; one
//! that a blocking handler returned is pulled on its pool thread, which may wait.

use pyo3::prelude::*;
use turbo_shard_runtime::HttpReply;
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};

use super::sync_pull;
use crate::hosted_loop::Coroutines;
use crate::python::thread;

/// Where the pieces come from.
pub(crate) struct StreamSource {
    /// An iterable, or an async iterable, of `str` or of `bytes`, `bytearray` or `memoryview`.
    pub(crate) iterator: Py<PyAny>,
    /// Whether it must be awaited.
    pub(crate) is_async: bool,
}

/// Sends the head, then each piece while there is room. An exception midway is logged and cuts the connection; a peer
/// that leaves closes the iterator.
pub(crate) fn stream(
    py: Python<'_>,
    source: StreamSource,
    status: u16,
    lines: HeaderLines,
    handle: HttpReply,
    coroutines: &Coroutines,
) {
    let length = lines
        .content_length()
        .map_or(BodyLength::Unknown, BodyLength::Known);
    handle.start(status, lines, length);
    let iterator = source.iterator.into_bound(py);
    if !source.is_async && thread::thread_may_block() {
        sync_pull::pull_waiting(&iterator, handle);
    } else {
        coroutines.begin_stream(&iterator, source.is_async, handle);
    }
}
