//! The `receive` and `send` that an app calls, and what they return: coroutines of the server's own. One that has nothing
//! to wait for ends with its first step: an app that never waits is done before its call returns, without a turn of the
//! loop. Knows no requests.
//!
//! Like any coroutine, it does nothing until it is stepped: one that is cancelled, closed or dropped before that takes
//! no message and sends none.

use parking_lot::Mutex;
use pyo3::exceptions::{
    PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyTraceback, PyTuple, PyType};

use super::channel::Channel;
use super::waiter::{Waiter, stepped_too_early};
use crate::python::names;

/// A `receive()` or a `send(message)`.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(super) struct ChannelCall {
    channel: Py<Channel>,
    asks: Asks,
    /// A lock for the compiler's sake: a coroutine is stepped by one thread. Never held while Python runs.
    phase: Mutex<Phase>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// The next message for the app.
    ForMessage,
    /// The app's message to be taken, and room for another.
    ForRoom,
}

/// How far a call is.
enum Phase {
    /// Not stepped yet. A `send()` has its message.
    Fresh(Option<Py<PyAny>>),
    Waiting(Py<Waiter>),
    /// One of its steps is under way.
    Running,
    Over,
}

/// The result of a step.
enum Step<'py> {
    Yields(Bound<'py, PyAny>),
    Returns(Option<Bound<'py, PyAny>>),
}

impl ChannelCall {
    #[inline]
    pub(super) fn to_receive(channel: Py<Channel>) -> ChannelCall {
        ChannelCall {
            channel,
            asks: Asks::ForMessage,
            phase: Mutex::new(Phase::Fresh(None)),
        }
    }

    #[inline]
    pub(super) fn to_send(channel: Py<Channel>, message: Py<PyAny>) -> ChannelCall {
        ChannelCall {
            channel,
            asks: Asks::ForRoom,
            phase: Mutex::new(Phase::Fresh(Some(message))),
        }
    }

    fn name(&self) -> &'static str {
        match self.asks {
            Asks::ForMessage => "receive",
            Asks::ForRoom => "send",
        }
    }

    /// Goes on until there is something to wait for, or a result.
    #[inline]
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let before = std::mem::replace(&mut *self.phase.lock(), Phase::Running);
        let stepped = match before {
            Phase::Fresh(message) => self.begin(py, message),
            Phase::Waiting(waiter) => self.go_on(py, waiter.get()),
            Phase::Running => return Err(already_executing()),
            Phase::Over => Err(already_over()),
        };
        if !matches!(stepped, Ok(Step::Yields(_))) {
            *self.phase.lock() = Phase::Over;
        }
        stepped
    }

    #[inline]
    fn begin<'py>(&self, py: Python<'py>, message: Option<Py<PyAny>>) -> PyResult<Step<'py>> {
        if let Some(message) = message
            && !self.channel.get().0.take_message(message.bind(py))?
        {
            return Ok(Step::Returns(None));
        }
        self.look(py)
    }

    fn go_on<'py>(&self, py: Python<'py>, waiter: &Waiter) -> PyResult<Step<'py>> {
        if !waiter.is_done() {
            return Err(stepped_too_early());
        }
        waiter.result(py)?;
        self.look(py)
    }

    /// Ends if it can; otherwise waits for whatever happens next.
    #[inline]
    fn look<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let cycle = &self.channel.get().0;
        match self.asks {
            Asks::ForMessage => {
                if let Some(message) = cycle.poll_message(py)? {
                    return Ok(Step::Returns(Some(message)));
                }
            }
            Asks::ForRoom => {
                if !cycle.must_wait(py)? {
                    return Ok(Step::Returns(None));
                }
            }
        }
        let waiter = cycle.new_waiter(py)?;
        *self.phase.lock() = Phase::Waiting(waiter.clone().unbind());
        Ok(Step::Yields(waiter.into_any()))
    }
}

/// What an app is called with. A call does nothing by itself: everything happens when the coroutine is stepped.
#[pymethods]
impl Channel {
    fn receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, ChannelCall>> {
        Bound::new(slf.py(), ChannelCall::to_receive(slf.clone().unbind()))
    }

    fn send<'py>(
        slf: &Bound<'py, Self>,
        message: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, ChannelCall>> {
        let call = ChannelCall::to_send(slf.clone().unbind(), message.unbind());
        Bound::new(slf.py(), call)
    }
}

#[pymethods]
impl ChannelCall {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// None is the end of the iteration, with the result None.
    #[inline]
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.step(py)? {
            Step::Yields(yielded) => Ok(Some(yielded)),
            Step::Returns(None) => Ok(None),
            Step::Returns(Some(message)) => Err(PyStopIteration::new_err((message.unbind(),))),
        }
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if !value.is_none() && matches!(*self.phase.lock(), Phase::Fresh(_)) {
            return Err(PyTypeError::new_err(
                "can't send non-None value to a just-started coroutine",
            ));
        }
        match self.step(value.py())? {
            Step::Yields(yielded) => Ok(yielded),
            Step::Returns(None) => Err(PyStopIteration::new_err(())),
            Step::Returns(Some(message)) => Err(PyStopIteration::new_err((message.unbind(),))),
        }
    }

    /// Raises the given exception where the coroutine stands, which ends it: it catches nothing.
    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let thrown = thrown(
            kind,
            value.filter(|value| !value.is_none()),
            traceback.filter(|traceback| !traceback.is_none()),
        )?;
        self.end()?;
        Err(thrown)
    }

    /// Ends it in any state.
    fn close(&self) -> PyResult<()> {
        let is_over = matches!(*self.phase.lock(), Phase::Over);
        if is_over { Ok(()) } else { self.end() }
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name()
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name()
    }

    // What `inspect.getcoroutinestate` looks at: anyio calls that for the tasks that it cancels.

    #[getter]
    fn cr_running(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Running)
    }

    #[getter]
    fn cr_suspended(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Waiting(_))
    }

    /// There is no frame of Python.
    #[getter]
    fn cr_frame(&self) -> Option<Py<PyAny>> {
        None
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<coroutine {} at {:p}>", slf.get().name(), slf.as_ptr())
    }
}

impl ChannelCall {
    fn end(&self) -> PyResult<()> {
        let mut phase = self.phase.lock();
        match *phase {
            Phase::Running => Err(already_executing()),
            Phase::Over => Err(already_over()),
            Phase::Fresh(_) | Phase::Waiting(_) => {
                let before = std::mem::replace(&mut *phase, Phase::Over);
                drop(phase);
                drop(before);
                Ok(())
            }
        }
    }
}

impl Drop for ChannelCall {
    fn drop(&mut self) {
        if matches!(self.phase.get_mut(), Phase::Fresh(_)) {
            warn_of_unawaited(self);
        }
    }
}

/// Warns the app's author, as Python does for its own coroutines, with the app's line.
#[cold]
fn warn_of_unawaited(call: &ChannelCall) {
    if call.asks == Asks::ForRoom {
        call.channel.get().0.note_unawaited_send();
    }
    // The interpreter drops it: attached, and perhaps while an exception is being raised.
    Python::attach(|py| {
        let under_way = PyErr::take(py);
        let text = match call.asks {
            Asks::ForMessage => c"coroutine 'receive' was never awaited",
            Asks::ForRoom => {
                c"coroutine 'send' was never awaited, so its message was not sent: write `await send(...)`"
            }
        };
        let category = py.get_type::<PyRuntimeWarning>();
        if let Err(error) = PyErr::warn(py, &category, text, 1) {
            error.write_unraisable(py, None);
        }
        if let Some(under_way) = under_way {
            under_way.restore(py);
        }
    });
}

/// What `throw` raises: an instance, or what a class makes from the value.
fn thrown(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let traceback = traceback
        .map(|traceback| traceback.cast::<PyTraceback>())
        .transpose()
        .map_err(|_| PyTypeError::new_err("throw() third argument must be a traceback object"))?;
    let raised = if kind.is_instance_of::<PyBaseException>() {
        if value.is_some() {
            return Err(PyTypeError::new_err(
                "instance exception may not have a separate value",
            ));
        }
        kind.clone()
    } else if let Ok(class) = kind.cast::<PyType>()
        && class.is_subclass_of::<PyBaseException>()?
    {
        match value {
            None => class.call0()?,
            Some(value) if value.is_instance(class)? => value.clone(),
            Some(value) => match value.cast::<PyTuple>() {
                Ok(arguments) => class.call1(arguments.clone())?,
                Err(_) => class.call1((value,))?,
            },
        }
    } else {
        return Err(PyTypeError::new_err(format!(
            "exceptions must be classes or instances deriving from BaseException, not {}",
            kind.get_type().name()?
        )));
    };
    if let Some(traceback) = traceback {
        raised.setattr(names::__traceback__(kind.py()), traceback)?;
    }
    Ok(PyErr::from_value(raised))
}

fn already_executing() -> PyErr {
    PyValueError::new_err("coroutine already executing")
}

fn already_over() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}
