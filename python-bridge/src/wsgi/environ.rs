//! A request as WSGI apps get it: a dict. Knows no answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_shard_runtime::protocol::{Method, Version};
use turbo_shard_runtime::{Address, ConnectionInfo, Scheme};

use super::keys::{FieldKeys, key_text};
use super::request::RequestText;
use crate::python::large_objects::note_object;
use crate::python::names;
use crate::python::thread::Owned;
use crate::requests::byte_pieces::latin1;
use crate::requests::proxy_facts::facts_dict;
use crate::requests::request_text::{below, decode_path_text};
use crate::requests::tls_facts::set_variables;

/// What environs are made of, besides the request. Shared by the pool's threads.
pub(super) struct EnvironParts {
    bytes_io: Owned<PyAny>,
    error_stream: Owned<PyAny>,
    file_wrapper: Owned<PyAny>,
    /// Path below which the app is mounted, without a slash at its end; empty at the root.
    script_name: String,
    /// Whether other threads, other processes may call the app at the same time.
    multithread: bool,
    multiprocess: bool,
}

impl EnvironParts {
    pub(super) fn import(
        py: Python<'_>,
        root_path: &str,
        multithread: bool,
        multiprocess: bool,
    ) -> PyResult<EnvironParts> {
        Ok(EnvironParts {
            bytes_io: Owned::new(names::BYTES_IO.find(py)?.unbind()),
            error_stream: Owned::new(names::ERROR_STREAM.find(py)?.unbind()),
            file_wrapper: Owned::new(names::FILE_WRAPPER.find(py)?.unbind()),
            script_name: root_path.trim_end_matches('/').to_owned(),
            multithread,
            multiprocess,
        })
    }

    /// The part of the path below `SCRIPT_NAME`; all of it where a proxy has cut that off already.
    fn path_info<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        below(self.script_name.as_bytes(), path)
    }
}

/// Ports of peers whose text is kept. Connections ask again and again.
const PORTS_KEPT: usize = 64;

/// One thread's maker of environs. A thread serves one app, so nothing here depends on the app.
pub(super) struct EnvironMaker {
    /// What is the same in every environ of a listening address, with room for what is not.
    template: Option<(Address, Scheme, Py<PyDict>)>,
    /// Many requests in a row come from one proxy or client.
    last_peer: Option<(IpAddr, Py<PyString>)>,
    ports: [Option<(u16, Py<PyString>)>; PORTS_KEPT],
}

impl Default for EnvironMaker {
    fn default() -> EnvironMaker {
        EnvironMaker {
            template: None,
            last_peer: None,
            ports: [const { None }; PORTS_KEPT],
        }
    }
}

impl EnvironMaker {
    pub(super) fn environ<'py>(
        &mut self,
        py: Python<'py>,
        request: &impl RequestText,
        parts: &EnvironParts,
    ) -> PyResult<Bound<'py, PyDict>> {
        let connection = request.connection();
        let environ = self.template(py, connection, parts)?.copy()?;
        environ.set_item(intern!(py, "REQUEST_METHOD"), method_text(py, request)?)?;
        set_target(&environ, request, parts)?;
        let version = match request.version() {
            Version::Http11 => intern!(py, "HTTP/1.1"),
            Version::Http10 => intern!(py, "HTTP/1.0"),
            // With a minor version, as RFC 3875 writes it and mod_wsgi has it.
            Version::Http2 => intern!(py, "HTTP/2.0"),
        };
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), version)?;
        if let Address::Tcp(peer) = &connection.peer {
            environ.set_item(intern!(py, "REMOTE_ADDR"), self.peer_text(py, peer.ip())?)?;
            if peer.port() != 0 {
                environ.set_item(intern!(py, "REMOTE_PORT"), self.port_text(py, peer.port())?)?;
            } else {
                // Few proxies tell it.
                environ.del_item(intern!(py, "REMOTE_PORT"))?;
            }
        } else {
            // CGI wants the key in every environ (RFC 3875 section 4.1.8). A Unix socket's client has no port.
            environ.set_item(intern!(py, "REMOTE_ADDR"), intern!(py, ""))?;
            environ.del_item(intern!(py, "REMOTE_PORT"))?;
        }
        if let Some(facts) = &connection.proxy_facts {
            environ.set_item(
                intern!(py, "turbo_shard.proxy_protocol"),
                facts_dict(py, facts)?,
            )?;
        }
        if let Some(facts) = &connection.tls {
            set_variables(&environ, facts)?;
        }
        set_fields(&environ, request)?;
        set_body(&environ, request, parts)?;
        Ok(environ)
    }

    /// Keys whose value differs for each request are in it as well: a copy then has room for all of them, and for as
    /// many fields as most requests have.
    fn template<'py>(
        &mut self,
        py: Python<'py>,
        connection: &ConnectionInfo,
        parts: &EnvironParts,
    ) -> PyResult<Bound<'py, PyDict>> {
        let ConnectionInfo { local, scheme, .. } = connection;
        if let Some((address, kept, template)) = &self.template
            && address == local
            && kept == scheme
        {
            return Ok(template.bind(py).clone());
        }
        let template = PyDict::new(py);
        for key in [
            intern!(py, "REQUEST_METHOD"),
            intern!(py, "PATH_INFO"),
            intern!(py, "QUERY_STRING"),
            intern!(py, "RAW_URI"),
            intern!(py, "REQUEST_URI"),
            intern!(py, "SERVER_PROTOCOL"),
            intern!(py, "REMOTE_ADDR"),
            intern!(py, "REMOTE_PORT"),
            intern!(py, "wsgi.input"),
        ] {
            template.set_item(key, py.None())?;
        }
        let set = |key: &str, value: Bound<'py, PyAny>| {
            template.set_item(PyString::intern(py, key), value)
        };
        let text = |bytes: &[u8]| latin1(py, bytes).map(Bound::into_any);
        let (server_name, server_port) = server_of(local, *scheme);
        set("SCRIPT_NAME", text(parts.script_name.as_bytes())?)?;
        set("SERVER_NAME", text(server_name.as_bytes())?)?;
        set("SERVER_PORT", text(server_port.to_string().as_bytes())?)?;
        let software = concat!("turbo-shard/", env!("CARGO_PKG_VERSION"));
        set("SERVER_SOFTWARE", text(software.as_bytes())?)?;
        set("wsgi.version", (1, 0).into_pyobject(py)?.into_any())?;
        set("wsgi.url_scheme", text(scheme.as_str().as_bytes())?)?;
        set("wsgi.errors", parts.error_stream.bind(py).call0()?)?;
        set("wsgi.file_wrapper", parts.file_wrapper.bind(py).clone())?;
        for (key, value) in [
            ("wsgi.multithread", parts.multithread),
            ("wsgi.multiprocess", parts.multiprocess),
            ("wsgi.run_once", false),
            ("wsgi.input_terminated", true),
        ] {
            set(key, value.into_pyobject(py)?.to_owned().into_any())?;
        }
        // A dict grows when it is full and keeps what it has grown to, and so does its copy.
        let one_too_many = 22_usize.saturating_sub(template.len());
        for number in 0..one_too_many {
            template.set_item(number, py.None())?;
        }
        for number in 0..one_too_many {
            template.del_item(number)?;
        }
        self.template = Some((local.clone(), *scheme, template.clone().unbind()));
        Ok(template)
    }

    fn peer_text<'py>(&mut self, py: Python<'py>, ip: IpAddr) -> PyResult<Bound<'py, PyString>> {
        if let Some((last, text)) = &self.last_peer
            && *last == ip
        {
            return Ok(text.bind(py).clone());
        }
        let text = latin1(py, ip.to_string().as_bytes())?;
        self.last_peer = Some((ip, text.clone().unbind()));
        Ok(text)
    }

    fn port_text<'py>(&mut self, py: Python<'py>, port: u16) -> PyResult<Bound<'py, PyString>> {
        let kept = &mut self.ports[usize::from(port) % PORTS_KEPT];
        match kept {
            Some((known, text)) if *known == port => Ok(text.bind(py).clone()),
            _ => {
                let text = latin1(py, itoa::Buffer::new().format(port).as_bytes())?;
                *kept = Some((port, text.clone().unbind()));
                Ok(text)
            }
        }
    }
}

/// `SERVER_NAME` and `SERVER_PORT`. Neither may be empty, and apps make URLs of them (PEP 3333): a Unix socket has no name
/// there, so it passes for this machine and the port that such a URL leaves out.
fn server_of(local: &Address, scheme: Scheme) -> (String, u16) {
    match local {
        Address::Tcp(address) => {
            let name = match address.ip() {
                IpAddr::V6(ip) => format!("[{ip}]"),
                IpAddr::V4(ip) => ip.to_string(),
            };
            (name, address.port())
        }
        Address::Named(name, port) => (name.to_string(), *port),
        Address::Unix(_) | Address::Unknown => (String::from("localhost"), scheme.default_port()),
    }
}

fn method_text<'py>(py: Python<'py>, request: &impl RequestText) -> PyResult<Bound<'py, PyString>> {
    let known = match request.method() {
        Method::Get => intern!(py, "GET"),
        Method::Head => intern!(py, "HEAD"),
        Method::Post => intern!(py, "POST"),
        Method::Put => intern!(py, "PUT"),
        Method::Patch => intern!(py, "PATCH"),
        Method::Delete => intern!(py, "DELETE"),
        Method::Options => intern!(py, "OPTIONS"),
        Method::Trace | Method::Connect | Method::Other => {
            return latin1(py, request.method_bytes());
        }
    };
    Ok(known.clone())
}

/// The target as it was sent, and its parts.
fn set_target(
    environ: &Bound<'_, PyDict>,
    request: &impl RequestText,
    parts: &EnvironParts,
) -> PyResult<()> {
    let py = environ.py();
    let (target, raw_path) = (request.target(), request.path());
    let path = match raw_path.contains(&b'%') {
        true => Cow::Owned(decode_path_text(raw_path)),
        false => Cow::Borrowed(raw_path),
    };
    let path_info = match &request.connection().prefix {
        None => parts.path_info(&path),
        Some(prefix) => {
            let script_name = decode_path_text(prefix.as_bytes());
            environ.set_item(intern!(py, "SCRIPT_NAME"), latin1(py, &script_name)?)?;
            below(&script_name, &path)
        }
    };
    let raw_uri = latin1(py, target)?;
    if path_info == target {
        environ.set_item(intern!(py, "PATH_INFO"), &raw_uri)?;
    } else {
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, path_info)?)?;
    }
    environ.set_item(intern!(py, "QUERY_STRING"), latin1(py, request.query())?)?;
    environ.set_item(intern!(py, "RAW_URI"), &raw_uri)?;
    environ.set_item(intern!(py, "REQUEST_URI"), &raw_uri)
}

fn set_fields(environ: &Bound<'_, PyDict>, request: &impl RequestText) -> PyResult<()> {
    let py = environ.py();
    let keys = FieldKeys::get(py);
    let mut entries = environ.len();
    for (name, value) in request.fields() {
        let value = latin1(py, value)?;
        if is_content_type(name) {
            environ.set_item(intern!(py, "CONTENT_TYPE"), value)?;
        } else {
            environ.set_item(keys.key(py, name)?, value)?;
        }
        entries += 1;
    }
    if environ.len() != entries {
        join_repeated(environ, request)?;
    }
    Ok(())
}

/// Fields that came more than once have one value: all of theirs in order, joined by commas (RFC 9110 section 5.3), for
/// cookies by semicolons (RFC 9113 section 8.2.3).
#[cold]
fn join_repeated(environ: &Bound<'_, PyDict>, request: &impl RequestText) -> PyResult<()> {
    let mut values: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (name, value) in request.fields() {
        let key = match is_content_type(name) {
            true => b"CONTENT_TYPE".to_vec(),
            false => key_text(name),
        };
        let between: &[u8] = if key == b"HTTP_COOKIE" { b"; " } else { b"," };
        values
            .entry(key)
            .and_modify(|joined| {
                joined.extend_from_slice(between);
                joined.extend_from_slice(value);
            })
            .or_insert_with(|| value.to_vec());
    }
    let py = environ.py();
    for (key, value) in &values {
        environ.set_item(latin1(py, key)?, latin1(py, value)?)?;
    }
    Ok(())
}

fn is_content_type(name: &[u8]) -> bool {
    name.len() == 12 && name.eq_ignore_ascii_case(b"content-type")
}

/// The body has been read: its length is known, and `wsgi.input` ends where it does.
fn set_body(
    environ: &Bound<'_, PyDict>,
    request: &impl RequestText,
    parts: &EnvironParts,
) -> PyResult<()> {
    let py = environ.py();
    let body = request.body();
    if request.has_body() {
        let length = latin1(py, itoa::Buffer::new().format(body.len()).as_bytes())?;
        environ.set_item(intern!(py, "CONTENT_LENGTH"), length)?;
    }
    note_object(body.len());
    let bytes_io = parts.bytes_io.bind(py);
    let input = match body.is_empty() {
        true => bytes_io.call0()?,
        false => bytes_io.call1((PyBytes::new(py, body),))?,
    };
    environ.set_item(intern!(py, "wsgi.input"), input)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use turbo_shard_runtime::ListenerOptions;

    use super::*;
    use crate::python::names::BYTES_IO;
    use crate::requests::test_request::with_head;
    use crate::wsgi::request::Arrived;

    fn parts(py: Python<'_>) -> EnvironParts {
        let made = || Owned::new(BYTES_IO.find(py).unwrap().unbind());
        EnvironParts {
            bytes_io: made(),
            error_stream: made(),
            file_wrapper: made(),
            script_name: String::new(),
            multithread: true,
            multiprocess: false,
        }
    }

    #[test]
    fn both_ends_and_scheme_are_those_of_the_requests_connection() {
        let over_tcp = ConnectionInfo {
            peer: Address::Tcp("10.0.0.9:5000".parse().unwrap()),
            local: Address::Tcp("[::1]:8080".parse().unwrap()),
            scheme: Scheme::Http,
            listener: ListenerOptions::default(),
            prefix: None,
            proxy_facts: None,
            tls: None,
        };
        let over_unix = ConnectionInfo {
            peer: Address::Unix(None),
            local: Address::Unix(Some(Path::new("/run/app.sock").into())),
            scheme: Scheme::Https,
            listener: ListenerOptions::default(),
            prefix: None,
            proxy_facts: None,
            tls: None,
        };
        let tcp = "http [::1] 8080 10.0.0.9 5000";
        let unix = "https localhost 443  -";
        Python::initialize();
        Python::attach(|py| {
            let (parts, mut maker) = (parts(py), EnvironMaker::default());
            for (connection, told) in [(&over_tcp, tcp), (&over_unix, unix), (&over_tcp, tcp)] {
                with_head("GET / HTTP/1.1\r\nHost: a\r\n\r\n", |head| {
                    let request = Arrived {
                        head,
                        body: b"",
                        connection,
                    };
                    let environ = maker.environ(py, &request, &parts).unwrap();
                    let values = [
                        "wsgi.url_scheme",
                        "SERVER_NAME",
                        "SERVER_PORT",
                        "REMOTE_ADDR",
                        "REMOTE_PORT",
                    ]
                    .map(|key| match environ.get_item(key).unwrap() {
                        Some(value) => value.to_string(),
                        None => String::from("-"),
                    });
                    assert_eq!(values.join(" "), told);
                });
            }
        });
    }
}
