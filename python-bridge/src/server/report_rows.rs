//! What the runtime reports about itself and the machine, as rows of Python dicts. Knows nothing of a server's life.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use turbo_shard_runtime::{self as runtime, ShardCounts, WorkerCounts};

/// One dict per shard.
pub(crate) fn shard_rows<'py>(
    py: Python<'py>,
    counts: &[ShardCounts],
) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for counts in counts {
        let row = PyDict::new(py);
        row.set_item("shard", counts.shard)?;
        row.set_item("core", counts.core)?;
        row.set_item("connections_open", counts.connections_open)?;
        row.set_item("connections_accepted", counts.connections_accepted)?;
        row.set_item("requests", counts.requests)?;
        row.set_item("busy_us", counts.busy_us)?;
        row.set_item("handler_panics", counts.handler_panics)?;
        row.set_item("restarts", counts.restarts)?;
        rows.append(row)?;
    }
    Ok(rows)
}

/// One dict per worker of the work-stealing runtime.
pub(crate) fn worker_rows<'py>(
    py: Python<'py>,
    counts: &[WorkerCounts],
) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for counts in counts {
        let row = PyDict::new(py);
        row.set_item("worker", counts.worker)?;
        row.set_item("requests", counts.requests)?;
        row.set_item("busy_us", counts.busy_us)?;
        row.set_item("handler_panics", counts.handler_panics)?;
        rows.append(row)?;
    }
    Ok(rows)
}

/// Each engine's name, and why it cannot be used here (None: it can).
#[pyfunction]
#[pyo3(signature = (shards = 1))]
pub(crate) fn probe_engines(py: Python<'_>, shards: usize) -> PyResult<Bound<'_, PyList>> {
    let probes = py.detach(|| runtime::probe_engines(shards));
    let rows = PyList::empty(py);
    for probe in probes {
        let row = PyDict::new(py);
        row.set_item("name", probe.name.to_string())?;
        row.set_item("available", probe.available.is_ok())?;
        row.set_item("reason", probe.available.err())?;
        row.set_item("lacks", probe.lacks)?;
        row.set_item("locked_bytes", runtime::locked_bytes(probe.name, shards))?;
        rows.append(row)?;
    }
    Ok(rows)
}

/// The cores that this process may run on, the CPUs that its cgroup pays for, and the shards that follow from both.
#[pyfunction]
pub(crate) fn allowed_cores(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let allowed = py.detach(runtime::allowed_cores);
    let row = PyDict::new(py);
    row.set_item("default_shards", allowed.default_shards().get())?;
    row.set_item("cores", allowed.cores)?;
    row.set_item("quota", allowed.quota)?;
    Ok(row)
}
