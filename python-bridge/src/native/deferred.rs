//! Calls whose answer comes later: coroutines under way, and calls on the blocking pool. They own what they need.

use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::{BodyLength, Method, RequestHead};
use turbo_shard_runtime::{BlockingPool, HttpReply};

use super::argument_list::{ArgumentList, call_owned};
use super::plan::RoutePlan;
use super::settle::Settling;
use crate::answers::overload;
use crate::answers::reply_reader::{Answer, Buffers};
use crate::hosted_loop::{Started, Then};
use crate::python::clean_context::in_context_or_clean_one;
use crate::python::errors::log_exception;
use crate::python::task_context::in_context_of;
use crate::python::thread::{Owned, attached};
use crate::requests::request_name::RequestName;
use crate::streaming;

/// An answer that is still to come.
pub(super) struct Pending {
    pub(super) settling: Arc<Settling>,
    pub(super) plan: Arc<RoutePlan>,
    pub(super) handle: HttpReply,
    pub(super) name: String,
    pub(super) is_head: bool,
}

impl Pending {
    pub(super) fn new(
        settling: &Arc<Settling>,
        plan: &Arc<RoutePlan>,
        head: RequestHead<'_>,
        handle: HttpReply,
    ) -> Pending {
        Pending {
            settling: Arc::clone(settling),
            plan: Arc::clone(plan),
            handle,
            name: RequestName(head).to_string(),
            is_head: head.method() == Method::Head,
        }
    }

    /// What to do with the result of the handler's coroutine.
    pub(super) fn then(self) -> Then {
        Box::new(move |py, result, task| self.finish_task(py, result, task))
    }

    fn finish_task(
        self,
        py: Python<'_>,
        result: PyResult<Bound<'_, PyAny>>,
        task: Option<&Bound<'_, PyAny>>,
    ) {
        match task {
            Some(task) if self.plan.settles_in_python(&result) => {
                in_context_of(task, || self.finish(py, result));
            }
            _ => self.finish(py, result),
        }
    }

    /// Sends the answer to what the handler returned or raised.
    pub(super) fn finish(self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) {
        let mut buffers = Buffers::default();
        let answer = self
            .settling
            .settle(result, &self.plan, &self.name, py, &mut buffers);
        match answer {
            Answer::Whole {
                status,
                lines,
                body,
            } => {
                let lines = self.settling.lines(lines, &buffers).clone();
                let bytes = match buffers.bytes(&body) {
                    Ok(bytes) => bytes.to_vec(),
                    Err(error) => {
                        log_exception(py, &error, &self.name);
                        self.handle.fail();
                        return;
                    }
                };
                self.handle.whole(status, lines, bytes);
            }
            Answer::Stream { status, .. } if self.is_head => {
                self.handle
                    .start(status, buffers.lines, BodyLength::Unknown);
                self.handle.end();
            }
            Answer::Stream { status, source } => {
                streaming::stream(
                    py,
                    source,
                    status,
                    buffers.lines,
                    self.handle,
                    &self.settling.coroutines,
                );
            }
            Answer::Await(coroutine) => self.follow(py, coroutine),
        }
    }

    /// Awaits what the handler returned, and sends what comes of it.
    fn follow(self, py: Python<'_>, coroutine: Bound<'_, PyAny>) {
        let started = self.settling.coroutines.start(py, coroutine, || None);
        match started {
            Ok(Started::Finished(result, task)) => self.finish_task(py, result, Some(&task)),
            Ok(Started::Running(running)) => {
                let name = self.name.clone();
                if let Err(error) = running.on_done(py, self.then()) {
                    log_exception(py, &error, &name);
                }
            }
            Err(error) => self.finish(py, Err(error)),
        }
    }
}

/// Calls the handler on the pool; where there is no room, the answer is 503.
pub(super) fn call_blocking(
    pool: &BlockingPool,
    pending: Pending,
    arguments: &ArgumentList<'_, '_>,
    context: Option<Owned<PyAny>>,
) {
    let count = pending.plan.arguments.len();
    let call = BlockingCall {
        pending: Some(pending),
        arguments: arguments.to_owned(count),
        context,
    };
    // A refused job is dropped, which answers.
    let _ = pool.try_run(Box::new(move || call.run()));
}

struct BlockingCall {
    pending: Option<Pending>,
    arguments: Vec<Owned<PyAny>>,
    /// In which the arguments were made, if that has set something.
    context: Option<Owned<PyAny>>,
}

impl BlockingCall {
    fn run(mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let arguments = std::mem::take(&mut self.arguments);
        let context = self.context.take();
        attached(|py| {
            let plan = Arc::clone(&pending.plan);
            let keywords = plan.keywords.as_ref();
            let mut pending = Some(pending);
            // A stream that the handler returns is pulled in there as well.
            let entered = in_context_or_clean_one(py, context, || {
                let result = call_owned(py, &plan.handler, arguments, keywords, plan.keyword_count);
                if let Some(pending) = pending.take() {
                    pending.finish(py, result);
                }
                Ok(())
            });
            if let (Err(error), Some(pending)) = (entered, pending) {
                pending.finish(py, Err(error));
            }
        });
    }
}

impl Drop for BlockingCall {
    fn drop(&mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let what = format!("{} (handler {})", pending.name, pending.plan.label);
        overload::refuse(pending.handle, &what);
    }
}
