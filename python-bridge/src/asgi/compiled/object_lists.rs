//! Whether two lists hold the same objects. Knows nothing of routes.

use pyo3::prelude::*;
use pyo3::types::PyList;

/// Whether both hold the same objects in the same order; equal ones are not enough.
#[pyfunction]
pub(crate) fn same_objects(one: &Bound<'_, PyList>, other: &Bound<'_, PyList>) -> bool {
    one.len() == other.len() && one.iter().zip(other.iter()).all(|(own, its)| own.is(&its))
}
