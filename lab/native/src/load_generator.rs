//! The command turbo-load as a function of the Python package, installed wherever the lab is. Knows nothing of
//! loads.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs turbo-load to its end with the arguments that follow its name; returns the exit status. It prints by itself,
/// past Python's buffers.
#[pyfunction]
pub(crate) fn load_generator(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| turbo_load::command::run(arguments))
}
