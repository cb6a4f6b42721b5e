//! The Python objects that every ASGI request of one thread needs, made once. Holds nothing of a request.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::python::errors::is_cancelled;
use crate::python::names;
use crate::python::thread::Owned;

macro_rules! words {
    ($($name:ident $text:literal,)*) => {
        /// Interned names and shared objects of one thread.
        pub(super) struct Words {
            $(pub(super) $name: Owned<PyString>,)*
            pub(super) no_bytes: Owned<PyBytes>,
            client_disconnected: Owned<PyAny>,
            is_disconnect: Owned<PyAny>,
        }

        impl Words {
            /// Whether the key is, by identity, a field name of an app's messages. Names in an app's code are interned,
            /// as ours are.
            #[inline]
            pub(super) fn is_field_name(&self, key: *mut ffi::PyObject) -> bool {
                [
                    &self.kind, &self.status, &self.headers, &self.body, &self.more_body, &self.trailers, &self.text,
                    &self.bytes, &self.code, &self.reason, &self.subprotocol, &self.path, &self.links,
                    &self.more_trailers,
                ]
                .into_iter()
                .any(|name| name.as_ptr() == key)
            }

            /// What `send()` raises once the client is gone.
            #[cold]
            pub(super) fn client_disconnected(&self, py: Python<'_>) -> PyErr {
                match self.client_disconnected.bind(py).call0() {
                    Ok(raised) => PyErr::from_value(raised),
                    Err(error) => error,
                }
            }

            /// Whether an app that ended with `error` ended because its client has left: that is not logged.
            #[cold]
            pub(super) fn is_disconnect(&self, py: Python<'_>, error: &PyErr) -> bool {
                is_cancelled(py, error)
                    || self
                        .is_disconnect
                        .bind(py)
                        .call1((error.value(py),))
                        .and_then(|is_disconnect| is_disconnect.is_truthy())
                        .unwrap_or(false)
            }

            pub(super) fn new(py: Python<'_>) -> PyResult<Words> {
                Ok(Words {
                    $($name: Owned::new(PyString::intern(py, $text).unbind()),)*
                    no_bytes: Owned::new(PyBytes::new(py, b"").unbind()),
                    client_disconnected: Owned::new(names::CLIENT_DISCONNECTED.find(py)?.unbind()),
                    is_disconnect: Owned::new(names::IS_DISCONNECT.find(py)?.unbind()),
                })
            }
        }
    };
}

words! {
    body "body",
    bytes "bytes",
    client "client",
    code "code",
    extensions "extensions",
    asgi "asgi",
    headers "headers",
    http_disconnect "http.disconnect",
    http_request "http.request",
    http_version "http_version",
    links "links",
    method "method",
    more_body "more_body",
    more_trailers "more_trailers",
    path "path",
    query_string "query_string",
    raw_path "raw_path",
    reason "reason",
    root_path "root_path",
    scheme "scheme",
    server "server",
    state "state",
    status "status",
    subprotocol "subprotocol",
    subprotocols "subprotocols",
    text "text",
    trailers "trailers",
    kind "type",
    websocket_connect "websocket.connect",
    websocket_disconnect "websocket.disconnect",
    websocket_receive "websocket.receive",
}
