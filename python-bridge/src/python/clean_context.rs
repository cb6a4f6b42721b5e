//! Gives handlers a context (contextvars) in which nothing is set: a thread serves many requests, and what one of them
//! sets must not reach the next. That is enough for coroutines, since each task copies the context it starts in.

use std::cell::RefCell;

use pyo3::ffi;
use pyo3::prelude::*;

/// The context of one thread's handlers; it is replaced only when it was written to.
#[derive(Default)]
pub(crate) struct CleanContext {
    entered: RefCell<Option<Py<PyAny>>>,
}

impl CleanContext {
    /// Call before each handler, on the thread that owns this.
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
