//! turbo-shard's Python side: `turbo_shard._native`. Re-exports and registers; the work is done in its modules.

mod answers;
mod asgi;
mod hosted_loop;
mod json;
mod native;
mod python;
mod requests;
mod server;
mod streaming;
mod wsgi;

use pyo3::prelude::*;

use python::{errors, large_blocks};
use server::{
    at_exit, local_server, log_queue, log_writer, logging, report_rows, server_object,
    service_manager, worker_link,
};

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
    module.add_class::<local_server::LocalServer>()?;
    module.add_class::<local_server::LocalPeer>()?;
    module.add_class::<worker_link::WorkerLink>()?;
    module.add_class::<asgi::CompiledCall>()?;
    module.add_class::<asgi::CompiledFront>()?;
    module.add_class::<native::Arguments>()?;
    module.add_class::<native::Request>()?;
    module.add_class::<hosted_loop::CallQueue>()?;
    module.add_function(wrap_pyfunction!(json::json_encode, module)?)?;
    module.add_function(wrap_pyfunction!(asgi::same_objects, module)?)?;
    module.add_function(wrap_pyfunction!(json::encode_jsonable, module)?)?;
    module.add_function(wrap_pyfunction!(native::route_template, module)?)?;
    module.add_function(wrap_pyfunction!(logging::log_line, module)?)?;
    module.add_function(wrap_pyfunction!(logging::log_format, module)?)?;
    module.add_function(wrap_pyfunction!(log_queue::open_log_queue, module)?)?;
    module.add_function(wrap_pyfunction!(log_queue::close_log_queue, module)?)?;
    module.add_function(wrap_pyfunction!(log_queue::queue_log_record, module)?)?;
    module.add_function(wrap_pyfunction!(log_queue::take_log_records, module)?)?;
    module.add_function(wrap_pyfunction!(log_queue::flush_log_queue, module)?)?;
    module.add_function(wrap_pyfunction!(at_exit::threads_left, module)?)?;
    module.add_function(wrap_pyfunction!(at_exit::end_process_in, module)?)?;
    module.add_function(wrap_pyfunction!(log_writer::write_stderr, module)?)?;
    module.add_function(wrap_pyfunction!(log_writer::flush_stderr, module)?)?;
    module.add_function(wrap_pyfunction!(server_object::disarm_signal, module)?)?;
    module.add_function(wrap_pyfunction!(server_object::stats, module)?)?;
    module.add_function(wrap_pyfunction!(
        service_manager::connect_service_manager,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(
        service_manager::tell_service_manager,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(report_rows::counters, module)?)?;
    module.add_function(wrap_pyfunction!(report_rows::metric_rows, module)?)?;
    module.add_function(wrap_pyfunction!(report_rows::probe_engines, module)?)?;
    module.add_function(wrap_pyfunction!(report_rows::allowed_cores, module)?)?;
    Ok(())
}
