//! What runs on one asyncio loop: tasks, work between its turns, and jobs that other threads hand in. The same on a shard
//! (which drives the loop) and on an asyncio thread (which the loop drives). Knows nothing of requests, and not what is
//! done between turns.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use slab::Slab;
use turbo_shard_runtime::end_if_child;

use super::asyncio_loop::{AsyncioLoop, Eager};
use super::descriptors::Descriptors;
use super::inbox::Inbox;
use super::job::{Job, Then, WorkId};
use super::signal_pipe::SignalPipe;
use crate::python::clean_context::in_context_or_here;
use crate::python::errors::{is_cancelled, log_exception};
use crate::python::names;
use crate::python::task_context::in_context_of;
use crate::python::thread::Owned;

/// The app instance that lives with a loop, and the result of its lifespan's startup.
pub(crate) struct AppInstance {
    pub(crate) object: Owned<PyAny>,
    /// What answers some of its requests instead; the ASGI service knows its kind.
    pub(crate) compiled: Option<Owned<PyAny>>,
    /// `turbo_shard.serving.lifespan`'s object for it; None where there is nothing to start or to stop.
    pub(crate) lifespan: Option<Owned<PyAny>>,
    /// The lifespan's state.
    pub(crate) state: Option<Owned<PyDict>>,
}

/// What the loop's thread does between turns, besides jobs: a share of it in each turn. Called on that thread.
pub(crate) trait TurnWork: Any + Send + Sync {
    /// Does the share of this turn.
    fn do_share(&self, py: Python<'_>, app_loop: &AppLoop);

    /// There is room for more of this piece.
    fn room(&self, py: Python<'_>, app_loop: &AppLoop, piece: WorkId);

    /// The peer of this piece has gone.
    fn peer_left(&self, py: Python<'_>, app_loop: &AppLoop, piece: WorkId);

    /// The loop has ended.
    fn close(&self, py: Python<'_>);
}

/// What drives an app loop's turns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DrivenBy {
    Shard,
    OwnThread,
}

/// One asyncio loop, made when it is first needed, and everything on it. Belongs to the thread that made it.
pub(crate) struct AppLoop {
    name: String,
    pub(super) driven_by: DrivenBy,
    pub(super) descriptors: Descriptors,
    pub(super) inbox: Inbox<Job>,
    /// On the main thread only.
    pub(super) signals: Option<SignalPipe>,
    pub(super) asyncio: OnceLock<AsyncioLoop>,
    /// asyncio holds its tasks weakly.
    tasks: Mutex<Slab<Py<PyAny>>>,
    /// Made when it is first needed.
    pub(super) turn_work: OnceLock<Box<dyn TurnWork>>,
    /// The next turn has a share of it to do.
    is_share_due: AtomicBool,
    pub(super) instance: OnceLock<AppInstance>,
    /// Coroutines and pieces of turn work, here or on their way here.
    load: AtomicUsize,
    /// The end has begun: it comes once.
    pub(super) closing: AtomicBool,
    /// What runs here is being cancelled.
    pub(super) ending: AtomicBool,
    /// No more jobs are taken.
    pub(super) closed: AtomicBool,
}

impl AppLoop {
    /// The app loop of the calling thread, a shard's; on the main thread it `hears` signals. asyncio is not imported yet.
    pub(crate) fn of_shard(py: Python<'_>, shard: usize, hears: bool) -> PyResult<Arc<AppLoop>> {
        let mut app_loop = AppLoop::new(format!("shard-{shard}"), DrivenBy::Shard)?;
        if hears && let Some(signals) = SignalPipe::of_main_thread(py)? {
            app_loop.descriptors.watch(signals.fd())?;
            app_loop.signals = Some(signals);
        }
        Ok(Arc::new(app_loop))
    }

    /// The app loop of the calling thread, which will do nothing else.
    pub(crate) fn of_own_thread(py: Python<'_>, name: String) -> PyResult<Arc<AppLoop>> {
        let app_loop = Arc::new(AppLoop::new(name, DrivenBy::OwnThread)?);
        let on_bell = Bound::new(
            py,
            OnBell {
                app_loop: Arc::clone(&app_loop),
            },
        )?;
        let asyncio =
            AsyncioLoop::of_thread(py, &app_loop.descriptors, &app_loop.name, on_bell.as_any())?;
        let _ = app_loop.asyncio.set(asyncio);
        Ok(app_loop)
    }

    fn new(name: String, driven_by: DrivenBy) -> std::io::Result<AppLoop> {
        Ok(AppLoop {
            name,
            driven_by,
            descriptors: Descriptors::new()?,
            inbox: Inbox::new(driven_by == DrivenBy::Shard),
            signals: None,
            asyncio: OnceLock::new(),
            tasks: Mutex::default(),
            turn_work: OnceLock::new(),
            is_share_due: AtomicBool::new(false),
            instance: OnceLock::new(),
            load: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// Whether the calling thread is the one whose loop this is.
    pub(crate) fn is_here(&self) -> bool {
        self.inbox.is_here()
    }

    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// The loop, if it was needed already.
    pub(crate) fn known_loop(&self) -> Option<&AsyncioLoop> {
        self.asyncio.get()
    }

    /// The loop; on a shard it is made now if it was not needed before. For the loop's own thread.
    pub(crate) fn asyncio(&self, py: Python<'_>) -> PyResult<&AsyncioLoop> {
        if let Some(asyncio) = self.asyncio.get() {
            return Ok(asyncio);
        }
        if self.closed.load(Ordering::Relaxed) || !self.is_here() {
            return Err(PyRuntimeError::new_err(format!(
                "{} has no event loop any more",
                self.name
            )));
        }
        let asyncio = AsyncioLoop::hosted(py, &self.descriptors, &self.name)?;
        Ok(self.asyncio.get_or_init(|| asyncio))
    }

    /// Hands a job to the loop's thread. After the loop's end it is dropped, which fails the answer it carries.
    pub(crate) fn post(&self, job: Job) {
        if matches!(job, Job::Start { .. }) {
            self.load.fetch_add(1, Ordering::Relaxed);
        }
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        self.inbox.post(job, self.descriptors.bell());
    }

    /// As [`post`](AppLoop::post), for the news that a peer has left: it comes while the connection is being
    /// dropped, after its turn.
    pub(crate) fn post_late(&self, job: Job) {
        if !self.closed.load(Ordering::Acquire) {
            self.inbox.post_late(job, self.descriptors.bell());
        }
    }

    /// Runs `coroutine` up to its first wait. For the loop's own thread.
    pub(crate) fn start<'py>(
        &self,
        py: Python<'py>,
        coroutine: Bound<'py, PyAny>,
    ) -> PyResult<Eager<'py>> {
        self.asyncio(py)?.start(py, coroutine)
    }

    /// As [`start`](AppLoop::start), for what `call` returns; the loop is the thread's running one already while
    /// `call` runs.
    pub(crate) fn start_call<'py>(
        &self,
        py: Python<'py>,
        call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Eager<'py>> {
        let asyncio = self.asyncio(py)?;
        asyncio.as_running(py, true, || asyncio.start(py, call()?))
    }

    /// Runs `coroutine` to its end, waiting on this thread: before the loop serves, and after. For the loop's own thread.
    pub(crate) fn run_here<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        coroutine: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let asyncio = self.asyncio(py)?;
        let app_loop = Arc::clone(self);
        let on_bell = Bound::new(py, OnBell { app_loop })?;
        let is_hosted = self.driven_by == DrivenBy::Shard;
        asyncio.run_here(
            py,
            &self.descriptors,
            is_hosted,
            coroutine,
            on_bell.as_any(),
        )
    }

    /// Gives the loop its instance; once. For the loop's own thread.
    pub(crate) fn move_in(&self, instance: AppInstance) {
        assert!(
            self.instance.set(instance).is_ok(),
            "a loop has one instance"
        );
    }

    /// The app that lives here.
    pub(crate) fn instance(&self, _py: Python<'_>) -> PyResult<&AppInstance> {
        self.instance
            .get()
            .ok_or_else(|| PyRuntimeError::new_err(format!("{} has no app of its own", self.name)))
    }

    /// A call of the instance begins, or a piece of turn work, here or on its way here.
    pub(crate) fn note_begin(&self) {
        self.load.fetch_add(1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(crate) fn note_end(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    /// Keeps `task` alive until it is done, then hands its result to `then`. For the loop's own thread.
    pub(crate) fn when_done(self: &Arc<Self>, task: &Bound<'_, PyAny>, then: Then) -> PyResult<()> {
        let py = task.py();
        let key = self.tasks().insert(task.clone().unbind());
        let done = TaskDone {
            app_loop: Arc::clone(self),
            key,
            then: Mutex::new(Some(then)),
        };
        task.call_method1(names::add_done_callback(py), (done,))?;
        Ok(())
    }

    /// What is done between turns here, made when it is first asked for. Its kind is known above, where all mean the same.
    pub(crate) fn turn_work<W: TurnWork + Default>(&self) -> &W {
        let work: &dyn Any = &**self.turn_work.get_or_init(|| Box::new(W::default()));
        work.downcast_ref()
            .expect("an app loop has one kind of turn work")
    }

    /// The next turn has a share of turn work to do.
    pub(crate) fn ask_for_share(&self) {
        self.is_share_due.store(true, Ordering::Relaxed);
    }

    /// A loop on a thread of its own looks for shares after its bell only: call where one may have been asked for outside
    /// of [`work`](AppLoop::work).
    pub(crate) fn ring_for_share(&self) {
        if self.driven_by == DrivenBy::OwnThread && self.has_share() {
            self.descriptors.bell().ring();
        }
    }

    fn has_share(&self) -> bool {
        self.is_share_due.load(Ordering::Relaxed)
    }

    /// Whether a turn would find something to do.
    pub(crate) fn has_work(&self) -> bool {
        self.inbox.has_mail() || self.has_share()
    }

    /// Does the jobs that have arrived, and a share of the turn work. For the loop's own thread.
    pub(crate) fn work(self: &Arc<Self>, py: Python<'_>) {
        self.descriptors.bell().silence();
        if let Some(signals) = &self.signals {
            signals.hear(py);
        }
        if self.inbox.has_mail() {
            for job in self.inbox.take_all() {
                self.carry_out(py, job);
            }
        }
        if self.has_share() {
            // What is asked for meanwhile is for the next turn.
            self.is_share_due.store(false, Ordering::Relaxed);
            self.tell_turn_work(|work| work.do_share(py, self));
        }
    }

    fn carry_out(self: &Arc<Self>, py: Python<'_>, job: Job) {
        match job {
            Job::Start {
                coroutine,
                context,
                then,
            } => {
                let coroutine = coroutine.bind(py).clone();
                match in_context_or_here(py, context, || self.start(py, coroutine)) {
                    Ok(Eager::Waiting(task)) => {
                        let app_loop = Arc::clone(self);
                        let counted: Then = Box::new(move |py, result, task| {
                            app_loop.load.fetch_sub(1, Ordering::Relaxed);
                            then(py, result, task);
                        });
                        if let Err(error) = self.when_done(&task, counted) {
                            log_exception(py, &error, "a coroutine's end cannot be heard of");
                        }
                    }
                    Ok(Eager::Finished(result, task)) => {
                        self.load.fetch_sub(1, Ordering::Relaxed);
                        hand_on(&task, result, then);
                    }
                    Err(error) => {
                        self.load.fetch_sub(1, Ordering::Relaxed);
                        then(py, Err(error), None);
                    }
                }
            }
            Job::Call(call) => call(py),
            Job::Room(piece) => self.tell_turn_work(|work| work.room(py, self, piece)),
            Job::PeerLeft(piece) => self.tell_turn_work(|work| work.peer_left(py, self, piece)),
            Job::Stop => {
                if let Some(asyncio) = self.asyncio.get()
                    && let Err(error) = asyncio.event_loop(py).call_method0(names::leave_thread(py))
                {
                    log_exception(py, &error, "an asyncio thread cannot be stopped");
                }
            }
        }
    }

    fn tell_turn_work(&self, tell: impl FnOnce(&dyn TurnWork)) {
        if let Some(work) = self.turn_work.get() {
            tell(&**work);
        }
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, Slab<Py<PyAny>>> {
        // Held for an insert or a remove.
        self.tasks.lock()
    }
}

/// A task's done callback.
#[pyclass(frozen, module = "turbo_shard._native")]
struct TaskDone {
    app_loop: Arc<AppLoop>,
    key: usize,
    then: Mutex<Option<Then>>,
}

#[pymethods]
impl TaskDone {
    fn __call__(&self, py: Python<'_>, task: &Bound<'_, PyAny>) {
        end_if_child();
        let kept = self.app_loop.tasks().try_remove(self.key);
        let then = self.then.lock().take();
        let result = task.call_method0(names::result(py));
        // A task that the end of the loop has cancelled has no answer left to give: nothing to report.
        if let Some(then) = then
            && !(self.app_loop.ending.load(Ordering::Relaxed)
                && result.as_ref().is_err_and(|error| is_cancelled(py, error)))
        {
            hand_on(task, result, then);
        }
        drop(kept);
    }
}

/// Hands a task's result on; an error in the task's own context, since it will be logged.
fn hand_on<'py>(task: &Bound<'py, PyAny>, result: PyResult<Bound<'py, PyAny>>, then: Then) {
    let py = task.py();
    if result.is_err() {
        in_context_of(task, || then(py, result, Some(task)));
    } else {
        then(py, result, Some(task));
    }
}

/// What an asyncio thread's loop calls when the bell rings, and again while a share is due.
#[pyclass(frozen, module = "turbo_shard._native")]
struct OnBell {
    app_loop: Arc<AppLoop>,
}

#[pymethods]
impl OnBell {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let app_loop = &slf.get().app_loop;
        app_loop.work(py);
        end_if_child();
        if app_loop.has_share()
            && let Some(asyncio) = app_loop.asyncio.get()
        {
            asyncio
                .event_loop(py)
                .call_method1(names::call_soon(py), (slf,))?;
        }
        Ok(())
    }
}
