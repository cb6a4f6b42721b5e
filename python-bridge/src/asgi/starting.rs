//! Starts what serves a request: the plan that its app's compiled part has for it, or the app. Knows neither where that
//! runs nor what becomes of it.

use std::fmt::Display;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_shard_runtime::ConnectionInfo;
use turbo_shard_runtime::protocol::{HeadCopy, RequestHead};

use super::channel::{Channel, Cycle};
use super::compiled::{CompiledCall, CompiledFront, Planned};
use super::http_cycle::HttpCycle;
use super::scope::{ScopeMaker, method_text};
use crate::hosted_loop::{AppInstance, AppLoop, Eager};
use crate::python::errors::log_exception;
use crate::python::names;

/// What is asked for, before it is a scope.
pub(super) struct Asked<'a> {
    pub(super) head: RequestHead<'a>,
    pub(super) connection: &'a ConnectionInfo,
    pub(super) scopes: &'a Arc<ScopeMaker>,
}

/// Runs what serves the request up to its first wait. For the thread of `app_loop`.
pub(super) fn start<'py>(
    py: Python<'py>,
    app_loop: &Arc<AppLoop>,
    asked: &Asked<'_>,
    cycle: &Arc<HttpCycle>,
    name: &dyn Display,
) -> PyResult<Eager<'py>> {
    let instance = app_loop.instance(py)?;
    if let Some(planned) = plan_for(py, instance, asked, name) {
        cycle.note_route(planned.route);
        return start_plan(py, app_loop, asked, cycle, planned);
    }
    let state = instance.state.as_ref();
    let scope =
        (asked.scopes).http(py, &cycle.around.words, asked.head, asked.connection, state)?;
    start_app(py, app_loop, &instance.object, scope, cycle)
}

/// Calls the app and runs what it returns up to its first wait.
pub(super) fn start_app<'py>(
    py: Python<'py>,
    app_loop: &Arc<AppLoop>,
    app: &Py<PyAny>,
    scope: Bound<'py, PyDict>,
    cycle: &Arc<HttpCycle>,
) -> PyResult<Eager<'py>> {
    cycle.look_for_route(&scope);
    let channel = Bound::new(py, Channel(Cycle::Http(Arc::clone(cycle))))?;
    let receive = channel.getattr(names::receive(py))?;
    let send = channel.getattr(names::send(py))?;
    app_loop.start_call(py, || app.bind(py).call1((scope, receive, send)))
}

/// The plan for the request. If it cannot be said which one that is, the app serves it.
#[inline]
fn plan_for<'py>(
    py: Python<'py>,
    instance: &AppInstance,
    asked: &Asked<'_>,
    name: &dyn Display,
) -> Option<Planned<'py>> {
    let front = instance.compiled.as_ref()?.bind(py);
    let front = front.cast::<CompiledFront>().ok()?.get();
    let prefix = asked.connection.prefix.as_deref();
    let path = asked.scopes.path_text(asked.head.path(), prefix);
    front
        .plan(py, &method_text(&asked.head), &path, prefix)
        .unwrap_or_else(|error| {
            log_exception(py, &error, &name.to_string());
            None
        })
}

/// Calls the plan and runs its coroutine up to its first wait.
fn start_plan<'py>(
    py: Python<'py>,
    app_loop: &Arc<AppLoop>,
    asked: &Asked<'_>,
    cycle: &Arc<HttpCycle>,
    planned: Planned<'py>,
) -> PyResult<Eager<'py>> {
    let call = CompiledCall::new(
        Arc::clone(cycle),
        HeadCopy::of(asked.head),
        asked.connection.clone(),
        Arc::clone(asked.scopes),
        planned.params.unbind(),
    );
    let call = Bound::new(py, call)?;
    app_loop.start_call(py, || planned.plan.call1((call,)))
}
