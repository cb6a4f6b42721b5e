//! An app that is served within one thread, without sockets, for clients in tests: `LocalServer` and its connections. Knows
//! neither requests nor answers, only their bytes.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use turbo_shard_runtime::{Address, LocalConnection, LocalShard, Mode, ServerHandle};

use super::at_exit::note_end;
use super::life::Life;
use super::logging;
use super::python_app::PythonApp;
use super::served_app::ServedApp;
use super::server_object::{interface, run_error};
use super::settings::Settings;
use crate::python::being_made::BeingMade;
use crate::python::thread::Owned;

/// The ports of both ends, as an app sees them.
const CLIENT_PORT: u16 = 50_000;
const SERVER_PORT: u16 = 80;

/// What an app still does at the end has so long.
const STOP_SECONDS: Duration = Duration::from_secs(5);
/// Signals are looked for so often while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// An app and what serves it, on the thread that makes it.
#[pyclass(frozen, unsendable, module = "turbo_shard._native")]
pub(crate) struct LocalServer {
    shard: RefCell<Option<LocalShard<PythonApp>>>,
    life: Arc<Life>,
}

/// The client's end of one connection.
#[pyclass(frozen, unsendable, module = "turbo_shard._native")]
pub(crate) struct LocalPeer(RefCell<Option<LocalConnection>>);

#[pymethods]
impl LocalServer {
    #[new]
    fn new(
        py: Python<'_>,
        settings: Settings,
        app: Py<PyAny>,
        interface_name: Bound<'_, PyAny>,
    ) -> PyResult<LocalServer> {
        logging::install_as(settings.log_level, settings.log_format);
        let config = settings.server_config(None)?;
        let served = ServedApp {
            interface: interface(&interface_name)?,
            object: Owned::new(app),
            of_shard: None,
            being_made: BeingMade::default(),
            starting: Mutex::default(),
            side_by_side: false,
            root_path: settings.root_path.clone(),
            has_pathsend: settings.pathsend,
            lifespan: settings.lifespan.clone(),
            fastapi: settings.fastapi.clone(),
        };
        let handle = ServerHandle::of_none();
        // Signals are the program's.
        let app = PythonApp::new(served, settings, Mode::Shard, 1, None, handle, false);
        let life = app.life();
        let shard = LocalShard::new(Arc::new(app), &config);
        let shard = shard.map_err(|error| run_error(py, &life, &error))?;
        life.note_ready();
        Ok(LocalServer {
            shard: RefCell::new(Some(shard)),
            life,
        })
    }

    /// A fresh connection.
    fn connect(&self) -> PyResult<LocalPeer> {
        let end = |port| Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        self.with(|shard| {
            let connection = shard.connect(end(CLIENT_PORT), end(SERVER_PORT));
            LocalPeer(RefCell::new(Some(connection)))
        })
    }

    /// What the server has written to `peer`, waited for if there is nothing yet; None once it sends no more. Returns
    /// nothing, an empty bytes object, after `seconds`.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        peer: &LocalPeer,
        seconds: f64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let until = Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|seconds| Instant::now().checked_add(seconds));
        loop {
            let pause = self.with(|shard| peer.turned(shard, until))??;
            match pause {
                Turned::Output(output) => return Ok(Some(PyBytes::new(py, &output))),
                Turned::Shut => return Ok(None),
                Turned::Late => return Ok(Some(PyBytes::new(py, b""))),
                Turned::Idle(pause) => py.detach(|| pause.wait()),
            }
            py.check_signals()?;
        }
    }

    /// The end of the app. Does nothing the second time.
    fn stop(&self) {
        let shard = self.shard.borrow_mut().take();
        if let Some(shard) = shard {
            shard.stop(Instant::now() + STOP_SECONDS);
            self.life.end();
            note_end(Arc::clone(&self.life));
        }
    }
}

impl LocalServer {
    fn with<R>(&self, f: impl FnOnce(&LocalShard<PythonApp>) -> R) -> PyResult<R> {
        let shard = self.shard.borrow();
        shard
            .as_ref()
            .map(f)
            .ok_or_else(|| PyRuntimeError::new_err("the client is closed"))
    }
}

#[pymethods]
impl LocalPeer {
    /// Sends bytes to the server, which reads them while something is received.
    fn send(&self, data: &[u8]) -> PyResult<()> {
        self.with(|connection| connection.send(data))
    }

    /// Says that nothing more will be sent.
    fn finish(&self) -> PyResult<()> {
        self.with(LocalConnection::finish)
    }

    /// Leaves, whatever is under way.
    fn close(&self, server: &LocalServer) -> PyResult<()> {
        match self.0.borrow_mut().take() {
            Some(connection) => server.with(|shard| connection.leave(shard)),
            None => Ok(()),
        }
    }
}

/// What a turn of a connection has come to.
enum Turned {
    Output(Vec<u8>),
    Shut,
    /// The time is over.
    Late,
    Idle(turbo_shard_runtime::Pause),
}

impl LocalPeer {
    fn with<R>(&self, f: impl FnOnce(&mut LocalConnection) -> R) -> PyResult<R> {
        let mut connection = self.0.borrow_mut();
        connection
            .as_mut()
            .map(f)
            .ok_or_else(|| PyRuntimeError::new_err("the connection is closed"))
    }

    /// Turns the connection until it has written something, or waits.
    fn turned(&self, shard: &LocalShard<PythonApp>, until: Option<Instant>) -> PyResult<Turned> {
        self.with(|connection| {
            while shard.turn(connection) && !connection.has_output() {}
            if connection.has_output() {
                return Turned::Output(connection.take_output());
            }
            if connection.is_write_shut() {
                return Turned::Shut;
            }
            let left = until.map_or(LOOK_EVERY, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match left.is_zero() {
                true => Turned::Late,
                false => Turned::Idle(shard.pause(connection, left.min(LOOK_EVERY))),
            }
        })
    }
}
