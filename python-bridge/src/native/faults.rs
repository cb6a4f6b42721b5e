//! Collects what is wrong with a request, in FastAPI's shape: `[{"type", "loc", "msg", "input"[, "ctx"]}]`.
//! A request without faults makes nothing here.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::python::names;

/// All that is wrong so far.
pub(super) struct Faults<'py> {
    py: Python<'py>,
    list: Option<Bound<'py, PyList>>,
}

impl<'py> Faults<'py> {
    pub(super) fn new(py: Python<'py>) -> Faults<'py> {
        Faults { py, list: None }
    }

    pub(super) fn py(&self) -> Python<'py> {
        self.py
    }

    /// The list, if there is anything in it.
    pub(super) fn into_list(self) -> Option<Bound<'py, PyList>> {
        self.list
    }

    /// A parameter without default was not sent.
    #[cold]
    pub(super) fn add_missing(&mut self, place: &[impl AsRef<str>]) -> PyResult<()> {
        self.add(place, "missing", "Field required", None)
    }

    /// Bytes that are not UTF-8 stand where text was asked for.
    #[cold]
    pub(super) fn add_no_text(&mut self, place: &[impl AsRef<str>], bytes: &[u8]) -> PyResult<()> {
        let message =
            "Input should be a valid string, unable to parse raw data as a unicode string";
        self.add(
            place,
            "string_unicode",
            message,
            Some(&String::from_utf8_lossy(bytes)),
        )
    }

    fn add(
        &mut self,
        place: &[impl AsRef<str>],
        kind: &str,
        message: &str,
        input: Option<&str>,
    ) -> PyResult<()> {
        let fault = PyDict::new(self.py);
        fault.set_item(intern!(self.py, "type"), kind)?;
        fault.set_item(
            intern!(self.py, "loc"),
            PyList::new(self.py, place.iter().map(AsRef::as_ref))?,
        )?;
        fault.set_item(intern!(self.py, "msg"), message)?;
        fault.set_item(intern!(self.py, "input"), input)?;
        self.list().append(fault)
    }

    /// What a Python reader raised: an InputError's own faults, below `place`.
    #[cold]
    pub(super) fn add_input_error(
        &mut self,
        error: &Bound<'py, PyAny>,
        place: &[impl AsRef<str>],
    ) -> PyResult<()> {
        for fault in error.getattr(names::errors(self.py))?.try_iter()? {
            let fault = fault?;
            let loc = PyList::new(self.py, place.iter().map(AsRef::as_ref))?;
            for step in fault.get_item(intern!(self.py, "loc"))?.try_iter()? {
                loc.append(step?)?;
            }
            fault.set_item(intern!(self.py, "loc"), loc)?;
            self.list().append(fault)?;
        }
        Ok(())
    }

    fn list(&mut self) -> &Bound<'py, PyList> {
        self.list.get_or_insert_with(|| PyList::empty(self.py))
    }
}
