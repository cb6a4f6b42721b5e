//! One asyncio loop as Rust sees it: starts coroutines on it, gives it its turns, keeps its timer. Knows no jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU64, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::descriptors::{Bell, Descriptors, now};
use crate::python::errors::log_exception;
use crate::python::names;
use crate::python::thread::Owned;

/// How far an eagerly started coroutine came.
pub(crate) enum Eager<'py> {
    /// Its result, and its task.
    Finished(PyResult<Bound<'py, PyAny>>, Bound<'py, PyAny>),
    /// It waits: this is its task.
    Waiting(Bound<'py, PyAny>),
}

/// Python's loop object, with what every request needs of it. Used on the loop's own thread; fields that change are
/// atomics (never contended) only so that the whole may be shared.
pub(crate) struct AsyncioLoop {
    event_loop: Owned<PyAny>,
    /// `loop._ready`, the same deque for the loop's whole life.
    ready: Owned<PyAny>,
    turn: Owned<PyAny>,
    task_type: Owned<PyAny>,
    /// Its methods: a look-up costs more than a call.
    task_done: Owned<PyAny>,
    task_result: Owned<PyAny>,
    /// `loop=…, eager_start=True, name=…`: the name saves asyncio a counter that all threads would share.
    task_options: Owned<PyDict>,
    set_running_loop: Owned<PyAny>,
    settle: Owned<PyAny>,
    /// Whether Python code on this thread sees a running loop at this moment.
    running: AtomicBool,
    /// It sees one between turns as well ([`AsyncioLoop::keep_running`]).
    stays_running: AtomicBool,
    timer: LoopTimer,
}

impl AsyncioLoop {
    /// A loop to be hosted by the calling thread, over `descriptors`.
    pub(crate) fn hosted(
        py: Python<'_>,
        descriptors: &Descriptors,
        name: &str,
    ) -> PyResult<AsyncioLoop> {
        let wake = Bound::new(py, Wake(Arc::clone(descriptors.bell())))?;
        let event_loop = names::NEW_HOSTED_LOOP.call1(py, (descriptors.set_fd(), wake))?;
        AsyncioLoop::new(py, event_loop, name, false)
    }

    /// A loop that the calling thread will run in the ordinary way; it calls `on_bell` when the bell rings.
    pub(crate) fn of_thread(
        py: Python<'_>,
        descriptors: &Descriptors,
        name: &str,
        on_bell: &Bound<'_, PyAny>,
    ) -> PyResult<AsyncioLoop> {
        let event_loop = names::NEW_THREAD_LOOP.call1(py, (descriptors.bell().fd(), on_bell))?;
        AsyncioLoop::new(py, event_loop, name, true)
    }

    fn new(
        py: Python<'_>,
        event_loop: Bound<'_, PyAny>,
        name: &str,
        running: bool,
    ) -> PyResult<AsyncioLoop> {
        let task_type = names::TASK.find(py)?;
        let options = PyDict::new(py);
        options.set_item("loop", &event_loop)?;
        options.set_item("eager_start", true)?;
        options.set_item("name", name)?;
        Ok(AsyncioLoop {
            ready: Owned::new(event_loop.getattr(names::_ready(py))?.unbind()),
            turn: Owned::new(
                event_loop
                    .getattr(if running {
                        names::run_forever(py)
                    } else {
                        names::turn(py)
                    })?
                    .unbind(),
            ),
            task_done: Owned::new(task_type.getattr(names::done(py))?.unbind()),
            task_result: Owned::new(task_type.getattr(names::result(py))?.unbind()),
            task_type: Owned::new(task_type.unbind()),
            task_options: Owned::new(options.unbind()),
            set_running_loop: Owned::new(names::SET_RUNNING_LOOP.find(py)?.unbind()),
            settle: Owned::new(names::SETTLE.find(py)?.unbind()),
            running: AtomicBool::new(running),
            stays_running: AtomicBool::new(false),
            timer: LoopTimer::new(event_loop.getattr(names::_scheduled(py))?),
            event_loop: Owned::new(event_loop.unbind()),
        })
    }

    pub(crate) fn event_loop<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.event_loop.bind(py)
    }

    /// Runs `coroutine` up to its first wait.
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: Bound<'py, PyAny>,
    ) -> PyResult<Eager<'py>> {
        // SAFETY: asks for the object's type only.
        let coroutine = if unsafe { ffi::PyCoro_CheckExact(coroutine.as_ptr()) } != 0 {
            coroutine
        } else if coroutine.hasattr(names::__await__(py))? {
            self.settle.bind(py).call1((coroutine,))?
        } else {
            return Err(PyTypeError::new_err(format!(
                "{} cannot be awaited",
                coroutine.get_type().name()?
            )));
        };
        let task = self.as_running(py, true, || {
            self.task_type
                .bind(py)
                .call((coroutine,), Some(self.task_options.bind(py)))
        })?;
        if self.task_done.bind(py).call1((&task,))?.is_truthy()? {
            let result = self.task_result.bind(py).call1((&task,));
            Ok(Eager::Finished(result, task))
        } else {
            Ok(Eager::Waiting(task))
        }
    }

    /// Runs `f` with this loop as the thread's running one, or with none.
    pub(crate) fn as_running<R>(
        &self,
        py: Python<'_>,
        wanted: bool,
        f: impl FnOnce() -> PyResult<R>,
    ) -> PyResult<R> {
        let before = self.running.load(Ordering::Relaxed);
        if before == wanted {
            return f();
        }
        self.set_running(py, wanted)?;
        let result = f();
        self.set_running(py, before)?;
        result
    }

    /// From now on the loop is the thread's running one between its turns too. For a thread on which only coroutines run:
    /// it spares each of them two calls.
    pub(crate) fn keep_running(&self, py: Python<'_>) -> PyResult<()> {
        self.event_loop
            .bind(py)
            .call_method0(names::keep_running(py))?;
        self.stays_running.store(true, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn set_running(&self, py: Python<'_>, running: bool) -> PyResult<()> {
        let value = if running {
            self.event_loop.bind(py).clone()
        } else {
            py.None().into_bound(py)
        };
        self.set_running_loop.bind(py).call1((value,))?;
        self.running.store(running, Ordering::Relaxed);
        Ok(())
    }

    /// Runs what is ready, then sets the timer to what is due next.
    pub(crate) fn turn(&self, py: Python<'_>, descriptors: &Descriptors) {
        // Python's `turn` sets and clears the running loop itself.
        self.running.store(true, Ordering::Relaxed);
        let result = self.turn.bind(py).call0();
        let stays_running = self.stays_running.load(Ordering::Relaxed);
        self.running.store(stays_running, Ordering::Relaxed);
        if let Err(error) = result {
            // SystemExit or KeyboardInterrupt out of a callback; asyncio handles every other exception itself.
            log_exception(py, &error, "a callback on the event loop raised");
        }
        self.keep_timer(py, descriptors);
    }

    /// Runs the loop of a thread of its own until it is stopped.
    pub(crate) fn run_thread(&self, py: Python<'_>, descriptors: &Descriptors) {
        let arguments = (self.event_loop.bind(py), descriptors.bell().fd());
        let ran = names::RUN_THREAD_LOOP.call1(py, arguments);
        if let Err(error) = ran {
            log_exception(py, &error, "an event loop ended before it was told to");
        }
    }

    /// As [`close_hosted`](AsyncioLoop::close_hosted), for the loop of a thread of its own.
    pub(crate) fn close_thread(&self, py: Python<'_>, seconds: f64) {
        let arguments = (self.event_loop.bind(py), seconds);
        let closed = names::CLOSE_LOOP.call1(py, arguments);
        note_end(py, closed);
    }

    /// Runs `coroutine` to its end while nothing else drives the loop, which waits by itself; `on_bell` is called when the
    /// bell rings meanwhile.
    pub(crate) fn run_here<'py>(
        &self,
        py: Python<'py>,
        descriptors: &Descriptors,
        is_hosted: bool,
        coroutine: Bound<'py, PyAny>,
        on_bell: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let before = self.running.swap(true, Ordering::Relaxed);
        if is_hosted {
            descriptors.leave_to_asyncio();
        }
        let arguments = (coroutine, descriptors.bell().fd(), on_bell);
        let result = self
            .event_loop
            .bind(py)
            .call_method1(names::run_here(py), arguments);
        if is_hosted {
            descriptors.return_to_shard();
            self.keep_timer(py, descriptors);
        }
        self.running.store(before, Ordering::Relaxed);
        result
    }

    /// Cancels what still runs, gives it `seconds`, and closes the loop.
    pub(crate) fn close_hosted(&self, py: Python<'_>, descriptors: &Descriptors, seconds: f64) {
        descriptors.leave_to_asyncio();
        self.running.store(true, Ordering::Relaxed);
        let event_loop = self.event_loop.bind(py);
        note_end(
            py,
            event_loop.call_method1(names::leave_shard(py), (seconds,)),
        );
    }

    /// How many callbacks are ready to run. Needs no attached thread.
    pub(crate) fn ready_count(&self) -> isize {
        // SAFETY: `self` owns a reference to the deque.
        unsafe { size_of_container(self.ready.as_ptr()) }
    }

    /// Whether timers have been added since the timer was last kept. Needs no attached thread.
    pub(crate) fn has_new_timers(&self) -> bool {
        self.timer.has_grown()
    }

    /// Sets the timer to what the loop has scheduled first.
    pub(crate) fn keep_timer(&self, py: Python<'_>, descriptors: &Descriptors) {
        if let Err(error) = self.timer.keep(self.event_loop.bind(py), descriptors) {
            log_exception(py, &error, "the event loop's timers could not be read");
        }
    }
}

/// What a hosted loop calls when another thread has given it something to run.
#[pyclass(frozen, module = "turbo_shard._native")]
struct Wake(Arc<Bell>);

#[pymethods]
impl Wake {
    fn __call__(&self) {
        self.0.ring_if_asleep();
    }
}

/// The loop's timer heap, watched from outside.
struct LoopTimer {
    /// `loop._scheduled` as last seen, borrowed from `owner`; the loop replaces the list when it drops cancelled timers.
    heap: AtomicPtr<ffi::PyObject>,
    owner: Mutex<Owned<PyAny>>,
    /// Its length when last looked at. Outside of turns it only grows.
    seen: AtomicIsize,
    /// What the timer is set to, in bits of an `f64`; infinity for nothing.
    set_to: AtomicU64,
}

impl LoopTimer {
    fn new(heap: Bound<'_, PyAny>) -> LoopTimer {
        LoopTimer {
            heap: AtomicPtr::new(heap.as_ptr()),
            owner: Mutex::new(Owned::new(heap.unbind())),
            seen: AtomicIsize::new(0),
            set_to: AtomicU64::new(f64::INFINITY.to_bits()),
        }
    }

    fn has_grown(&self) -> bool {
        // SAFETY: `owner` owns a reference to the list that `heap` points to, and both change on this thread only.
        let length = unsafe { size_of_container(self.heap.load(Ordering::Relaxed)) };
        length != self.seen.load(Ordering::Relaxed)
    }

    fn keep(&self, event_loop: &Bound<'_, PyAny>, descriptors: &Descriptors) -> PyResult<()> {
        let py = event_loop.py();
        let heap = event_loop.getattr(names::_scheduled(py))?;
        if heap.as_ptr() != self.heap.load(Ordering::Relaxed) {
            self.heap.store(heap.as_ptr(), Ordering::Relaxed);
            *self.owner.lock() = Owned::new(heap.clone().unbind());
        }
        let heap = heap.cast::<PyList>()?;
        self.seen.store(heap.len() as isize, Ordering::Relaxed);
        let first = if heap.is_empty() {
            f64::INFINITY
        } else {
            heap.get_item(0)?
                .getattr(names::_when(py))?
                .extract::<f64>()?
        };
        let set_to = f64::from_bits(self.set_to.load(Ordering::Relaxed));
        let fired = set_to <= now();
        // A timer that was set too early (the handle was cancelled since) may fire for nothing: that costs one turn,
        // while setting it each time would cost every request with a timeout a system call.
        if first < set_to || (fired && first < f64::INFINITY) {
            descriptors.set_timer(first);
            self.set_to.store(first.to_bits(), Ordering::Relaxed);
        } else if fired {
            descriptors.clear_timer();
            self.set_to
                .store(f64::INFINITY.to_bits(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A loop has ended. The process waits for threads of its executor that are still busy (`serving/leaving.py`).
fn note_end(py: Python<'_>, closed: PyResult<Bound<'_, PyAny>>) {
    if let Err(error) = closed {
        log_exception(py, &error, "an event loop could not be closed");
    }
}

/// The length of a deque or list, read while other threads may append to it (`call_soon_threadsafe`).
///
/// # Safety
///
/// `container` points to a live object with a `PyVarObject` head.
unsafe fn size_of_container(container: *mut ffi::PyObject) -> isize {
    // SAFETY: the caller's promise; the field is an aligned word that CPython writes with plain or atomic stores.
    unsafe {
        let size = &raw mut (*container.cast::<ffi::PyVarObject>()).ob_size;
        AtomicIsize::from_ptr(size).load(Ordering::Relaxed)
    }
}
