//! A call of a WSGI app on the shard's own thread: nothing is copied that need not be, and no thread is woken. It must
//! not wait, so a thread of the pool fetches the parts of an answer that are not there at once.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator};
use turbo_shard_runtime::protocol::{BodyLength, Misuse};
use turbo_shard_runtime::{BlockingPool, Exchange, Outcome};

use super::app::WsgiApp;
use super::body::{Left, body_bytes, pieces_of, ready_body, send_held, too_long};
use super::delivery::close;
use super::environ::EnvironMaker;
use super::head::Head;
use super::pace::Pace;
use super::pool_call::{Begun, Rest};
use super::request::{Arrived, RequestText};
use super::response::{Broken, WsgiResponse};
use super::start_response::StartResponse;
use crate::python::clean_context::CleanContext;
use crate::python::errors::log_exception;
use crate::python::thread::{Owned, attached};

/// An answer in pieces is put together here up to this size; beyond it, the client's pace decides, and a thread waits.
const GATHERED_BYTES_MAX: usize = 256 * 1024;
/// How long asking for its pieces may take.
const GATHERED_MAX: Duration = Duration::from_millis(1);

/// Calls the app on the thread that it belongs to. Drop it while that thread is attached.
pub(super) struct ShardCaller {
    pub(super) app: Arc<WsgiApp>,
    pub(super) pool: Arc<BlockingPool>,
    context: CleanContext,
    environs: RefCell<EnvironMaker>,
}

impl ShardCaller {
    pub(super) fn new(app: Arc<WsgiApp>, pool: Arc<BlockingPool>) -> ShardCaller {
        ShardCaller {
            app,
            pool,
            context: CleanContext::default(),
            environs: RefCell::default(),
        }
    }

    /// Calls the app and answers. `pace` hears how long the shard was held.
    pub(super) fn call(&self, exchange: &mut Exchange<'_>, pace: Option<&Pace>) -> Outcome {
        let request = Arrived {
            head: exchange.request,
            body: exchange.body.unwrap_or_default(),
            connection: exchange.connection,
        };
        let began = Instant::now();
        let (outcome, has_streamed) = attached(|py| self.serve(py, &request, exchange, began));
        if let Some(pace) = pace {
            let took = began.elapsed();
            let demoted = match has_streamed {
                true => Some(pace.demote(took)),
                false => pace.note_inline(took),
            };
            if let Some(demoted) = demoted
                && demoted.is_news
            {
                log::info!(
                    "{request} held its shard for {} ms, with all its connections waiting; requests like it go to threads \
                     again until {} in a row were short",
                    took.as_millis(),
                    demoted.trial_calls
                );
            }
        }
        outcome
    }

    /// Returns whether a thread of the pool must go on.
    fn serve(
        &self,
        py: Python<'_>,
        request: &Arrived<'_>,
        exchange: &mut Exchange<'_>,
        began: Instant,
    ) -> (Outcome, bool) {
        let begun = self.environ(py, request).and_then(|environ| {
            let response = StartResponse(WsgiResponse::held(request.is_head()));
            Ok((environ, Bound::new(py, response)?))
        });
        let (environ, start_response) = match begun {
            Ok(begun) => begun,
            Err(error) => return (fail(py, Broken::App(error), request, exchange), false),
        };
        let called = self
            .app
            .application
            .bind(py)
            .call1((environ, &start_response));
        let response = &start_response.get().0;
        let iterable = match called {
            Ok(iterable) => iterable,
            Err(error) => {
                log(py, Broken::App(error), request);
                response.break_off(exchange.defer());
                return (Outcome::Deferred, false);
            }
        };
        let mut answer = Answer {
            response,
            exchange: &mut *exchange,
            is_complete: false,
            began,
        };
        let delivered = answer.deliver(&iterable);
        let is_complete = answer.is_complete;
        match delivered {
            Ok(Delivered::Whole) => {
                response.note_end();
                close(&iterable, request);
                (Outcome::Answered, false)
            }
            Ok(Delivered::Held) => {
                response.note_end();
                close(&iterable, request);
                (Outcome::Deferred, false)
            }
            Ok(Delivered::Rest { pieces, left }) => {
                let handle = exchange.defer();
                let handle = match left {
                    Some(left) => {
                        response.release_rest(handle, left);
                        None
                    }
                    None => Some(handle),
                };
                let begun = Begun {
                    iterable: Owned::new(iterable.unbind()),
                    pieces: pieces.map(|pieces| Owned::new(pieces.unbind())),
                    start_response: Owned::new(start_response.unbind()),
                    handle,
                    context: self.context.take(py).map(Owned::new),
                    request: request.to_string(),
                };
                Rest::hand_over(begun, &self.pool);
                (Outcome::Deferred, true)
            }
            Err(broken) => {
                response.note_end();
                let outcome = match is_complete {
                    true => {
                        log(py, broken, request);
                        Outcome::Answered
                    }
                    false => fail(py, broken, request, exchange),
                };
                close(&iterable, request);
                (outcome, false)
            }
        }
    }

    /// What the app gets of a request, in a context in which nothing is set.
    fn environ<'py>(&self, py: Python<'py>, request: &Arrived<'_>) -> PyResult<Bound<'py, PyDict>> {
        self.context.renew(py)?;
        let mut environs = self.environs.borrow_mut();
        environs.environ(py, request, &self.app.parts)
    }
}

/// What became of the answer on this thread.
enum Delivered<'py> {
    Whole,
    /// It goes out by itself, and needs no thread.
    Held,
    /// A thread of the pool goes on.
    Rest {
        /// The iteration, if it has begun.
        pieces: Option<Bound<'py, PyIterator>>,
        /// What is left of the body whose head has gone out.
        left: Option<Left>,
    },
}

/// The answer on its way into the connection's buffer.
struct Answer<'a, 'e> {
    response: &'a WsgiResponse,
    exchange: &'a mut Exchange<'e>,
    /// The client gets all that it was promised.
    is_complete: bool,
    began: Instant,
}

impl Answer<'_, '_> {
    fn deliver<'py>(&mut self, iterable: &Bound<'py, PyAny>) -> Result<Delivered<'py>, Broken> {
        if self.response.is_written() {
            return Ok(Delivered::Rest {
                pieces: None,
                left: None,
            });
        }
        if let Some(body) = ready_body(iterable)? {
            let head = self.response.take_head()?;
            if let Some(bytes) = body.worth_holding()
                && !self.response.has_no_body(head.status)
                && Left::of(&head).is_met_by(bytes.as_bytes())
            {
                send_held(self.exchange.defer(), head, bytes, false);
                return Ok(Delivered::Held);
            }
            self.whole(&head, body.as_bytes())?;
            return Ok(Delivered::Whole);
        }
        if self.response.wants_no_body() {
            let head = self.response.take_head()?;
            self.whole(&head, b"")?;
            return Ok(Delivered::Whole);
        }
        let mut pieces = pieces_of(iterable)?;
        let first = self.next_piece(&mut pieces)?;
        // Only now has a generator called start_response for sure.
        if self.response.is_written() {
            if let Some(first) = first {
                let first = body_bytes(&first)?.as_bytes();
                self.response.send(pieces.py(), first)?;
            }
            return Ok(Delivered::Rest {
                pieces: Some(pieces),
                left: None,
            });
        }
        let Some(first) = first else {
            let head = self.response.take_head()?;
            self.whole(&head, b"")?;
            return Ok(Delivered::Whole);
        };
        let head = self.response.take_head()?;
        let first = body_bytes(&first)?.as_bytes();
        if self.response.has_no_body(head.status) {
            self.whole(&head, b"")?;
            return Ok(Delivered::Whole);
        }
        let mut left = Left::of(&head);
        if left.is_over_after(first) {
            self.whole(&head, first)?;
            self.response.note_sent(true);
            return match self.next_piece(&mut pieces)? {
                None => Ok(Delivered::Whole),
                Some(_) => Err(Broken::App(too_long())),
            };
        }
        self.exchange
            .response
            .start(head.status, &head.lines, BodyLength::Unknown)
            .map_err(misuse)?;
        self.response.note_sent(true);
        let mut sent = self.chunk(&mut left, first)?;
        loop {
            if sent > GATHERED_BYTES_MAX || self.began.elapsed() > GATHERED_MAX {
                return Ok(Delivered::Rest {
                    pieces: Some(pieces),
                    left: Some(left),
                });
            }
            let Some(piece) = self.next_piece(&mut pieces)? else {
                self.exchange.response.end().map_err(misuse)?;
                self.is_complete = true;
                return Ok(Delivered::Whole);
            };
            sent += self.chunk(&mut left, body_bytes(&piece)?.as_bytes())?;
        }
    }

    /// Head and body at once; a body longer than announced is cut.
    fn whole(&mut self, head: &Head, body: &[u8]) -> Result<(), Broken> {
        let (fits, is_cut) = match self.response.has_no_body(head.status) {
            true => (body, false),
            false => Left::of(head).cut(body),
        };
        self.exchange
            .response
            .whole(head.status, &head.lines, fits)
            .map_err(misuse)?;
        self.is_complete = true;
        match is_cut {
            true => Err(Broken::App(too_long())),
            false => Ok(()),
        }
    }

    /// A further piece; returns its length.
    fn chunk(&mut self, left: &mut Left, piece: &[u8]) -> Result<usize, Broken> {
        let (fits, is_cut) = left.cut(piece);
        let response = &mut self.exchange.response;
        response.chunk(fits).map_err(misuse)?;
        if is_cut {
            response.end().map_err(misuse)?;
            self.is_complete = true;
            return Err(Broken::App(too_long()));
        }
        Ok(fits.len())
    }

    /// The next piece that is not empty.
    fn next_piece<'py>(
        &self,
        pieces: &mut Bound<'py, PyIterator>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        for piece in pieces {
            let piece = piece?;
            if !body_bytes(&piece)?.as_bytes().is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// The app's answer cannot go out as it is.
#[cold]
fn misuse(misuse: Misuse) -> Broken {
    Broken::App(pyo3::exceptions::PyValueError::new_err(misuse.to_string()))
}

/// 500 while nothing was sent, a cut connection after that.
#[cold]
fn fail(
    py: Python<'_>,
    broken: Broken,
    request: &Arrived<'_>,
    exchange: &mut Exchange<'_>,
) -> Outcome {
    log(py, broken, request);
    exchange.defer().fail();
    Outcome::Deferred
}

fn log(py: Python<'_>, broken: Broken, request: &Arrived<'_>) {
    if let Broken::App(error) = broken {
        log_exception(py, &error, &request.to_string());
    }
}
