//! The streams of one loop: which of them wait for room, which may go on. Used on the loop's thread.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;
use turbo_shard_runtime::{HttpReply, ReplyListener};

use super::async_pull::{self, AsyncPull};
use super::sync_pull::{Pulled, SyncPull};
use crate::hosted_loop::{CoroutineHost, Job};
use crate::python::clean_context::in_context;
use crate::python::errors::log_exception;

/// Names a stream for its loop's whole life: never used again, so a late message never finds a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u64);

enum Stream {
    Async(AsyncPull),
    /// `None` while it is being pulled.
    Sync {
        pull: Option<SyncPull>,
        waiting: bool,
    },
}

/// All streams of a loop. The locks are there for the compiler: only the loop's thread comes here.
#[derive(Default)]
pub(crate) struct StreamTable {
    next_id: AtomicU64,
    streams: Mutex<HashMap<StreamId, Stream>>,
    ready: Mutex<VecDeque<StreamId>>,
    ready_count: AtomicUsize,
}

impl StreamTable {
    /// Begins to pull `iterator` in `context`, the head being sent already.
    pub(crate) fn begin(
        &self,
        py: Python<'_>,
        host: &Arc<CoroutineHost>,
        iterator: &Bound<'_, PyAny>,
        is_async: bool,
        handle: HttpReply,
        context: Py<PyAny>,
    ) {
        let id = StreamId(self.next_id.fetch_add(1, Ordering::Relaxed));
        handle.listen(Arc::new(Listener {
            host: Arc::clone(host),
            id,
        }));
        if is_async {
            self.streams()
                .insert(id, Stream::Async(AsyncPull::default()));
            // Its task copies the context that it starts in.
            let begun = in_context(py, &context, || {
                async_pull::begin(py, host, id, iterator, handle);
                Ok(())
            });
            if let Err(error) = begun {
                log_exception(py, &error, "a streamed answer could not begin");
                self.end_async(id);
                host.stream_ended();
            }
            return;
        }
        match SyncPull::new(iterator) {
            Ok(pull) => {
                self.streams().insert(
                    id,
                    Stream::Sync {
                        pull: Some(pull.with(handle).within(context)),
                        waiting: false,
                    },
                );
                self.push_ready(id);
            }
            Err(error) => {
                log_exception(py, &error, "a streamed answer has no iterator");
                handle.fail();
                host.stream_ended();
            }
        }
    }

    /// Whether any sync stream may go on.
    pub(crate) fn has_ready(&self) -> bool {
        self.ready_count.load(Ordering::Relaxed) > 0
    }

    /// Gives each stream that may go on its share of this turn.
    pub(crate) fn pull_ready(&self, py: Python<'_>, host: &Arc<CoroutineHost>) {
        // Those that become ready again meanwhile wait for the next turn.
        for _ in 0..self.ready_count.load(Ordering::Relaxed) {
            let Some(id) = self.pop_ready() else { return };
            let taken = match self.streams().get_mut(&id) {
                Some(Stream::Sync { pull, .. }) => pull.take(),
                _ => None,
            };
            let Some(mut taken) = taken else { continue };
            let pulled = match host.known_loop() {
                // As on a shard, where no loop runs now, the iterator sees no running loop.
                Some(asyncio) => asyncio.as_running(py, false, || taken.pull(py)),
                None => taken.pull(py),
            };
            match pulled {
                Ok(Pulled::Ended) | Err(_) => {
                    self.streams().remove(&id);
                    taken.close(py);
                    host.stream_ended();
                }
                Ok(pulled) => {
                    if let Some(Stream::Sync { pull, waiting }) = self.streams().get_mut(&id) {
                        *pull = Some(taken);
                        *waiting = pulled == Pulled::WaitsForRoom;
                    }
                    if pulled == Pulled::MayGoOn {
                        self.push_ready(id);
                    }
                }
            }
        }
    }

    /// The peer has read; may come when it is not needed.
    pub(crate) fn room(&self, py: Python<'_>, id: StreamId) {
        let waiter = match self.streams().get_mut(&id) {
            Some(Stream::Sync { waiting, .. }) if *waiting => {
                *waiting = false;
                None
            }
            Some(Stream::Async(pull)) => match pull.waiter.take() {
                Some(waiter) => Some(waiter),
                None => return,
            },
            _ => return,
        };
        match waiter {
            Some(waiter) => async_pull::resolve(waiter.bind(py)),
            None => self.push_ready(id),
        }
    }

    /// The peer has gone: the iterator is closed, whatever it is doing.
    pub(crate) fn peer_left(&self, py: Python<'_>, host: &CoroutineHost, id: StreamId) {
        let mut streams = self.streams();
        match streams.get_mut(&id) {
            Some(Stream::Async(pull)) => {
                let task = pull.leave();
                drop(streams);
                if let Some(task) = task {
                    async_pull::cancel(task.bind(py));
                }
            }
            Some(Stream::Sync { .. }) => {
                let gone = streams.remove(&id);
                drop(streams);
                if let Some(Stream::Sync {
                    pull: Some(pull), ..
                }) = gone
                {
                    pull.close(py);
                }
                host.stream_ended();
            }
            None => {}
        }
    }

    /// Changes an async stream, if it still runs.
    pub(super) fn with_async<R>(
        &self,
        id: StreamId,
        change: impl FnOnce(&mut AsyncPull) -> R,
    ) -> Option<R> {
        match self.streams().get_mut(&id) {
            Some(Stream::Async(pull)) => Some(change(pull)),
            _ => None,
        }
    }

    /// Forgets an async stream; returns whether its peer has left.
    pub(super) fn end_async(&self, id: StreamId) -> bool {
        let ended = self.streams().remove(&id);
        matches!(ended, Some(Stream::Async(pull)) if pull.is_leaving())
    }

    /// Closes what the end of the loop has left.
    pub(crate) fn close_all(&self, py: Python<'_>) {
        let left: Vec<Stream> = self.streams().drain().map(|(_, stream)| stream).collect();
        for stream in left {
            if let Stream::Sync {
                pull: Some(pull), ..
            } = stream
            {
                pull.close(py);
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamId, Stream>> {
        // Never held while Python runs.
        self.streams.lock()
    }

    fn push_ready(&self, id: StreamId) {
        self.ready.lock().push_back(id);
        self.ready_count.fetch_add(1, Ordering::Relaxed);
    }

    fn pop_ready(&self) -> Option<StreamId> {
        let id = self.ready.lock().pop_front()?;
        self.ready_count.fetch_sub(1, Ordering::Relaxed);
        Some(id)
    }
}

/// Carries the connection's news over to the loop's thread. Holds nothing of Python, so it may be dropped anywhere.
struct Listener {
    host: Arc<CoroutineHost>,
    id: StreamId,
}

impl ReplyListener for Listener {
    fn room(&self) {
        self.host.post(Job::Room(self.id));
    }

    fn peer_left(&self) {
        self.host.post_late(Job::PeerLeft(self.id));
    }
}
