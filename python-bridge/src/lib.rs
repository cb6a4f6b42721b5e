//! turbo-shard's Python side: `turbo_shard._native`. Re-exports and registers; the work is done in its modules.

mod at_exit;
mod being_made;
mod byte_pieces;
mod coroutines;
mod dispatch;
mod errors;
mod held_object;
mod hosted_loop;
mod json;
mod large_blocks;
mod large_objects;
mod life;
mod load_generator;
mod log_writer;
mod logging;
mod pool_threads;
mod python_app;
mod python_service;
mod python_thread;
mod reply_reader;
mod report_rows;
mod request_view;
mod served_app;
mod server_object;
mod simulation;
mod streaming;
mod task_context;
mod worker_link;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: large_blocks::LargeBlocks = large_blocks::LargeBlocks;

/// The native half of `turbo_shard`.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("StartError", py.get_type::<errors::StartError>())?;
    module.add("LifespanError", py.get_type::<errors::LifespanError>())?;
    module.add_class::<server_object::NativeServer>()?;
    module.add_class::<worker_link::WorkerLink>()?;
    module.add_class::<request_view::Request>()?;
    module.add_class::<hosted_loop::CallQueue>()?;
    module.add_function(wrap_pyfunction!(json::json_encode, module)?)?;
    module.add_function(wrap_pyfunction!(logging::log_line, module)?)?;
    module.add_function(wrap_pyfunction!(at_exit::threads_left, module)?)?;
    module.add_function(wrap_pyfunction!(at_exit::end_process_in, module)?)?;
    module.add_function(wrap_pyfunction!(log_writer::write_stderr, module)?)?;
    module.add_function(wrap_pyfunction!(log_writer::flush_stderr, module)?)?;
    module.add_function(wrap_pyfunction!(server_object::stats, module)?)?;
    module.add_function(wrap_pyfunction!(report_rows::probe_engines, module)?)?;
    module.add_function(wrap_pyfunction!(report_rows::allowed_cores, module)?)?;
    module.add_function(wrap_pyfunction!(simulation::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(load_generator::load_generator, module)?)?;
    Ok(())
}
