//! Reads the entries of a front's table as Python gives them. Knows nothing of requests.

use std::collections::HashSet;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyString, PyTuple};
use turbo_shard_runtime::{Convertor, OrderedRoutes, RouteId, RouteSegment};

use crate::python::thread::Owned;

/// What serves a route's requests.
pub(super) struct Served {
    /// Without one it is the app.
    pub(super) plan: Option<Owned<PyAny>>,
    /// The number of its template, for metrics and logs.
    pub(super) route: RouteId,
}

/// Routes, and what serves each.
pub(super) type Entries = (OrderedRoutes, Vec<Served>);

/// `(segments, methods, plan, template)` of each route, in order.
pub(super) fn entries_of(given: &Bound<'_, PyAny>) -> PyResult<Entries> {
    let mut routes = OrderedRoutes::new();
    let mut served = Vec::new();
    for entry in given.try_iter()? {
        let entry = entry?;
        let (segments, methods, plan, template): (
            Bound<'_, PyTuple>,
            Option<HashSet<String>>,
            Bound<'_, PyAny>,
            PyBackedStr,
        ) = entry.extract()?;
        let segments: Vec<_> = segments.iter().map(segment_of).collect::<PyResult<_>>()?;
        routes
            .add(&segments, methods.unwrap_or_default())
            .map_err(|reason| PyValueError::new_err(format!("entry {entry}: {reason}")))?;
        served.push(Served {
            plan: plan_of(&plan),
            route: RouteId::of(&template),
        });
    }
    Ok((routes, served))
}

/// A text stands for itself, a tuple for a parameter of its kind.
fn segment_of(given: Bound<'_, PyAny>) -> PyResult<RouteSegment> {
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(RouteSegment::Literal(text.to_str()?.into()));
    }
    let (kind,): (String,) = given.extract()?;
    Ok(match &*kind {
        "str" => RouteSegment::Parameter(Convertor::Str),
        "int" => RouteSegment::Parameter(Convertor::Int),
        "float" => RouteSegment::Parameter(Convertor::Float),
        "uuid" => RouteSegment::Parameter(Convertor::Uuid),
        "path" => RouteSegment::Rest,
        "any" => RouteSegment::Unknown,
        _ => {
            return Err(PyValueError::new_err(format!(
                "{kind:?} is no kind of segment"
            )));
        }
    })
}

/// A plan, if it is one.
pub(super) fn plan_of(given: &Bound<'_, PyAny>) -> Option<Owned<PyAny>> {
    (!given.is_none()).then(|| Owned::new(given.clone().unbind()))
}
