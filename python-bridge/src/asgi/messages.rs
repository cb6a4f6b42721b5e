//! Reads the messages that an ASGI app sends: fields, headers, bytes. A value that does not fit raises in the app, and
//! the error names the field. Knows nothing of where an answer stands.

use std::borrow::Cow;
use std::ptr;

use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyInt, PyList, PyMemoryView, PyString, PyTuple,
};
use turbo_shard_runtime::protocol::HeaderLines;

use super::words::Words;

/// Most fields of an ASGI message, with some room; fields beyond are looked up one by one.
const FIELDS_KEPT_MAX: usize = 8;

/// One message: its fields are taken out in one go, since each look-up in a dict that threads may share costs as much.
pub(super) struct Message<'a, 'py> {
    whole: &'a Bound<'py, PyAny>,
    fields: [Option<(*mut ffi::PyObject, Bound<'py, PyAny>)>; FIELDS_KEPT_MAX],
    /// Every key is one of our own names by identity, so a name that is not among them is not there at all.
    is_known_whole: bool,
}

impl<'a, 'py> Message<'a, 'py> {
    pub(super) fn read(whole: &'a Bound<'py, PyAny>, words: &Words) -> Message<'a, 'py> {
        let mut message = Message {
            whole,
            fields: [const { None }; FIELDS_KEPT_MAX],
            is_known_whole: false,
        };
        if let Ok(dict) = whole.cast_exact::<PyDict>() {
            message.is_known_whole = true;
            let mut places = message.fields.iter_mut();
            // The dict is locked once for all of its fields.
            with_critical_section(dict.as_any(), || {
                let (mut at, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
                // SAFETY: attached, with a live dict that nothing changes while it is locked.
                while unsafe { ffi::PyDict_Next(dict.as_ptr(), &mut at, &mut key, &mut value) } != 0
                {
                    let place = match words.is_field_name(key) {
                        true => places.next(),
                        false => None,
                    };
                    match place {
                        Some(place) => {
                            // SAFETY: the dict holds the value, which gets a reference of ours before the lock is
                            // released.
                            let value = unsafe { Bound::from_borrowed_ptr(whole.py(), value) };
                            *place = Some((key, value));
                        }
                        None => message.is_known_whole = false,
                    }
                }
            });
        }
        message
    }

    pub(super) fn py(&self) -> Python<'py> {
        self.whole.py()
    }

    /// A field; None if it is not there.
    #[inline]
    pub(super) fn field(&self, name: &Py<PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        for (key, value) in self.fields.iter().flatten() {
            if *key == name.as_ptr() {
                return Ok(Some(value.clone()));
            }
        }
        match self.is_known_whole {
            true => Ok(None),
            false => self.look_up(name),
        }
    }

    /// A field that is there and not None.
    pub(super) fn given(&self, name: &Py<PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.field(name)?.filter(|value| !value.is_none()))
    }

    #[cold]
    fn look_up(&self, name: &Py<PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.py();
        match self.whole.get_item(name.bind(py)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<PyKeyError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its `type`.
    #[inline]
    pub(super) fn kind(&self, name: &Py<PyString>) -> PyResult<Bound<'py, PyString>> {
        let found = self.field(name)?.ok_or_else(|| {
            PyValueError::new_err("an ASGI message has a \"type\"; this one has none")
        })?;
        found.cast_into::<PyString>().map_err(|error| {
            PyTypeError::new_err(format!(
                "an ASGI message's \"type\" is a str, not {}",
                kind_of(&error.into_inner())
            ))
        })
    }

    /// A flag; false where it is not there.
    #[inline]
    pub(super) fn flag(&self, name: &Py<PyString>) -> PyResult<bool> {
        self.field(name)?
            .map_or(Ok(false), |value| value.is_truthy())
    }
}

/// The `status` of a head: 200 to 999. In Python a bool is an int, but it is never meant as a status.
pub(super) fn status(message: &Message<'_, '_>, name: &Py<PyString>) -> PyResult<u16> {
    let value = message
        .field(name)?
        .ok_or_else(|| PyValueError::new_err("http.response.start needs a \"status\""))?;
    status_of(&value)
}

/// The status that a value is.
#[inline]
pub(super) fn status_of(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!(
            "\"status\" is an int, not {}",
            kind_of(value)
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
    message: &Message<'_, '_>,
    name: &Py<PyString>,
    lines: &mut HeaderLines,
) -> PyResult<()> {
    match message.field(name)? {
        Some(list) => push_pairs(&list, lines),
        None => Ok(()),
    }
}

/// Pushes (name, value) pairs to `lines`.
pub(super) fn push_pairs(list: &Bound<'_, PyAny>, lines: &mut HeaderLines) -> PyResult<()> {
    // Nearly always a list, which is read without an iterator.
    if let Ok(list) = list.cast_exact::<PyList>() {
        let mut at = 0;
        while at < list.len() {
            push_pair(&list.get_item(at)?, lines)?;
            at += 1;
        }
        return Ok(());
    }
    list.try_iter()?
        .try_for_each(|pair| push_pair(&pair?, lines))
}

#[inline]
fn push_pair(pair: &Bound<'_, PyAny>, lines: &mut HeaderLines) -> PyResult<()> {
    let (name, value) = two_of(pair)?;
    let (name, value) = (
        octets("a header's name", &name)?,
        octets("a header's value", &value)?,
    );
    lines.push(&name, &value).map_err(|misuse| {
        PyValueError::new_err(format!("header {}: {misuse}", name.escape_ascii()))
    })
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
