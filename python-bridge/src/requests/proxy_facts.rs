//! What a PROXY protocol header tells besides addresses, as apps see it: a dict of what was told. Knows no interface.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use turbo_shard_runtime::protocol::proxy_protocol::ProxyFacts;

use super::byte_pieces::latin1;

pub(crate) fn facts_dict<'py>(py: Python<'py>, facts: &ProxyFacts) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    if let Some(alpn) = &facts.alpn {
        dict.set_item("alpn", latin1(py, alpn)?)?;
    }
    if let Some(authority) = &facts.authority {
        dict.set_item("authority", authority)?;
    }
    if let Some(unique_id) = &facts.unique_id {
        dict.set_item("unique_id", PyBytes::new(py, unique_id))?;
    }
    Ok(dict)
}
