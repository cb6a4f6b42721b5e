//! Reads what a handler returned: which status, which header lines, which body. Knows nothing of requests.
//!
//! | returned | answered |
//! |---|---|
//! | dict, list, int, float, bool, dataclass, … | its JSON |
//! | str | `text/plain; charset=utf-8` |
//! | bytes, bytearray | `application/octet-stream` |
//! | None | 204 without a body, or the route's own status with an empty one |
//! | `(body, status)`, `(body, status, headers)` | the body as above |
//! | Response, StreamingResponse | what it says |

use std::borrow::Cow;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple, PyType};
use turbo_shard_runtime::protocol::HeaderLines;

use super::lines::Lines;
use crate::json;
use crate::python::names;
use crate::streaming::StreamSource;

/// Python's part of the vocabulary of answers; each thread has references of its own.
pub(crate) struct Vocabulary {
    response: Py<PyType>,
    streaming_response: Py<PyType>,
    coroutine: Py<PyType>,
    pub(crate) json_fallback: Py<PyAny>,
}

impl Vocabulary {
    /// Imports it.
    pub(crate) fn import(py: Python<'_>) -> PyResult<Vocabulary> {
        Ok(Vocabulary {
            response: names::RESPONSE.find(py)?.cast_into()?.unbind(),
            streaming_response: names::STREAMING_RESPONSE.find(py)?.cast_into()?.unbind(),
            coroutine: names::COROUTINE_TYPE.find(py)?.cast_into()?.unbind(),
            json_fallback: names::JSON_FALLBACK.find(py)?.unbind(),
        })
    }

    /// Whether it is what a call of an `async def` returns.
    pub(crate) fn is_coroutine(&self, value: &Bound<'_, PyAny>) -> bool {
        value.is_exact_instance(self.coroutine.bind(value.py()))
    }
}

/// What is answered. Lines and body may lie in the caller's [`Buffers`].
pub(crate) enum Answer<'py> {
    /// At once, with a whole body.
    Whole {
        status: u16,
        lines: Lines,
        body: Body<'py>,
    },
    /// In pieces; the lines are in the buffers.
    Stream { status: u16, source: StreamSource },
    /// The awaited result will say: the function was no `async def`, but returned an awaitable.
    Await(Bound<'py, PyAny>),
}

/// Where a body's bytes are.
pub(crate) enum Body<'py> {
    Empty,
    /// In the buffers.
    Buffer,
    Bytes(Bound<'py, PyBytes>),
    Text(Bound<'py, PyString>),
}

/// Room for what an answer needs; reused, so that answers allocate nothing once it is large enough.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) lines: HeaderLines,
    pub(crate) body: Vec<u8>,
}

/// A body buffer that has grown beyond this is given back.
const BODY_KEPT_BYTES_MAX: usize = 256 * 1024;

impl Buffers {
    /// Empties them for the next answer.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.body.clear();
        if self.body.capacity() > BODY_KEPT_BYTES_MAX {
            self.body = Vec::new();
        }
    }

    /// The bytes of a body.
    pub(crate) fn bytes<'a>(&'a self, body: &'a Body<'_>) -> PyResult<&'a [u8]> {
        Ok(match body {
            Body::Empty => b"",
            Body::Buffer => &self.body,
            Body::Bytes(bytes) => bytes.as_bytes(),
            Body::Text(text) => text.to_str()?.as_bytes(),
        })
    }
}

/// Reads an answer. `status` is the route's own, if it has one. An error is the app's fault; log it.
#[inline]
pub(crate) fn read<'py>(
    value: Bound<'py, PyAny>,
    status: Option<u16>,
    vocabulary: &Vocabulary,
    buffers: &mut Buffers,
) -> PyResult<Answer<'py>> {
    buffers.clear();
    if value.is_exact_instance_of::<PyDict>() {
        let py = value.py();
        let fallback = vocabulary.json_fallback.bind_borrowed(py);
        json::encode(py, value.as_borrowed(), &mut buffers.body, Some(fallback))?;
        return Ok(Answer::Whole {
            status: status.unwrap_or(200),
            lines: Lines::Json,
            body: Body::Buffer,
        });
    }
    read_other(value, status, vocabulary, buffers)
}

fn read_other<'py>(
    value: Bound<'py, PyAny>,
    status: Option<u16>,
    vocabulary: &Vocabulary,
    buffers: &mut Buffers,
) -> PyResult<Answer<'py>> {
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        return read_tuple(tuple, vocabulary, buffers);
    }
    if vocabulary.is_coroutine(&value) {
        return Ok(Answer::Await(value));
    }
    if value.is_instance(vocabulary.response.bind(value.py()))? {
        return read_response(&value, vocabulary, buffers);
    }
    let implied = if value.is_none() { 204 } else { 200 };
    let (lines, body) = read_body(value, vocabulary, buffers)?;
    Ok(Answer::Whole {
        status: status.unwrap_or(implied),
        lines,
        body,
    })
}

/// What a value is as a body.
fn read_body<'py>(
    value: Bound<'py, PyAny>,
    vocabulary: &Vocabulary,
    buffers: &mut Buffers,
) -> PyResult<(Lines, Body<'py>)> {
    let py = value.py();
    let value = match value.cast_into::<PyString>() {
        Ok(text) if !is_enum(text.as_any())? => return Ok((Lines::Text, Body::Text(text))),
        Ok(text) => text.into_any(),
        Err(error) => error.into_inner(),
    };
    let value = match value.cast_into::<PyBytes>() {
        Ok(bytes) => return Ok((Lines::Octets, Body::Bytes(bytes))),
        Err(error) => error.into_inner(),
    };
    if value.is_none() {
        return Ok((Lines::None, Body::Empty));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok((
            Lines::Octets,
            Body::Bytes(PyBytes::new(py, &bytes.to_vec())),
        ));
    }
    let fallback = vocabulary.json_fallback.bind_borrowed(py);
    json::encode(py, value.as_borrowed(), &mut buffers.body, Some(fallback))?;
    Ok((Lines::Json, Body::Buffer))
}

/// A member of a str Enum answers as its JSON, as every other Enum does.
fn is_enum(text: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!text.is_exact_instance_of::<PyString>()
        && text.get_type().hasattr(names::__members__(text.py()))?)
}

fn read_tuple<'py>(
    tuple: &Bound<'py, PyTuple>,
    vocabulary: &Vocabulary,
    buffers: &mut Buffers,
) -> PyResult<Answer<'py>> {
    let py = tuple.py();
    if !(2..=3).contains(&tuple.len()) {
        return Err(PyTypeError::new_err(format!(
            "a tuple answers as (body, status) or (body, status, headers), not with {} items; a list is JSON",
            tuple.len()
        )));
    }
    let body = tuple.get_item(0)?;
    if body.is_instance(vocabulary.response.bind(py))? {
        return Err(PyTypeError::new_err(
            "a Response in a tuple: it has its own status and headers",
        ));
    }
    let status = read_status(&tuple.get_item(1)?)?;
    let (mut lines, body) = read_body(body, vocabulary, buffers)?;
    if tuple.len() == 3 {
        push_headers(&tuple.get_item(2)?, &mut buffers.lines)?;
        if let (Some(media_type), false) = (lines.media_type(), buffers.lines.has_content_type()) {
            push(&mut buffers.lines, b"content-type", media_type)?;
        }
        lines = Lines::Own;
    }
    Ok(Answer::Whole {
        status,
        lines,
        body,
    })
}

fn read_response<'py>(
    response: &Bound<'py, PyAny>,
    vocabulary: &Vocabulary,
    buffers: &mut Buffers,
) -> PyResult<Answer<'py>> {
    let py = response.py();
    let status = read_status(&response.getattr(names::status_code(py))?)?;
    push_headers(&response.getattr(names::headers(py))?, &mut buffers.lines)?;
    if response.is_instance(vocabulary.streaming_response.bind(py))? {
        let is_async = response.getattr(names::is_async(py))?.is_truthy()?;
        let iterator = response.getattr(names::content(py))?.unbind();
        return Ok(Answer::Stream {
            status,
            source: StreamSource { iterator, is_async },
        });
    }
    let body = match response.getattr(names::body(py))?.cast_into::<PyBytes>() {
        Ok(bytes) => Body::Bytes(bytes),
        Err(error) => {
            let name = error.into_inner().get_type().qualname()?;
            return Err(PyTypeError::new_err(format!(
                "a Response's body is bytes, not {name}"
            )));
        }
    };
    Ok(Answer::Whole {
        status,
        lines: Lines::Own,
        body,
    })
}

/// A final status. In Python a bool is an int, but it is never meant as a status.
pub(crate) fn read_status(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!(
            "an answer's status is an int, not {}",
            value.get_type().qualname()?
        )));
    }
    match value.extract::<u16>() {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(PyValueError::new_err(format!(
            "an answer's status is 200 to 599, not {}",
            value.str()?
        ))),
    }
}

/// Pushes a dict, a mapping with several values of one name, or pairs.
pub(crate) fn push_headers(headers: &Bound<'_, PyAny>, lines: &mut HeaderLines) -> PyResult<()> {
    if headers.is_none() {
        return Ok(());
    }
    let py = headers.py();
    if let Ok(headers) = headers.cast::<PyDict>() {
        return headers
            .iter()
            .try_for_each(|(name, value)| push_header(&name, &value, lines));
    }
    let pairs = if headers.hasattr(names::multi_items(py))? {
        headers.call_method0(names::multi_items(py))?
    } else if !headers.is_instance_of::<PyList>() && headers.hasattr(names::items(py))? {
        headers.call_method0(names::items(py))?
    } else {
        headers.clone()
    };
    for pair in pairs.try_iter()? {
        let pair = pair?;
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract().map_err(|_| {
            PyTypeError::new_err("an answer's headers are a dict or a list of (name, value) pairs")
        })?;
        push_header(&name, &value, lines)?;
    }
    Ok(())
}

fn push_header(
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    lines: &mut HeaderLines,
) -> PyResult<()> {
    push(lines, &header_bytes(name)?, &header_bytes(value)?).map_err(|error| {
        PyValueError::new_err(format!(
            "header {}: {}",
            shown(name),
            error.value(name.py())
        ))
    })
}

fn push(lines: &mut HeaderLines, name: &[u8], value: &[u8]) -> PyResult<()> {
    lines
        .push(name, value)
        .map_err(|misuse| PyValueError::new_err(misuse.to_string()))
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(
        |_| String::from("?"),
        |text| text.to_string_lossy().into_owned(),
    )
}

/// Header fields are Latin-1, if they are text at all.
fn header_bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    let Ok(text) = value.cast::<PyString>() else {
        let kind = value.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!(
            "header names and values are str or bytes, not {kind}: {}",
            shown(value)
        )));
    };
    let text = text.to_str()?;
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let bytes: Option<Vec<u8>> = text
        .chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect();
    bytes
        .map(Cow::Owned)
        .ok_or_else(|| PyValueError::new_err(format!("header {}: not Latin-1", shown(value))))
}
