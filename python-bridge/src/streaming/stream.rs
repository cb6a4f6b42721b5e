//! Answers that come in pieces: pulls an iterator, chunk by chunk, as fast as the peer reads.
//! Knows nothing of routes; its only view of the connection is the `HttpReply`.
//!
//! Where the pulling happens: an async iterator is a task on the loop (the shard's own, or an asyncio thread's); a sync
//! one is pulled between two turns of that loop, a few chunks at a time, so that other connections get their turns; one
//! that a blocking handler returned is pulled on its pool thread, which may wait.

use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};
use turbo_shard_runtime::{HttpReply, ReplyListener};

use super::async_pull;
use super::sync_pull::{self, SyncPull};
use super::table::StreamTable;
use crate::hosted_loop::{AppLoop, Coroutines, Job, WorkId};
use crate::python::clean_context::{copied_context, in_context};
use crate::python::errors::log_exception;
use crate::python::thread::{self, Owned};

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
        begin_on_loop(&iterator, source.is_async, handle, coroutines);
    }
}

/// Begins to pull on the thread of a loop, which may be this one.
fn begin_on_loop(
    iterator: &Bound<'_, PyAny>,
    is_async: bool,
    handle: HttpReply,
    coroutines: &Coroutines,
) {
    let py = iterator.py();
    let app_loop = match coroutines.choose(py) {
        Ok(app_loop) => app_loop,
        Err(error) => {
            log_exception(py, &error, "a streamed answer has no loop");
            handle.fail();
            return;
        }
    };
    let context = match copied_context(py) {
        Ok(context) => context,
        Err(error) => {
            log_exception(py, &error, "a streamed answer has no context");
            handle.fail();
            return;
        }
    };
    app_loop.note_begin();
    if app_loop.is_here() {
        begin(py, &app_loop, iterator, is_async, handle, context);
        app_loop.ring_for_share();
        return;
    }
    let there = Arc::downgrade(&app_loop);
    let (iterator, context) = (Owned::new(iterator.clone().unbind()), Owned::new(context));
    app_loop.post(Job::Call(Box::new(move |py| {
        if let Some(app_loop) = there.upgrade() {
            let context = context.clone_ref(py);
            begin(py, &app_loop, iterator.bind(py), is_async, handle, context);
        }
    })));
}

/// Begins to pull `iterator` in `context`, the head being sent already. For the loop's own thread.
fn begin(
    py: Python<'_>,
    app_loop: &Arc<AppLoop>,
    iterator: &Bound<'_, PyAny>,
    is_async: bool,
    handle: HttpReply,
    context: Py<PyAny>,
) {
    let streams = StreamTable::of(app_loop);
    let id = streams.next_id();
    handle.listen(Arc::new(Listener {
        app_loop: Arc::clone(app_loop),
        id,
    }));
    if is_async {
        streams.add_async(id);
        // Its task copies the context that it starts in.
        let begun = in_context(py, &context, || {
            async_pull::begin(py, app_loop, id, iterator, handle);
            Ok(())
        });
        if let Err(error) = begun {
            log_exception(py, &error, "a streamed answer could not begin");
            streams.end_async(id);
            app_loop.note_end();
        }
        return;
    }
    match SyncPull::new(iterator) {
        Ok(pull) => streams.add_sync(app_loop, id, pull.with(handle).within(context)),
        Err(error) => {
            log_exception(py, &error, "a streamed answer has no iterator");
            handle.fail();
            app_loop.note_end();
        }
    }
}

/// Carries the connection's news over to the loop's thread. Holds nothing of Python, so it may be dropped anywhere.
struct Listener {
    app_loop: Arc<AppLoop>,
    id: WorkId,
}

impl ReplyListener for Listener {
    fn room(&self) {
        self.app_loop.post(Job::Room(self.id));
    }

    fn peer_left(&self) {
        self.app_loop.post_late(Job::PeerLeft(self.id));
    }
}
