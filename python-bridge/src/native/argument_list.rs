//! The arguments of one call, laid out for Python's vectorcall protocol, and the call itself. Knows nothing of requests.
//!
//! They lie on the stack, so a call allocates nothing. Defaults are borrowed from the plan that owns them.

use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::python::thread::Owned;

/// Most arguments of one call; `turbo_shard.native.params.PARAMETERS_MAX` says the same.
pub(super) const ARGUMENTS_MAX: usize = 32;
const _: () = assert!(ARGUMENTS_MAX <= u32::BITS as usize);

/// Arguments by slot. Every slot below the count of a call must have been filled.
pub(super) struct ArgumentList<'a, 'py> {
    py: Python<'py>,
    /// The first place is left to the callee, which may put `self` there without copying the others.
    places: [MaybeUninit<*mut ffi::PyObject>; ARGUMENTS_MAX + 1],
    /// One bit for each filled slot, and one for each whose reference is ours.
    filled: u32,
    owned: u32,
    lenders: std::marker::PhantomData<&'a Py<PyAny>>,
}

impl<'a, 'py> ArgumentList<'a, 'py> {
    pub(super) fn new(py: Python<'py>) -> ArgumentList<'a, 'py> {
        ArgumentList {
            py,
            places: [MaybeUninit::uninit(); ARGUMENTS_MAX + 1],
            filled: 0,
            owned: 0,
            lenders: std::marker::PhantomData,
        }
    }

    /// Fills a slot with an object of our own.
    #[inline]
    pub(super) fn give(&mut self, slot: usize, object: Bound<'py, PyAny>) {
        debug_assert!(self.filled & (1 << slot) == 0, "a slot is filled once");
        self.places[slot + 1].write(object.into_ptr());
        self.filled |= 1 << slot;
        self.owned |= 1 << slot;
    }

    /// Fills a slot with an object that outlives the call.
    #[inline]
    pub(super) fn lend(&mut self, slot: usize, object: &'a Py<PyAny>) {
        self.places[slot + 1].write(object.as_ptr());
        self.filled |= 1 << slot;
    }

    /// Calls `callable` with the first `count` slots; the last of them are named by `keywords`.
    #[inline]
    pub(super) fn call(
        &self,
        callable: &Py<PyAny>,
        count: usize,
        keywords: Option<&Py<PyTuple>>,
        keyword_count: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        assert!(
            count <= ARGUMENTS_MAX
                && self.filled.trailing_ones() as usize >= count
                && keyword_count <= count
        );
        let positional = (count - keyword_count) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let names = keywords.map_or(std::ptr::null_mut(), Py::as_ptr);
        // SAFETY: `count` places after the first are filled (asserted above) with live objects: ours until drop, lent
        // ones for 'a. The first place is there for the callee to overwrite, which it restores. `py` shows that this
        // thread is attached; a null result comes with an exception set.
        unsafe {
            let arguments = self.places.as_ptr().add(1).cast::<*mut ffi::PyObject>();
            let result = ffi::PyObject_Vectorcall(callable.as_ptr(), arguments, positional, names);
            Bound::from_owned_ptr_or_err(self.py, result)
        }
    }

    /// The first `count` arguments as owned references, for a call on another thread.
    pub(super) fn to_owned(&self, count: usize) -> Vec<Owned<PyAny>> {
        assert!(count <= ARGUMENTS_MAX && self.filled.trailing_ones() as usize >= count);
        let place = |slot: usize| {
            // SAFETY: the slot is filled (asserted above) with a live object, and this thread is attached.
            let object =
                unsafe { Bound::from_borrowed_ptr(self.py, self.places[slot + 1].assume_init()) };
            Owned::new(object.unbind())
        };
        (0..count).map(place).collect()
    }
}

impl Drop for ArgumentList<'_, '_> {
    fn drop(&mut self) {
        let mut owned = self.owned;
        while owned != 0 {
            let slot = owned.trailing_zeros() as usize;
            owned &= owned - 1;
            // SAFETY: `owned` marks slots that `give` has filled with references of ours; `py` shows that this thread
            // is attached.
            unsafe { ffi::Py_DECREF(self.places[slot + 1].assume_init()) };
        }
    }
}

/// Calls with arguments that came from another thread.
pub(super) fn call_owned<'py>(
    py: Python<'py>,
    callable: &Py<PyAny>,
    arguments: Vec<Owned<PyAny>>,
    keywords: Option<&Py<PyTuple>>,
    keyword_count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mut list = ArgumentList::new(py);
    for (slot, argument) in arguments.iter().enumerate() {
        list.lend(slot, argument);
    }
    list.call(callable, arguments.len(), keywords, keyword_count)
}
