//! The arguments of one function, for Python code that calls it itself: a dependency, or a handler below middleware. They
//! are made as a route's are, by the same binder.

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;
use turbo_shard_runtime::RouteTemplate;

use super::binder::{Extent, Slots, Verdicts, bind};
use super::faults::Faults;
use super::parts::Given;
use super::plan::ArgumentPlan;
use super::request_view::Request;

/// `turbo_shard._native.Arguments`. Frozen: threads share it.
#[pyclass(frozen, module = "turbo_shard")]
pub(crate) struct Arguments {
    plans: Vec<ArgumentPlan>,
    verdicts: Verdicts,
}

#[pymethods]
impl Arguments {
    #[new]
    fn new(path: &str, plans: &Bound<'_, PyAny>) -> PyResult<Arguments> {
        let template = RouteTemplate::parse(path).map_err(PyValueError::new_err)?;
        Ok(Arguments {
            plans: ArgumentPlan::read_all(plans, &template)?,
            verdicts: Verdicts::import(plans.py())?,
        })
    }

    /// The arguments by slot; InputError with all faults. What is computed is computed from `view`.
    fn bind<'py>(
        &self,
        request: &Bound<'py, Request>,
        view: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = request.py();
        let mut given = Given {
            parts: request,
            new_view: None,
            view: Some(view),
        };
        let mut made = Made {
            py,
            places: vec![None; self.plans.len()],
        };
        let mut faults = Faults::new(py);
        let text = &mut Vec::new();
        bind(
            &self.plans,
            &mut given,
            Extent::All,
            text,
            &mut made,
            &mut faults,
            &self.verdicts,
        )?;
        match faults.into_list() {
            Some(list) => Err(self.verdicts.error_of(&list)),
            // Without faults, every slot is filled.
            None => PyList::new(py, made.places.into_iter().flatten().collect::<Vec<_>>()),
        }
    }

    /// A reader may know the app that this object is part of; the collector must see the cycle.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for plan in &self.plans {
            for held in [&plan.default, &plan.new_default, &plan.read] {
                visit.call(held)?;
            }
        }
        Ok(())
    }
}

struct Made<'py> {
    py: Python<'py>,
    places: Vec<Option<Bound<'py, PyAny>>>,
}

impl<'py> Slots<'_, 'py> for Made<'py> {
    fn give(&mut self, slot: usize, object: Bound<'py, PyAny>) {
        self.places[slot] = Some(object);
    }

    fn lend(&mut self, slot: usize, object: &Py<PyAny>) {
        self.places[slot] = Some(object.bind(self.py).clone());
    }
}
