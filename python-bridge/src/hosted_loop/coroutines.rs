//! Starts coroutines, wherever their loop lives: on this very shard, or on an asyncio thread beside the worker threads.
//! Knows nothing of requests.

use std::sync::Arc;

use pyo3::prelude::*;

use super::app_loop::AppLoop;
use super::asyncio_loop::Eager;
use super::asyncio_threads::AsyncioThreads;
use super::job::{Job, Then};
use crate::python::errors::log_exception;
use crate::python::thread::{Owned, attached};

/// Where coroutines run.
#[derive(Clone)]
pub(crate) struct Coroutines(Place);

#[derive(Clone)]
enum Place {
    Hosted(Arc<AppLoop>),
    Threads(Arc<AsyncioThreads>),
}

impl Coroutines {
    /// On the shard that `app_loop` lives on.
    pub(crate) fn hosted(app_loop: Arc<AppLoop>) -> Coroutines {
        Coroutines(Place::Hosted(app_loop))
    }

    /// On threads of their own.
    pub(crate) fn threads(threads: Arc<AsyncioThreads>) -> Coroutines {
        Coroutines(Place::Threads(threads))
    }

    /// Makes the shard's event loop now, instead of at the first coroutine. For a service that knows at start that it
    /// has coroutine functions: importing asyncio in the middle of a request takes tens of milliseconds.
    pub(crate) fn prepare(&self, py: Python<'_>) -> PyResult<()> {
        match &self.0 {
            Place::Hosted(app_loop) => app_loop.asyncio(py).map(|_| ()),
            Place::Threads(threads) => threads.choose(py).map(|_| ()),
        }
    }

    /// Starts `coroutine` (or anything awaitable). On its shard's thread it runs at once up to its first wait; else it
    /// starts on its loop's thread, after [`Running::on_done`], in the context that `take_context` leaves.
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: Bound<'py, PyAny>,
        take_context: impl FnOnce() -> Option<Owned<PyAny>>,
    ) -> PyResult<Started<'py>> {
        let app_loop = match &self.0 {
            Place::Hosted(app_loop) if app_loop.is_here() => {
                return Ok(match app_loop.start(py, coroutine)? {
                    Eager::Finished(result, task) => Started::Finished(result, task),
                    Eager::Waiting(task) => Started::Running(Running(Some(Under::Way(
                        Arc::clone(app_loop),
                        Owned::new(task.unbind()),
                    )))),
                });
            }
            _ => self.choose(py)?,
        };
        Ok(Started::Running(Running(Some(Under::Orders(
            app_loop,
            Owned::new(coroutine.unbind()),
            take_context(),
        )))))
    }

    /// The app loop of the next coroutine, or of work of another kind.
    pub(crate) fn choose(&self, py: Python<'_>) -> PyResult<Arc<AppLoop>> {
        match &self.0 {
            Place::Hosted(app_loop) => Ok(Arc::clone(app_loop)),
            Place::Threads(threads) => threads.choose(py),
        }
    }
}

/// How far a coroutine has come.
pub(crate) enum Started<'py> {
    /// It never waited: this is its result, and its task.
    Finished(PyResult<Bound<'py, PyAny>>, Bound<'py, PyAny>),
    /// It waits, or is about to be handed to another thread.
    Running(Running),
}

/// A coroutine under way. Dropped without [`Running::on_done`], it runs all the same, and its result is lost.
pub(crate) struct Running(Option<Under>);

enum Under {
    /// A task on this thread.
    Way(Arc<AppLoop>, Owned<PyAny>),
    /// A coroutine for another thread, and the context that it starts in.
    Orders(Arc<AppLoop>, Owned<PyAny>, Option<Owned<PyAny>>),
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
                if let Err(error) = under.on_done(py, Box::new(|_, _, _| ())) {
                    log_exception(py, &error, "a coroutine could not be kept");
                }
            });
        }
    }
}

impl Under {
    fn on_done(self, py: Python<'_>, then: Then) -> PyResult<()> {
        match self {
            Under::Way(app_loop, task) => app_loop.when_done(task.bind(py), then),
            Under::Orders(app_loop, coroutine, context) => {
                app_loop.post(Job::Start {
                    coroutine,
                    context,
                    then,
                });
                Ok(())
            }
        }
    }
}
