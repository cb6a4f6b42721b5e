//! `turbo_shard.Request`: one request, for a handler that asked for it. Each part is decoded when it is first read. It
//! owns copies of the bytes, since a handler may keep it as long as it likes.

use std::ffi::OsString;
use std::sync::OnceLock;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::OnceLockExt;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::{RequestHead, Version};
use turbo_shard_runtime::{Address, ConnectionInfo, ListenerOptions, Params, Scheme};

use super::parts::Parts;
use crate::python::large_objects::note_object;
use crate::python::names;
use crate::requests::byte_pieces::{Pieces, latin1};
use crate::requests::request_text::{
    cookie_pairs, decode_path_text, decode_query_text, query_pairs,
};

/// What a handler knows of its request.
///
/// Frozen: threads may share it. Parts made on demand are made once, in a `OnceLock`; their dicts then belong to the
/// app.
#[pyclass(frozen, module = "turbo_shard")]
pub(crate) struct Request {
    text: Pieces,
    header_count: usize,
    version: Version,
    connection: ConnectionInfo,
    body: Option<Py<PyBytes>>,
    headers: OnceLock<Py<PyAny>>,
    query_params: OnceLock<Py<PyAny>>,
    cookies: OnceLock<Py<PyDict>>,
    path_params: OnceLock<Py<PyDict>>,
    state: OnceLock<Py<PyDict>>,
}

const METHOD: usize = 0;
const TARGET: usize = 1;
const PATH: usize = 2;
const QUERY: usize = 3;
/// Names and values of the headers from here on, then those of the path's parameters.
const HEADERS: usize = 4;

impl Request {
    /// Copies the request.
    pub(crate) fn of<'py>(
        py: Python<'py>,
        head: RequestHead<'_>,
        params: Params<'_>,
        body: &[u8],
        connection: &ConnectionInfo,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut text = Pieces::with_capacity(head.target().len() * 2 + 512, 32);
        for piece in [
            head.method_bytes(),
            head.target(),
            head.path(),
            head.query(),
        ] {
            text.push(piece);
        }
        let mut header_count = 0;
        for (name, value) in head.headers() {
            text.push(name);
            text.push(value);
            header_count += 1;
        }
        for (name, value) in params.iter() {
            text.push(name.as_bytes());
            text.push(value);
        }
        note_object(body.len());
        let body = if body.is_empty() {
            None
        } else {
            Some(PyBytes::new(py, body).unbind())
        };
        let request = Request::new(text, header_count, head.version(), connection.clone(), body);
        Ok(Bound::new(py, request)?.into_any())
    }

    fn new(
        text: Pieces,
        header_count: usize,
        version: Version,
        connection: ConnectionInfo,
        body: Option<Py<PyBytes>>,
    ) -> Request {
        Request {
            text,
            header_count,
            version,
            connection,
            body,
            headers: OnceLock::new(),
            query_params: OnceLock::new(),
            cookies: OnceLock::new(),
            path_params: OnceLock::new(),
            state: OnceLock::new(),
        }
    }

    fn header_fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.text.pairs(HEADERS, self.header_count)
    }
}

impl Parts for Bound<'_, Request> {
    fn path_value(&self, index: usize) -> &[u8] {
        let request = self.get();
        request
            .text
            .piece(HEADERS + 2 * (request.header_count + index) + 1)
    }

    fn query(&self) -> &[u8] {
        self.get().text.piece(QUERY)
    }

    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.get().header_fields()
    }

    fn body(&self, py: Python<'_>) -> &[u8] {
        let body = self.get().body.as_ref();
        body.map_or(b"", |body| body.as_bytes(py))
    }

    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.as_any().clone().unbind().into_bound(py))
    }
}

#[pymethods]
impl Request {
    /// A request that no socket brought: front ends are tested with such, and nothing else makes one.
    #[staticmethod]
    #[pyo3(name = "_for_tests")]
    fn for_tests(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: Option<Py<PyBytes>>,
        path_params: Vec<(String, String)>,
    ) -> Request {
        let mut text = Pieces::with_capacity(target.len() * 2 + 512, 32);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        for piece in [method, target, path, query] {
            text.push(piece.as_bytes());
        }
        for (name, value) in headers.iter().chain(&path_params) {
            text.push(name.as_bytes());
            text.push(value.as_bytes());
        }
        let connection = ConnectionInfo {
            peer: Address::Tcp(([192, 0, 2, 7], 1).into()),
            local: Address::Unix(None),
            scheme: Scheme::Http,
            listener: ListenerOptions::default(),
            prefix: None,
            proxy_facts: None,
            tls: None,
        };
        Request::new(text, headers.len(), Version::Http11, connection, body)
    }

    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.text.piece(METHOD))
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        lossy(py, &decode_path_text(self.text.piece(PATH)))
    }

    #[getter]
    fn url<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let target = lossy_text(self.text.piece(TARGET));
        if !target.starts_with('/') && target != "*" {
            return PyString::new(py, &target);
        }
        let host = self
            .header_fields()
            .find(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        let host = host.map_or_else(
            || match &self.connection.local {
                Address::Tcp(address) => address.to_string(),
                Address::Named(name, port) => format!("{name}:{port}"),
                Address::Unix(_) | Address::Unknown => String::from("localhost"),
            },
            |(_, value)| lossy_text(value),
        );
        PyString::new(
            py,
            &format!(
                "{}://{host}{}{target}",
                self.connection.scheme.as_str(),
                self.connection.prefix.as_deref().unwrap_or_default()
            ),
        )
    }

    #[getter]
    fn query_string<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.text.piece(QUERY))
    }

    #[getter]
    fn http_version(&self) -> &'static str {
        match self.version {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2",
        }
    }

    #[getter]
    fn path_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        made_once(py, &self.path_params, || {
            let params = PyDict::new(py);
            for (name, value) in self.text.pairs(HEADERS + 2 * self.header_count, usize::MAX) {
                params.set_item(lossy(py, name), lossy(py, value))?;
            }
            Ok(params)
        })
    }

    #[getter]
    fn query_params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        made_once(py, &self.query_params, || {
            let pairs: Vec<_> = query_pairs(self.text.piece(QUERY))
                .map(|(name, value)| {
                    (
                        lossy(py, &decode_query_text(name)),
                        lossy(py, &decode_query_text(value)),
                    )
                })
                .collect();
            names::QUERY_PARAMS.call1(py, (pairs,))
        })
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        made_once(py, &self.headers, || {
            let pairs: Vec<_> = self
                .header_fields()
                .map(|(name, value)| Ok((latin1(py, name)?, latin1(py, value)?)))
                .collect::<PyResult<_>>()?;
            names::HEADERS.call1(py, (pairs,))
        })
    }

    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        made_once(py, &self.cookies, || {
            let cookies = PyDict::new(py);
            for (_, field) in self
                .header_fields()
                .filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"))
            {
                for (name, value) in cookie_pairs(field) {
                    cookies.set_item(latin1(py, name)?, latin1(py, &value)?)?;
                }
            }
            Ok(cookies)
        })
    }

    #[getter]
    fn client(&self) -> Option<(String, u16)> {
        match &self.connection.peer {
            Address::Tcp(address) => Some((address.ip().to_string(), address.port())),
            Address::Named(name, port) => Some((name.to_string(), *port)),
            Address::Unix(_) | Address::Unknown => None,
        }
    }

    #[getter]
    fn server(&self) -> Option<(OsString, Option<u16>)> {
        match &self.connection.local {
            Address::Tcp(address) => Some((address.ip().to_string().into(), Some(address.port()))),
            Address::Unix(Some(path)) => Some((path.as_os_str().to_owned(), None)),
            Address::Named(name, port) => Some((name.to_string().into(), Some(*port))),
            Address::Unix(None) | Address::Unknown => None,
        }
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.body
            .as_ref()
            .map_or_else(|| PyBytes::new(py, b""), |body| body.bind(py).clone())
    }

    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        made_once(py, &self.state, || Ok(PyDict::new(py)))
    }

    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        names::TEXT_OF.call1(py, (self.body(py),))
    }

    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        names::JSON_OF.call1(py, (self.body(py),))
    }

    fn __repr__(&self) -> String {
        format!(
            "<Request {} {}>",
            lossy_text(self.text.piece(METHOD)),
            lossy_text(self.text.piece(TARGET))
        )
    }

    /// An app may put a request into its own state; the collector must see the cycle. The request's dicts break it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for dict in [&self.cookies, &self.path_params, &self.state] {
            visit.call(dict.get())?;
        }
        for mapping in [&self.headers, &self.query_params] {
            visit.call(mapping.get())?;
        }
        Ok(())
    }
}

fn made_once<'py, T>(
    py: Python<'py>,
    place: &OnceLock<Py<T>>,
    make: impl FnOnce() -> PyResult<Bound<'py, T>>,
) -> PyResult<Bound<'py, T>> {
    if let Some(made) = place.get() {
        return Ok(made.bind(py).clone());
    }
    // Made outside of the lock: if two threads are here at once, one of the two is dropped.
    let made = make()?.unbind();
    Ok(place.get_or_init_py_attached(py, || made).bind(py).clone())
}

fn lossy_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lossy<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, &String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use turbo_shard_runtime::{Found, RouteTable};

    use super::*;
    use crate::requests::test_request::with_head;

    fn shown(connection: &ConnectionInfo, text: &str) -> [String; 3] {
        Python::initialize();
        Python::attach(|py| {
            with_head(text, |head| {
                let mut routes = RouteTable::new();
                routes.add("GET", "/a", 0).unwrap();
                let mut room = Vec::new();
                let Found::Route { params, .. } = routes.find(b"GET", b"/a", &mut room) else {
                    panic!("there is a route");
                };
                let request = Request::of(py, head, params, b"", connection).unwrap();
                ["client", "server", "url"].map(|name| request.getattr(name).unwrap().to_string())
            })
        })
    }

    #[test]
    fn a_request_over_tcp_shows_both_ends() {
        let connection = ConnectionInfo {
            peer: Address::Tcp("10.0.0.9:5000".parse().unwrap()),
            local: Address::Tcp("[::1]:80".parse().unwrap()),
            scheme: Scheme::Http,
            listener: ListenerOptions::default(),
            prefix: None,
            proxy_facts: None,
            tls: None,
        };
        assert_eq!(
            shown(&connection, "GET /a?b HTTP/1.0\r\n\r\n"),
            ["('10.0.0.9', 5000)", "('::1', 80)", "http://[::1]:80/a?b"]
        );
    }

    #[test]
    fn a_request_over_a_unix_socket_shows_its_path_and_no_client() {
        let connection = ConnectionInfo {
            peer: Address::Unix(None),
            local: Address::Unix(Some(Path::new("/run/app.sock").into())),
            scheme: Scheme::Https,
            listener: ListenerOptions::default(),
            prefix: None,
            proxy_facts: None,
            tls: None,
        };
        assert_eq!(
            shown(&connection, "GET /a HTTP/1.1\r\nHost: example\r\n\r\n"),
            ["None", "('/run/app.sock', None)", "https://example/a"]
        );
        let [_, _, url] = shown(&connection, "GET /a HTTP/1.0\r\n\r\n");
        assert_eq!(url, "https://localhost/a");
    }
}
