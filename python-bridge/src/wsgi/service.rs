//! The service of WSGI apps (PEP 3333): decides for each request whether the app is called here, on the connection's thread,
//! or by a thread of the blocking pool.
//!
//! The app is called once the request's body is there: a client that is slow to send never holds a thread. A client
//! that is slow to read holds one of the pool, and only while an answer comes in pieces.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_shard_runtime::protocol::BodyFraming;
use turbo_shard_runtime::{BlockingPool, Exchange, Outcome, Service};

use super::environ::{EnvironMaker, EnvironParts};
use super::pace::{InlineRule, Place, Routes};
use super::pool_call::{Waiting, WsgiCall};
use super::request::{Arrived, Copied};
use super::shard_call;
use crate::python::clean_context::CleanContext;
use crate::python::thread::Owned;

/// One thread's view of a WSGI app. Drop it while that thread is attached.
pub(crate) struct WsgiService {
    pub(super) app: Arc<WsgiApp>,
    pub(super) pool: Arc<BlockingPool>,
    pub(super) context: CleanContext,
    routes: Routes,
    environs: RefCell<EnvironMaker>,
}

/// What a call of the app needs, on any thread.
pub(super) struct WsgiApp {
    pub(super) application: Owned<PyAny>,
    pub(super) parts: EnvironParts,
}

/// How to call the app.
#[derive(Clone, Copy)]
pub(crate) struct WsgiOptions<'a> {
    /// Path below which the app is mounted.
    pub(crate) root_path: &'a str,
    pub(crate) inline: InlineRule,
    /// Whether other threads, other processes may call the app at the same time.
    pub(crate) multithread: bool,
    pub(crate) multiprocess: bool,
}

impl WsgiService {
    pub(crate) fn new(
        application: &Bound<'_, PyAny>,
        options: WsgiOptions<'_>,
        pool: Arc<BlockingPool>,
    ) -> PyResult<WsgiService> {
        let app = WsgiApp {
            application: Owned::new(application.clone().unbind()),
            parts: EnvironParts::import(
                application.py(),
                options.root_path,
                options.multithread,
                options.multiprocess,
            )?,
        };
        Ok(WsgiService {
            app: Arc::new(app),
            pool,
            context: CleanContext::default(),
            routes: Routes::new(options.inline),
            environs: RefCell::default(),
        })
    }

    /// What the app gets of a request, in a context in which nothing is set.
    pub(super) fn environ<'py>(
        &self,
        py: Python<'py>,
        request: &Arrived<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.context.renew(py)?;
        let mut environs = self.environs.borrow_mut();
        environs.environ(py, request, &self.app.parts)
    }

    /// The pool has been given something, if there was room.
    pub(super) fn note_handed_over(&self, is_taken: bool) {
        if is_taken {
            HANDED_OVER.set(true);
        }
    }
}

impl Service for WsgiService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let head = exchange.request;
        let has_body = !matches!(head.framing(), BodyFraming::None | BodyFraming::Length(0));
        if has_body && exchange.body.is_none() {
            return Outcome::READ_BODY;
        }
        let body = exchange.body.unwrap_or_default();
        match self.routes.place(&head, body.len()) {
            Place::Shard(pace) => shard_call::call(self, exchange, pace.as_deref()),
            Place::Pool(pace) => {
                let request = Arrived {
                    head,
                    body,
                    connection: exchange.connection,
                };
                let waiting = Waiting {
                    app: Arc::clone(&self.app),
                    request: Copied::of(&request),
                    handle: exchange.defer(),
                    pace,
                };
                self.note_handed_over(WsgiCall::hand_over(waiting, &self.pool));
                Outcome::Deferred
            }
        }
    }
}

thread_local! {
    /// This thread has given the pool something to do since it last waited.
    static HANDED_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Lets the pool's threads, which share the shard's core, begin their calls before the shard waits. A sleeping shard
/// would be woken, at once and in their place, by the first of their answers, and again by the next; one that yields
/// finds all of them when its turn comes. Call before the thread waits.
#[inline]
pub(crate) fn let_pool_run() {
    if HANDED_OVER.replace(false) {
        std::thread::yield_now();
    }
}
