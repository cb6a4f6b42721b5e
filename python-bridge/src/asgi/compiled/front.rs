//! Which plan serves a request, if any does: an app's compiled routes, as Python keeps them up to date. Knows nothing of
//! how a plan runs.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use percent_encoding::percent_decode;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use turbo_shard_runtime::{OrderedFound, OrderedRoutes, RouteId};

use super::table_entries::{Served, entries_of, plan_of};
use crate::python::thread::Owned;

/// The compiled part of an app, before the app.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct CompiledFront {
    /// Says whether the plans still do what the app would do.
    is_current: Py<PyAny>,
    /// As the app's scopes have it.
    root_path: String,
    /// Held for a moment; never while Python runs.
    table: Mutex<Arc<Table>>,
    /// How often it was replaced.
    replacements: AtomicUsize,
}

/// A plan for a request.
pub(in crate::asgi) struct Planned<'py> {
    pub(in crate::asgi) plan: Bound<'py, PyAny>,
    /// The texts of the path's parameters.
    pub(in crate::asgi) params: Bound<'py, PyTuple>,
    /// The route that it is of.
    pub(in crate::asgi) route: RouteId,
}

#[derive(Default)]
struct Table {
    routes: OrderedRoutes,
    served: Vec<Served>,
    not_found: Option<Owned<PyAny>>,
    redirects_slashes: bool,
}

impl CompiledFront {
    /// The plan for a request: method in upper case and decoded path, as its scope would show them. The path may be below
    /// a prefix that proxies name.
    pub(in crate::asgi) fn plan<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        prefix: Option<&str>,
    ) -> PyResult<Option<Planned<'py>>> {
        let root_path = match prefix {
            None => Cow::Borrowed(&*self.root_path),
            // Which of the two counts is for the app to say.
            Some(_) if !self.root_path.is_empty() => return Ok(None),
            Some(prefix) => percent_decode(prefix.as_bytes()).decode_utf8_lossy(),
        };
        let replacements = self.replacements.load(Ordering::Acquire);
        let planned = self.look_up(py, &root_path, method, path)?;
        if planned.is_none() || !self.is_current.bind(py).call0()?.is_truthy()? {
            return Ok(None);
        }
        if self.replacements.load(Ordering::Acquire) != replacements {
            // There have been other plans for a moment.
            return self.look_up(py, &root_path, method, path);
        }
        Ok(planned)
    }

    fn look_up<'py>(
        &self,
        py: Python<'py>,
        root_path: &str,
        method: &str,
        path: &str,
    ) -> PyResult<Option<Planned<'py>>> {
        let table = Arc::clone(&self.table.lock());
        table.look_up(py, root_path, method, path)
    }
}

#[pymethods]
impl CompiledFront {
    #[new]
    fn new(is_current: Py<PyAny>, root_path: String) -> CompiledFront {
        CompiledFront {
            is_current,
            root_path,
            table: Mutex::default(),
            replacements: AtomicUsize::new(0),
        }
    }

    /// Puts another table in place.
    fn replace(
        &self,
        entries: &Bound<'_, PyAny>,
        not_found: &Bound<'_, PyAny>,
        redirect_slashes: bool,
    ) -> PyResult<()> {
        let (routes, served) = entries_of(entries)?;
        let table = Arc::new(Table {
            routes,
            served,
            not_found: plan_of(not_found),
            redirects_slashes: redirect_slashes,
        });
        let before = std::mem::replace(&mut *self.table.lock(), table);
        self.replacements.fetch_add(1, Ordering::Release);
        drop(before);
        Ok(())
    }

    /// Plan and parameters for the method, path and root path of a scope, current or not.
    #[pyo3(signature = (method, path, root_path = ""))]
    fn find<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        root_path: &str,
    ) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>> {
        let planned = self.look_up(py, root_path, method, path)?;
        Ok(planned.map(|planned| (planned.plan, planned.params)))
    }

    /// Plans lead to the app, and the app may lead here.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.is_current)?;
        let Some(table) = self.table.try_lock() else {
            return Ok(());
        };
        let plans = table.served.iter().map(|served| &served.plan);
        for plan in plans.chain([&table.not_found]).flatten() {
            visit.call(&**plan)?;
        }
        Ok(())
    }
}

impl Table {
    /// None: the app serves it.
    fn look_up<'py>(
        &self,
        py: Python<'py>,
        root_path: &str,
        method: &str,
        path: &str,
    ) -> PyResult<Option<Planned<'py>>> {
        // To a regular expression a line end is not any character.
        if path.contains('\n') {
            return Ok(None);
        }
        let own = below(root_path, path);
        let (plan, params, route) = match self.routes.find(method, own) {
            OrderedFound::Route(ordinal) => {
                let params = self.routes.params(ordinal, own);
                let params = PyTuple::new(py, params.map(|text| PyString::new(py, text)))?;
                let served = &self.served[ordinal];
                (&served.plan, params, served.route)
            }
            OrderedFound::Nothing if !self.leads_elsewhere(root_path, method, path) => {
                (&self.not_found, PyTuple::empty(py), RouteId::UNKNOWN)
            }
            OrderedFound::Nothing | OrderedFound::OtherMethods | OrderedFound::Unknown => {
                return Ok(None);
            }
        };
        Ok(plan.as_ref().map(|plan| Planned {
            plan: plan.bind(py).clone(),
            params,
            route,
        }))
    }

    /// Whether the path with a slash more, or without those at its end, is a route's.
    fn leads_elsewhere(&self, root_path: &str, method: &str, path: &str) -> bool {
        let own = below(root_path, path);
        if !self.redirects_slashes || own == "/" {
            return false;
        }
        let other = match own.ends_with('/') {
            true => Cow::Borrowed(path.trim_end_matches('/')),
            false => Cow::Owned(format!("{path}/")),
        };
        self.routes.find(method, below(root_path, &other)) != OrderedFound::Nothing
    }
}

/// What routes are compared with: the path below the root path, as Starlette's `get_route_path` has it.
fn below<'p>(root_path: &str, path: &'p str) -> &'p str {
    match path.strip_prefix(root_path) {
        Some(own) if own.is_empty() || own.starts_with('/') => own,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_path_is_taken_off_where_it_ends_with_a_segment() {
        for (root_path, path, own) in [
            ("", "/a", "/a"),
            ("", "", ""),
            ("", "*", "*"),
            ("/api", "/api/a", "/a"),
            ("/api", "/api", ""),
            ("/api", "/api/", "/"),
            ("/api", "/apis", "/apis"),
            ("/api", "/a", "/a"),
            ("/api", "/api/api", "/api"),
            ("/api/", "/api/a", "/api/a"),
        ] {
            assert_eq!(below(root_path, path), own, "{root_path} {path}");
        }
    }
}
