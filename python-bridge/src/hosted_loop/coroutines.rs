//! Starts coroutines, wherever their loop lives: on this very shard, or on an asyncio thread beside the workers.
//! Knows nothing of requests.

use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::HttpReply;

use super::asyncio_threads::AsyncioThreads;
use super::coroutine_host::{CoroutineHost, Eager, Job};
use crate::python::clean_context::copied_context;
use crate::python::errors::log_exception;
use crate::python::thread::{Owned, attached};

/// What to do with a coroutine's result, on the thread of its loop, attached.
pub(crate) type Then = Box<dyn FnOnce(Python<'_>, PyResult<Bound<'_, PyAny>>) + Send>;

/// Where coroutines run.
#[derive(Clone)]
pub(crate) struct Coroutines(Place);

#[derive(Clone)]
enum Place {
    Hosted(Arc<CoroutineHost>),
    Threads(Arc<AsyncioThreads>),
}

impl Coroutines {
    /// On the shard that `host` lives on.
    pub(crate) fn hosted(host: Arc<CoroutineHost>) -> Coroutines {
        Coroutines(Place::Hosted(host))
    }

    /// On threads of their own.
    pub(crate) fn threads(threads: Arc<AsyncioThreads>) -> Coroutines {
        Coroutines(Place::Threads(threads))
    }

    /// Makes the shard's event loop now, instead of at the first coroutine. For a service that knows at start that it
    /// has coroutine functions: importing asyncio in the middle of a request takes tens of milliseconds.
    pub(crate) fn prepare(&self, py: Python<'_>) -> PyResult<()> {
        match &self.0 {
            Place::Hosted(host) => host.asyncio(py).map(|_| ()),
            Place::Threads(threads) => threads.choose(py).map(|_| ()),
        }
    }

    /// Starts `coroutine` (or anything awaitable). On its shard's thread it runs at once up to its first wait; else it
    /// starts on its loop's thread, after [`Running::on_done`].
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: Bound<'py, PyAny>,
    ) -> PyResult<Started<'py>> {
        let host = match &self.0 {
            Place::Hosted(host) if host.is_here() => {
                return Ok(match host.start(py, coroutine)? {
                    Eager::Finished(result, _) => Started::Finished(result),
                    Eager::Waiting(task) => Started::Running(Running(Some(Under::Way(
                        Arc::clone(host),
                        Owned::new(task.unbind()),
                    )))),
                });
            }
            Place::Hosted(host) => Arc::clone(host),
            Place::Threads(threads) => threads.choose(py)?,
        };
        Ok(Started::Running(Running(Some(Under::Orders(
            host,
            Owned::new(coroutine.unbind()),
        )))))
    }

    /// Begins to pull a stream on the loop's thread, which may be this one.
    pub(crate) fn begin_stream(
        &self,
        iterator: &Bound<'_, PyAny>,
        is_async: bool,
        handle: HttpReply,
    ) {
        let py = iterator.py();
        let host = match &self.0 {
            Place::Hosted(host) => Arc::clone(host),
            Place::Threads(threads) => match threads.choose(py) {
                Ok(host) => host,
                Err(error) => {
                    log_exception(py, &error, "a streamed answer has no loop");
                    handle.fail();
                    return;
                }
            },
        };
        let context = match copied_context(py) {
            Ok(context) => context,
            Err(error) => {
                log_exception(py, &error, "a streamed answer has no context");
                handle.fail();
                return;
            }
        };
        if host.is_here() {
            host.begin_stream(py, iterator, is_async, handle, context);
        } else {
            host.post(Job::Stream {
                iterator: Owned::new(iterator.clone().unbind()),
                is_async,
                handle,
                context: Owned::new(context),
            });
        }
    }
}

/// How far a coroutine has come.
pub(crate) enum Started<'py> {
    /// It never waited: this is its result.
    Finished(PyResult<Bound<'py, PyAny>>),
    /// It waits, or is about to be handed to another thread.
    Running(Running),
}

/// A coroutine under way. Dropped without [`Running::on_done`], it runs all the same, and its result is lost.
pub(crate) struct Running(Option<Under>);

enum Under {
    /// A task on this thread.
    Way(Arc<CoroutineHost>, Owned<PyAny>),
    /// A coroutine for another thread.
    Orders(Arc<CoroutineHost>, Owned<PyAny>),
}

impl Running {
    /// Calls `then` with the result, on the thread of the coroutine's loop.
    pub(crate) fn on_done(mut self, py: Python<'_>, then: Then) -> PyResult<()> {
        self.0
            .take()
            .map_or(Ok(()), |under| under.on_done(py, then))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(under) = self.0.take() {
            attached(|py| {
                if let Err(error) = under.on_done(py, Box::new(|_, _| ())) {
                    log_exception(py, &error, "a coroutine could not be kept");
                }
            });
        }
    }
}

impl Under {
    fn on_done(self, py: Python<'_>, then: Then) -> PyResult<()> {
        match self {
            Under::Way(host, task) => host.when_done(task.bind(py), then),
            Under::Orders(host, coroutine) => {
                host.post(Job::Start { coroutine, then });
                Ok(())
            }
        }
    }
}
