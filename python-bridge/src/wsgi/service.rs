//! The service of WSGI apps (PEP 3333): decides for each request whether the app is called here, on the connection's thread,
//! or by a thread of the blocking pool.
//!
//! The app is called once the request's body is there: a client that is slow to send never holds a thread. A client
//! that is slow to read holds one of the pool, and only while an answer comes in pieces.

use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::BodyFraming;
use turbo_shard_runtime::{BlockingPool, Exchange, Outcome, Service};

use super::app::WsgiApp;
use super::environ::EnvironParts;
use super::pace::{InlineRule, Place, Routes};
use super::pool_call::{Waiting, WsgiCall};
use super::request::{Arrived, Copied};
use super::shard_call::ShardCaller;
use crate::python::thread::Owned;

/// One thread's view of a WSGI app. Drop it while that thread is attached.
pub(crate) struct WsgiService {
    routes: Routes,
    here: ShardCaller,
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
            routes: Routes::new(options.inline),
            here: ShardCaller::new(Arc::new(app), pool),
        })
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
            Place::Shard(pace) => self.here.call(exchange, pace.as_deref()),
            Place::Pool(pace) => {
                let request = Arrived {
                    head,
                    body,
                    connection: exchange.connection,
                };
                let waiting = Waiting {
                    app: Arc::clone(&self.here.app),
                    request: Copied::of(&request),
                    handle: exchange.defer(),
                    pace,
                };
                WsgiCall::hand_over(waiting, &self.here.pool);
                Outcome::Deferred
            }
        }
    }
}
