//! Which route a request was found to be for: by its plan, or by the app's router, which leaves it in the scope. Knows no
//! answer.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_shard_runtime::RouteId;

use crate::python::errors::log_exception;
use crate::python::names;
use crate::python::thread::Owned;

/// What is known of it so far.
#[derive(Default)]
pub(super) struct RouteSought {
    /// Where the app's router leaves it. Let go of as soon as it is read: what is in the scope may lead back here.
    scope: Option<Owned<PyDict>>,
    found: RouteId,
}

impl RouteSought {
    /// The app is called with this scope.
    pub(super) fn look_in(&mut self, scope: &Bound<'_, PyDict>) {
        self.scope = Some(Owned::new(scope.clone().unbind()));
    }

    pub(super) fn note(&mut self, route: RouteId) {
        self.found = route;
    }

    pub(super) fn found(&self) -> RouteId {
        self.found
    }

    /// Where to look for it, once. To be read, or dropped, outside of any lock.
    #[must_use]
    pub(super) fn take_scope(&mut self) -> Option<Owned<PyDict>> {
        self.scope.take()
    }
}

/// The route that is in the scope by now.
pub(super) fn route_in(py: Python<'_>, scope: &Owned<PyDict>) -> RouteId {
    let template = names::ROUTE_OF_SCOPE.find(py).and_then(|template_of| {
        let template: String = template_of.call1((scope.bind(py),))?.extract()?;
        Ok(template)
    });
    match template {
        Ok(template) if !template.is_empty() => RouteId::of(&template),
        Ok(_) => RouteId::UNKNOWN,
        Err(error) => {
            log_exception(py, &error, "the route of a request cannot be told");
            RouteId::UNKNOWN
        }
    }
}
