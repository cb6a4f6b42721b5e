//! What a compiled plan sees of its request, and how it answers. Knows neither routes nor how a plan is found.

use std::sync::{Arc, OnceLock};

use pyo3::prelude::*;
use pyo3::sync::OnceLockExt;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use turbo_shard_runtime::ConnectionInfo;
use turbo_shard_runtime::protocol::{HeadCopy, HeaderLines};

use super::query::{Odd, each_value};
use crate::asgi::channel::{Channel, Cycle};
use crate::asgi::http_cycle::HttpCycle;
use crate::asgi::http_state::Incoming;
use crate::asgi::messages;
use crate::asgi::scope::ScopeMaker;
use crate::python::names;
use crate::requests::byte_pieces::latin1;

/// One request, for a plan. Its parts are decoded when they are asked for.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct CompiledCall {
    cycle: Arc<HttpCycle>,
    head: HeadCopy,
    connection: ConnectionInfo,
    scopes: Arc<ScopeMaker>,
    params: Py<PyTuple>,
    /// Made when `receive` or `send` is first asked for.
    channel: OnceLock<Py<Channel>>,
}

impl CompiledCall {
    pub(in crate::asgi) fn new(
        cycle: Arc<HttpCycle>,
        head: HeadCopy,
        connection: ConnectionInfo,
        scopes: Arc<ScopeMaker>,
        params: Py<PyTuple>,
    ) -> CompiledCall {
        CompiledCall {
            cycle,
            head,
            connection,
            scopes,
            params,
            channel: OnceLock::new(),
        }
    }

    fn channel<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<&'a Bound<'py, Channel>> {
        if let Some(channel) = self.channel.get() {
            return Ok(channel.bind(py));
        }
        let made = Py::new(py, Channel(Cycle::Http(Arc::clone(&self.cycle))))?;
        Ok((self.channel.get_or_init_py_attached(py, || made)).bind(py))
    }

    /// The values of the query with this name, as Python reads them.
    #[cold]
    fn odd_values<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyList>> {
        let query = latin1(py, self.head.head().query())?;
        let values = PyList::empty(py);
        for pair in names::PARSE_QUERY.call1(py, (query, true))?.try_iter()? {
            let (own, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair?.extract()?;
            if own.eq(name)? {
                values.append(value)?;
            }
        }
        Ok(values)
    }

    /// Sends the whole answer, as `send()` does with a start and a body. It does not wait: a client that has left is an
    /// error at once.
    fn send_whole(
        &self,
        py: Python<'_>,
        status: u16,
        lines: HeaderLines,
        body: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        match self.cycle.tell_whole(py, status, lines, body)? {
            false => Ok(()),
            true => Err(self.cycle.words().client_disconnected(py)),
        }
    }

    fn beginning(&self, step: impl FnOnce() -> PyResult<()>) -> PyResult<()> {
        step().inspect_err(|_| self.cycle.note_refused())
    }
}

#[pymethods]
impl CompiledCall {
    /// The texts of the path's parameters, in the order of the path.
    #[getter]
    fn params(&self, py: Python<'_>) -> Py<PyTuple> {
        self.params.clone_ref(py)
    }

    #[getter]
    fn query_string<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.head.head().query())
    }

    /// The last value with this name.
    fn query<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut last = None;
        match each_value(self.head.head().query(), name.to_str()?, |value| {
            last = Some(value);
        }) {
            Ok(()) => last
                .map(|value| PyString::from_bytes(py, &value).map(Bound::into_any))
                .transpose(),
            Err(Odd) => Ok(self.odd_values(py, name)?.iter().last()),
        }
    }

    /// All values with this name.
    fn query_list<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut values = Vec::new();
        match each_value(self.head.head().query(), name.to_str()?, |value| {
            values.push(value);
        }) {
            Ok(()) => {
                let texts = PyList::empty(py);
                for value in values {
                    texts.append(PyString::from_bytes(py, &value)?)?;
                }
                Ok(texts)
            }
            Err(Odd) => self.odd_values(py, name),
        }
    }

    /// The first value of this header, whose name is in lower case.
    fn header<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        let value = self.head.head().header(name);
        value.map(|value| latin1(py, value)).transpose()
    }

    /// All values of this header.
    fn header_list<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let values = PyList::empty(py);
        for (own, value) in self.head.head().headers() {
            if own.eq_ignore_ascii_case(name.as_bytes()) {
                values.append(latin1(py, value)?)?;
            }
        }
        Ok(values)
    }

    /// The whole body, if it is here and has not been taken; `receive()` gives it no more.
    fn take_body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let mut state = self.cycle.state();
        // A `receive()` hears that the client has left, or that the answer is over.
        if state.parting.peer_left || state.answer.is_complete() {
            return None;
        }
        match std::mem::replace(&mut state.incoming, Incoming::Read) {
            Incoming::AtHand(Some(body)) => Some(body.into_bound(py)),
            Incoming::AtHand(None) => Some(self.cycle.words().no_bytes.bind(py).clone()),
            other => {
                state.incoming = other;
                None
            }
        }
    }

    /// A scope as the app is called with, a new one each time.
    fn scope<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let around = &self.cycle.around;
        let state = around.app_loop.instance(py)?.state.as_ref();
        self.scopes
            .http(py, &around.words, self.head.head(), &self.connection, state)
    }

    #[getter]
    fn receive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.channel(py)?.getattr(names::receive(py))
    }

    #[getter]
    fn send<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.channel(py)?.getattr(names::send(py))
    }

    /// An answer has been begun, even if its head was refused: nothing else is to be answered.
    #[getter]
    fn is_started(&self) -> bool {
        self.cycle.state().has_begun()
    }

    /// Answers with JSON, under the lines that Starlette gives it.
    fn answer(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        body: &Bound<'_, PyBytes>,
    ) -> PyResult<()> {
        self.beginning(|| {
            let status = messages::status_of(status)?;
            let length = (!matches!(status, 204 | 304)).then_some(body.as_bytes().len() as u64);
            self.send_whole(py, status, HeaderLines::of_json(length), body)
        })
    }

    /// Answers with these lines, as they are.
    fn answer_raw(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        raw_headers: &Bound<'_, PyAny>,
        body: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.beginning(|| {
            let status = messages::status_of(status)?;
            let mut lines = HeaderLines::new();
            messages::push_pairs(raw_headers, &mut lines)?;
            self.send_whole(py, status, lines, body)
        })
    }
}
