//! What a task waits for while its `receive()` or `send()` has nothing to return: a future as asyncio knows one by its
//! `_asyncio_future_blocking` (asyncio/futures.py, `isfuture`), but without a way through the loop where none is needed.
//! `asyncio.Future` hands its task to `call_soon`; this one can let the task go on at once. Knows no requests.

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::python::clean_context::in_context;
use crate::python::errors::log_exception;
use crate::python::names;

/// Belongs to the thread of its loop.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct Waiter {
    event_loop: Py<PyAny>,
    /// Never held while Python runs.
    state: Mutex<State>,
}

struct State {
    /// It was yielded and no task has taken it up yet.
    is_blocking: bool,
    end: Option<End>,
    callbacks: Vec<Callback>,
}

/// Its outcome.
enum End {
    Woken,
    /// With the message that `cancel()` was given.
    Cancelled(Option<Py<PyAny>>),
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Waiter {
    /// A waiter that is about to be yielded to a task of this loop.
    pub(super) fn of(event_loop: &Bound<'_, PyAny>) -> Waiter {
        Waiter {
            event_loop: event_loop.clone().unbind(),
            state: Mutex::new(State {
                is_blocking: true,
                end: None,
                callbacks: Vec::new(),
            }),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Ends it; the task goes on in the loop's next round.
    pub(super) fn wake_soon(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().end(End::Woken) {
            Some(callbacks) => Waiter::call_soon(slf, callbacks),
            None => Ok(()),
        }
    }

    /// Ends it, and lets the task go on. Call where no task is running, with the loop as the running one. A loop in
    /// debug mode measures what it runs, so there the loop runs the task.
    pub(super) fn wake_now(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, waiter) = (slf.py(), slf.get());
        let Some(callbacks) = waiter.end(End::Woken) else {
            return Ok(());
        };
        let event_loop = waiter.event_loop.bind(py);
        if event_loop.call_method0(names::get_debug(py))?.is_truthy()? {
            return Waiter::call_soon(slf, callbacks);
        }
        for Callback { function, context } in callbacks {
            let call = || function.bind(py).call1((slf,)).map(drop);
            let called = match &context {
                Some(context) => in_context(py, context, call),
                None => call(),
            };
            if let Err(error) = called {
                // SystemExit or KeyboardInterrupt out of a task, which keeps every other exception itself.
                log_exception(py, &error, "a callback on the event loop raised");
            }
        }
        Ok(())
    }

    fn call_soon(slf: &Bound<'_, Self>, callbacks: Vec<Callback>) -> PyResult<()> {
        let py = slf.py();
        let call_soon = slf
            .get()
            .event_loop
            .bind(py)
            .getattr(names::call_soon(py))?;
        for Callback { function, context } in callbacks {
            let options = PyDict::new(py);
            options.set_item(intern!(py, "context"), context)?;
            call_soon.call((function, slf), Some(&options))?;
        }
        Ok(())
    }

    /// The callbacks that wait for it, unless it had ended before.
    fn end(&self, end: End) -> Option<Vec<Callback>> {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return None;
        }
        state.end = Some(end);
        Some(std::mem::take(&mut state.callbacks))
    }

    /// Returns if it was woken. Otherwise raises its outcome; `not_done` is the error where it has not ended.
    fn check(&self, py: Python<'_>, not_done: &'static str) -> PyResult<()> {
        let message = match &self.state.lock().end {
            Some(End::Woken) => return Ok(()),
            None => return Err(invalid_state(py, not_done)),
            Some(End::Cancelled(message)) => message.as_ref().map(|message| message.clone_ref(py)),
        };
        Err(cancelled_error(py, message))
    }
}

// What a task calls on what it waits for (asyncio/tasks.py, `__step_run_and_handle_result`).
#[pymethods]
impl Waiter {
    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        self.state.lock().is_blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_asyncio_future_blocking(&self, is_blocking: bool) {
        self.state.lock().is_blocking = is_blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, /, *, context = None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let callback = Callback { function, context };
        let mut state = slf.get().state.lock();
        if state.end.is_none() {
            state.callbacks.push(callback);
            return Ok(());
        }
        drop(state);
        Waiter::call_soon(slf, vec![callback])
    }

    /// Returns how many were removed.
    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = function.py();
        let before = std::mem::take(&mut self.state.lock().callbacks);
        let count = before.len();
        let mut kept = Vec::with_capacity(count);
        for callback in before {
            if !callback.function.bind(py).eq(function)? {
                kept.push(callback);
            }
        }
        let removed = count - kept.len();
        self.state.lock().callbacks.extend(kept);
        Ok(removed)
    }

    /// Its task is cancelled and goes on in the loop's next round. False where there is nothing left to cancel.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        match slf.get().end(End::Cancelled(msg)) {
            Some(callbacks) => Waiter::call_soon(slf, callbacks).map(|()| true),
            None => Ok(false),
        }
    }

    fn cancelled(&self) -> bool {
        matches!(self.state.lock().end, Some(End::Cancelled(_)))
    }

    fn done(&self) -> bool {
        self.is_done()
    }

    pub(super) fn result(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py, "Result is not set.")
    }

    /// It never ends with one.
    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py, "Exception is not set.")
    }
}

fn invalid_state(py: Python<'_>, text: &'static str) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match names::INVALID_STATE_ERROR.find_once(py, &CLASS) {
        Ok(class) => PyErr::from_type(class.clone(), text),
        Err(error) => error,
    }
}

fn cancelled_error(py: Python<'_>, message: Option<Py<PyAny>>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match (names::CANCELLED_ERROR.find_once(py, &CLASS), message) {
        (Ok(class), Some(message)) => PyErr::from_type(class.clone(), (message,)),
        (Ok(class), None) => PyErr::from_type(class.clone(), ()),
        (Err(error), _) => error,
    }
}

/// A coroutine that waits was stepped before what it waits for had ended, in asyncio's words.
pub(super) fn stepped_too_early() -> PyErr {
    PyRuntimeError::new_err("await wasn't used with future")
}
