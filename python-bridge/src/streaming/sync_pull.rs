//! Pulls a sync iterator: in small batches on a loop's thread, or to its end on a thread that may wait.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyIterator;
use turbo_shard_runtime::{Flow, HttpReply};

use super::chunk::bytes_of;
use super::gate::{Gate, Gone};
use crate::python::clean_context::in_context;
use crate::python::errors::log_exception;
use crate::python::names;

/// Chunks that one stream may send in one turn.
const CHUNKS_PER_TURN_MAX: u32 = 16;
/// A stream whose chunks took this long in one turn leaves the rest for the next.
const TIME_PER_TURN_MAX: Duration = Duration::from_micros(200);

/// How a batch has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    MayGoOn,
    WaitsForRoom,
    Ended,
}

/// A sync iterator and the answer that it feeds.
pub(super) struct SyncPull {
    iterator: Py<PyIterator>,
    /// The context (contextvars) that it is pulled in; the present one if there is none.
    context: Option<Py<PyAny>>,
    /// Taken when the answer ends.
    handle: Option<HttpReply>,
}

impl SyncPull {
    pub(super) fn new(iterable: &Bound<'_, PyAny>) -> PyResult<SyncPull> {
        Ok(SyncPull {
            iterator: iterable.try_iter()?.unbind(),
            context: None,
            handle: None,
        })
    }

    pub(super) fn with(mut self, handle: HttpReply) -> SyncPull {
        self.handle = Some(handle);
        self
    }

    /// From now on it is pulled in this context, which nothing else uses.
    pub(super) fn within(mut self, context: Py<PyAny>) -> SyncPull {
        self.context = Some(context);
        self
    }

    /// Sends a few chunks.
    pub(super) fn pull(&mut self, py: Python<'_>) -> PyResult<Pulled> {
        match self.context.take() {
            None => Ok(self.pull_here(py)),
            Some(context) => {
                let pulled = in_context(py, &context, || Ok(self.pull_here(py)));
                self.context = Some(context);
                pulled
            }
        }
    }

    fn pull_here(&mut self, py: Python<'_>) -> Pulled {
        let began = Instant::now();
        for _ in 0..CHUNKS_PER_TURN_MAX {
            match self.step(py) {
                Pulled::MayGoOn => {}
                other => return other,
            }
            if began.elapsed() > TIME_PER_TURN_MAX {
                break;
            }
        }
        Pulled::MayGoOn
    }

    /// Closes the iterator; an unfinished answer counts as failed.
    pub(super) fn close(self, py: Python<'_>) {
        let iterator = self.iterator.bind(py);
        let close = || match iterator.getattr_opt(names::close(py))? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        };
        let closed = match &self.context {
            Some(context) => in_context(py, context, close),
            None => close(),
        };
        if let Err(error) = closed {
            log_exception(
                py,
                &error,
                "a streamed answer's iterator could not be closed",
            );
        }
    }

    fn step(&mut self, py: Python<'_>) -> Pulled {
        let Some(handle) = &self.handle else {
            return Pulled::Ended;
        };
        let chunk = match self.iterator.bind(py).clone().next() {
            None => {
                if let Some(handle) = self.handle.take() {
                    handle.end();
                }
                return Pulled::Ended;
            }
            Some(chunk) => chunk.and_then(|chunk| bytes_of(&chunk)),
        };
        match chunk {
            Ok(bytes) if bytes.is_empty() => Pulled::MayGoOn,
            Ok(bytes) => match handle.chunk(bytes) {
                Flow::Ready => Pulled::MayGoOn,
                Flow::Wait => Pulled::WaitsForRoom,
                Flow::PeerLeft => Pulled::Ended,
            },
            Err(error) => {
                log_exception(py, &error, "a streamed answer broke off");
                if let Some(handle) = self.handle.take() {
                    handle.fail();
                }
                Pulled::Ended
            }
        }
    }
}

/// Pulls `iterable` to its end on the calling thread, waiting for room as long as the peer keeps its connection.
pub(super) fn pull_waiting(iterable: &Bound<'_, PyAny>, handle: HttpReply) {
    let py = iterable.py();
    let gate = Gate::of(&handle);
    let mut pull = match SyncPull::new(iterable) {
        Ok(pull) => pull.with(handle),
        Err(error) => {
            log_exception(py, &error, "a streamed answer has no iterator");
            handle.fail();
            return;
        }
    };
    loop {
        match pull.step(py) {
            Pulled::MayGoOn => {}
            Pulled::WaitsForRoom => {
                if py.detach(|| gate.wait()) == Gone::Yes {
                    break;
                }
            }
            Pulled::Ended => break,
        }
    }
    pull.close(py);
}
