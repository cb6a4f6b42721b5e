//! Makes the scope that an ASGI app is called with (ASGI 3.0, HTTP and WebSocket spec 2.5, told as 2.3). Reads requests, knows no answers.

use std::borrow::Cow;

use parking_lot::Mutex;
use percent_encoding::percent_decode;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::{Method, RequestHead, Version};
use turbo_shard_runtime::{Address, ConnectionInfo, Scheme, TlsFacts};

use super::addresses::Addresses;
use super::header_names::HeaderNames;
use super::words::Words;
use crate::python::thread::Owned;
use crate::requests::proxy_facts::facts_dict;
use crate::requests::tls_facts::tls_dict;

/// Methods whose names are made once.
const METHODS: [Method; 8] = [
    Method::Get,
    Method::Post,
    Method::Put,
    Method::Head,
    Method::Delete,
    Method::Patch,
    Method::Options,
    Method::Trace,
];

/// The user's choices that all scopes show.
#[derive(Clone, Copy, Default)]
pub(crate) struct ScopeOptions<'a> {
    /// Path below which the app is mounted.
    pub(crate) root_path: &'a str,
    /// Whether `http.response.pathsend` is offered. An app that takes it sends no body, which a middleware that reads
    /// or holds messages must know.
    pub(crate) has_pathsend: bool,
}

/// One thread's way of making scopes. Other threads may use it too: what it keeps is taken only where it is free.
pub(super) struct ScopeMaker {
    /// What all or most scopes have in common; each scope begins as a copy, and what differs is set.
    http: Owned<PyDict>,
    websocket: Owned<PyDict>,
    asgi: Owned<PyDict>,
    http_extensions: Owned<PyDict>,
    websocket_extensions: Owned<PyDict>,
    names: HeaderNames,
    methods: Vec<(Method, Owned<PyString>)>,
    http_10: Owned<PyString>,
    http_2: Owned<PyString>,
    /// The address and scheme that the templates show.
    server: Mutex<Option<(Address, Scheme)>>,
    /// As it stands before the path.
    root_path: String,
    addresses: Addresses,
}

impl ScopeMaker {
    pub(super) fn new(
        py: Python<'_>,
        words: &Words,
        options: ScopeOptions<'_>,
    ) -> PyResult<ScopeMaker> {
        let root_path = options.root_path;
        let asgi = PyDict::new(py);
        asgi.set_item("version", "3.0")?;
        // Decides how frameworks end a stream: from 2.4 on Starlette waits for `send()` to raise, and a stream that
        // waits for its next event never calls it. Below 2.4 Starlette listens for `http.disconnect` itself.
        asgi.set_item("spec_version", "2.3")?;
        let mut offered = vec!["http.response.trailers", "http.response.early_hint"];
        if options.has_pathsend {
            offered.push("http.response.pathsend");
        }
        let http_extensions = extensions(py, &offered)?;
        let http_11 = PyString::intern(py, "1.1");
        let template = |kind: &str, names: &[&Owned<PyString>]| {
            let template = PyDict::new(py);
            template.set_item(words.kind.bind(py), kind)?;
            template.set_item(words.scheme.bind(py), py.None())?;
            template.set_item(words.root_path.bind(py), root_path)?;
            // Keys in the order of the specification: values come with each request.
            for name in names {
                template.set_item(name.bind(py), py.None())?;
            }
            template.set_item(words.http_version.bind(py), &http_11)?;
            Ok::<_, PyErr>(Owned::new(template.unbind()))
        };
        let http = template(
            "http",
            &[
                &words.asgi,
                &words.http_version,
                &words.method,
                &words.path,
                &words.raw_path,
                &words.query_string,
                &words.headers,
                &words.client,
                &words.server,
                &words.extensions,
            ],
        )?;
        http.bind(py)
            .set_item(words.method.bind(py), PyString::intern(py, "GET"))?;
        Ok(ScopeMaker {
            http,
            websocket: template(
                "websocket",
                &[
                    &words.asgi,
                    &words.http_version,
                    &words.path,
                    &words.raw_path,
                    &words.query_string,
                    &words.headers,
                    &words.client,
                    &words.server,
                    &words.subprotocols,
                    &words.extensions,
                ],
            )?,
            asgi: Owned::new(asgi.unbind()),
            http_extensions,
            websocket_extensions: extensions(py, &["websocket.http.response"])?,
            names: HeaderNames::new(py),
            methods: METHODS
                .iter()
                .filter_map(|method| {
                    let name = PyString::intern(py, method.as_str()?);
                    Some((*method, Owned::new(name.unbind())))
                })
                .collect(),
            http_10: Owned::new(PyString::intern(py, "1.0").unbind()),
            http_2: Owned::new(PyString::intern(py, "2").unbind()),
            server: Mutex::new(None),
            root_path: String::from(root_path),
            addresses: Addresses::new(),
        })
    }

    /// The scope of an HTTP request. `state` is the lifespan's; each request has a copy.
    pub(super) fn http<'py>(
        &self,
        py: Python<'py>,
        words: &Words,
        head: RequestHead<'_>,
        connection: &ConnectionInfo,
        state: Option<&Owned<PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = self.copy_of(py, words, &self.http, connection)?;
        if head.method() != Method::Get {
            scope.set_item(words.method.bind(py), self.method(py, head))?;
        }
        let extensions = extensions_of(py, &self.http_extensions, connection)?;
        scope.set_item(words.extensions.bind(py), extensions)?;
        self.fill(py, words, &scope, head, connection, state)?;
        Ok(scope)
    }

    /// The scope of a WebSocket handshake that offers these subprotocols.
    pub(super) fn websocket<'py>(
        &self,
        py: Python<'py>,
        words: &Words,
        head: RequestHead<'_>,
        connection: &ConnectionInfo,
        subprotocols: &[String],
        state: Option<&Owned<PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let scope = self.copy_of(py, words, &self.websocket, connection)?;
        scope.set_item(words.subprotocols.bind(py), PyList::new(py, subprotocols)?)?;
        let extensions = extensions_of(py, &self.websocket_extensions, connection)?;
        scope.set_item(words.extensions.bind(py), extensions)?;
        self.fill(py, words, &scope, head, connection, state)?;
        Ok(scope)
    }

    /// What both kinds of scope have.
    fn fill<'py>(
        &self,
        py: Python<'py>,
        words: &Words,
        scope: &Bound<'py, PyDict>,
        head: RequestHead<'_>,
        connection: &ConnectionInfo,
        state: Option<&Owned<PyDict>>,
    ) -> PyResult<()> {
        // A copy, like all that an app might write to: the next request must not see it.
        scope.set_item(words.asgi.bind(py), self.asgi.bind(py).copy()?)?;
        match head.version() {
            Version::Http11 => {} // as in the template
            Version::Http10 => {
                scope.set_item(words.http_version.bind(py), self.http_10.bind(py))?
            }
            Version::Http2 => scope.set_item(words.http_version.bind(py), self.http_2.bind(py))?,
        }
        let prefix = connection.prefix.as_deref();
        if let Some(prefix) = prefix {
            let root_path = percent_decode(prefix.as_bytes()).decode_utf8_lossy();
            scope.set_item(words.root_path.bind(py), &*root_path)?;
        }
        let path = head.path();
        scope.set_item(words.path.bind(py), &*self.path_text(path, prefix))?;
        scope.set_item(words.raw_path.bind(py), self.raw_path(py, path, prefix))?;
        let query = match head.query() {
            b"" => words.no_bytes.bind(py).clone(),
            query => PyBytes::new(py, query),
        };
        scope.set_item(words.query_string.bind(py), query)?;
        scope.set_item(words.headers.bind(py), self.headers(py, head)?)?;
        scope.set_item(
            words.client.bind(py),
            self.addresses.client(py, &connection.peer)?,
        )?;
        if let Some(state) = state {
            scope.set_item(words.state.bind(py), state.bind(py).copy()?)?;
        }
        Ok(())
    }

    /// A copy of a template, with this server in it: successive connections have mostly come to the same one, so the
    /// templates keep it.
    fn copy_of<'py>(
        &self,
        py: Python<'py>,
        words: &Words,
        template: &Owned<PyDict>,
        connection: &ConnectionInfo,
    ) -> PyResult<Bound<'py, PyDict>> {
        let ConnectionInfo { local, scheme, .. } = connection;
        let Some(mut kept) = self.server.try_lock() else {
            // Another thread changes or copies a template at this moment.
            let scope = template.bind(py).copy()?;
            let scheme = match std::ptr::eq(template, &self.http) {
                true => scheme.as_str(),
                false => scheme.of_websocket(),
            };
            self.show_server(py, words, &scope, local, scheme)?;
            return Ok(scope);
        };
        let is_kept =
            (kept.as_ref()).is_some_and(|(address, own)| address == local && own == scheme);
        if !is_kept {
            for (template, scheme) in [
                (&self.http, scheme.as_str()),
                (&self.websocket, scheme.of_websocket()),
            ] {
                self.show_server(py, words, template.bind(py), local, scheme)?;
            }
            *kept = Some((local.clone(), *scheme));
        }
        template.bind(py).copy()
    }

    fn show_server(
        &self,
        py: Python<'_>,
        words: &Words,
        scope: &Bound<'_, PyDict>,
        local: &Address,
        scheme: &str,
    ) -> PyResult<()> {
        scope.set_item(words.server.bind(py), self.addresses.server(py, local)?)?;
        scope.set_item(words.scheme.bind(py), PyString::intern(py, scheme))
    }

    fn method<'py>(&self, py: Python<'py>, head: RequestHead<'_>) -> Bound<'py, PyString> {
        let method = head.method();
        match self.methods.iter().find(|(known, _)| *known == method) {
            Some((_, name)) => name.bind(py).clone(),
            None => PyString::new(py, &method_text(&head)),
        }
    }

    /// Decoded, below the root path or the prefix that proxies name in its stead; bytes that are no UTF-8 become U+FFFD.
    pub(super) fn path_text<'h>(&self, path: &'h [u8], prefix: Option<&str>) -> Cow<'h, str> {
        if prefix.unwrap_or(&self.root_path).is_empty()
            && !path.contains(&b'%')
            && let Ok(text) = std::str::from_utf8(path)
        {
            return Cow::Borrowed(text);
        }
        let text = percent_decode(path).decode_utf8_lossy();
        Cow::Owned(match prefix {
            Some(prefix) => {
                let prefix = percent_decode(prefix.as_bytes()).decode_utf8_lossy();
                format!("{prefix}{text}")
            }
            None => format!("{}{text}", self.root_path),
        })
    }

    fn raw_path<'py>(
        &self,
        py: Python<'py>,
        path: &[u8],
        prefix: Option<&str>,
    ) -> Bound<'py, PyBytes> {
        match prefix.unwrap_or(&self.root_path) {
            "" => PyBytes::new(py, path),
            above => PyBytes::new(py, &[above.as_bytes(), path].concat()),
        }
    }

    /// All fields in order, names in lower case.
    fn headers<'py>(&self, py: Python<'py>, head: RequestHead<'_>) -> PyResult<Bound<'py, PyList>> {
        let pairs = head.headers().map(|(name, value)| {
            let pair: [Bound<'py, PyBytes>; 2] =
                [self.names.get(py, name), PyBytes::new(py, value)];
            PyTuple::new(py, pair).unwrap_or_else(|_| PyTuple::empty(py))
        });
        PyList::new(py, pairs)
    }
}

/// A method as scopes show it.
pub(super) fn method_text<'h>(head: &RequestHead<'h>) -> Cow<'h, str> {
    match head.method().as_str() {
        Some(name) => Cow::Borrowed(name),
        // A token, so ASCII. The specification wants upper case.
        None => Cow::Owned(String::from_utf8_lossy(head.method_bytes()).to_ascii_uppercase()),
    }
}

/// What is offered, and what the connection itself has to tell.
fn extensions_of<'py>(
    py: Python<'py>,
    offered: &Owned<PyDict>,
    connection: &ConnectionInfo,
) -> PyResult<Bound<'py, PyDict>> {
    let extensions = offered.bind(py).copy()?;
    if let Some(facts) = &connection.proxy_facts {
        extensions.set_item("proxy_protocol", facts_dict(py, facts)?)?;
    }
    if let Some(facts) = &connection.tls {
        extensions.set_item("tls", own_tls_dict(py, facts)?)?;
    }
    Ok(extensions)
}

/// The texts are made once for a connection. Each request has a dict of its own, which its app may change.
fn own_tls_dict<'py>(py: Python<'py>, facts: &TlsFacts) -> PyResult<Bound<'py, PyDict>> {
    let make = || tls_dict(py, facts).map(|dict| Owned::new(dict.unbind()));
    match facts.told.get_or_make(make)? {
        Some(dict) => dict.bind(py).copy(),
        None => tls_dict(py, facts),
    }
}

fn extensions(py: Python<'_>, names: &[&str]) -> PyResult<Owned<PyDict>> {
    let extensions = PyDict::new(py);
    for name in names {
        extensions.set_item(name, PyDict::new(py))?;
    }
    Ok(Owned::new(extensions.unbind()))
}
