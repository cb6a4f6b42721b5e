//! Opens WebSockets: checks the handshake, and calls what serves it, on this thread or on that of its loop.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_shard_runtime::protocol::websocket::{Handshake, HandshakeFault};
use turbo_shard_runtime::protocol::{BodyFraming, HeaderLines};
use turbo_shard_runtime::{Exchange, INTERNAL_ERROR_BODY, Outcome};

use super::channel::{Channel, Cycle};
use super::home::{Home, call_in_context};
use super::websocket_cycle::WebSocketCycle;
use crate::answers::lines::{Lines, lines_of};
use crate::hosted_loop::{AppLoop, Eager};
use crate::python::clean_context::CleanContext;
use crate::python::errors::log_exception;
use crate::python::names;
use crate::python::task_context::in_context_of;
use crate::python::thread::attached;
use crate::requests::request_name::RequestName;

/// A call that serves one WebSocket by ASGI's messages.
pub(crate) trait WebSocketApp: Send + 'static {
    /// Returns what is awaited for as long as the WebSocket lasts. For the thread of its loop.
    fn call<'py>(
        &self,
        py: Python<'py>,
        receive: Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>>;

    /// Where its router leaves which route it has found, if that is not known before.
    fn scope<'py>(&self, _py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        None
    }
}

/// One thread's way to open WebSockets. Drop it while that thread is attached.
pub(crate) struct WebSocketService {
    pub(super) home: Home,
    json_lines: HeaderLines,
}

impl WebSocketService {
    pub(crate) fn new(home: Home) -> WebSocketService {
        WebSocketService {
            home,
            json_lines: lines_of(Lines::Json),
        }
    }

    /// Answers a request for a WebSocket. `choose` says what serves it; None if it has refused the handshake. Code of the
    /// app runs in the thread's `context`.
    pub(crate) fn open<A: WebSocketApp>(
        &self,
        context: &CleanContext,
        exchange: &mut Exchange<'_>,
        choose: impl FnOnce(
            Python<'_>,
            &mut Exchange<'_>,
            &Handshake,
            &Arc<AppLoop>,
        ) -> PyResult<Option<A>>,
    ) -> Outcome {
        if exchange.body.is_none() && exchange.is_body_at_hand && has_body(exchange) {
            return Outcome::READ_BODY;
        }
        let handshake = match Handshake::check(&exchange.request) {
            Ok(handshake) => handshake,
            Err(fault) => return self.refuse(fault, exchange),
        };
        attached(|py| {
            let opened = self.home.app_loop(py).and_then(|app_loop| {
                context.renew(py)?;
                match choose(py, exchange, &handshake, &app_loop)? {
                    Some(app) => self.begin(py, context, app_loop, handshake, app, exchange),
                    None => Ok(Outcome::Answered),
                }
            });
            opened.unwrap_or_else(|error| {
                log_exception(py, &error, &RequestName(exchange.request).to_string());
                self.internal_error(exchange)
            })
        })
    }

    fn begin<A: WebSocketApp>(
        &self,
        py: Python<'_>,
        context: &CleanContext,
        app_loop: Arc<AppLoop>,
        handshake: Handshake,
        app: A,
        exchange: &mut Exchange<'_>,
    ) -> PyResult<Outcome> {
        let compression = exchange.websocket_limits.compression.clone();
        let name = format!("WebSocket {}", exchange.request.path().escape_ascii());
        let around = self.home.surroundings(&app_loop);
        let cycle = WebSocketCycle::new(around, handshake, compression, exchange.defer());
        app_loop.note_begin();
        if app_loop.is_here() {
            begin(py, &app_loop, &app, &cycle, name);
        } else {
            let there = Arc::clone(&app_loop);
            app_loop.post(call_in_context(context.take_if_used(py), move |py| {
                begin(py, &there, &app, &cycle, name);
            }));
        }
        Ok(Outcome::Deferred)
    }

    fn refuse(&self, fault: HandshakeFault, exchange: &mut Exchange<'_>) -> Outcome {
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

    #[cold]
    pub(super) fn internal_error(&self, exchange: &mut Exchange<'_>) -> Outcome {
        // Nothing has been written, so this cannot fail as well.
        let _ = exchange
            .response
            .whole(500, &self.json_lines, INTERNAL_ERROR_BODY);
        Outcome::Answered
    }
}

/// Whether the request has a body that is worth waiting for.
pub(super) fn has_body(exchange: &Exchange<'_>) -> bool {
    !matches!(
        exchange.request.framing(),
        BodyFraming::None | BodyFraming::Length(0)
    )
}

/// Calls what serves a WebSocket, on the thread of its loop.
fn begin(
    py: Python<'_>,
    app_loop: &Arc<AppLoop>,
    app: &impl WebSocketApp,
    cycle: &Arc<WebSocketCycle>,
    name: String,
) {
    if let (true, Some(scope)) = (cycle.around.names_routes, app.scope(py)) {
        cycle.state().route.look_in(&scope);
    }
    let channel = Channel(Cycle::WebSocket(Arc::clone(cycle)));
    let started = Bound::new(py, channel).and_then(|channel| {
        let receive = channel.getattr(names::receive(py))?;
        let send = channel.getattr(names::send(py))?;
        app_loop.start_call(py, || app.call(py, receive, send))
    });
    let result = match started {
        Ok(Eager::Waiting(task)) => {
            let (there, ended, name) = (Arc::clone(app_loop), Arc::clone(cycle), name.clone());
            let then = move |py: Python<'_>,
                             result: PyResult<Bound<'_, PyAny>>,
                             _: Option<&Bound<'_, PyAny>>| {
                there.note_end();
                ended.finish(py, &result, &name);
            };
            match app_loop.when_done(&task, Box::new(then)) {
                Ok(()) => return,
                Err(error) => Err(error),
            }
        }
        Ok(Eager::Finished(result, task)) => {
            app_loop.note_end();
            in_context_of(&task, || cycle.finish(py, &result, &name));
            return;
        }
        Err(error) => Err(error),
    };
    app_loop.note_end();
    cycle.finish(py, &result, &name);
}
