//! Threads that make an instance of the app, so that a stop can interrupt them as Ctrl-C interrupts the main thread's first
//! import. Knows neither what is made nor when a stop comes.

use std::ffi::c_long;
use std::ptr;

use parking_lot::Mutex;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::ffi;
use pyo3::prelude::*;

use super::names;

/// The threads that make an instance now, as Python numbers them.
#[derive(Default)]
pub(crate) struct BeingMade(Mutex<Vec<c_long>>);

impl BeingMade {
    /// Runs `make`, which [`interrupt`](BeingMade::interrupt) ends with a KeyboardInterrupt.
    pub(crate) fn run<'py, T>(
        &self,
        py: Python<'py>,
        make: impl FnOnce() -> PyResult<T>,
    ) -> PyResult<T> {
        let thread: c_long = names::THREAD_NUMBER
            .call0(py)?
            .extract::<u64>()?
            .cast_signed();
        self.0.lock().push(thread);
        let made = make();
        let mut threads = self.0.lock();
        threads.retain(|&one| one != thread);
        // An interrupt that came too late for `make` must not be raised in what follows.
        raise_in(py, thread, ptr::null_mut());
        made
    }

    /// Raises KeyboardInterrupt on each of the threads as soon as it runs Python code.
    pub(crate) fn interrupt(&self, py: Python<'_>) {
        // Held while they are told: a thread that has finished meanwhile is no longer on the list.
        let threads = self.0.lock();
        for &thread in &*threads {
            raise_in(py, thread, py.get_type::<PyKeyboardInterrupt>().as_ptr());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// `exception` is a class, borrowed; null takes back one that has not been raised yet.
fn raise_in(_py: Python<'_>, thread: c_long, exception: *mut ffi::PyObject) {
    // SAFETY: the caller is attached, as `_py` shows; a number that no thread has is ignored, and Python takes a reference
    // of its own to the class.
    unsafe { ffi::PyThreadState_SetAsyncExc(thread, exception) };
}
