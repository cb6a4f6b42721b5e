//! A call of a WSGI app on a thread of the blocking pool, which may wait: for what the app waits for, and for clients that
//! read slowly. Also the rest of an answer whose call was made on the shard.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyIterator};
use turbo_shard_runtime::{BlockingPool, HttpReply};

use super::app::WsgiApp;
use super::delivery::{close, conclude, deliver, deliver_pieces};
use super::environ::EnvironMaker;
use super::hand_over::hand_over;
use super::pace::{Pace, Worked};
use super::request::{Copied, RequestText};
use super::response::{Broken, WsgiResponse};
use super::start_response::StartResponse;
use crate::answers::overload;
use crate::python::clean_context::{CleanContext, in_context};
use crate::python::errors::log_exception;
use crate::python::thread::{Owned, attached};

/// A request on its way to a thread of the pool.
pub(super) struct WsgiCall(Option<Waiting>);

pub(super) struct Waiting {
    pub(super) app: Arc<WsgiApp>,
    pub(super) request: Copied,
    pub(super) handle: HttpReply,
    /// Learns how long it takes.
    pub(super) pace: Option<Arc<Pace>>,
}

impl WsgiCall {
    /// The request is answered even if there is no room.
    pub(super) fn hand_over(waiting: Waiting, pool: &BlockingPool) {
        let call = WsgiCall(Some(waiting));
        // A refused job is dropped, which answers.
        hand_over(pool, move || call.run());
    }

    fn run(mut self) {
        if let Some(waiting) = self.0.take() {
            attached(|py| waiting.measure(py));
        }
    }
}

impl Drop for WsgiCall {
    fn drop(&mut self) {
        if let Some(Waiting {
            request, handle, ..
        }) = self.0.take()
        {
            overload::refuse(handle, &request);
        }
    }
}

/// What a thread of the pool keeps from one request to the next.
#[derive(Default)]
struct PoolThread {
    environs: EnvironMaker,
    context: CleanContext,
}

thread_local! {
    static POOL_THREAD: RefCell<Option<PoolThread>> = const { RefCell::new(None) };
}

/// Call when a thread of the pool ends, while it still has its Python state.
pub(crate) fn wsgi_thread_stops() {
    if let Some(kept) = POOL_THREAD.take() {
        attached(|_| drop(kept));
    }
}

impl Waiting {
    fn measure(mut self, py: Python<'_>) {
        let Some(pace) = self.pace.take() else {
            self.run(py);
            return;
        };
        let before = Worked::so_far();
        let is_written = self.run(py);
        let (worked, has_waited) = before.since();
        pace.note_pooled(worked, has_waited || is_written);
    }

    /// Returns whether the app used `write`.
    fn run(mut self, py: Python<'_>) -> bool {
        let begun = self.environ(py).and_then(|environ| {
            let response = WsgiResponse::through(self.handle, self.request.is_head());
            Ok((environ, Bound::new(py, StartResponse(response))?))
        });
        let (environ, start_response) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                log_exception(py, &error, &self.request.to_string());
                return false;
            }
        };
        let called = self
            .app
            .application
            .bind(py)
            .call1((environ, &start_response));
        let response = &start_response.get().0;
        match called {
            Ok(iterable) => {
                let delivered = deliver(&iterable, response);
                conclude(py, delivered, response, &self.request);
                close(&iterable, &self.request);
            }
            Err(error) => conclude(py, Err(Broken::App(error)), response, &self.request),
        }
        response.is_written()
    }

    fn environ<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let environ = POOL_THREAD.with_borrow_mut(|kept| {
            let kept = kept.get_or_insert_default();
            kept.context.renew(py)?;
            kept.environs.environ(py, &self.request, &self.app.parts)
        });
        self.request.drop_body();
        environ
    }
}

/// The rest of an answer that was begun on the shard, on its way to a thread of the pool.
pub(super) struct Rest(Option<Begun>);

pub(super) struct Begun {
    pub(super) iterable: Owned<PyAny>,
    /// Where its iteration has come to. None if it has not begun.
    pub(super) pieces: Option<Owned<PyIterator>>,
    pub(super) start_response: Owned<StartResponse>,
    /// Where the answer goes, if nothing has gone out yet.
    pub(super) handle: Option<HttpReply>,
    /// The context that the app was called in, which its iteration still sees.
    pub(super) context: Option<Owned<PyAny>>,
    pub(super) request: String,
}

impl Rest {
    /// The request is answered even if there is no room.
    pub(super) fn hand_over(begun: Begun, pool: &BlockingPool) {
        let rest = Rest(Some(begun));
        hand_over(pool, move || rest.run());
    }

    fn run(mut self) {
        if let Some(mut begun) = self.0.take() {
            attached(|py| match begun.context.take() {
                Some(context) => {
                    let entered = in_context(py, &context, || {
                        begun.run(py);
                        Ok(())
                    });
                    if let Err(error) = entered {
                        // The app is still in it, elsewhere.
                        log_exception(py, &error, &begun.request);
                        begun.run(py);
                    }
                }
                None => begun.run(py),
            });
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(begun) = self.0.take() {
            attached(|py| begun.refuse(py));
        }
    }
}

impl Begun {
    fn run(&mut self, py: Python<'_>) {
        let response = &self.start_response.bind(py).get().0;
        let delivered = match self.handle.take() {
            Some(handle) => response.release(py, handle),
            None => Ok(()),
        };
        let delivered = delivered.and_then(|()| match &self.pieces {
            Some(pieces) => deliver_pieces(pieces.bind(py), response),
            None => deliver(self.iterable.bind(py), response),
        });
        conclude(py, delivered, response, &self.request);
        close(self.iterable.bind(py), &self.request);
    }

    /// The pool has no room.
    fn refuse(mut self, py: Python<'_>) {
        let response = &self.start_response.bind(py).get().0;
        match self.handle.take() {
            Some(handle) => {
                overload::refuse(handle, &self.request);
                response.note_end();
            }
            None => response.fail(),
        }
        close(self.iterable.bind(py), &self.request);
    }
}
