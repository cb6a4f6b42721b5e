//! Where an app lives: on the shard that serves it, or on the asyncio threads of the work-stealing mode.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;
use turbo_shard_runtime::BlockingPool;

use super::surroundings::Surroundings;
use super::words::Words;
use crate::hosted_loop::{AppLoop, AsyncioThreads, Job};
use crate::python::clean_context::in_context_or_clean_one;
use crate::python::errors::log_exception;
use crate::python::thread::Owned;

/// Where the app lives, and what its calls need.
pub(crate) struct Home {
    pub(super) place: Place,
    pub(super) words: Arc<Words>,
    pool: Arc<BlockingPool>,
    names_routes: bool,
}

/// What calls of an app need, wherever it lives.
pub(crate) struct CallNeeds {
    pub(crate) pool: Arc<BlockingPool>,
    /// Somebody wants to know the route of each request: metrics, or the access log.
    pub(crate) names_routes: bool,
}

pub(super) enum Place {
    /// This very thread.
    Shard(Arc<AppLoop>),
    Threads(Arc<AsyncioThreads>),
}

impl Home {
    /// For a shard: the app has moved in with `app_loop`.
    pub(crate) fn of_shard(
        py: Python<'_>,
        app_loop: Arc<AppLoop>,
        calls: CallNeeds,
    ) -> PyResult<Home> {
        app_loop.asyncio(py)?;
        Home::new(py, Place::Shard(app_loop), calls)
    }

    /// For a worker thread: an instance of the app has moved in with each of `threads`.
    pub(crate) fn of_worker_thread(
        py: Python<'_>,
        threads: Arc<AsyncioThreads>,
        calls: CallNeeds,
    ) -> PyResult<Home> {
        Home::new(py, Place::Threads(threads), calls)
    }

    fn new(py: Python<'_>, place: Place, calls: CallNeeds) -> PyResult<Home> {
        let CallNeeds { pool, names_routes } = calls;
        let words = Arc::new(Words::new(py)?);
        Ok(Home {
            place,
            words,
            pool,
            names_routes,
        })
    }

    /// The loop for a new call.
    pub(super) fn app_loop(&self, py: Python<'_>) -> PyResult<Arc<AppLoop>> {
        match &self.place {
            Place::Shard(app_loop) => Ok(Arc::clone(app_loop)),
            Place::Threads(threads) => threads.choose(py),
        }
    }

    pub(super) fn surroundings(&self, app_loop: &Arc<AppLoop>) -> Surroundings {
        Surroundings {
            app_loop: Arc::clone(app_loop),
            words: Arc::clone(&self.words),
            pool: Arc::clone(&self.pool),
            names_routes: self.names_routes,
            has_unawaited_send: AtomicBool::new(false),
        }
    }
}

/// A call of the app elsewhere: a function that is not async may set something before its task has a context of its own.
/// It runs in `context`, in which code of the app has run before, or in one in which nothing is set.
pub(super) fn call_in_context(
    context: Option<Owned<PyAny>>,
    call: impl FnOnce(Python<'_>) + Send + 'static,
) -> Job {
    Job::Call(Box::new(move |py| {
        let entered = in_context_or_clean_one(py, context, || {
            call(py);
            Ok(())
        });
        if let Err(error) = entered {
            log_exception(py, &error, "an ASGI app could not be called");
        }
    }))
}
