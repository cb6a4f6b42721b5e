//! The service of native apps: finds the route, binds the handler's arguments, calls it, writes its answer.
//!
//! A ready sync handler goes straight through: nothing is allocated here once the buffers are warm, no lock is taken,
//! and every Python object that it touches belongs to this thread, except the handler itself (invariant I2).

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::{BodyLength, HeaderLines, Method};
use turbo_shard_runtime::{
    BlockingPool, Exchange, Found, INTERNAL_ERROR_BODY, Outcome, Params, Service, StaticFiles,
};

use super::argument_list::ArgumentList;
use super::binder::{Extent, bind};
use super::deferred::{Pending, call_blocking};
use super::faults::Faults;
use super::incoming::Incoming;
use super::mounts::files_of;
use super::parts::Given;
use super::plan::{CallKind, RoutePlan};
use super::routes::Routes;
use super::settle::{Settling, internal_error};
use crate::answers::lines::{Lines, lines_of};
use crate::answers::reply_reader::{Answer, Buffers};
use crate::hosted_loop::{Coroutines, Started};
use crate::python::clean_context::CleanContext;
use crate::python::errors::log_exception;
use crate::python::slow_calls::{coarse_ms, watch};
use crate::python::task_context::in_context_of;
use crate::python::thread::attached;
use crate::requests::request_name::RequestName;

pub(super) const NOT_FOUND_BODY: &[u8] = br#"{"detail":"Not Found"}"#;
const NOT_ALLOWED_BODY: &[u8] = br#"{"detail":"Method Not Allowed"}"#;

const ADVICE_INLINE: &str =
    "mark its route blocking=True, or make it async and await what takes so long";
const ADVICE_ASYNC: &str =
    "await what takes so long, or make it a plain function with blocking=True";

/// One thread's view of a native app. Drop it while that thread is attached.
pub(crate) struct NativeService {
    pub(super) routes: Routes,
    /// For paths without a route.
    files: Option<StaticFiles>,
    pub(super) settling: Arc<Settling>,
    pool: Arc<BlockingPool>,
    /// That of its WebSockets too: of two contexts on one thread, only the one that was entered last is the present one.
    context: CleanContext,
    pub(super) json_lines: HeaderLines,
    pub(super) room: RefCell<Room>,
}

/// Buffers that every request uses again.
#[derive(Default)]
pub(super) struct Room {
    pub(super) path: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) reply: Buffers,
}

/// Reads the app (a `turbo_shard.App`) for the calling thread.
pub(crate) fn native_service(
    py: Python<'_>,
    app: &Py<PyAny>,
    coroutines: Coroutines,
    pool: Arc<BlockingPool>,
) -> PyResult<NativeService> {
    let routes = Routes::read(app.bind(py))?;
    if routes.has_coroutines() {
        coroutines.prepare(py)?;
    }
    Ok(NativeService {
        routes,
        files: files_of(app.bind(py))?,
        settling: Arc::new(Settling::import(py, coroutines)?),
        pool,
        context: CleanContext::default(),
        json_lines: lines_of(Lines::Json),
        room: RefCell::default(),
    })
}

impl Service for NativeService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let room = &mut *self.room.borrow_mut();
        let head = exchange.request;
        match self.routes.of_request(&head, &mut room.path) {
            Found::Route { value, params } => {
                let plan = self.routes.plan(value);
                exchange.route = plan.route;
                attached(|py| {
                    self.serve(py, plan, params, exchange, &mut room.text, &mut room.reply)
                })
            }
            Found::NotFound => {
                let files = self.files.as_ref();
                files
                    .and_then(|files| files.answer(exchange))
                    .unwrap_or_else(|| self.refuse(exchange, 404, None, NOT_FOUND_BODY))
            }
            Found::MethodNotAllowed { allow } => {
                self.refuse(exchange, 405, Some(allow), NOT_ALLOWED_BODY)
            }
        }
    }
}

impl NativeService {
    pub(crate) fn context(&self) -> &CleanContext {
        &self.context
    }

    fn serve<'py>(
        &self,
        py: Python<'py>,
        plan: &Arc<RoutePlan>,
        params: Params<'_>,
        exchange: &mut Exchange<'_>,
        text: &mut Vec<u8>,
        buffers: &mut Buffers,
    ) -> Outcome {
        let head = exchange.request;
        let lacks_body = exchange.body.is_none() && plan.wants_body(head.framing());
        if lacks_body && !plan.may_refuse_early {
            return Outcome::READ_BODY;
        }
        let incoming = Incoming {
            head,
            params,
            body: exchange.body.unwrap_or_default(),
            connection: exchange.connection,
        };
        let mut given = Given {
            parts: &incoming,
            new_view: plan.view.as_ref(),
            view: None,
        };
        // Readers are code of the app.
        if let Err(error) = self.context.renew(py) {
            return self.finish(py, plan, Err(error), exchange, buffers);
        }
        let mut arguments = ArgumentList::new(py);
        let mut faults = Faults::new(py);
        let extent = if lacks_body {
            Extent::BeforeBody
        } else {
            Extent::All
        };
        if let Err(error) = bind(
            &plan.arguments,
            &mut given,
            extent,
            text,
            &mut arguments,
            &mut faults,
            &self.settling.verdicts,
        ) {
            return self.finish(py, plan, Err(error), exchange, buffers);
        }
        if let Some(list) = faults.into_list() {
            let answer = self
                .settling
                .answer_to_faults(&list, plan, &RequestName(head), buffers);
            return self.write(py, plan, answer, exchange, buffers);
        }
        if lacks_body {
            return Outcome::READ_BODY;
        }
        let count = plan.arguments.len();
        let call = || {
            arguments.call(
                &plan.handler,
                count,
                plan.keywords.as_ref(),
                plan.keyword_count,
            )
        };
        match plan.call {
            CallKind::Inline => {
                let began_ms = coarse_ms();
                let result = call();
                watch(&plan.label, began_ms, ADVICE_INLINE);
                self.finish(py, plan, result, exchange, buffers)
            }
            CallKind::Async => match call() {
                Ok(coroutine) => self.follow(py, plan, coroutine, exchange, buffers),
                Err(error) => self.finish(py, plan, Err(error), exchange, buffers),
            },
            CallKind::Blocking => {
                let pending = Pending::new(&self.settling, plan, head, exchange.defer());
                let context = self.context.take_if_used(py);
                call_blocking(&self.pool, pending, &arguments, context);
                Outcome::Deferred
            }
        }
    }

    /// Answers with what the handler returned or raised.
    #[inline]
    fn finish<'py>(
        &self,
        py: Python<'py>,
        plan: &Arc<RoutePlan>,
        result: PyResult<Bound<'py, PyAny>>,
        exchange: &mut Exchange<'_>,
        buffers: &mut Buffers,
    ) -> Outcome {
        let name = RequestName(exchange.request);
        let answer = self.settling.settle(result, plan, &name, py, buffers);
        self.write(py, plan, answer, exchange, buffers)
    }

    /// Awaits what the handler returned; answers at once if it never waits.
    fn follow<'py>(
        &self,
        py: Python<'py>,
        plan: &Arc<RoutePlan>,
        coroutine: Bound<'py, PyAny>,
        exchange: &mut Exchange<'_>,
        buffers: &mut Buffers,
    ) -> Outcome {
        let began_ms = coarse_ms();
        let take_context = || self.context.take_if_used(py);
        let coroutines = &self.settling.coroutines;
        let started = coroutines.start(py, coroutine, take_context);
        watch(&plan.label, began_ms, ADVICE_ASYNC);
        match started {
            Ok(Started::Finished(result, task)) if plan.settles_in_python(&result) => {
                in_context_of(&task, || self.finish(py, plan, result, exchange, buffers))
            }
            Ok(Started::Finished(result, _)) => self.finish(py, plan, result, exchange, buffers),
            Ok(Started::Running(running)) => {
                let pending =
                    Pending::new(&self.settling, plan, exchange.request, exchange.defer());
                if let Err(error) = running.on_done(py, pending.then()) {
                    log_exception(py, &error, &RequestName(exchange.request).to_string());
                }
                Outcome::Deferred
            }
            Err(error) => self.finish(py, plan, Err(error), exchange, buffers),
        }
    }

    #[inline]
    fn write<'py>(
        &self,
        py: Python<'py>,
        plan: &Arc<RoutePlan>,
        answer: Answer<'py>,
        exchange: &mut Exchange<'_>,
        buffers: &mut Buffers,
    ) -> Outcome {
        match answer {
            Answer::Whole {
                status,
                lines,
                body,
            } => {
                let bytes = match buffers.bytes(&body) {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        log_exception(py, &error, &RequestName(exchange.request).to_string());
                        let answer = internal_error(buffers);
                        return self.write(py, plan, answer, exchange, buffers);
                    }
                };
                if let Err(misuse) =
                    exchange
                        .response
                        .whole(status, self.settling.lines(lines, buffers), bytes)
                {
                    return self.refuse_misuse(exchange, &misuse.to_string());
                }
                Outcome::Answered
            }
            Answer::Stream { status, .. } if exchange.request.method() == Method::Head => {
                let started = exchange
                    .response
                    .start(status, &buffers.lines, BodyLength::Unknown);
                if let Err(misuse) = started.and_then(|()| exchange.response.end()) {
                    return self.refuse_misuse(exchange, &misuse.to_string());
                }
                Outcome::Answered
            }
            Answer::Stream { status, source } => {
                let lines = std::mem::take(&mut buffers.lines);
                crate::streaming::stream(
                    py,
                    source,
                    status,
                    lines,
                    exchange.defer(),
                    &self.settling.coroutines,
                );
                Outcome::Deferred
            }
            Answer::Await(coroutine) => self.follow(py, plan, coroutine, exchange, buffers),
        }
    }

    /// The app's answer cannot go out.
    #[cold]
    fn refuse_misuse(&self, exchange: &mut Exchange<'_>, misuse: &str) -> Outcome {
        log::error!("{}: {misuse}", RequestName(exchange.request));
        // Nothing has been written, so this cannot fail as well.
        let _ = exchange
            .response
            .whole(500, &self.json_lines, INTERNAL_ERROR_BODY);
        Outcome::Answered
    }

    /// Answers without Python.
    fn refuse(
        &self,
        exchange: &mut Exchange<'_>,
        status: u16,
        allow: Option<&str>,
        body: &[u8],
    ) -> Outcome {
        let written = match allow {
            None => exchange.response.whole(status, &self.json_lines, body),
            Some(allow) => {
                let mut lines = self.json_lines.clone();
                lines
                    .push(b"allow", allow.as_bytes())
                    .and_then(|()| exchange.response.whole(status, &lines, body))
            }
        };
        match written {
            Ok(()) => Outcome::Answered,
            Err(misuse) => self.refuse_misuse(exchange, &misuse.to_string()),
        }
    }
}
