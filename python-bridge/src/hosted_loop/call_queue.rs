//! Calls on their way from an event loop to threads beside it, and back. Knows neither what a call is nor how a thread is
//! started.
//!
//! It is made for a core that loop and threads share. Waking a thread costs as much as a short call, so it wakes as few
//! as possible. A thread that has been woken (or started) and has not looked yet is *on its way*; while one is, no
//! other thread is woken. A thread that leaves calls behind wakes the next thread before it runs its own call, so a
//! blocking call holds up nothing. Where calls are short, the first thread has done them all before the second comes.
//! The thread that finds nothing to do, or one that comes to help, tells the loop what is done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// One loop's calls.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct CallQueue {
    /// Never held while Python runs.
    state: Mutex<State>,
    /// How long a thread waits for another call before it ends.
    idle_time: Duration,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Py<PyAny>>,
    done: Vec<Py<PyAny>>,
    /// The loop has been told of what is done, and has not fetched it yet.
    is_told: bool,
    threads: usize,
    /// Threads that wait, each by a bell of its own: the one that came last is called first, so threads that are not
    /// needed end.
    parked: Vec<Arc<Condvar>>,
    /// A thread is on its way.
    is_called: bool,
    is_ended: bool,
}

/// What to do, without the lock, to bring another thread.
enum Bring {
    Nobody,
    Parked(Arc<Condvar>),
    New,
}

/// How a thread comes to the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It was on its way.
    Called,
    /// It has run a call, or has told the loop of finished ones.
    Back,
    /// It has waited in vain.
    Idle,
}

/// What a thread does next.
enum Next {
    Run(Py<PyAny>, Bring),
    Park,
    End,
}

#[pymethods]
impl CallQueue {
    #[new]
    fn new(idle_seconds: f64) -> PyResult<CallQueue> {
        let idle_time = Duration::try_from_secs_f64(idle_seconds)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(CallQueue {
            state: Mutex::default(),
            idle_time,
        })
    }

    /// Hands in a call. `start_thread` is called where another thread is needed, which then calls `work`.
    fn put(&self, call: Py<PyAny>, start_thread: &Bound<'_, PyAny>) -> PyResult<()> {
        let bring = {
            let mut state = self.state.lock();
            if state.is_ended {
                return Err(PyRuntimeError::new_err("the event loop has ended"));
            }
            state.waiting.push_back(call);
            state.bring()
        };
        let Err(error) = self.bring(bring, start_thread) else {
            return Ok(());
        };
        let mut state = self.state.lock();
        // Other threads will come to it.
        if state.threads > 0 {
            return Ok(());
        }
        let call = state.waiting.pop_back();
        drop(state);
        drop(call);
        Err(error)
    }

    /// A thread's life: `run` is called with every call; `tell` lets the loop know that it may `fetch`.
    fn work(
        &self,
        run: &Bound<'_, PyAny>,
        tell: &Bound<'_, PyAny>,
        start_thread: &Bound<'_, PyAny>,
    ) {
        let py = run.py();
        let bell = Arc::new(Condvar::new());
        let mut came = Came::Called;
        loop {
            let (next, tells) = self.state.lock().next(came);
            came = Came::Back;
            if tells && let Err(error) = tell.call0() {
                error.write_unraisable(py, None);
            }
            match next {
                Next::Run(call, bring) => {
                    // If no further thread can be started, there is at least this one.
                    let _ = self.bring(bring, start_thread);
                    if let Err(error) = run.call1((&call,)) {
                        error.write_unraisable(py, None);
                    }
                    self.state.lock().done.push(call);
                }
                Next::Park => came = py.detach(|| self.park(&bell)),
                Next::End => return,
            }
        }
    }

    /// The calls done since the last time.
    fn fetch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let done = {
            let mut state = self.state.lock();
            state.is_told = false;
            std::mem::take(&mut state.done)
        };
        PyList::new(py, done)
    }

    /// Ends the threads, each after the call that it runs. Waiting calls still run.
    fn end(&self) {
        let mut state = self.state.lock();
        state.is_ended = true;
        for bell in state.parked.drain(..) {
            bell.notify_one();
        }
    }
}

impl CallQueue {
    fn bring(&self, bring: Bring, start_thread: &Bound<'_, PyAny>) -> PyResult<()> {
        match bring {
            Bring::Nobody => Ok(()),
            Bring::Parked(bell) => {
                bell.notify_one();
                Ok(())
            }
            Bring::New => start_thread.call0().map(drop).inspect_err(|_| {
                let mut state = self.state.lock();
                state.threads -= 1;
                state.is_called = false;
            }),
        }
    }

    /// Waits for news. Call detached.
    fn park(&self, bell: &Arc<Condvar>) -> Came {
        let mut state = self.state.lock();
        if !state.is_quiet() {
            return Came::Called;
        }
        state.parked.push(Arc::clone(bell));
        let waited = bell.wait_for(&mut state, self.idle_time);
        // It has not been called if it is still there.
        let place = state.parked.iter().position(|one| Arc::ptr_eq(one, bell));
        if let Some(place) = place {
            state.parked.remove(place);
        }
        match waited.timed_out() && place.is_some() {
            true => Came::Idle,
            false => Came::Called,
        }
    }
}

impl State {
    /// What a thread that comes to the queue does next, and whether it tells the loop first.
    fn next(&mut self, came: Came) -> (Next, bool) {
        if came != Came::Back {
            // Even if another thread is on its way: that one will find nothing.
            self.is_called = false;
        }
        if let Some(call) = self.waiting.pop_front() {
            let bring = self.bring();
            // The thread that is on its way reports what is done: this call may take long.
            let tells = (came == Came::Called || !self.is_called) && self.must_tell();
            return (Next::Run(call, bring), tells);
        }
        let tells = self.must_tell();
        if self.is_ended || (came == Came::Idle && !tells) {
            self.threads -= 1;
            return (Next::End, tells);
        }
        (Next::Park, tells)
    }

    /// Calls another thread if the waiting calls need one.
    fn bring(&mut self) -> Bring {
        if self.waiting.is_empty() || self.is_called {
            return Bring::Nobody;
        }
        self.is_called = true;
        if let Some(bell) = self.parked.pop() {
            return Bring::Parked(bell);
        }
        self.threads += 1;
        Bring::New
    }

    fn must_tell(&mut self) -> bool {
        !self.done.is_empty() && !std::mem::replace(&mut self.is_told, true)
    }

    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && !self.is_ended && (self.done.is_empty() || self.is_told)
    }
}
