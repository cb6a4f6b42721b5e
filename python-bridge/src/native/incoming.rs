//! A request where it lies in the connection's buffers, as arguments are read from it. Knows no plans.

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::RequestHead;
use turbo_shard_runtime::{ConnectionInfo, Params};

use super::parts::Parts;
use super::request_view::Request;

/// One request, as far as it has been read.
pub(super) struct Incoming<'a> {
    pub(super) head: RequestHead<'a>,
    pub(super) params: Params<'a>,
    pub(super) body: &'a [u8],
    pub(super) connection: &'a ConnectionInfo,
}

impl Parts for Incoming<'_> {
    #[inline]
    fn path_value(&self, index: usize) -> &[u8] {
        self.params.value(index)
    }

    #[inline]
    fn query(&self) -> &[u8] {
        self.head.query()
    }

    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.head.headers()
    }

    fn body(&self, _: Python<'_>) -> &[u8] {
        self.body
    }

    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Request::of(py, self.head, self.params, self.body, self.connection)
    }
}
