//! How an app loop ends: its tasks may finish, its instance shuts down, and what is then left is cancelled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::app_loop::{AppLoop, DrivenBy};
use super::ending_time::{CLOSE_SECONDS_MAX, TimeLeft};
use crate::python::errors::log_exception;
use crate::python::names::{self, Global};

/// How much of [`CLOSE_SECONDS_MAX`] cancelled tasks may take before the app is told to shut down.
const CANCEL_SECONDS_MAX: f64 = 0.25;

impl AppLoop {
    /// Runs the loop until it is told to stop, then ends what is left. For an app loop on a thread of its own.
    pub(crate) fn run(self: &Arc<Self>, py: Python<'_>, time_left: &TimeLeft) {
        if let Some(asyncio) = self.asyncio.get() {
            asyncio.run_thread(py, &self.descriptors);
        }
        self.close(py, time_left);
    }

    /// Waits for tasks that still run (background tasks, most often) for as long as `time_left` says, cancels the
    /// others, lets the instance shut down, and ends the rest in about [`CLOSE_SECONDS_MAX`].
    pub(crate) fn close(self: &Arc<Self>, py: Python<'_>, time_left: &TimeLeft) {
        if self.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.work(py);
        if let Some(asyncio) = self.asyncio.get() {
            self.finish_tasks(py, time_left);
            self.ending.store(true, Ordering::Relaxed);
            self.cancel_tasks(py);
            self.shut_down_instance(py);
            self.closed.store(true, Ordering::Release);
            let seconds = CLOSE_SECONDS_MAX - CANCEL_SECONDS_MAX;
            match self.driven_by {
                DrivenBy::Shard => asyncio.close_hosted(py, &self.descriptors, seconds),
                DrivenBy::OwnThread => asyncio.close_thread(py, seconds),
            }
        }
        self.closed.store(true, Ordering::Release);
        if let Some(signals) = &self.signals {
            signals.close(py);
        }
        if let Some(work) = self.turn_work.get() {
            work.close(py);
        }
        // A task that ignored its cancellation must not keep its answer, nor us.
        let left: Vec<_> = self.tasks().drain().collect();
        drop(left);
        drop(self.inbox.take_all().collect::<Vec<_>>());
    }

    fn finish_tasks(self: &Arc<Self>, py: Python<'_>, time_left: &TimeLeft) {
        if !time_left().is_zero() {
            let seconds_left = SecondsLeft(Arc::clone(time_left));
            self.run_for_tasks(py, &names::FINISH_TASKS, seconds_left);
        }
    }

    /// The app's shutdown must not take things away from tasks that are out of time but still at work.
    fn cancel_tasks(self: &Arc<Self>, py: Python<'_>) {
        self.run_for_tasks(py, &names::CANCEL_TASKS, CANCEL_SECONDS_MAX);
    }

    /// Runs a coroutine function of `hosted_loop` with the tasks that still run, if there are any.
    fn run_for_tasks<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        function: &Global,
        seconds: impl IntoPyObject<'py>,
    ) {
        let tasks: Vec<_> = self
            .tasks()
            .iter()
            .map(|(_, task)| task.clone_ref(py))
            .collect();
        if tasks.is_empty() {
            return;
        }
        let waited = PyList::new(py, tasks)
            .and_then(|tasks| function.call1(py, (tasks, seconds)))
            .and_then(|coroutine| self.run_here(py, coroutine));
        if let Err(error) = waited {
            log_exception(py, &error, "tasks could not be waited for");
        }
    }

    fn shut_down_instance(self: &Arc<Self>, py: Python<'_>) {
        let lifespan = self
            .instance
            .get()
            .and_then(|instance| instance.lifespan.as_ref());
        let Some(lifespan) = lifespan else { return };
        let shut_down = lifespan
            .bind(py)
            .call_method0(names::shutdown(py))
            .and_then(|shutdown| self.run_here(py, shutdown));
        if let Err(error) = shut_down {
            log_exception(py, &error, "the app's shutdown failed");
        }
    }
}

/// How many seconds a stop still leaves; asked again and again, because a second signal cuts it short.
#[pyclass(frozen, module = "turbo_shard._native")]
struct SecondsLeft(TimeLeft);

#[pymethods]
impl SecondsLeft {
    fn __call__(&self) -> f64 {
        (self.0)().as_secs_f64()
    }
}
