//! Reads the messages that an ASGI app sends: fields, headers, bytes. What does not fit raises in the app, in words that
//! name the field. Knows nothing of where an answer stands.

use std::borrow::Cow;

use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyMemoryView, PyString, PyTuple};
use turbo_shard_runtime::protocol::HeaderLines;

/// A field of a message; None if it is not there.
#[inline]
pub(super) fn field<'py>(
    message: &Bound<'py, PyAny>,
    name: &Py<PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = message.py();
    if let Ok(dict) = message.cast::<PyDict>() {
        return dict.get_item(name.bind(py));
    }
    match message.get_item(name.bind(py)) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyKeyError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The message's `type`.
#[inline]
pub(super) fn type_of<'py>(
    message: &Bound<'py, PyAny>,
    name: &Py<PyString>,
) -> PyResult<Bound<'py, PyString>> {
    let found = field(message, name)?.ok_or_else(|| {
        PyValueError::new_err("an ASGI message has a \"type\"; this one has none")
    })?;
    found.cast_into::<PyString>().map_err(|error| {
        PyTypeError::new_err(format!(
            "an ASGI message's \"type\" is a str, not {}",
            kind_of(&error.into_inner())
        ))
    })
}

/// A flag; `default` where it is not there.
#[inline]
pub(super) fn flag(
    message: &Bound<'_, PyAny>,
    name: &Py<PyString>,
    default: bool,
) -> PyResult<bool> {
    field(message, name)?.map_or(Ok(default), |value| value.is_truthy())
}

/// The `status` of a head: 200 to 999. bool is an int to Python, but never meant as a status.
pub(super) fn status(message: &Bound<'_, PyAny>, name: &Py<PyString>) -> PyResult<u16> {
    let value = field(message, name)?
        .ok_or_else(|| PyValueError::new_err("http.response.start needs a \"status\""))?;
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!(
            "\"status\" is an int, not {}",
            kind_of(&value)
        )));
    }
    match value.extract::<u16>() {
        Ok(status @ 200..=999) => Ok(status),
        _ => Err(PyValueError::new_err(format!(
            "\"status\" is 200 to 999, not {}",
            value.str()?
        ))),
    }
}

/// The `headers` (or trailers) of a message, pushed to `lines`.
pub(super) fn headers(
    message: &Bound<'_, PyAny>,
    name: &Py<PyString>,
    lines: &mut HeaderLines,
) -> PyResult<()> {
    let Some(list) = field(message, name)? else {
        return Ok(());
    };
    for pair in list.try_iter()? {
        let pair = pair?;
        let (name, value) = two_of(&pair)?;
        let (name, value) = (
            octets("a header's name", &name)?,
            octets("a header's value", &value)?,
        );
        lines.push(&name, &value).map_err(|misuse| {
            PyValueError::new_err(format!("header {}: {misuse}", name.escape_ascii()))
        })?;
    }
    Ok(())
}

/// The two items of a pair: a tuple or a list, most often.
#[inline]
fn two_of<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    if let Ok(tuple) = pair.cast::<PyTuple>()
        && tuple.len() == 2
    {
        return Ok((tuple.get_item(0)?, tuple.get_item(1)?));
    }
    let mut items = pair.try_iter().into_iter().flatten();
    match (items.next(), items.next(), items.next()) {
        (Some(name), Some(value), None) => Ok((name?, value?)),
        _ => Err(PyTypeError::new_err(format!(
            "\"headers\" holds [name, value] pairs of bytes, not {}",
            pair.repr()?
        ))),
    }
}

/// The bytes of `value`, borrowed where it is a bytes object.
#[inline]
pub(super) fn octets<'a>(what: &str, value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(array) = value.cast::<PyByteArray>() {
        return Ok(Cow::Owned(array.to_vec()));
    }
    if value.is_instance_of::<PyMemoryView>() {
        // SAFETY: called attached with a live object; a new reference to a bytes object comes back, or an error.
        let copy = unsafe {
            Bound::from_owned_ptr_or_err(value.py(), ffi::PyBytes_FromObject(value.as_ptr()))
        }?;
        return Ok(Cow::Owned(copy.cast::<PyBytes>()?.as_bytes().to_vec()));
    }
    Err(PyTypeError::new_err(format!(
        "{what} is bytes, not {}",
        kind_of(value)
    )))
}

pub(super) fn kind_of(value: &Bound<'_, PyAny>) -> String {
    value
        .get_type()
        .name()
        .map_or_else(|_| String::from("that"), |name| name.to_string())
}
