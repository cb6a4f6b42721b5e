//! The streams of one loop: which of them wait for room, which may go on. Used on the loop's thread.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use pyo3::prelude::*;

use super::async_task::{self, AsyncPull};
use super::sync_pull::{Pulled, SyncPull};
use crate::hosted_loop::{AppLoop, TurnWork, WorkId};

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
pub(super) struct StreamTable {
    next_id: AtomicU64,
    streams: Mutex<HashMap<WorkId, Stream>>,
    ready: Mutex<VecDeque<WorkId>>,
}

impl StreamTable {
    /// Those of this app loop.
    pub(super) fn of(app_loop: &AppLoop) -> &StreamTable {
        app_loop.turn_work()
    }

    /// A name for a stream that begins.
    pub(super) fn next_id(&self) -> WorkId {
        WorkId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// A task of its own will pull this one.
    pub(super) fn add_async(&self, id: WorkId) {
        self.streams()
            .insert(id, Stream::Async(AsyncPull::default()));
    }

    /// This one is pulled from the next turn on.
    pub(super) fn add_sync(&self, app_loop: &AppLoop, id: WorkId, pull: SyncPull) {
        let stream = Stream::Sync {
            pull: Some(pull),
            waiting: false,
        };
        self.streams().insert(id, stream);
        self.push_ready(app_loop, id);
    }

    /// Changes an async stream, if it still runs.
    pub(super) fn with_async<R>(
        &self,
        id: WorkId,
        change: impl FnOnce(&mut AsyncPull) -> R,
    ) -> Option<R> {
        match self.streams().get_mut(&id) {
            Some(Stream::Async(pull)) => Some(change(pull)),
            _ => None,
        }
    }

    /// Forgets an async stream; returns whether its peer has left.
    pub(super) fn end_async(&self, id: WorkId) -> bool {
        let ended = self.streams().remove(&id);
        matches!(ended, Some(Stream::Async(pull)) if pull.is_leaving())
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<WorkId, Stream>> {
        // Never held while Python runs.
        self.streams.lock()
    }

    fn push_ready(&self, app_loop: &AppLoop, id: WorkId) {
        self.ready.lock().push_back(id);
        app_loop.ask_for_share();
    }

    fn pop_ready(&self) -> Option<WorkId> {
        self.ready.lock().pop_front()
    }
}

impl TurnWork for StreamTable {
    /// Gives each stream that may go on its share of this turn.
    fn do_share(&self, py: Python<'_>, app_loop: &AppLoop) {
        // Those that become ready again meanwhile wait for the next turn.
        let due = self.ready.lock().len();
        for _ in 0..due {
            let Some(id) = self.pop_ready() else { return };
            let taken = match self.streams().get_mut(&id) {
                Some(Stream::Sync { pull, .. }) => pull.take(),
                _ => None,
            };
            let Some(mut taken) = taken else { continue };
            let pulled = match app_loop.known_loop() {
                // As on a shard, where no loop runs now, the iterator sees no running loop.
                Some(asyncio) => asyncio.as_running(py, false, || taken.pull(py)),
                None => taken.pull(py),
            };
            match pulled {
                Ok(Pulled::Ended) | Err(_) => {
                    self.streams().remove(&id);
                    taken.close(py);
                    app_loop.note_end();
                }
                Ok(pulled) => {
                    if let Some(Stream::Sync { pull, waiting }) = self.streams().get_mut(&id) {
                        *pull = Some(taken);
                        *waiting = pulled == Pulled::WaitsForRoom;
                    }
                    if pulled == Pulled::MayGoOn {
                        self.push_ready(app_loop, id);
                    }
                }
            }
        }
    }

    /// The peer has read; may come when it is not needed.
    fn room(&self, py: Python<'_>, app_loop: &AppLoop, id: WorkId) {
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
            Some(waiter) => async_task::resolve(waiter.bind(py)),
            None => self.push_ready(app_loop, id),
        }
    }

    /// The peer has gone: the iterator is closed, whatever it is doing.
    fn peer_left(&self, py: Python<'_>, app_loop: &AppLoop, id: WorkId) {
        let mut streams = self.streams();
        match streams.get_mut(&id) {
            Some(Stream::Async(pull)) => {
                let task = pull.leave();
                drop(streams);
                if let Some(task) = task {
                    async_task::cancel(task.bind(py));
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
                app_loop.note_end();
            }
            None => {}
        }
    }

    /// Closes what the end of the loop has left.
    fn close(&self, py: Python<'_>) {
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
}
