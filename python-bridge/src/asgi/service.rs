//! Calls an ASGI app, or what it was compiled to, for each request: on the shard's own loop, where an app that never waits is answered before the call
//! returns, or on one of the asyncio threads of the work-stealing mode.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use turbo_shard_runtime::protocol::websocket::is_handshake;
use turbo_shard_runtime::protocol::{HeadCopy, Method};
use turbo_shard_runtime::{ConnectionInfo, Exchange, HttpReply, Outcome};

use super::home::{Home, Place, call_in_context};
use super::http_cycle::HttpCycle;
use super::http_state::Incoming;
use super::scope::{ScopeMaker, ScopeOptions};
use super::starting::{Asked, start, start_app};
use super::surroundings::Surroundings;
use super::websocket_service::{WebSocketApp, WebSocketService, has_body};
use crate::hosted_loop::{AppLoop, AsyncioThreads, Eager};
use crate::python::clean_context::CleanContext;
use crate::python::errors::log_exception;
use crate::python::slow_calls::{coarse_ms, watch_app};
use crate::python::task_context::in_context_of;
use crate::python::thread::{Owned, attached};
use crate::requests::request_name::RequestName;

const ADVICE: &str = "await what takes so long, or hand it to a thread (asyncio.to_thread)";

/// One thread's view of an ASGI app. Drop it while that thread is attached.
pub(crate) struct AsgiService {
    websockets: WebSocketService,
    scopes: Arc<ScopeMaker>,
    context: CleanContext,
}

impl AsgiService {
    /// An instance of the app has moved in wherever `home` is.
    pub(crate) fn new(
        py: Python<'_>,
        home: Home,
        scope_options: ScopeOptions<'_>,
    ) -> PyResult<AsgiService> {
        Ok(AsgiService {
            scopes: Arc::new(ScopeMaker::new(py, &home.words, scope_options)?),
            websockets: WebSocketService::new(home),
            context: CleanContext::default(),
        })
    }

    pub(crate) fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        if is_handshake(&exchange.request) {
            return self.open_websocket(exchange);
        }
        if exchange.body.is_none() && exchange.is_body_at_hand && has_body(exchange) {
            return Outcome::READ_BODY;
        }
        attached(|py| {
            let served = match &self.home().place {
                Place::Shard(app_loop) => self.serve_here(py, app_loop, exchange),
                Place::Threads(threads) => self.serve_elsewhere(py, threads, exchange),
            };
            served.unwrap_or_else(|error| {
                let name = RequestName(exchange.request).to_string();
                log_exception(py, &error, &name);
                self.websockets.internal_error(exchange)
            })
        })
    }

    fn home(&self) -> &Home {
        &self.websockets.home
    }

    /// Calls the app on this thread.
    fn serve_here(
        &self,
        py: Python<'_>,
        app_loop: &Arc<AppLoop>,
        exchange: &mut Exchange<'_>,
    ) -> PyResult<Outcome> {
        let is_to_head = exchange.request.method() == Method::Head;
        let incoming = self.incoming(py, exchange);
        let cycle = HttpCycle::new(self.home().surroundings(app_loop), incoming, is_to_head);
        let cycle = Arc::new(cycle);
        self.context.renew(py)?;
        let began_ms = coarse_ms();
        let name = RequestName(exchange.request);
        let asked = Asked {
            head: exchange.request,
            connection: exchange.connection,
            scopes: &self.scopes,
        };
        let started = start(py, app_loop, &asked, &cycle, &name);
        exchange.route = cycle.route();
        watch_app("the ASGI app", &name, began_ms, ADVICE);
        match started {
            Ok(Eager::Finished(result, task)) if cycle.is_gathered() => {
                if result.is_err() {
                    in_context_of(&task, || cycle.note_end(py, &result, &name.to_string()));
                }
                Ok(self.write(&cycle, exchange))
            }
            Ok(Eager::Waiting(task)) if cycle.is_gathered() => {
                // Answered, and still at work: a background task.
                let name = name.to_string();
                let background = Arc::clone(&cycle);
                app_loop.when_done(
                    &task,
                    Box::new(move |py, result, _| background.note_end(py, &result, &name)),
                )?;
                Ok(self.write(&cycle, exchange))
            }
            Ok(Eager::Waiting(task)) => {
                let name = name.to_string();
                cycle.attach(exchange.defer_streaming());
                cycle.follow(&task);
                app_loop.when_done(
                    &task,
                    Box::new(move |py, result, _| cycle.finish(py, &result, &name)),
                )?;
                Ok(Outcome::Deferred)
            }
            Ok(Eager::Finished(result, task)) => {
                let name = name.to_string();
                cycle.attach(exchange.defer());
                in_context_of(&task, || cycle.finish(py, &result, &name));
                Ok(Outcome::Deferred)
            }
            Err(error) => {
                let name = name.to_string();
                cycle.attach(exchange.defer());
                cycle.finish(py, &Err(error), &name);
                Ok(Outcome::Deferred)
            }
        }
    }

    /// Calls the app on a thread of its loop.
    fn serve_elsewhere(
        &self,
        py: Python<'_>,
        threads: &Arc<AsyncioThreads>,
        exchange: &mut Exchange<'_>,
    ) -> PyResult<Outcome> {
        let app_loop = threads.choose(py)?;
        let instance = app_loop.instance(py)?;
        let wanted = match &instance.compiled {
            // Which plan it is, and whether it is current, is known there.
            Some(_) => Wanted::Any(
                HeadCopy::of(exchange.request),
                Box::new(exchange.connection.clone()),
            ),
            None => {
                let scope = self.scopes.http(
                    py,
                    &self.home().words,
                    exchange.request,
                    exchange.connection,
                    instance.state.as_ref(),
                )?;
                Wanted::App(Owned::new(scope.unbind()))
            }
        };
        let call = Call {
            is_to_head: exchange.request.method() == Method::Head,
            incoming: self.incoming(py, exchange),
            around: self.home().surroundings(&app_loop),
            wanted,
            scopes: Arc::clone(&self.scopes),
            name: RequestName(exchange.request).to_string(),
            handle: exchange.defer_streaming(),
        };
        app_loop.note_begin();
        let there = Arc::clone(&app_loop);
        app_loop.post(call_in_context(None, move |py| call.begin(py, &there)));
        Ok(Outcome::Deferred)
    }

    fn open_websocket(&self, exchange: &mut Exchange<'_>) -> Outcome {
        self.websockets.open(
            &self.context,
            exchange,
            |py, exchange, handshake, app_loop| {
                let scope = self.scopes.websocket(
                    py,
                    &self.home().words,
                    exchange.request,
                    exchange.connection,
                    handshake.subprotocols(),
                    app_loop.instance(py)?.state.as_ref(),
                )?;
                Ok(Some(WebSocketScope {
                    app_loop: Arc::clone(app_loop),
                    scope: Owned::new(scope.unbind()),
                }))
            },
        )
    }

    fn incoming(&self, py: Python<'_>, exchange: &Exchange<'_>) -> Incoming {
        match exchange.body {
            Some(body) => Incoming::AtHand(Some(PyBytes::new(py, body).unbind())),
            None if has_body(exchange) => Incoming::Streamed,
            None => Incoming::AtHand(None),
        }
    }

    fn write(&self, cycle: &HttpCycle, exchange: &mut Exchange<'_>) -> Outcome {
        if let Err(misuse) = cycle.write(&mut exchange.response) {
            log::error!("{}: {misuse}", RequestName(exchange.request));
            return self.websockets.internal_error(exchange);
        }
        Outcome::Answered
    }
}

/// The app, for one WebSocket.
struct WebSocketScope {
    app_loop: Arc<AppLoop>,
    scope: Owned<PyDict>,
}

impl WebSocketApp for WebSocketScope {
    fn call<'py>(
        &self,
        py: Python<'py>,
        receive: Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let instance = self.app_loop.instance(py)?;
        let scope = self.scope.bind(py);
        instance.object.bind(py).call1((scope, receive, send))
    }

    fn scope<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        Some(self.scope.bind(py).clone())
    }
}

/// A call on its way to the thread of its loop.
struct Call {
    is_to_head: bool,
    incoming: Incoming,
    around: Surroundings,
    wanted: Wanted,
    scopes: Arc<ScopeMaker>,
    name: String,
    handle: HttpReply,
}

/// What is to be called there.
enum Wanted {
    /// The app, with this scope.
    App(Owned<PyDict>),
    /// Whatever serves this request.
    Any(HeadCopy, Box<ConnectionInfo>),
}

impl Call {
    fn begin(self, py: Python<'_>, app_loop: &Arc<AppLoop>) {
        let Call {
            is_to_head,
            incoming,
            around,
            wanted,
            scopes,
            name,
            handle,
        } = self;
        let cycle = HttpCycle::sending(around, incoming, is_to_head, handle);
        let started = match &wanted {
            Wanted::App(scope) => app_loop.instance(py).and_then(|instance| {
                let scope = scope.bind(py).clone();
                start_app(py, app_loop, &instance.object, scope, &cycle)
            }),
            Wanted::Any(head, connection) => {
                let asked = Asked {
                    head: head.head(),
                    connection,
                    scopes: &scopes,
                };
                start(py, app_loop, &asked, &cycle, &name)
            }
        };
        let waiting = match started {
            Ok(Eager::Waiting(task)) => {
                cycle.follow(&task);
                let (cycle, name, there) = (Arc::clone(&cycle), name.clone(), Arc::clone(app_loop));
                app_loop.when_done(
                    &task,
                    Box::new(move |py, result, _| {
                        there.note_end();
                        cycle.finish(py, &result, &name);
                    }),
                )
            }
            Ok(Eager::Finished(result, task)) => {
                app_loop.note_end();
                if result.is_err() {
                    in_context_of(&task, || cycle.finish(py, &result, &name));
                } else {
                    cycle.finish(py, &result, &name);
                }
                return;
            }
            Err(error) => Err(error),
        };
        if let Err(error) = waiting {
            app_loop.note_end();
            cycle.finish(py, &Err(error), &name);
        }
    }
}
