//! Reads Python's basic objects without copying them: which type, which text, which number, what a container holds.
//! Knows CPython's layouts and thread rules; knows nothing of JSON.
//!
//! On the free-threaded build another thread may change a dict or list at any moment. The rule here is that of the C
//! API: while this thread holds the container's critical section, no other thread changes it and references borrowed
//! from it are good. The section is given up, silently, whenever this thread may wait or run Python code; after that
//! only references that we own are good.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{Borrowed, ffi};

/// A value by its exact type. Subclasses are `Other`: what they mean is decided in Python.
pub(super) enum View<'v, 'py> {
    Text(Borrowed<'v, 'py, PyString>),
    Integer(i64),
    /// An int beyond 64 bits.
    BigInteger(Borrowed<'v, 'py, PyInt>),
    Float(f64),
    True,
    False,
    None,
    Dict(Borrowed<'v, 'py, PyDict>),
    List(Borrowed<'v, 'py, PyList>),
    Tuple(Borrowed<'v, 'py, PyTuple>),
    Other,
}

impl<'v, 'py> View<'v, 'py> {
    #[inline]
    pub(super) fn of(value: Borrowed<'v, 'py, PyAny>) -> Self {
        let object = value.as_ptr();
        // SAFETY: `value` is alive, so its header can be read. The type of an instance of a Python-made class can be
        // changed by another thread, so it is an atomic load, as in CPython; the built-in types asked for here cannot.
        // The casts below are to the type that was just compared.
        unsafe {
            let class = AtomicPtr::from_ptr(&raw mut (*object).ob_type).load(Ordering::Relaxed);
            if class == &raw mut ffi::PyUnicode_Type {
                View::Text(value.cast_unchecked())
            } else if class == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let number = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
                if overflow == 0 {
                    View::Integer(number)
                } else {
                    View::BigInteger(value.cast_unchecked())
                }
            } else if class == &raw mut ffi::PyDict_Type {
                View::Dict(value.cast_unchecked())
            } else if class == &raw mut ffi::PyList_Type {
                View::List(value.cast_unchecked())
            } else if class == &raw mut ffi::PyFloat_Type {
                View::Float(value.cast_unchecked::<PyFloat>().value())
            } else if object == ffi::Py_True() {
                View::True
            } else if object == ffi::Py_False() {
                View::False
            } else if object == ffi::Py_None() {
                View::None
            } else if class == &raw mut ffi::PyTuple_Type {
                View::Tuple(value.cast_unchecked())
            } else {
                View::Other
            }
        }
    }
}

/// The code points of a str, in the width in which Python keeps them (PEP 393).
pub(super) enum CodePoints<'s> {
    Latin1(&'s [u8]),
    Ucs2(&'s [u16]),
    Ucs4(&'s [u32]),
}

impl<'s> CodePoints<'s> {
    /// Unlike PyUnicode_AsUTF8AndSize this leaves no UTF-8 copy in the object, which other threads may be reading.
    #[inline]
    pub(super) fn of(text: Borrowed<'s, '_, PyString>) -> Self {
        let object = text.as_ptr();
        // SAFETY: a str never changes once other code can see it, and lives for 's; the interpreter says how many code
        // points it holds, in which width and where.
        unsafe {
            #[cfg(all(not(Py_3_14), target_endian = "little"))]
            if let Some(ascii) = compact_ascii(object) {
                return CodePoints::Latin1(ascii);
            }
            let length = ffi::PyUnicode_GET_LENGTH(object) as usize;
            let data = ffi::PyUnicode_DATA(object);
            match ffi::PyUnicode_KIND(object) {
                ffi::PyUnicode_1BYTE_KIND => {
                    CodePoints::Latin1(std::slice::from_raw_parts(data.cast(), length))
                }
                ffi::PyUnicode_2BYTE_KIND => {
                    CodePoints::Ucs2(std::slice::from_raw_parts(data.cast(), length))
                }
                _ => CodePoints::Ucs4(std::slice::from_raw_parts(data.cast(), length)),
            }
        }
    }
}

/// The text of a str whose bytes follow its header, which is nearly every one. Before 3.14 the flags are bits 5 and 6 of
/// one word; the accessors of pyo3-ffi read them bit by bit. From 3.14 on the layout differs by build: ask the functions.
///
/// # Safety
/// `object` is a str that lives for 's.
#[cfg(all(not(Py_3_14), target_endian = "little"))]
#[inline]
unsafe fn compact_ascii<'s>(object: *mut ffi::PyObject) -> Option<&'s [u8]> {
    use std::sync::atomic::AtomicU32;

    const COMPACT_AND_ASCII: u32 = 1 << 5 | 1 << 6;
    let header = object.cast::<ffi::PyASCIIObject>();
    // SAFETY: our caller promised a str. Atomic, since another thread may be interning it, which writes to the same word.
    unsafe {
        let state = AtomicU32::from_ptr(&raw mut (*header).state).load(Ordering::Relaxed);
        (state & COMPACT_AND_ASCII == COMPACT_AND_ASCII)
            .then(|| std::slice::from_raw_parts(header.add(1).cast(), (*header).length as usize))
    }
}

/// How many items a dict holds.
///
/// # Safety
/// The dict's critical section is held.
#[inline]
pub(super) unsafe fn dict_len(dict: Borrowed<'_, '_, PyDict>) -> isize {
    // SAFETY: an exact dict by its type; no thread writes to it under the critical section that our caller holds.
    unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_used }
}

/// The item at `position` or the next one after it, as references borrowed from the dict.
///
/// # Safety
/// The dict's critical section is held; the references are used only until it may be given up (see this file's head).
#[inline]
pub(super) unsafe fn dict_next<'v, 'py>(
    dict: Borrowed<'_, 'py, PyDict>,
    position: &mut isize,
) -> Option<(Borrowed<'v, 'py, PyAny>, Borrowed<'v, 'py, PyAny>)> {
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: our caller holds the critical section, which is all that PyDict_Next asks for; a position that the dict has
    // outgrown or shrunk away from ends the iteration there. Key and value are not null when it says that there is an item.
    unsafe {
        (ffi::PyDict_Next(dict.as_ptr(), position, &mut key, &mut value) != 0).then(|| {
            (
                Borrowed::from_ptr(dict.py(), key),
                Borrowed::from_ptr(dict.py(), value),
            )
        })
    }
}

/// How many items a list holds.
///
/// # Safety
/// The list's critical section is held.
#[inline]
pub(super) unsafe fn list_len(list: Borrowed<'_, '_, PyList>) -> isize {
    // SAFETY: no thread writes to the list under the critical section that our caller holds.
    unsafe { ffi::PyList_GET_SIZE(list.as_ptr()) }
}

/// An item of a list, as a reference borrowed from it.
///
/// # Safety
/// The list's critical section has been held since `list_len` said that it is longer than `index`; the reference is used
/// only until the section may be given up.
#[inline]
pub(super) unsafe fn list_item<'v, 'py>(
    list: Borrowed<'_, 'py, PyList>,
    index: isize,
) -> Borrowed<'v, 'py, PyAny> {
    // SAFETY: as our caller promised; the slots below the length are never null.
    unsafe { Borrowed::from_ptr(list.py(), ffi::PyList_GET_ITEM(list.as_ptr(), index)) }
}
