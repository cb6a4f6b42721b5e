//! The parts of a request that arguments are read from: as it came in, or kept in an object. Knows no plans.

use pyo3::prelude::*;

pub(super) trait Parts {
    /// The path's parameter of this number, decoded.
    fn path_value(&self, index: usize) -> &[u8];

    fn query(&self) -> &[u8];

    /// The fields in their order, spelt as the peer did.
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// The whole body; empty as long as it has not been read.
    fn body(&self, py: Python<'_>) -> &[u8];

    /// The request as an object.
    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;

    /// The first field of this name.
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// A request, and what a plan's arguments are computed from: its `view` of the request, made when it is first needed.
pub(super) struct Given<'g, 'py, P> {
    pub(super) parts: &'g P,
    pub(super) new_view: Option<&'g Py<PyAny>>,
    pub(super) view: Option<Bound<'py, PyAny>>,
}

impl<'py, P: Parts> Given<'_, 'py, P> {
    /// Without a view of its own, a plan sees the request itself.
    pub(super) fn view(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(view) = &self.view {
            return Ok(view.clone());
        }
        let request = self.parts.request(py)?;
        let made = match self.new_view {
            Some(new_view) => new_view.bind(py).call1((request,))?,
            None => request,
        };
        Ok(self.view.insert(made).clone())
    }
}
