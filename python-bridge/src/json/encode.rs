//! Walks Python values and writes their JSON. Knows which Python type becomes what; its neighbours know how text and
//! numbers are written and how objects are read.
//!
//! # What becomes what
//!
//! As `json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))` in UTF-8, which is what Starlette
//! answers with. In particular:
//! - nan and the infinities are refused: JSON has no word for them, and a bare `NaN` breaks every strict reader.
//! - A str with a lone surrogate is refused. `\ud800` would be JSON by its grammar, but no Unicode text: readers differ
//!   (RFC 8259, 8.2) and I-JSON forbids it. Starlette refuses it as well.
//! - Keys that are int, float, bool or None become strings; keys that then are equal all stay.
//! - Subclasses are not inspected: the fallback, one Python callable, turns them and everything else into basic values.
//!
//! # Threads
//!
//! A dict or list is read inside its critical section with borrowed references, which costs one uncontended lock per
//! container and no reference count per item. Text, numbers and constants are written without leaving the section.
//! All else (an inner container, a big int, the fallback) may wait for a lock or run Python, and so give the section
//! up: before it we take a strong reference to the value, and after it we check the container's length. If it has
//! changed, or if fewer or more items came than the length promised, the answer is RuntimeError, as in a Python `for`.
//! A flat container is therefore seen at one moment. In one with inner containers a value that is replaced meanwhile is
//! seen as before or as after, and keys exchanged one for one may be seen mixed; never half an item.

use std::cell::Cell;

use pyo3::Borrowed;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyTuple};

use super::escape::{WideUnit, push_quoted_latin1, push_quoted_wide};
use super::failure::{Outcome, Reason};
use super::number::{push_finite_float, push_integer};
use super::object_view::{CodePoints, View, dict_len, dict_next, list_item, list_len};

/// Containers inside one another, counted over all encodes under way on a thread: a fallback that starts another one
/// goes on from one level deeper. Far more than documents have; a container that holds itself is found here. Worst case
/// of stack, measured on x86-64: 128 KiB for containers alone, 384 KiB with another encode at every level; four times
/// that where unoptimised.
const LEVELS_MAX: usize = 256;

/// The same for plain values. Few enough for a reader that calls itself in Python, several times a level.
const PLAIN_LEVELS_MAX: usize = 50;

/// With this begin the names of SQLAlchemy's own state, which FastAPI leaves out.
const HIDDEN: &[u8] = b"_sa";

/// Calls of the fallback for one place in the document: an Enum of a Decimal subclass takes three.
const FALLBACK_CALLS_MAX: usize = 16;

thread_local! {
    /// Levels already open on this thread when a fallback was called.
    static OUTER_LEVELS: Cell<usize> = const { Cell::new(0) };
}

/// Appends the JSON of `value` to `out`; on an error `out` is as it was.
pub(crate) fn encode<'py>(
    py: Python<'py>,
    value: Borrowed<'_, 'py, PyAny>,
    out: &mut Vec<u8>,
    fallback: Option<Borrowed<'_, 'py, PyAny>>,
) -> PyResult<()> {
    let start = out.len();
    let mut walk: Walk<'_, 'py, false> = Walk {
        out,
        fallback,
        levels: OUTER_LEVELS.get(),
    };
    walk.value(value).map_err(|failure| {
        walk.out.truncate(start);
        failure.into_error(py)
    })
}

/// Appends the JSON of a value that is plain: None, bool, int, float and str, and what list, tuple and dict hold of these, all
/// of these very types; keys are str that do not begin with [`HIDDEN`]. False, and `out` as it was, for any other value.
pub(super) fn encode_plain(value: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut walk: Walk<'_, '_, true> = Walk {
        out,
        fallback: None,
        levels: 0,
    };
    let is_plain = walk.value(value).is_ok();
    if !is_plain {
        out.truncate(start);
    }
    is_plain
}

/// `PLAIN`: only plain values are taken.
struct Walk<'w, 'py, const PLAIN: bool> {
    out: &'w mut Vec<u8>,
    fallback: Option<Borrowed<'w, 'py, PyAny>>,
    levels: usize,
}

impl<'py, const PLAIN: bool> Walk<'_, 'py, PLAIN> {
    const LEVELS: usize = if PLAIN { PLAIN_LEVELS_MAX } else { LEVELS_MAX };

    /// Writes any value. The caller owns a reference to it, or to a tuple that holds it.
    fn value(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Outcome {
        let view = View::of(value);
        if self.leaf(&view)? {
            Ok(())
        } else {
            self.branch(value, view)
        }
    }

    /// Writes a value that needs no Python and no lock, or says that it is none.
    #[inline(always)]
    fn leaf(&mut self, view: &View<'_, 'py>) -> Outcome<bool> {
        match *view {
            View::Text(text) => self.text(text)?,
            View::Integer(number) => push_integer(self.out, number),
            View::Float(number) => self.float(number)?,
            View::True => self.out.extend_from_slice(b"true"),
            View::False => self.out.extend_from_slice(b"false"),
            View::None => self.out.extend_from_slice(b"null"),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes a value that may wait or run Python code. The caller owns a reference to it, or to a tuple that holds it.
    fn branch(&mut self, value: Borrowed<'_, 'py, PyAny>, view: View<'_, 'py>) -> Outcome {
        match view {
            View::Dict(dict) => self.dict(dict),
            View::List(list) => self.list(list),
            View::Tuple(tuple) => self.tuple(tuple),
            View::BigInteger(number) => self.big_integer(number),
            _ if PLAIN => Err(Reason::NotPlain.into()),
            _ => self.other(value),
        }
    }

    #[inline]
    fn text(&mut self, text: Borrowed<'_, 'py, PyString>) -> Outcome {
        match CodePoints::of(text) {
            CodePoints::Latin1(bytes) => push_quoted_latin1(self.out, bytes),
            CodePoints::Ucs2(units) => self.wide_text(units)?,
            CodePoints::Ucs4(units) => self.wide_text(units)?,
        }
        Ok(())
    }

    #[inline(never)]
    fn wide_text<U: WideUnit>(&mut self, units: &[U]) -> Outcome {
        Ok(push_quoted_wide(self.out, units).map_err(Reason::LoneSurrogate)?)
    }

    fn float(&mut self, number: f64) -> Outcome {
        if !number.is_finite() {
            return Err(Reason::NotFinite(number).into());
        }
        push_finite_float(self.out, number);
        Ok(())
    }

    fn big_integer(&mut self, number: Borrowed<'_, 'py, PyInt>) -> Outcome {
        // ValueError: beyond sys.get_int_max_str_digits(), which exists because the work grows with the square.
        let digits = number.repr().map_err(|error| {
            match error.is_instance_of::<PyValueError>(number.py()) {
                true => Reason::TooManyDigits(error),
                false => Reason::Raised {
                    class: String::from("int"),
                    error,
                },
            }
        })?;
        if let CodePoints::Latin1(digits) = CodePoints::of(digits.as_borrowed()) {
            self.out.extend_from_slice(digits);
        }
        Ok(())
    }

    fn dict(&mut self, dict: Borrowed<'_, 'py, PyDict>) -> Outcome {
        self.open(b'{')?;
        with_critical_section(dict.as_any(), || self.items(dict))?;
        self.close(b'}');
        Ok(())
    }

    /// Writes a dict's items, each with a comma after it. The caller holds the dict's critical section.
    fn items(&mut self, dict: Borrowed<'_, 'py, PyDict>) -> Outcome {
        // SAFETY: the critical section of the dict is held; `held` says where it may be given up in between.
        let length = unsafe { dict_len(dict) };
        let (mut position, mut seen) = (0, 0);
        // SAFETY: the critical section is held. Key and value are used only up to the first call that may give it up,
        // except for those that are `held`: we own references to these.
        while let Some((key, value)) = unsafe { dict_next(dict, &mut position) } {
            seen += 1;
            let key_start = self.out.len();
            let mut may_have_changed = false;
            if let View::Text(text) = View::of(key) {
                self.text(text)?;
                if PLAIN && self.out[key_start + 1..].starts_with(HIDDEN) {
                    return Err(Reason::NotPlain.into());
                }
                let key_end = self.out.len();
                self.out.push(b':');
                let view = View::of(value);
                let done = match self.leaf(&view) {
                    Ok(false) => {
                        may_have_changed = true;
                        let held = value.to_owned();
                        self.branch(held.as_borrowed(), view)
                    }
                    Ok(true) => Ok(()),
                    Err(failure) => Err(failure),
                };
                done.map_err(|failure| failure.under_key(&self.out[key_start..key_end]))?;
            } else if PLAIN {
                return Err(Reason::NotPlain.into());
            } else {
                may_have_changed = true;
                self.odd_item(key.to_owned(), value.to_owned())?;
            }
            self.out.push(b',');
            // SAFETY: the critical section is held again, whatever happened in between.
            if may_have_changed && unsafe { dict_len(dict) } != length {
                return Err(Reason::Resized("dict").into());
            }
        }
        if seen != length {
            return Err(Reason::Resized("dict").into());
        }
        Ok(())
    }

    /// Writes an item whose key is no plain str.
    #[inline(never)]
    fn odd_item(&mut self, key: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> Outcome {
        let key_start = self.out.len();
        self.key(key)?;
        let key_end = self.out.len();
        self.out.push(b':');
        self.value(value.as_borrowed())
            .map_err(|failure| failure.under_key(&self.out[key_start..key_end]))
    }

    /// Writes a key as a string, as `json.dumps` does: numbers and constants in quotes, the rest by way of the fallback.
    fn key(&mut self, key: Bound<'py, PyAny>) -> Outcome {
        let key = self.basic(key, no_key_type)?;
        match View::of(key.as_borrowed()) {
            View::Text(text) => self.text(text),
            View::Dict(_) | View::List(_) | View::Tuple(_) | View::Other => {
                Err(no_key_type(&key, None).into())
            }
            _ => {
                self.out.push(b'"');
                self.value(key.as_borrowed())?;
                self.out.push(b'"');
                Ok(())
            }
        }
    }

    fn list(&mut self, list: Borrowed<'_, 'py, PyList>) -> Outcome {
        self.open(b'[')?;
        with_critical_section(list.as_any(), || self.elements(list))?;
        self.close(b']');
        Ok(())
    }

    /// Writes a list's elements, each with a comma after it. The caller holds the list's critical section.
    fn elements(&mut self, list: Borrowed<'_, 'py, PyList>) -> Outcome {
        // SAFETY: the critical section of the list is held.
        let length = unsafe { list_len(list) };
        for index in 0..length {
            // SAFETY: the critical section is held, and the length is what it was, or we would have left below. The
            // element is used only up to the first call that may give the section up, or we own a reference to it.
            let element = unsafe { list_item(list, index) };
            let view = View::of(element);
            let done = match self.leaf(&view) {
                Ok(false) => {
                    let held = element.to_owned();
                    let done = self.branch(held.as_borrowed(), view);
                    drop(held);
                    // SAFETY: the critical section is held again, whatever happened in between.
                    if done.is_ok() && unsafe { list_len(list) } != length {
                        return Err(Reason::Resized("list").into());
                    }
                    done
                }
                Ok(true) => Ok(()),
                Err(failure) => Err(failure),
            };
            done.map_err(|failure| failure.at_index(index as usize))?;
            self.out.push(b',');
        }
        Ok(())
    }

    /// Writes a tuple. It never changes, and the caller keeps it and what it holds alive.
    fn tuple(&mut self, tuple: Borrowed<'_, 'py, PyTuple>) -> Outcome {
        self.open(b'[')?;
        for (index, element) in tuple.iter_borrowed().enumerate() {
            self.value(element)
                .map_err(|failure| failure.at_index(index))?;
            self.out.push(b',');
        }
        self.close(b']');
        Ok(())
    }

    /// Writes what the fallback makes of a value of any other type.
    #[inline(never)]
    fn other(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Outcome {
        let basic = self.basic(value.to_owned(), no_json_type)?;
        self.value(basic.as_borrowed())
    }

    /// Calls the fallback until the value is of a basic type.
    fn basic(&mut self, value: Bound<'py, PyAny>, refused: Refusal) -> Outcome<Bound<'py, PyAny>> {
        let mut current = value;
        for _ in 0..FALLBACK_CALLS_MAX {
            if !matches!(View::of(current.as_borrowed()), View::Other) {
                return Ok(current);
            }
            let Some(fallback) = self.fallback else {
                return Err(refused(&current, None).into());
            };
            self.check_levels()?;
            let outer = OUTER_LEVELS.replace(self.levels + 1);
            let answer = fallback.call1((&current,));
            OUTER_LEVELS.set(outer);
            current = answer.map_err(|error| {
                match error.is_instance_of::<PyTypeError>(current.py()) {
                    true => refused(&current, Some(error)),
                    false => Reason::Raised {
                        class: class_name(&current),
                        error,
                    },
                }
            })?;
        }
        Err(Reason::EndlessFallback {
            class: class_name(&current),
            calls_max: FALLBACK_CALLS_MAX,
        }
        .into())
    }

    #[inline]
    fn open(&mut self, bracket: u8) -> Outcome {
        self.check_levels()?;
        self.levels += 1;
        self.out.push(bracket);
        Ok(())
    }

    #[inline]
    fn check_levels(&self) -> Outcome {
        if self.levels < Self::LEVELS {
            Ok(())
        } else {
            Err(Reason::TooDeep {
                levels_max: Self::LEVELS,
            }
            .into())
        }
    }

    /// Ends a container: its bracket takes the place of the last comma.
    #[inline]
    fn close(&mut self, bracket: u8) {
        self.levels -= 1;
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }
}

type Refusal = fn(&Bound<'_, PyAny>, Option<PyErr>) -> Reason;

#[cold]
fn no_json_type(value: &Bound<'_, PyAny>, raised: Option<PyErr>) -> Reason {
    Reason::NoJsonType {
        class: class_name(value),
        raised,
    }
}

#[cold]
fn no_key_type(key: &Bound<'_, PyAny>, raised: Option<PyErr>) -> Reason {
    Reason::NoKeyType {
        class: class_name(key),
        raised,
    }
}

#[cold]
fn class_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().qualname().map_or_else(
        |_| String::from("?"),
        |name| name.to_string_lossy().into_owned(),
    )
}
