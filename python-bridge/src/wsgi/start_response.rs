//! PEP 3333's `start_response`, and the `write` that it returns: an app's answer as the app sees it. Does not know where
//! it goes.

use pyo3::exceptions::PyBrokenPipeError;
use pyo3::prelude::*;

use super::body::{body_bytes, raised};
use super::head::Head;
use super::response::{Broken, WsgiResponse};

/// PEP 3333's `start_response`, and the answer that begins with it.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct StartResponse(pub(super) WsgiResponse);

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, /, exc_info = None))]
    fn __call__(
        slf: &Bound<'_, StartResponse>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Write> {
        let response = &slf.get().0;
        if let Some(exc_info) = exc_info
            && response.is_started()
        {
            return Err(raised(exc_info)?);
        }
        response.set_head(Head::read(status, headers)?, exc_info.is_some())?;
        Ok(Write {
            to: slf.clone().unbind(),
        })
    }
}

/// PEP 3333's `write`: a piece of the body from an app that does not return it.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct Write {
    to: Py<StartResponse>,
}

#[pymethods]
impl Write {
    fn __call__(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let response = &self.to.get().0;
        let data = body_bytes(data)?;
        response.note_written();
        if data.as_bytes().is_empty() {
            return Ok(());
        }
        match response.send(data.py(), data.as_bytes()) {
            Ok(_) => Ok(()),
            Err(Broken::PeerLeft) => Err(PyBrokenPipeError::new_err("the client has left")),
            Err(Broken::App(error)) => Err(error),
        }
    }
}
