//! The bytes of one piece of a streamed answer. Knows no stream.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

/// A copy of what `chunk` holds; `str` as UTF-8.
pub(super) fn bytes_of(chunk: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = chunk.cast::<PyBytes>() {
        Ok(bytes.as_bytes().to_vec())
    } else if let Ok(text) = chunk.cast::<PyString>() {
        Ok(text.to_str()?.as_bytes().to_vec())
    } else if let Ok(array) = chunk.cast::<PyByteArray>() {
        Ok(array.to_vec())
    } else if chunk.is_instance_of::<PyMemoryView>() {
        // SAFETY: called attached with a live object; a new reference to a bytes object comes back, or an error.
        let copy = unsafe {
            Bound::from_owned_ptr_or_err(chunk.py(), ffi::PyBytes_FromObject(chunk.as_ptr()))
        }?;
        Ok(copy.cast::<PyBytes>()?.as_bytes().to_vec())
    } else {
        let name = chunk.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "a streamed answer yields bytes or str, not {name}"
        )))
    }
}
