//! The server as Python code holds it: `NativeServer`, and the counters of the server that runs in this process.

use std::collections::BTreeMap;
use std::os::fd::{IntoRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use turbo_shard_runtime::{
    self as runtime, Address, BoundServer, Caller, LifeStage, Report, ServerHandle,
};

use super::at_exit::{AtExit, note_end};
use super::chosen_word::chosen;
use super::life::Life;
use super::logging;
use super::python_app::PythonApp;
use super::report_rows::{shard_rows, worker_thread_rows};
use super::served_app::{Interface, ServedApp};
use super::settings::Settings;
use super::tls_setting;
use super::worker_link::{self, Inherits, ListenerFd, WorkerLink};
use crate::python::being_made::BeingMade;
use crate::python::errors::{LifespanError, StartError};
use crate::python::thread::{Owned, attached};

/// The servers that run in this process, for `stats()`, by the number of their run.
static RUNNING: Mutex<BTreeMap<u64, ServerHandle>> = Mutex::new(BTreeMap::new());

/// A server whose sockets are bound. `run` serves, on the calling thread, until it is stopped.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct NativeServer {
    /// Taken by `run`.
    bound: Mutex<Option<(BoundServer, Settings)>>,
    report: Report,
    handle: ServerHandle,
}

#[pymethods]
impl NativeServer {
    #[new]
    #[pyo3(signature = (settings, *, inherits = None, is_watched = false))]
    fn new(
        py: Python<'_>,
        settings: Settings,
        inherits: Option<Inherits>,
        is_watched: bool,
    ) -> PyResult<NativeServer> {
        logging::install_as(settings.log_level, settings.log_format);
        let tls_files = inherits
            .as_ref()
            .map_or(Ok(None), |it| tls_setting::inherited(it.4))?;
        let mut config = settings.server_config(tls_files)?;
        config.sends_pulses |= is_watched;
        let inheritance = inherits.map(worker_link::inherit).transpose()?;
        let bound = py
            .detach(|| match inheritance {
                Some(inheritance) => BoundServer::inherit(config, inheritance),
                None => BoundServer::bind(config),
            })
            .map_err(start_error)?;
        let (report, handle) = (bound.report().clone(), bound.handle());
        Ok(NativeServer {
            bound: Mutex::new(Some((bound, settings))),
            report,
            handle,
        })
    }

    /// What was bound and chosen.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = PyDict::new(py);
        report.set_item("addresses", places(py, &self.report.addresses)?)?;
        report.set_item("redirects", places(py, &self.report.redirects)?)?;
        report.set_item("speaks_tls", self.report.speaks_tls)?;
        report.set_item("mode", self.report.mode.to_string())?;
        report.set_item("engine", self.report.engine.to_string())?;
        report.set_item("engine_reason", &self.report.engine_reason)?;
        report.set_item("shard_cores", &self.report.shard_cores)?;
        let metrics = self.report.metrics;
        report.set_item(
            "metrics",
            metrics.map(|address| (address.ip().to_string(), address.port())),
        )?;
        report.set_item("metrics_path", self.report.metrics_path.as_deref())?;
        Ok(report)
    }

    /// What a worker inherits: of each address the listener's descriptor, whether all workers share it, whether it is lent,
    /// whether its connections begin with a PROXY header, whether they speak TLS, and where they are led. They are this object's until it has run or is closed.
    fn listeners_of(&self, worker: usize) -> Vec<ListenerFd> {
        let bound = self.bound.lock();
        let listeners = bound
            .iter()
            .map(|(bound, _)| worker_link::bequeathed(bound, worker));
        listeners.flatten().collect()
    }

    /// A descriptor of what was read for TLS, for a worker to inherit, and then for the caller to close; -1 if TLS is not
    /// spoken.
    fn tls_fd(&self) -> PyResult<RawFd> {
        match self
            .bound
            .lock()
            .as_ref()
            .and_then(|(bound, _)| bound.tls())
        {
            Some(tls) => Ok(tls.hand_over()?.into_raw_fd()),
            None => Ok(-1),
        }
    }

    /// Lets go of the listeners without having run. Metrics are given until this object is gone.
    fn close(&self) {
        if let Some((bound, _)) = &mut *self.bound.lock() {
            bound.stop_listening();
        }
    }

    /// Serves `app` until the server is stopped, and returns how many seconds of the stop's time are left. `on_ready` is
    /// called once every shard serves; what it raises stops the server and is raised from here. With `is_first_shard` (mode
    /// shard) the calling thread is the first shard: what the app has made here while it was imported is then used by the
    /// thread that owns it. The process ends if the app does not give the thread back.
    #[pyo3(signature = (app, *, interface, app_of_shard = None, side_by_side = false, is_first_shard = false,
        handle_signals, on_ready = None, link = None))]
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        py: Python<'_>,
        app: Py<PyAny>,
        interface: Bound<'_, PyAny>,
        app_of_shard: Option<Py<PyAny>>,
        side_by_side: bool,
        is_first_shard: bool,
        handle_signals: bool,
        on_ready: Option<Py<PyAny>>,
        link: Option<Bound<'_, WorkerLink>>,
    ) -> PyResult<f64> {
        let interface = self::interface(&interface)?;
        let taken = self.bound.lock().take();
        let (bound, settings) =
            taken.ok_or_else(|| PyRuntimeError::new_err("a server can be run once"))?;
        let served = ServedApp {
            interface,
            object: Owned::new(app),
            of_shard: app_of_shard.map(Owned::new),
            being_made: BeingMade::default(),
            starting: Mutex::default(),
            side_by_side,
            root_path: settings.root_path.clone(),
            has_pathsend: settings.pathsend,
            lifespan: settings.lifespan.clone(),
            fastapi: settings.fastapi.clone(),
        };
        let line = link.map(|link| link.get().line());
        let app = PythonApp::new(
            served,
            settings,
            self.report.mode,
            self.report.shard_cores.len(),
            line.clone(),
            self.handle.clone(),
            true,
        );
        let life = app.life();
        let at_exit = AtExit::register(py, self.handle.clone())?;
        let run = next_run();
        RUNNING.lock().insert(run, self.handle.clone());

        let caller = match is_first_shard {
            true => Caller::IsFirstShard,
            false => Caller::Supervises,
        };
        let mut not_ready = None;
        // Dropped while this thread is detached; so is the app.
        let on_ready = on_ready.map(Owned::new);
        let result = py.detach(|| {
            let _connected = line.map(|line| line.connect(self.handle.clone()));
            let result = bound.run(app, caller, handle_signals, || {
                life.note_ready();
                if let Some(on_ready) = on_ready
                    && let Err(error) = attached(|py| on_ready.call0(py).map(|_| ()))
                {
                    not_ready = Some(error);
                    self.handle.stop_now();
                }
            });
            life.end();
            result
        });

        RUNNING.lock().remove(&run);
        AtExit::unregister(&at_exit)?;
        note_end(Arc::clone(&life));
        not_ready.map_or(Ok(()), Err)?;
        result.map_err(|error| run_error(py, &life, &error))?;
        Ok(match self.handle.is_cut() {
            true => 0.0,
            false => life.time_left().as_secs_f64(),
        })
    }

    /// The supervisor of the process mode says how far the server has come (`starting`, `ready` or `draining`) and which
    /// workers there are: the Unix socket of each reading, None where it does not run, and whether it serves.
    fn set_workers(
        &self,
        stage: &Bound<'_, PyAny>,
        workers: Vec<(Option<PathBuf>, bool)>,
    ) -> PyResult<()> {
        let stage = chosen(
            stage,
            [
                ("starting", LifeStage::Starting),
                ("ready", LifeStage::Ready),
                ("draining", LifeStage::Draining),
            ],
        )?;
        if let Some((bound, _)) = &*self.bound.lock() {
            bound.set_workers(stage, workers);
        }
        Ok(())
    }

    /// The supervisor of the process mode gives the readings of all workers at this Unix socket.
    fn give_all_metrics(&self, path: PathBuf) -> PyResult<()> {
        match &*self.bound.lock() {
            Some((bound, _)) => Ok(bound.give_all_metrics(&path)?),
            None => Ok(()),
        }
    }

    /// A collection of the garbage collector took so long.
    fn note_collection(&self, pause_us: u64) {
        self.handle.note_collection(pause_us);
    }

    /// Stops gracefully: exchanges in flight may finish, within the graceful timeout. Returns at once.
    fn stop(&self) {
        self.handle.stop();
    }

    /// Cuts every connection and stops. Returns at once.
    fn stop_now(&self) {
        self.handle.stop_now();
    }

    /// The number of the signal that asked for the stop, if it was one.
    fn stopped_by(&self) -> Option<i32> {
        self.handle.stopped_by()
    }

    /// One dict of counters per shard.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        shard_rows(py, &self.handle.counts())
    }

    /// One dict of counters per worker thread of the work-stealing runtime; empty in shard mode.
    fn worker_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        worker_thread_rows(py, &self.handle.worker_threads())
    }
}

/// One dict of counters per shard of the server that runs in this process; empty if none does.
#[pyfunction]
pub(crate) fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let running: Vec<ServerHandle> = RUNNING.lock().values().cloned().collect();
    let counts = running.iter().flat_map(ServerHandle::counts);
    shard_rows(py, &counts.collect::<Vec<_>>())
}

/// Makes a signal that would end the process do nothing, until a server hears it.
#[pyfunction]
pub(crate) fn disarm_signal(number: i32) -> PyResult<()> {
    Ok(runtime::disarm_signal(number)?)
}

/// As ASGI's `server`: host and port, or a Unix socket's path and None.
fn places<'py>(py: Python<'py>, addresses: &[Address]) -> PyResult<Bound<'py, PyList>> {
    let places = addresses.iter().map(|address| match address {
        Address::Tcp(address) => (address.ip().to_string(), Some(address.port())),
        Address::Unix(Some(path)) => (path.display().to_string(), None),
        other => (other.to_string(), None),
    });
    PyList::new(py, places.collect::<Vec<_>>())
}

fn next_run() -> u64 {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    RUNS.fetch_add(1, Ordering::Relaxed)
}

/// What stands for `word`.
pub(super) fn interface(word: &Bound<'_, PyAny>) -> PyResult<Interface> {
    chosen(
        word,
        [
            ("native", Interface::Native),
            ("asgi", Interface::Asgi),
            ("wsgi", Interface::Wsgi),
        ],
    )
}

/// Why a server did not serve; where the app's startup is the reason, what it raised is the cause.
pub(super) fn run_error(py: Python<'_>, life: &Life, error: &runtime::StartError) -> PyErr {
    match life.take_lifespan_failure() {
        Some(raised) => {
            let failed = LifespanError::new_err(error.to_string());
            failed.set_cause(py, Some(PyErr::from_value(raised.bind(py).clone())));
            failed
        }
        None => StartError::new_err(error.to_string()),
    }
}

fn start_error(error: runtime::StartError) -> PyErr {
    StartError::new_err(error.to_string())
}
