//! Reads what a WSGI app gives to `start_response`: a status and header lines. Does not know where they go.

use std::borrow::Cow;
use std::sync::Once;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::{HeaderLines, is_hop_by_hop};

/// Room for the header lines of most answers.
const LINES_BYTES: usize = 256;

/// What the app last said about its head.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) lines: HeaderLines,
}

impl Head {
    pub(super) fn read(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Head> {
        let status = read_status(status)?;
        let Ok(headers) = headers.cast::<PyList>() else {
            return Err(PyTypeError::new_err(format!(
                "WSGI headers are a list of (name, value) tuples, not {}",
                type_name(headers)
            )));
        };
        let mut lines = HeaderLines::with_capacity(LINES_BYTES);
        for header in headers {
            let pair = header
                .cast::<PyTuple>()
                .ok()
                .filter(|pair| pair.len() == 2)
                .ok_or_else(|| {
                    PyTypeError::new_err(format!(
                        "a WSGI header is a tuple (name, value), not {}",
                        type_name(&header)
                    ))
                })?;
            push(&mut lines, &pair.get_item(0)?, &pair.get_item(1)?)?;
        }
        Ok(Head { status, lines })
    }
}

/// The number in `404 Not Found`. The reason phrase is not needed: the server has its own.
fn read_status(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    let Ok(text) = status.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "a WSGI status is a str such as '200 OK', not {}",
            type_name(status)
        )));
    };
    let text = text.to_str()?;
    match text.as_bytes() {
        [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']
        | [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok(digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => Err(PyValueError::new_err(format!(
            "a WSGI status is a number from 200 to 999 and a reason, such as '200 OK', not {text:?}"
        ))),
    }
}

fn push(
    lines: &mut HeaderLines,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let name = header_bytes(name, || String::from("a WSGI header's name"))?;
    let quoted = || format!("{:?}", String::from_utf8_lossy(&name));
    if is_hop_by_hop(&name) || is_for_proxies(&name) {
        say_dropped(&name);
        if is_for_proxies(&name) {
            return Ok(());
        }
    }
    let value = header_bytes(value, || format!("the value of header {}", quoted()))?;
    lines
        .push(&name, &value)
        .map_err(|misuse| PyValueError::new_err(format!("header {}: {misuse}", quoted())))
}

/// More fields that RFC 2616 calls hop-by-hop, which PEP 3333 therefore forbids to apps.
fn is_for_proxies(name: &[u8]) -> bool {
    match name.len() {
        8 => name.eq_ignore_ascii_case(b"trailers"),
        18 => name.eq_ignore_ascii_case(b"proxy-authenticate"),
        19 => name.eq_ignore_ascii_case(b"proxy-authorization"),
        _ => false,
    }
}

/// An app that relays another server's answer sends them with each one: said once.
#[cold]
fn say_dropped(name: &[u8]) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        log::warn!(
            "the app sends the hop-by-hop header {}, which is dropped, as others are: the connection is the server's",
            name.escape_ascii()
        );
    });
}

/// The bytes that a str of PEP 3333 stands for: one per character.
fn header_bytes<'a>(
    text: &'a Bound<'_, PyAny>,
    what: impl Fn() -> String,
) -> PyResult<Cow<'a, [u8]>> {
    let Ok(text) = text.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "{} must be a str, not {}",
            what(),
            type_name(text)
        )));
    };
    let text = text.to_str()?;
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes
        .map(Cow::Owned)
        .map_err(|_| PyValueError::new_err(format!("{} has characters beyond latin-1", what())))
}

/// What an error calls a mistake.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().name() {
        Ok(name) => name.to_string(),
        Err(_) => String::from("an object"),
    }
}
/// Whether an answer of this status never has a body (RFC 9110 section 6.4.1).
pub(super) fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}
