//! `simulate`: the crate `turbo_shard_simulation` as Python sees it. Text in, text out; Python's other threads run on.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The outcome of one scenario, both as JSON; ValueError says in one line what is wrong with it.
#[pyfunction]
pub(crate) fn simulate(py: Python<'_>, scenario: &str) -> PyResult<String> {
    py.detach(|| turbo_shard_simulation::simulate_json(scenario))
        .map_err(PyValueError::new_err)
}
