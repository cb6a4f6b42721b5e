//! The native half of `turbo_shard_lab`: `turbo_shard_lab._native`. Registers; the work is done in two crates.

mod load_generator;
mod simulation;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
#[pyo3(name = "_native")]
fn lab_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(simulation::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(load_generator::load_generator, module)?)?;
    Ok(())
}
