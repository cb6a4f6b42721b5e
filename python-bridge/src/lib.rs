//! turbo-shard's Python side: `turbo_shard._native`. Re-exports and registers; whatever it does lives in its modules.

pub mod coroutines;
pub mod errors;
pub mod interned;
pub mod json;
pub mod python_thread;
pub mod streaming;

use pyo3::prelude::*;

/// The native half of `turbo_shard`.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("StartError", py.get_type::<errors::StartError>())?;
    module.add_function(wrap_pyfunction!(json::json_encode, module)?)?;
    Ok(())
}
