//! Calls an ASGI app for each request: on the shard's own loop, where an app that never waits is answered before the call
//! returns, or on one of the asyncio threads of the work-stealing mode.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use turbo_shard_runtime::protocol::websocket::{Handshake, HandshakeFault, is_upgrade};
use turbo_shard_runtime::protocol::{BodyFraming, HeaderLines, Method};
use turbo_shard_runtime::{BlockingPool, Exchange, Outcome, ReplyHandle};

use super::channel::{Channel, Cycle};
use super::http_cycle::{HttpCycle, Incoming, Surroundings};
use super::scope::{ScopeMaker, ScopeOptions};
use super::websocket_cycle::WebSocketCycle;
use super::words::Words;
use crate::answers::reply_reader::Lines;
use crate::hosted_loop::{AsyncioThreads, CoroutineHost, Eager, Job};
use crate::native::READ_BODY;
use crate::native::RequestName;
use crate::native::{INTERNAL_ERROR_BODY, lines_of};
use crate::python::clean_context::{CleanContext, in_clean_context};
use crate::python::errors::log_exception;
use crate::python::names;
use crate::python::slow_calls::{coarse_ms, watch_app};
use crate::python::task_context::in_context_of;
use crate::python::thread::{Owned, attached};

const ADVICE: &str = "await what takes so long, or hand it to a thread (asyncio.to_thread)";

/// Where the app lives.
enum Home {
    /// On this very thread.
    Shard(Arc<CoroutineHost>),
    Threads(Arc<AsyncioThreads>),
}

/// One thread's view of an ASGI app. Drop it while that thread is attached.
pub(crate) struct AsgiService {
    home: Home,
    words: Arc<Words>,
    scopes: ScopeMaker,
    pool: Arc<BlockingPool>,
    context: CleanContext,
    json_lines: HeaderLines,
}

impl AsgiService {
    /// For a shard: the app has moved in with `host`.
    pub(crate) fn of_shard(
        py: Python<'_>,
        host: Arc<CoroutineHost>,
        scope_options: ScopeOptions<'_>,
        pool: Arc<BlockingPool>,
    ) -> PyResult<AsgiService> {
        host.asyncio(py)?;
        AsgiService::new(py, Home::Shard(host), scope_options, pool)
    }

    /// For a worker: an instance of the app has moved in with each of `threads`.
    pub(crate) fn of_worker(
        py: Python<'_>,
        threads: Arc<AsyncioThreads>,
        scope_options: ScopeOptions<'_>,
        pool: Arc<BlockingPool>,
    ) -> PyResult<AsgiService> {
        AsgiService::new(py, Home::Threads(threads), scope_options, pool)
    }

    fn new(
        py: Python<'_>,
        home: Home,
        scope_options: ScopeOptions<'_>,
        pool: Arc<BlockingPool>,
    ) -> PyResult<AsgiService> {
        let words = Arc::new(Words::new(py)?);
        Ok(AsgiService {
            home,
            scopes: ScopeMaker::new(py, &words, scope_options)?,
            words,
            pool,
            context: CleanContext::default(),
            json_lines: lines_of(Lines::Json),
        })
    }

    pub(crate) fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        if exchange.body.is_none() && exchange.is_body_at_hand && has_body(exchange) {
            return READ_BODY;
        }
        attached(|py| {
            let served = match (&self.home, is_upgrade(&exchange.request)) {
                (_, true) => self.open_websocket(py, exchange),
                (Home::Shard(host), _) => self.serve_here(py, host, exchange),
                (Home::Threads(threads), _) => self.serve_elsewhere(py, threads, exchange),
            };
            served.unwrap_or_else(|error| {
                let name = RequestName(exchange.request).to_string();
                log_exception(py, &error, &name);
                self.internal_error(exchange)
            })
        })
    }

    /// Calls the app on this thread.
    fn serve_here(
        &self,
        py: Python<'_>,
        host: &Arc<CoroutineHost>,
        exchange: &mut Exchange<'_>,
    ) -> PyResult<Outcome> {
        let tenant = host.tenant(py)?;
        let is_to_head = exchange.request.method() == Method::Head;
        let incoming = self.incoming(py, exchange);
        let cycle = HttpCycle::gathering(self.surroundings(host), incoming, is_to_head);
        let cycle = Arc::new(cycle);
        let scope = self.scopes.http(
            py,
            &self.words,
            exchange.request,
            exchange.connection,
            tenant.state.as_ref(),
        )?;
        self.context.renew(py)?;
        let began_ms = coarse_ms();
        let started = start(py, host, &tenant.object, scope, &cycle);
        let name = RequestName(exchange.request);
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
                host.when_done(
                    &task,
                    Box::new(move |py, result| background.note_end(py, &result, &name)),
                )?;
                Ok(self.write(&cycle, exchange))
            }
            Ok(Eager::Waiting(task)) => {
                let name = name.to_string();
                cycle.attach(exchange.defer_streaming());
                cycle.follow(&task);
                host.when_done(
                    &task,
                    Box::new(move |py, result| cycle.finish(py, &result, &name)),
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
        let host = threads.choose(py)?;
        let tenant = host.tenant(py)?;
        let scope = self.scopes.http(
            py,
            &self.words,
            exchange.request,
            exchange.connection,
            tenant.state.as_ref(),
        )?;
        let call = Call {
            is_to_head: exchange.request.method() == Method::Head,
            incoming: self.incoming(py, exchange),
            around: self.surroundings(&host),
            scope: Owned::new(scope.unbind()),
            name: RequestName(exchange.request).to_string(),
            handle: exchange.defer_streaming(),
        };
        host.note_begin();
        let there = Arc::clone(&host);
        host.post(call_in_clean_context(move |py| call.begin(py, &there)));
        Ok(Outcome::Deferred)
    }

    /// Calls the app for a WebSocket, on this thread or its own.
    fn open_websocket(&self, py: Python<'_>, exchange: &mut Exchange<'_>) -> PyResult<Outcome> {
        let handshake = match Handshake::check(&exchange.request) {
            Ok(handshake) => handshake,
            Err(fault) => return Ok(self.refuse_handshake(fault, exchange)),
        };
        let host = match &self.home {
            Home::Shard(host) => Arc::clone(host),
            Home::Threads(threads) => threads.choose(py)?,
        };
        let tenant = host.tenant(py)?;
        let scope = self.scopes.websocket(
            py,
            &self.words,
            exchange.request,
            exchange.connection,
            handshake.subprotocols(),
            tenant.state.as_ref(),
        )?;
        self.context.renew(py)?;
        let compression = exchange.websocket_limits.compression.clone();
        let name = format!("WebSocket {}", exchange.request.path().escape_ascii());
        let around = self.surroundings(&host);
        let cycle = WebSocketCycle::new(around, handshake, compression, exchange.defer());
        host.note_begin();
        if host.is_here() {
            begin_websocket(py, &host, scope, &cycle, name);
        } else {
            let scope = Owned::new(scope.unbind());
            let there = Arc::clone(&host);
            host.post(call_in_clean_context(move |py| {
                begin_websocket(py, &there, scope.bind(py).clone(), &cycle, name);
            }));
        }
        Ok(Outcome::Deferred)
    }

    fn refuse_handshake(&self, fault: HandshakeFault, exchange: &mut Exchange<'_>) -> Outcome {
        let mut lines = lines_of(Lines::Text);
        // Bytes behind the handshake are not HTTP.
        let close: &[(&str, &str)] = &[("connection", "close")];
        for (name, value) in fault.lines().iter().chain(close) {
            let pushed = lines.push(name.as_bytes(), value.as_bytes());
            debug_assert_eq!(pushed, Ok(()), "our own lines are valid");
        }
        let text = fault.text().as_bytes();
        if exchange
            .response
            .whole(fault.status(), &lines, text)
            .is_err()
        {
            return self.internal_error(exchange);
        }
        Outcome::Answered
    }

    fn surroundings(&self, host: &Arc<CoroutineHost>) -> Surroundings {
        Surroundings {
            host: Arc::clone(host),
            words: Arc::clone(&self.words),
            pool: Arc::clone(&self.pool),
            has_unawaited_send: AtomicBool::new(false),
        }
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
            return self.internal_error(exchange);
        }
        Outcome::Answered
    }

    #[cold]
    fn internal_error(&self, exchange: &mut Exchange<'_>) -> Outcome {
        // Nothing has been written, so this cannot fail as well.
        let _ = exchange
            .response
            .whole(500, &self.json_lines, INTERNAL_ERROR_BODY);
        Outcome::Answered
    }
}

/// A call on its way to the thread of its loop.
struct Call {
    is_to_head: bool,
    incoming: Incoming,
    around: Surroundings,
    scope: Owned<PyDict>,
    name: String,
    handle: ReplyHandle,
}

impl Call {
    fn begin(self, py: Python<'_>, host: &Arc<CoroutineHost>) {
        let Call {
            is_to_head,
            incoming,
            around,
            scope,
            name,
            handle,
        } = self;
        let cycle = HttpCycle::sending(around, incoming, is_to_head, handle);
        let started = host
            .tenant(py)
            .and_then(|tenant| start(py, host, &tenant.object, scope.bind(py).clone(), &cycle));
        let waiting = match started {
            Ok(Eager::Waiting(task)) => {
                cycle.follow(&task);
                let (cycle, name, there) = (Arc::clone(&cycle), name.clone(), Arc::clone(host));
                host.when_done(
                    &task,
                    Box::new(move |py, result| {
                        there.note_end();
                        cycle.finish(py, &result, &name);
                    }),
                )
            }
            Ok(Eager::Finished(result, task)) => {
                host.note_end();
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
            host.note_end();
            cycle.finish(py, &Err(error), &name);
        }
    }
}

/// A call of the app elsewhere: a function that is not async may set something before its task has a context of its own.
fn call_in_clean_context(call: impl FnOnce(Python<'_>) + Send + 'static) -> Job {
    Job::Call(Box::new(move |py| {
        let entered = in_clean_context(py, || {
            call(py);
            Ok(())
        });
        if let Err(error) = entered {
            log_exception(py, &error, "an ASGI app could not be called");
        }
    }))
}

/// Calls the app for a WebSocket, on the thread of its loop.
fn begin_websocket(
    py: Python<'_>,
    host: &Arc<CoroutineHost>,
    scope: Bound<'_, PyDict>,
    cycle: &Arc<WebSocketCycle>,
    name: String,
) {
    let started = host.tenant(py).and_then(|tenant| {
        let channel = Bound::new(py, Channel(Cycle::WebSocket(Arc::clone(cycle))))?;
        let receive = channel.getattr(names::receive(py))?;
        let send = channel.getattr(names::send(py))?;
        host.start_call(py, || tenant.object.bind(py).call1((scope, receive, send)))
    });
    let result = match started {
        Ok(Eager::Waiting(task)) => {
            let (there, ended, name) = (Arc::clone(host), Arc::clone(cycle), name.clone());
            let then = move |py: Python<'_>, result: PyResult<Bound<'_, PyAny>>| {
                there.note_end();
                ended.finish(py, &result, &name);
            };
            match host.when_done(&task, Box::new(then)) {
                Ok(()) => return,
                Err(error) => Err(error),
            }
        }
        Ok(Eager::Finished(result, task)) => {
            host.note_end();
            in_context_of(&task, || cycle.finish(py, &result, &name));
            return;
        }
        Err(error) => Err(error),
    };
    host.note_end();
    cycle.finish(py, &result, &name);
}

/// Calls the app and runs what it returns up to its first wait.
fn start<'py>(
    py: Python<'py>,
    host: &Arc<CoroutineHost>,
    app: &Py<PyAny>,
    scope: Bound<'py, PyDict>,
    cycle: &Arc<HttpCycle>,
) -> PyResult<Eager<'py>> {
    let channel = Bound::new(py, Channel(Cycle::Http(Arc::clone(cycle))))?;
    let receive = channel.getattr(names::receive(py))?;
    let send = channel.getattr(names::send(py))?;
    host.start_call(py, || app.bind(py).call1((scope, receive, send)))
}

/// Whether the request has a body that is worth waiting for.
fn has_body(exchange: &Exchange<'_>) -> bool {
    !matches!(
        exchange.request.framing(),
        BodyFraming::None | BodyFraming::Length(0)
    )
}
