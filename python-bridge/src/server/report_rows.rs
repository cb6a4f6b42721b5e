//! What the runtime reports about itself and the machine, as rows of Python dicts. Knows nothing of a server's life.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use turbo_shard_runtime::{self as runtime, Figure, Kind, ShardCounts, Unit, WorkerThreadCounts};

/// One dict per shard.
pub(crate) fn shard_rows<'py>(
    py: Python<'py>,
    shards: &[ShardCounts],
) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for shard in shards {
        let row = PyDict::new(py);
        row.set_item("shard", shard.shard)?;
        row.set_item("core", shard.core)?;
        for counter in runtime::counters() {
            row.set_item(counter.name, (counter.read)(&shard.counts))?;
        }
        rows.append(row)?;
    }
    Ok(rows)
}

/// One dict per worker thread of the work-stealing runtime.
pub(crate) fn worker_thread_rows<'py>(
    py: Python<'py>,
    threads: &[WorkerThreadCounts],
) -> PyResult<Bound<'py, PyList>> {
    let rows = PyList::empty(py);
    for thread in threads {
        let row = PyDict::new(py);
        row.set_item("worker", thread.thread)?;
        for counter in runtime::counters().filter(|counter| counter.shown.per_thread) {
            row.set_item(counter.name, (counter.read)(&thread.counts))?;
        }
        rows.append(row)?;
    }
    Ok(rows)
}

/// What is declared of each counter, in the order of the rows' keys.
#[pyfunction]
pub(crate) fn counters(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let rows = PyList::empty(py);
    for counter in runtime::counters() {
        let row = PyDict::new(py);
        row.set_item("name", counter.name)?;
        row.set_item(
            "kind",
            match counter.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            },
        )?;
        row.set_item(
            "unit",
            match counter.shown.unit {
                Unit::Count => "count",
                Unit::Microseconds => "microseconds",
                Unit::Bytes => "bytes",
            },
        )?;
        row.set_item("help", counter.help)?;
        row.set_item("per_thread", counter.shown.per_thread)?;
        let columns = counter.shown.columns.iter().map(|column| {
            let figure = match column.figure {
                Figure::Total => "total",
                Figure::PerSecond => "per second",
                Figure::ShareOfTime => "share of time",
            };
            (column.heading, figure, column.is_compared)
        });
        row.set_item("columns", columns.collect::<Vec<_>>())?;
        let family = counter.shown.family;
        row.set_item(
            "family",
            family.map(|family| (family.name, family.help, family.label, family.value)),
        )?;
        rows.append(row)?;
    }
    Ok(rows)
}

/// What is declared of each metric that a scraper may be given.
#[pyfunction]
pub(crate) fn metric_rows(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let rows = PyList::empty(py);
    for metric in runtime::metric_rows() {
        let row = PyDict::new(py);
        row.set_item("name", metric.name)?;
        row.set_item("kind", metric.kind)?;
        row.set_item("help", metric.help)?;
        row.set_item("labels", metric.labels)?;
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
