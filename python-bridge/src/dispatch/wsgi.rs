//! The service of WSGI apps (PEP 3333): hands each request to the blocking pool, where a thread calls the app and sends
//! what it yields. The connection's thread runs no Python at all.
//!
//! A request goes to the pool once its body is there: a client that is slow to send never holds a thread. One that is slow
//! to read holds one only while an answer comes in pieces.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use pyo3::exceptions::{PyBrokenPipeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::BodyFraming;
use turbo_shard_runtime::{BlockingPool, Exchange, Outcome, ReplyHandle, Service};

use super::clean_context::CleanContext;
use super::native::READ_BODY;
use super::overload;
use super::wsgi_environ::{EnvironMaker, EnvironParts, WsgiRequest};
use super::wsgi_head::type_name;
use super::wsgi_response::{Broken, Progress, StartResponse, body_bytes};
use crate::errors::log_exception;
use crate::python_thread::{Owned, attached};

/// A body in several pieces that are all there is sent as one up to this size; beyond it, it is not worth a second copy.
/// Worst case per thread of the pool: this much.
const JOINED_BYTES_MAX: usize = 256 * 1024;

/// One thread's view of a WSGI app.
pub(crate) struct WsgiService {
    app: Arc<WsgiApp>,
    pool: Arc<BlockingPool>,
}

/// What the pool's threads need to call the app.
struct WsgiApp {
    application: Owned<PyAny>,
    parts: EnvironParts,
}

impl WsgiService {
    /// Serves `application` below `root_path`.
    pub(crate) fn new(
        application: &Bound<'_, PyAny>,
        root_path: &str,
        pool: Arc<BlockingPool>,
    ) -> PyResult<WsgiService> {
        let app = WsgiApp {
            application: Owned::new(application.clone().unbind()),
            parts: EnvironParts::import(application.py(), root_path)?,
        };
        Ok(WsgiService {
            app: Arc::new(app),
            pool,
        })
    }
}

impl Service for WsgiService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let head = exchange.request;
        let has_body = !matches!(head.framing(), BodyFraming::None | BodyFraming::Length(0));
        if has_body && exchange.body.is_none() {
            return READ_BODY;
        }
        let body = exchange.body.unwrap_or_default();
        let call = WsgiCall(Some(Waiting {
            app: Arc::clone(&self.app),
            request: WsgiRequest::of(head, body, exchange.connection),
            handle: exchange.defer(),
        }));
        // A job that is refused is dropped, which answers.
        if self.pool.try_run(Box::new(move || call.run())).is_ok() {
            HANDED_OVER.set(true);
        }
        Outcome::Deferred
    }
}

/// A request on its way to a thread of the pool.
struct WsgiCall(Option<Waiting>);

struct Waiting {
    app: Arc<WsgiApp>,
    request: WsgiRequest,
    handle: ReplyHandle,
}

impl WsgiCall {
    fn run(mut self) {
        if let Some(waiting) = self.0.take() {
            attached(|py| waiting.run(py));
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

thread_local! {
    /// This thread has given the pool something to do since it last waited.
    static HANDED_OVER: Cell<bool> = const { Cell::new(false) };
}

/// Lets the pool's threads, which share the shard's core, begin with what they were given before the shard waits. A
/// thread that sleeps would be woken, at once and in their stead, by the first of their answers, and again by the next;
/// one that stands by finds all of them when its turn comes. To be called before the thread waits.
#[inline]
pub(crate) fn let_pool_run() {
    if HANDED_OVER.replace(false) {
        std::thread::yield_now();
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

/// To be called when a thread of the pool ends, while it still has its Python state.
pub(crate) fn wsgi_thread_stops() {
    if let Some(kept) = POOL_THREAD.take() {
        attached(|_| drop(kept));
    }
}

impl Waiting {
    fn run(mut self, py: Python<'_>) {
        let begun = self.environ(py).and_then(|environ| {
            let response = StartResponse::new(self.handle, self.request.is_head());
            Ok((environ, Bound::new(py, response)?))
        });
        let (environ, response) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                log_exception(py, &error, &self.request.to_string());
                return;
            }
        };
        let application = self.app.application.bind(py);
        let called = application.call1((environ, &response));
        let response = response.get();
        match called {
            Ok(iterable) => {
                let delivered = deliver(&iterable, response);
                conclude(py, delivered, response, &self.request);
                close(&iterable, &self.request);
            }
            Err(error) => conclude(py, Err(Broken::App(error)), response, &self.request),
        }
    }

    fn environ<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        POOL_THREAD.with_borrow_mut(|kept| {
            let kept = kept.get_or_insert_default();
            kept.context.renew(py)?;
            kept.environs
                .environ(py, &mut self.request, &self.app.parts)
        })
    }
}

/// Sends what the app returned.
fn deliver(iterable: &Bound<'_, PyAny>, response: &StartResponse) -> Result<(), Broken> {
    let py = iterable.py();
    if let Some(body) = ready_body(iterable)? {
        return response.finish_with(py, body);
    }
    if response.wants_no_body() {
        return response.finish();
    }
    let pieces = match iterable.try_iter() {
        Err(_) if !iterable.hasattr(intern!(py, "__iter__"))? => {
            return Err(Broken::App(no_iterable(iterable)));
        }
        pieces => pieces?,
    };
    for piece in pieces {
        let piece = piece?;
        let bytes = body_bytes(&piece)?.as_bytes();
        if !bytes.is_empty() && response.send(py, bytes)? == Progress::HasNoBody {
            break;
        }
    }
    response.finish()
}

/// The whole body, if it is there already: in a list or a tuple.
fn ready_body(iterable: &Bound<'_, PyAny>) -> Result<Option<Vec<u8>>, Broken> {
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        joined(list.len(), list.iter())
    } else if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        joined(tuple.len(), tuple.iter())
    } else if iterable.is_instance_of::<PyBytes>() || iterable.is_instance_of::<PyString>() {
        Err(Broken::App(no_iterable(iterable)))
    } else {
        Ok(None)
    }
}

fn joined<'py>(
    count: usize,
    pieces: impl Iterator<Item = Bound<'py, PyAny>>,
) -> Result<Option<Vec<u8>>, Broken> {
    let mut body = Vec::new();
    for piece in pieces {
        let bytes = body_bytes(&piece)?.as_bytes();
        if count > 1 && body.len() + bytes.len() > JOINED_BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(bytes);
    }
    Ok(Some(body))
}

#[cold]
fn no_iterable(returned: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "a WSGI app returns an iterable of bytes, such as [b\"...\"], not {}",
        type_name(returned)
    ))
}

/// Ends an answer that could not be sent to its end; the app's faults are logged.
fn conclude(
    py: Python<'_>,
    delivered: Result<(), Broken>,
    response: &StartResponse,
    request: &WsgiRequest,
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

/// Tells the iterable that nobody will ask it again: what PEP 3333 promises, however the answer ended.
fn close(iterable: &Bound<'_, PyAny>, request: &WsgiRequest) {
    if iterable.is_exact_instance_of::<PyList>() {
        return;
    }
    let closed = iterable
        .getattr_opt(intern!(iterable.py(), "close"))
        .and_then(|close| close.map_or(Ok(()), |close| close.call0().map(drop)));
    if let Err(error) = closed {
        let what = format!("{request}: close() of what the app returned");
        log_exception(iterable.py(), &error, &what);
    }
}
