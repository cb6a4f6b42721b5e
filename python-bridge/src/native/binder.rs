//! Makes a handler's arguments from a request. The peer's mistakes are collected, not raised: the answer names them
//! all.

use std::borrow::Cow;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyList, PyString};

use super::argument_list::ArgumentList;
use super::binder_scalars::{plain_bool, plain_float, plain_int};
use super::faults::Faults;
use super::parts::{Given, Parts};
use super::plan::{ArgumentPlan, Kind, Source};
use crate::python::large_objects::note_object;
use crate::python::names;
use crate::requests::request_text::{cookie_pairs, decode_query_into, query_values};

/// Which arguments are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Those that do not need the body, to find mistakes before it is read.
    BeforeBody,
}

/// How bytes become text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Paths and queries. Bytes that are not UTF-8 are the peer's fault.
    Utf8,
    /// Header fields, whose encoding is unknown: each byte is a character.
    Latin1,
}

/// What Python's readers say: the error for wrong input, and the value that stands for none.
pub(super) struct Verdicts {
    pub(super) input_error: Py<PyAny>,
    missing: Py<PyAny>,
}

impl Verdicts {
    pub(super) fn import(py: Python<'_>) -> PyResult<Verdicts> {
        Ok(Verdicts {
            input_error: names::INPUT_ERROR.find(py)?.unbind(),
            missing: names::MISSING.find(py)?.unbind(),
        })
    }

    /// An InputError that has these faults.
    pub(super) fn error_of(&self, list: &Bound<'_, PyList>) -> PyErr {
        match self.input_error.bind(list.py()).call1((list,)) {
            Ok(made) => PyErr::from_value(made),
            Err(error) => error,
        }
    }
}

/// Where arguments are put.
pub(super) trait Slots<'a, 'py> {
    /// Puts an object of our own there.
    fn give(&mut self, slot: usize, object: Bound<'py, PyAny>);

    /// Puts an object there that outlives the call.
    fn lend(&mut self, slot: usize, object: &'a Py<PyAny>);
}

impl<'a, 'py> Slots<'a, 'py> for ArgumentList<'a, 'py> {
    #[inline]
    fn give(&mut self, slot: usize, object: Bound<'py, PyAny>) {
        self.give(slot, object);
    }

    #[inline]
    fn lend(&mut self, slot: usize, object: &'a Py<PyAny>) {
        self.lend(slot, object);
    }
}

/// Fills the slots. An error is the app's fault, or an HTTPException.
pub(super) fn bind<'a, 'py, P: Parts>(
    arguments: &'a [ArgumentPlan],
    given: &mut Given<'_, 'py, P>,
    extent: Extent,
    text: &mut Vec<u8>,
    slots: &mut impl Slots<'a, 'py>,
    faults: &mut Faults<'py>,
    verdicts: &Verdicts,
) -> PyResult<()> {
    let (py, parts) = (faults.py(), given.parts);
    for argument in arguments {
        if extent == Extent::BeforeBody && argument.source.needs_body() {
            continue;
        }
        let mut bind = Bind {
            py,
            argument,
            text,
            faults,
            verdicts,
        };
        let found = match argument.source {
            Source::Path(index) => bind.one(parts.path_value(index), Encoding::Utf8)?,
            Source::Query => bind.query(parts.query())?,
            Source::Header => bind.header(parts)?,
            Source::Cookie => bind.cookie(parts)?,
            Source::Body => bind.body(parts)?,
            Source::Request => Found::Value(given.view(py)?),
            Source::Computed => bind.read(&given.view(py)?)?,
            // Its caller puts the WebSocket here, once there is one.
            Source::Socket => Found::Value(py.None().into_bound(py)),
        };
        match found {
            Found::Value(value) => slots.give(argument.slot, value),
            Found::Wrong => {}
            Found::Absent => match (&argument.new_default, &argument.default) {
                (Some(new), _) => slots.give(argument.slot, new.bind(py).call0()?),
                (None, Some(default)) => slots.lend(argument.slot, default),
                (None, None) => faults.add_missing(&argument.place)?,
            },
        }
    }
    Ok(())
}

/// What became of one argument.
enum Found<'py> {
    Value(Bound<'py, PyAny>),
    Absent,
    /// It is among the faults.
    Wrong,
}

struct Bind<'b, 'py> {
    py: Python<'py>,
    argument: &'b ArgumentPlan,
    text: &'b mut Vec<u8>,
    faults: &'b mut Faults<'py>,
    verdicts: &'b Verdicts,
}

impl<'py> Bind<'_, 'py> {
    /// Reads one value: the usual spellings here, all others in Python.
    #[inline]
    fn one(&mut self, bytes: &[u8], encoding: Encoding) -> PyResult<Found<'py>> {
        let py = self.py;
        let value = match self.argument.kind {
            Kind::Int => plain_int(bytes)
                .map(|value| value.into_bound_py_any(py))
                .transpose()?,
            Kind::Float => plain_float(bytes).map(|value| PyFloat::new(py, value).into_any()),
            Kind::Bool => {
                plain_bool(bytes).map(|value| PyBool::new(py, value).to_owned().into_any())
            }
            _ => None,
        };
        match value {
            Some(value) => Ok(Found::Value(value)),
            None => self.text(bytes, encoding),
        }
    }

    fn text(&mut self, bytes: &[u8], encoding: Encoding) -> PyResult<Found<'py>> {
        let Some(text) = string_of(self.py, bytes, encoding) else {
            self.faults.add_no_text(&self.argument.place, bytes)?;
            return Ok(Found::Wrong);
        };
        match self.argument.kind {
            Kind::Str => Ok(Found::Value(text.into_any())),
            _ => self.read(text.as_any()),
        }
    }

    /// Lets Python read it.
    fn read(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Found<'py>> {
        let Some(read) = &self.argument.read else {
            return Ok(Found::Value(value.clone()));
        };
        let result = read.bind(self.py).call1((value,));
        self.judge(result, &self.argument.place)
    }

    fn judge(
        &mut self,
        result: PyResult<Bound<'py, PyAny>>,
        place: &[String],
    ) -> PyResult<Found<'py>> {
        match result {
            Ok(value) if value.is(&self.verdicts.missing) => Ok(Found::Absent),
            Ok(value) => Ok(Found::Value(value)),
            Err(error) if error.is_instance(self.py, self.verdicts.input_error.bind(self.py)) => {
                let raised = error.value(self.py);
                self.faults.add_input_error(raised, place)?;
                Ok(Found::Wrong)
            }
            Err(error) => Err(error),
        }
    }

    fn query(&mut self, query: &[u8]) -> PyResult<Found<'py>> {
        if query.is_empty() {
            return Ok(Found::Absent);
        }
        if self.argument.many {
            let mut texts = Vec::new();
            for raw in query_values(query, &self.argument.alias) {
                let mut text = Vec::new();
                decode_query_into(raw, &mut text);
                texts.push(Cow::Owned(text));
            }
            return self.list(&texts, Encoding::Utf8);
        }
        let Some(raw) = query_values(query, &self.argument.alias).last() else {
            return Ok(Found::Absent);
        };
        let mut text = std::mem::take(self.text);
        text.clear();
        decode_query_into(raw, &mut text);
        let found = self.one(&text, Encoding::Utf8);
        *self.text = text;
        found
    }

    fn header(&mut self, parts: &impl Parts) -> PyResult<Found<'py>> {
        if self.argument.many {
            let is_own = |name: &[u8]| name.eq_ignore_ascii_case(self.argument.alias.as_bytes());
            let values: Vec<_> = parts
                .headers()
                .filter(|(name, _)| is_own(name))
                .map(|(_, value)| Cow::Borrowed(value))
                .collect();
            return self.list(&values, Encoding::Latin1);
        }
        match parts.header(&self.argument.alias) {
            Some(value) => self.one(value, Encoding::Latin1),
            None => Ok(Found::Absent),
        }
    }

    fn cookie(&mut self, parts: &impl Parts) -> PyResult<Found<'py>> {
        let fields = parts
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        let own = |(name, _): &(&[u8], Cow<'_, [u8]>)| *name == self.argument.alias.as_bytes();
        match fields
            .flat_map(|(_, field)| cookie_pairs(field))
            .filter(own)
            .last()
        {
            Some((_, value)) => self.one(&value, Encoding::Latin1),
            None => Ok(Found::Absent),
        }
    }

    /// Reads all values of one name.
    fn list(&mut self, values: &[Cow<'_, [u8]>], encoding: Encoding) -> PyResult<Found<'py>> {
        if values.is_empty() {
            return Ok(Found::Absent);
        }
        let list = PyList::empty(self.py);
        let mut is_wrong = false;
        for (index, bytes) in values.iter().enumerate() {
            match string_of(self.py, bytes, encoding) {
                Some(text) => list.append(text)?,
                None => {
                    let place = [&self.argument.place[..], &[index.to_string()]].concat();
                    self.faults.add_no_text(&place, bytes)?;
                    is_wrong = true;
                }
            }
        }
        if is_wrong {
            return Ok(Found::Wrong);
        }
        self.read(list.as_any())
    }

    fn body(&mut self, parts: &impl Parts) -> PyResult<Found<'py>> {
        let (py, body) = (self.py, parts.body(self.py));
        note_object(body.len());
        match self.argument.kind {
            _ if body.is_empty() && self.argument.default.is_some() => Ok(Found::Absent),
            Kind::Bytes => Ok(Found::Value(PyBytes::new(py, body).into_any())),
            Kind::Text => match string_of(py, body, Encoding::Utf8) {
                Some(text) => Ok(Found::Value(text.into_any())),
                None => {
                    self.faults.add_no_text(&self.argument.place, body)?;
                    Ok(Found::Wrong)
                }
            },
            _ if body.is_empty() => Ok(Found::Absent),
            _ => {
                let Some(read) = &self.argument.read else {
                    return Ok(Found::Absent);
                };
                let content_type = parts.header("content-type");
                let content_type =
                    content_type.and_then(|value| string_of(py, value, Encoding::Latin1));
                let result = read.bind(py).call1((PyBytes::new(py, body), content_type));
                // The reader says `body` itself.
                self.judge(result, &[])
            }
        }
    }
}

/// `None` if the bytes are not UTF-8.
fn string_of<'py>(
    py: Python<'py>,
    bytes: &[u8],
    encoding: Encoding,
) -> Option<Bound<'py, PyString>> {
    match encoding {
        Encoding::Latin1 if !bytes.is_ascii() => {
            let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
            Some(PyString::new(py, &text))
        }
        _ => Some(PyString::new(py, std::str::from_utf8(bytes).ok()?)),
    }
}
