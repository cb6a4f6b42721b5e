//! The server as Python code holds it: `NativeServer`, and the counters of the server that runs in this process.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log::LevelFilter;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use turbo_shard_runtime::{
    self as runtime, Balance, BoundServer, Caller, EngineChoice, EngineName, Mode, Report,
    ServerConfig, ServerHandle, Steering, WebSocketConfig,
};

use super::at_exit::{AtExit, note_end};
use super::logging;
use super::python_app::{BridgeSettings, PythonApp};
use super::report_rows::{shard_rows, worker_rows};
use super::served_app::{Interface, ServedApp};
use super::worker_link::{self, Inherits, WorkerLink};
use crate::python::being_made::BeingMade;
use crate::python::errors::{LifespanError, StartError};
use crate::python::thread::{Owned, attached};
use crate::wsgi::InlineRule;

/// The servers that run in this process, for `stats()`, by the number of their run.
static RUNNING: Mutex<BTreeMap<u64, ServerHandle>> = Mutex::new(BTreeMap::new());

/// A server whose sockets are bound. `run` serves, on the calling thread, until it is stopped.
#[pyclass(frozen, module = "turbo_shard._native")]
pub(crate) struct NativeServer {
    /// Taken by `run`.
    bound: Mutex<Option<(BoundServer, BridgeSettings)>>,
    report: Report,
    handle: ServerHandle,
}

#[pymethods]
impl NativeServer {
    #[new]
    #[pyo3(signature = (*, mode, engine, shards, pin, balance = "hash", steer = "hash", rebalance = false, host, port, backlog, connections_max, graceful_timeout, body_max,
        keep_alive_timeout, head_timeout, body_timeout, write_timeout, blocking_threads, blocking_queue_max, ws_ping_interval = 20.0,
        ws_ping_timeout = 20.0, ws_message_max = 16 * 1024 * 1024, ws_deflate = true, wsgi_threads = None, wsgi_inline = "auto", log_level = "info",
        inherits = None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        mode: &str,
        engine: &str,
        shards: Option<usize>,
        pin: bool,
        balance: &str,
        steer: &str,
        rebalance: bool,
        host: String,
        port: u16,
        backlog: u32,
        connections_max: usize,
        graceful_timeout: f64,
        body_max: u64,
        keep_alive_timeout: f64,
        head_timeout: f64,
        body_timeout: f64,
        write_timeout: f64,
        blocking_threads: usize,
        blocking_queue_max: usize,
        ws_ping_interval: f64,
        ws_ping_timeout: f64,
        ws_message_max: usize,
        ws_deflate: bool,
        wsgi_threads: Option<usize>,
        wsgi_inline: &str,
        log_level: &str,
        inherits: Option<Inherits>,
    ) -> PyResult<NativeServer> {
        let mut config = ServerConfig {
            mode: one_of(
                "mode",
                mode,
                &[
                    ("shard", Mode::Shard),
                    ("steal", Mode::Steal),
                    ("process", Mode::Process),
                ],
            )?,
            engine: engine_choice(engine)?,
            pin,
            balance: one_of(
                "balance",
                balance,
                &[("hash", Balance::Hash), ("least", Balance::Least)],
            )?,
            steering: one_of(
                "steer",
                steer,
                &[
                    ("hash", Steering::Hash),
                    ("cpu", Steering::Cpu),
                    ("address", Steering::Address),
                ],
            )?,
            rebalance,
            host,
            port,
            backlog,
            connections_max,
            graceful_timeout_ms: milliseconds("graceful_timeout", graceful_timeout)?,
            ..ServerConfig::default()
        };
        if let Some(shards) = shards {
            config.shards = at_least_one("shards", shards)?;
        }
        config.limits.body_bytes_max = body_max;
        config.limits.discard_bytes_max = config.limits.discard_bytes_max.min(body_max);
        config.limits.keep_alive_timeout_ms =
            milliseconds("keep_alive_timeout", keep_alive_timeout)?;
        config.limits.head_timeout_ms = milliseconds("head_timeout", head_timeout)?;
        config.limits.body_timeout_ms = milliseconds("body_timeout", body_timeout)?;
        config.limits.write_timeout_ms = milliseconds("write_timeout", write_timeout)?;
        config.websocket = WebSocketConfig {
            ping_interval_ms: milliseconds("ws_ping_interval", ws_ping_interval)?,
            ping_timeout_ms: milliseconds("ws_ping_timeout", ws_ping_timeout)?,
            message_bytes_max: ws_message_max,
            deflate: ws_deflate,
        };
        let bridge = BridgeSettings {
            blocking_threads: at_least_one("blocking_threads", blocking_threads)?,
            blocking_queue_max,
            wsgi_threads: wsgi_threads
                .map(|threads| at_least_one("wsgi_threads", threads))
                .transpose()?,
            wsgi_inline: one_of(
                "wsgi_inline",
                wsgi_inline,
                &[
                    ("auto", InlineRule::Auto),
                    ("always", InlineRule::Always),
                    ("never", InlineRule::Never),
                ],
            )?,
        };
        logging::install(
            log_level
                .parse::<LevelFilter>()
                .map_err(|_| PyValueError::new_err(format!("log_level: {log_level:?}")))?,
        );
        let inheritance = inherits.map(worker_link::inherit).transpose()?;
        let bound = py
            .detach(|| match inheritance {
                Some(inheritance) => BoundServer::inherit(config, inheritance),
                None => BoundServer::bind(config),
            })
            .map_err(start_error)?;
        let (report, handle) = (bound.report().clone(), bound.handle());
        Ok(NativeServer {
            bound: Mutex::new(Some((bound, bridge))),
            report,
            handle,
        })
    }

    /// What was bound and chosen.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = PyDict::new(py);
        let addresses = self
            .report
            .addresses
            .iter()
            .map(|address| (address.ip().to_string(), address.port()));
        report.set_item("addresses", PyList::new(py, addresses.collect::<Vec<_>>())?)?;
        report.set_item("mode", self.report.mode.to_string())?;
        report.set_item("engine", self.report.engine.to_string())?;
        report.set_item("engine_reason", &self.report.engine_reason)?;
        report.set_item("shard_cores", &self.report.shard_cores)?;
        Ok(report)
    }

    /// The descriptors of the listeners, for workers to inherit; they are this object's until it has run or is closed.
    fn listeners(&self) -> Vec<RawFd> {
        lock(&self.bound)
            .iter()
            .flat_map(|(bound, _)| bound.listeners().iter().map(AsRawFd::as_raw_fd))
            .collect()
    }

    /// Lets go of the listeners without having run.
    fn close(&self) {
        drop(lock(&self.bound).take());
    }

    /// Serves `app` until the server is stopped, and returns how many seconds of the stop's time are left. `on_ready` is
    /// called once every shard serves; what it raises stops the server and is raised from here. With `is_first_shard` (mode
    /// shard) the calling thread is the first shard: what the app has made here while it was imported is then used by the
    /// thread that owns it. The process ends if the app does not give the thread back.
    #[pyo3(signature = (app, *, interface = "native", app_of_shard = None, side_by_side = false,
        lifespan = "auto", root_path = "", pathsend = false, is_first_shard = false, handle_signals, on_ready = None,
        link = None))]
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        py: Python<'_>,
        app: Py<PyAny>,
        interface: &str,
        app_of_shard: Option<Py<PyAny>>,
        side_by_side: bool,
        lifespan: &str,
        root_path: &str,
        pathsend: bool,
        is_first_shard: bool,
        handle_signals: bool,
        on_ready: Option<Py<PyAny>>,
        link: Option<Bound<'_, WorkerLink>>,
    ) -> PyResult<f64> {
        let interface = one_of(
            "interface",
            interface,
            &[
                ("native", Interface::Native),
                ("asgi", Interface::Asgi),
                ("wsgi", Interface::Wsgi),
            ],
        )?;
        let served = ServedApp {
            interface,
            object: Owned::new(app),
            of_shard: app_of_shard.map(Owned::new),
            being_made: BeingMade::default(),
            side_by_side,
            root_path: String::from(root_path),
            has_pathsend: pathsend,
            lifespan: String::from(lifespan),
        };
        let taken = lock(&self.bound).take();
        let (bound, settings) =
            taken.ok_or_else(|| PyRuntimeError::new_err("a server can be run once"))?;
        let line = link.map(|link| link.get().line());
        let app = PythonApp::new(
            served,
            settings,
            self.report.mode,
            self.report.shard_cores.len(),
            line.clone(),
            self.handle.clone(),
        );
        let life = app.life();
        let at_exit = AtExit::register(py, self.handle.clone())?;
        let run = next_run();
        lock(&RUNNING).insert(run, self.handle.clone());

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

        lock(&RUNNING).remove(&run);
        AtExit::unregister(&at_exit)?;
        note_end(Arc::clone(&life));
        not_ready.map_or(Ok(()), Err)?;
        result.map_err(|error| match life.has_lifespan_failed() {
            true => LifespanError::new_err(error.to_string()),
            false => start_error(error),
        })?;
        Ok(match self.handle.is_cut() {
            true => 0.0,
            false => life.time_left().as_secs_f64(),
        })
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

    /// One dict of counters per worker of the work-stealing runtime; empty in shard mode.
    fn worker_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        worker_rows(py, &self.handle.workers())
    }
}

/// One dict of counters per shard of the server that runs in this process; empty if none does.
#[pyfunction]
pub(crate) fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let running: Vec<ServerHandle> = lock(&RUNNING).values().cloned().collect();
    let counts = running.iter().flat_map(ServerHandle::counts);
    shard_rows(py, &counts.collect::<Vec<_>>())
}

fn next_run() -> u64 {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    RUNS.fetch_add(1, Ordering::Relaxed)
}

fn one_of<T: Copy>(setting: &str, value: &str, choices: &[(&str, T)]) -> PyResult<T> {
    let found = choices.iter().find(|(name, _)| *name == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        PyValueError::new_err(format!(
            "{setting}: {value:?} is not one of {}",
            names.join(", ")
        ))
    })
}

fn engine_choice(name: &str) -> PyResult<EngineChoice> {
    let named = EngineName::ALL.map(|engine| (engine.to_string(), EngineChoice::Named(engine)));
    let mut choices = vec![("auto", EngineChoice::Auto)];
    choices.extend(named.iter().map(|(name, choice)| (name.as_str(), *choice)));
    one_of("engine", name, &choices)
}

fn at_least_one(setting: &str, value: usize) -> PyResult<NonZeroUsize> {
    NonZeroUsize::new(value)
        .ok_or_else(|| PyValueError::new_err(format!("{setting}: 0 is too few")))
}

fn milliseconds(setting: &str, seconds: f64) -> PyResult<u64> {
    if seconds.is_finite() && seconds >= 0.0 {
        Ok((seconds * 1000.0).round() as u64)
    } else {
        Err(PyValueError::new_err(format!(
            "{setting}: {seconds} is not a number of seconds"
        )))
    }
}

fn start_error(error: runtime::StartError) -> PyErr {
    StartError::new_err(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each lock in this file is held for one statement that cannot panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
