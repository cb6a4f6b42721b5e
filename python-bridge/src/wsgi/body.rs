//! What a WSGI app's body may be, how long it may be, and the errors for apps that break this. Sends nothing.

use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyString, PyTuple};
use turbo_shard_runtime::HttpReply;
use turbo_shard_runtime::protocol::BodyLength;

use super::head::{Head, type_name};
use crate::python::held_object::{hold as hold_bytes, worth_holding};
use crate::python::large_objects::note_object;
use crate::python::names;

/// A body in several pieces that are all there is sent as one up to this size; a longer one is not worth a second copy.
/// Worst case per thread of the pool: this much.
const JOINED_BYTES_MAX: usize = 256 * 1024;

/// The part of the announced length that is still to come.
#[derive(Clone, Copy)]
pub(super) struct Left(Option<u64>);

impl Left {
    pub(super) fn of(head: &Head) -> Left {
        Left(head.lines.content_length())
    }

    /// Cuts a piece where the announced length ends, and says whether that took something away.
    pub(super) fn cut<'a>(&mut self, data: &'a [u8]) -> (&'a [u8], bool) {
        let Some(left) = &mut self.0 else {
            return (data, false);
        };
        let fits = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
        *left -= fits as u64;
        (&data[..fits], fits < data.len())
    }

    /// With `data` the announced length is reached, so nothing may follow.
    pub(super) fn is_over_after(self, data: &[u8]) -> bool {
        self.0.is_some_and(|left| left <= data.len() as u64)
    }

    /// `data` is all that was announced, or nothing was.
    pub(super) fn is_met_by(self, data: &[u8]) -> bool {
        self.0.is_none_or(|left| left == data.len() as u64)
    }

    /// All of it has come, so the answer is complete.
    pub(super) fn is_nothing(self) -> bool {
        self.0 == Some(0)
    }
}

/// What `write` may be given by a call on the shard, which sends nothing before it has returned.
/// Worst case per shard: this much, because calls there run one after another.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keeps what `write` was given.
pub(super) fn hold(held: &mut Vec<u8>, data: &[u8]) -> PyResult<()> {
    if held.len() + data.len() > HELD_BYTES_MAX {
        return Err(PyRuntimeError::new_err(
            "write() was given over 64 MiB by a call on the shard's own thread, which can send nothing before it has \
             returned; return an iterable, or serve the app with --wsgi-inline never",
        ));
    }
    held.extend_from_slice(data);
    Ok(())
}

/// Sends a body from where it is; to a HEAD its length alone. For a body whose head gives its length or none.
pub(super) fn send_held(
    handle: HttpReply,
    head: Head,
    bytes: &Bound<'_, PyBytes>,
    answers_head: bool,
) {
    let length = BodyLength::Known(bytes.as_bytes().len() as u64);
    handle.start(head.status, head.lines, length);
    if !answers_head {
        handle.held(hold_bytes(bytes));
    }
    handle.end();
}

/// A body that is there already.
pub(super) enum Ready<'py> {
    One(Bound<'py, PyBytes>),
    Joined(Vec<u8>),
}

impl<'py> Ready<'py> {
    /// The bytes, if holding them is better than copying.
    pub(super) fn worth_holding(&self) -> Option<&Bound<'py, PyBytes>> {
        match self {
            Ready::One(bytes) => worth_holding(bytes),
            Ready::Joined(_) => None,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Ready::One(bytes) => bytes.as_bytes(),
            Ready::Joined(bytes) => bytes,
        }
    }
}

/// The whole body, if it is there already: in a list or a tuple.
pub(super) fn ready_body<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Option<Ready<'py>>> {
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        joined(list.len(), list.iter())
    } else if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        joined(tuple.len(), tuple.iter())
    } else if iterable.is_instance_of::<PyBytes>() || iterable.is_instance_of::<PyString>() {
        Err(no_iterable(iterable))
    } else {
        Ok(None)
    }
}

fn joined<'py>(
    count: usize,
    mut pieces: impl Iterator<Item = Bound<'py, PyAny>>,
) -> PyResult<Option<Ready<'py>>> {
    if count == 1
        && let Some(piece) = pieces.next()
    {
        return body_bytes(&piece).map(|bytes| Some(Ready::One(bytes.clone())));
    }
    let mut body = Vec::new();
    for piece in pieces {
        let bytes = body_bytes(&piece)?.as_bytes();
        if body.len() + bytes.len() > JOINED_BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(bytes);
    }
    Ok(Some(Ready::Joined(body)))
}

/// The pieces of what an app has returned.
pub(super) fn pieces_of<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    match iterable.try_iter() {
        Err(_) if !iterable.hasattr(names::__iter__(iterable.py()))? => Err(no_iterable(iterable)),
        pieces => pieces,
    }
}

/// A piece of a body.
pub(super) fn body_bytes<'a, 'py>(
    piece: &'a Bound<'py, PyAny>,
) -> PyResult<&'a Bound<'py, PyBytes>> {
    let bytes = piece.cast::<PyBytes>().map_err(|_| {
        PyTypeError::new_err(format!(
            "a WSGI app's body is made of bytes, not {}",
            type_name(piece)
        ))
    })?;
    note_object(bytes.as_bytes().len());
    Ok(bytes)
}

/// The app's own error, from before it found out that the headers have gone.
pub(super) fn raised(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let py = exc_info.py();
    let Ok(exc_info) = exc_info.cast::<PyTuple>() else {
        return Err(PyTypeError::new_err(format!(
            "exc_info is the tuple of sys.exc_info(), not {}",
            type_name(exc_info)
        )));
    };
    let error = exc_info.get_item(1)?;
    let trace = exc_info.get_item(2)?;
    error.call_method1(names::with_traceback(py), (trace,))?;
    Ok(PyErr::from_value(error))
}

pub(super) fn too_long() -> PyErr {
    PyValueError::new_err("the body is longer than its content-length; it was cut off there")
}

pub(super) fn not_called() -> PyErr {
    PyAssertionError::new_err("the WSGI app did not call start_response before its body")
}

pub(super) fn ended() -> PyErr {
    PyRuntimeError::new_err("the request has ended")
}

#[cold]
fn no_iterable(returned: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "a WSGI app returns an iterable of bytes, such as [b\"...\"], not {}",
        type_name(returned)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turbo_shard_runtime::protocol::HeaderLines;

    #[test]
    fn nothing_goes_beyond_the_announced_length() {
        let mut lines = HeaderLines::new();
        lines.push(b"content-length", b"5").unwrap();
        let mut left = Left::of(&Head { status: 200, lines });
        assert_eq!(left.cut(b"abc"), (&b"abc"[..], false));
        assert!(!left.is_nothing());
        assert_eq!(left.cut(b"def"), (&b"de"[..], true));
        assert!(left.is_nothing());
        assert_eq!(left.cut(b""), (&b""[..], false));
        assert_eq!(left.cut(b"g"), (&b""[..], true));
    }

    #[test]
    fn without_a_length_everything_goes() {
        let lines = HeaderLines::new();
        let mut left = Left::of(&Head { status: 200, lines });
        assert_eq!(left.cut(b"abc"), (&b"abc"[..], false));
        assert!(!left.is_nothing());
    }
}
