//! PEP 3333's `write`: a piece of the body from an app that does not return it. Does not know where it goes.

use pyo3::exceptions::PyBrokenPipeError;
use pyo3::prelude::*;

use super::body::body_bytes;
use super::response::{Broken, StartResponse};

/// PEP 3333's `write`.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct Write {
    response: Py<StartResponse>,
}

impl Write {
    pub(super) fn to(response: &Bound<'_, StartResponse>) -> Write {
        Write {
            response: response.clone().unbind(),
        }
    }
}

#[pymethods]
impl Write {
    fn __call__(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let data = body_bytes(data)?;
        self.response.get().note_written();
        if data.as_bytes().is_empty() {
            return Ok(());
        }
        match self.response.get().send(data.py(), data.as_bytes()) {
            Ok(_) => Ok(()),
            Err(Broken::PeerLeft) => Err(PyBrokenPipeError::new_err("the client has left")),
            Err(Broken::App(error)) => Err(error),
        }
    }
}
