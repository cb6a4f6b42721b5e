//! Sends what a WSGI app has returned, logs its faults and closes it, on a thread that may wait. Does not know how the
//! app was called.

use std::fmt::Display;

use pyo3::exceptions::PyBrokenPipeError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

use super::body::{Ready, body_bytes, pieces_of, ready_body};
use super::response::{Broken, Progress, WsgiResponse};
use crate::python::errors::log_exception;
use crate::python::names;

/// Sends what the app returned.
pub(super) fn deliver(iterable: &Bound<'_, PyAny>, response: &WsgiResponse) -> Result<(), Broken> {
    let py = iterable.py();
    if let Some(body) = ready_body(iterable)? {
        if let Some(bytes) = body.worth_holding()
            && response.finish_with_held(bytes)
        {
            return Ok(());
        }
        let body = match body {
            Ready::One(bytes) => bytes.as_bytes().to_vec(),
            Ready::Joined(body) => body,
        };
        return response.finish_with(py, body);
    }
    if response.wants_no_body() {
        return response.finish();
    }
    deliver_pieces(&pieces_of(iterable)?, response)
}

/// Sends the pieces that are still to come.
pub(super) fn deliver_pieces(
    pieces: &Bound<'_, PyIterator>,
    response: &WsgiResponse,
) -> Result<(), Broken> {
    for piece in pieces.try_iter()? {
        let piece = piece?;
        let bytes = body_bytes(&piece)?.as_bytes();
        if !bytes.is_empty() && response.send(pieces.py(), bytes)? == Progress::HasNoBody {
            break;
        }
    }
    response.finish()
}

/// Ends an answer that could not be sent to its end; the app's faults are logged.
pub(super) fn conclude(
    py: Python<'_>,
    delivered: Result<(), Broken>,
    response: &WsgiResponse,
    request: &dyn Display,
) {
    match delivered {
        Ok(()) => return,
        // What `write` has raised comes back here.
        Err(Broken::App(error))
            if error.is_instance_of::<PyBrokenPipeError>(py) && response.peer_left() => {}
        Err(Broken::App(error)) => log_exception(py, &error, &request.to_string()),
        Err(Broken::PeerLeft) => {}
    }
    response.fail();
}

/// Closes the iterable, as PEP 3333 promises, however the answer ended.
pub(super) fn close(iterable: &Bound<'_, PyAny>, request: &dyn Display) {
    if iterable.is_exact_instance_of::<PyList>() {
        return;
    }
    let closed = iterable
        .getattr_opt(names::close(iterable.py()))
        .and_then(|close| close.map_or(Ok(()), |close| close.call0().map(drop)));
    if let Err(error) = closed {
        let what = format!("{request}: close() of what the app returned");
        log_exception(iterable.py(), &error, &what);
    }
}
