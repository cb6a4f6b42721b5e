//! Gives handlers a context (contextvars) in which nothing is set: a thread serves many requests, and what one of them
//! sets must not reach the next. That is enough for coroutines, since each task copies the context it starts in.

use std::cell::RefCell;

use pyo3::ffi;
use pyo3::prelude::*;

use super::thread::Owned;

/// The context of one thread's handlers; it is replaced only when it was written to.
#[derive(Default)]
pub(crate) struct CleanContext {
    entered: RefCell<Option<Py<PyAny>>>,
}

impl CleanContext {
    /// Call before a request's first code of the app, on the thread that owns this.
    #[inline]
    pub(crate) fn renew(&self, py: Python<'_>) -> PyResult<()> {
        let mut entered = self.entered.borrow_mut();
        if let Some(context) = &*entered {
            if context.bind(py).len()? == 0 {
                return Ok(());
            }
            leave(py, context);
        }
        *entered = Some(enter(py)?);
        Ok(())
    }

    /// Leaves the context and hands it over, for work that goes on in it elsewhere.
    pub(crate) fn take(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let context = self.entered.borrow_mut().take()?;
        leave(py, &context);
        Some(context)
    }

    /// The same, if something has been set there.
    pub(crate) fn take_if_used(&self, py: Python<'_>) -> Option<Owned<PyAny>> {
        let is_used = |context: &Py<PyAny>| context.bind(py).len().is_ok_and(|count| count > 0);
        if !self.entered.borrow().as_ref().is_some_and(is_used) {
            return None;
        }
        self.take(py).map(Owned::new)
    }
}

/// Runs `call` in a context that no thread is in.
pub(crate) fn in_context<T>(
    py: Python<'_>,
    context: &Py<PyAny>,
    call: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    // SAFETY: `py` shows that this thread is attached, and `context` is a context: it comes from here. One that a
    // thread is in is refused with an exception.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let result = call();
    leave(py, context);
    result
}

/// Runs `call` in that context; in the present one if there is none.
pub(crate) fn in_context_or_here<T>(
    py: Python<'_>,
    context: Option<Owned<PyAny>>,
    call: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    match context {
        Some(context) => in_context(py, &context, call),
        None => call(),
    }
}

/// Runs `call` in that context; in one of its own if there is none.
pub(crate) fn in_context_or_clean_one<T>(
    py: Python<'_>,
    context: Option<Owned<PyAny>>,
    call: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    match context {
        Some(context) => in_context(py, &context, call),
        None => in_clean_context(py, call),
    }
}

/// A copy of the present context, for work that goes on later: nothing else sees what is set there.
pub(crate) fn copied_context(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: `py` shows that this thread is attached; a null result comes with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(Bound::unbind)
}

/// Runs `call` in a context of its own.
pub(crate) fn in_clean_context<T>(
    py: Python<'_>,
    call: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    let context = enter(py)?;
    let result = call();
    leave(py, &context);
    result
}

fn enter(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: `py` shows that this thread is attached; a null result comes with an exception set. No thread has entered
    // a new context, which is all that entering asks for.
    unsafe {
        let context = Bound::from_owned_ptr_or_err(py, ffi::PyContext_New())?;
        match ffi::PyContext_Enter(context.as_ptr()) {
            0 => Ok(context.unbind()),
            _ => Err(PyErr::fetch(py)),
        }
    }
}

fn leave(py: Python<'_>, context: &Py<PyAny>) {
    // SAFETY: `py` shows that this thread is attached, and `context` is a context: `enter` made it.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        // A handler has entered another context and stayed there. The next one is entered on top of it.
        drop(PyErr::take(py));
    }
}
