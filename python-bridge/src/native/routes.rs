//! The routes of a native app as one thread has them: which plan serves a request, and which a WebSocket's handshake.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use turbo_shard_runtime::protocol::RequestHead;
use turbo_shard_runtime::{Found, Params, RouteTable, RouteTemplate};

use super::plan::{CallKind, RoutePlan, refusal};
use crate::python::names;

/// The method of every handshake (RFC 6455 section 4.1).
const HANDSHAKE: &str = "GET";

pub(super) struct Routes {
    requests: RouteTable<u32>,
    websockets: RouteTable<u32>,
    plans: Vec<Arc<RoutePlan>>,
}

impl Routes {
    /// Reads the plans of an app (a `turbo_shard.App`).
    pub(super) fn read(app: &Bound<'_, PyAny>) -> PyResult<Routes> {
        let py = app.py();
        let mut routes = Routes {
            requests: RouteTable::new(),
            websockets: RouteTable::new(),
            plans: Vec::new(),
        };
        for found in app.call_method0(names::plans(py))?.try_iter()? {
            routes.add(py, RoutePlan::read(&found?)?)?;
        }
        Ok(routes)
    }

    fn add(&mut self, py: Python<'_>, plan: RoutePlan) -> PyResult<()> {
        let number = self.plans.len() as u32;
        let added = if plan.takes_websockets() {
            self.websockets.add(HANDSHAKE, &plan.path, number)
        } else {
            let mut methods = plan.methods.iter();
            methods.try_for_each(|method| self.requests.add(method, &plan.path, number))
        };
        added.map_err(|error| refusal(py, format!("handler {}: {error}", plan.label)))?;
        self.plans.push(Arc::new(plan));
        Ok(())
    }

    /// Whether a handler needs an event loop.
    pub(super) fn has_coroutines(&self) -> bool {
        self.plans.iter().any(|plan| plan.call == CallKind::Async)
    }

    #[inline]
    pub(super) fn plan(&self, number: u32) -> &Arc<RoutePlan> {
        &self.plans[number as usize]
    }

    #[inline]
    pub(super) fn of_request<'a>(
        &'a self,
        head: &RequestHead<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Found<'a, u32> {
        self.requests
            .find(head.method_bytes(), head.path(), scratch)
    }

    pub(super) fn of_handshake<'a>(
        &'a self,
        head: &RequestHead<'a>,
        scratch: &'a mut Vec<u8>,
    ) -> Option<(&'a Arc<RoutePlan>, Params<'a>)> {
        match self
            .websockets
            .find(HANDSHAKE.as_bytes(), head.path(), scratch)
        {
            Found::Route { value, params } => Some((self.plan(value), params)),
            Found::NotFound | Found::MethodNotAllowed { .. } => None,
        }
    }
}

/// The names of a path's parameters, and the path without them; ValueError says what is wrong with it.
#[pyfunction]
pub(crate) fn route_template<'py>(
    py: Python<'py>,
    path: &str,
) -> PyResult<(Bound<'py, PyTuple>, String)> {
    let template = RouteTemplate::parse(path).map_err(PyValueError::new_err)?;
    let names: Vec<&str> = template.names().collect();
    Ok((PyTuple::new(py, names)?, template.shape()))
}
