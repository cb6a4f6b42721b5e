//! Binds a WebSocket's handshake as a request is bound, and calls the handler. Knows no frames and no messages.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::{Exchange, INTERNAL_ERROR_BODY};

use super::argument_list::ArgumentList;
use super::binder::{Extent, bind};
use super::faults::Faults;
use super::incoming::Incoming;
use super::parts::{Given, Parts};
use super::plan::{RoutePlan, Source};
use super::service::{NOT_FOUND_BODY, NativeService};
use crate::answers::reply_reader::Answer;
use crate::python::names;
use crate::python::thread::Owned;
use crate::requests::request_name::RequestName;

/// A call of the handler of a WebSocket, for the thread of its loop.
pub(crate) struct WebSocketCall {
    plan: Arc<RoutePlan>,
    /// By slot; that of the WebSocket is still empty.
    arguments: Vec<Owned<PyAny>>,
    request: Owned<PyAny>,
    subprotocols: Vec<String>,
}

impl NativeService {
    /// The call of the handler that a handshake asks for. None if the handshake has been refused instead.
    pub(crate) fn bind_websocket(
        &self,
        py: Python<'_>,
        exchange: &mut Exchange<'_>,
        subprotocols: &[String],
    ) -> PyResult<Option<WebSocketCall>> {
        let room = &mut *self.room.borrow_mut();
        let head = exchange.request;
        let Some((plan, params)) = self.routes.of_handshake(&head, &mut room.path) else {
            refuse(exchange, 404, &self.json_lines, NOT_FOUND_BODY);
            return Ok(None);
        };
        exchange.route = plan.route;
        let (mut arguments, mut faults) = (ArgumentList::new(py), Faults::new(py));
        let incoming = Incoming {
            head,
            params,
            body: b"",
            connection: exchange.connection,
        };
        let mut given = Given {
            parts: &incoming,
            new_view: plan.view.as_ref(),
            view: None,
        };
        let bound = bind(
            &plan.arguments,
            &mut given,
            Extent::All,
            &mut room.text,
            &mut arguments,
            &mut faults,
            &self.settling.verdicts,
        );
        let (name, buffers) = (RequestName(head), &mut room.reply);
        let answer = match (bound, faults.into_list()) {
            (Err(error), _) => self.settling.settle(Err(error), plan, &name, py, buffers),
            (Ok(()), Some(list)) => {
                let list = self.settling.without_inputs(&list)?;
                self.settling.answer_to_faults(&list, plan, &name, buffers)
            }
            (Ok(()), None) => {
                let request = incoming.request(py)?;
                return Ok(Some(WebSocketCall {
                    plan: Arc::clone(plan),
                    arguments: arguments.to_owned(plan.arguments.len()),
                    request: Owned::new(request.unbind()),
                    subprotocols: subprotocols.to_vec(),
                }));
            }
        };
        match answer {
            Answer::Whole {
                status,
                lines,
                body,
            } => {
                let lines = self.settling.lines(lines, buffers);
                refuse(exchange, status, lines, buffers.bytes(&body)?);
            }
            Answer::Stream { .. } | Answer::Await(_) => {
                refuse(exchange, 500, &self.json_lines, INTERNAL_ERROR_BODY);
            }
        }
        Ok(None)
    }
}

impl WebSocketCall {
    /// The handler's conversation, to be awaited. For the thread of its loop.
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        receive: Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = self.request.bind(py);
        let subprotocols = self.subprotocols.clone();
        let socket = names::WEBSOCKET.call1(py, (request, subprotocols, receive, send))?;
        let mut arguments: Vec<_> = self.arguments.iter().map(|one| one.bind(py)).collect();
        let is_socket = |source| source == Source::Socket;
        for argument in &self.plan.arguments {
            if is_socket(argument.source) {
                arguments[argument.slot] = &socket;
            }
        }
        let by_place = arguments.len() - self.plan.keyword_count;
        let named = PyDict::new(py);
        if let Some(keywords) = &self.plan.keywords {
            for (name, argument) in keywords.bind(py).iter().zip(&arguments[by_place..]) {
                named.set_item(name, argument)?;
            }
        }
        let positional = PyTuple::new(py, &arguments[..by_place])?;
        names::CONVERSE.call1(py, (&socket, &self.plan.handler, positional, named))
    }
}

/// Bytes behind the handshake are not HTTP, so the connection ends with the answer.
fn refuse(exchange: &mut Exchange<'_>, status: u16, lines: &HeaderLines, body: &[u8]) {
    let mut lines = lines.clone();
    let written = lines
        .push(b"connection", b"close")
        .and_then(|()| exchange.response.whole(status, &lines, body));
    if let Err(misuse) = written {
        log::error!("{}: {misuse}", RequestName(exchange.request));
        // Nothing has been written, so this cannot fail as well.
        let _ = exchange
            .response
            .whole(500, &HeaderLines::new(), INTERNAL_ERROR_BODY);
    }
}
