//! A Python app as the runtime sees it: makes each thread's service, and ties Python's threads to the runtime's.
//! Knows nothing of sockets, and of requests only that the service answers them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use turbo_shard_runtime::{App, BlockingPool, Mode, Place, ServerHandle, StartError};

use super::at_exit;
use super::life::{Life, Shared};
use super::pool_threads::PoolThreads;
use super::python_service::{AppService, Parts, PythonService};
use super::served_app::{Interface, ServedApp, Started};
use super::service_manager;
use super::settings::Settings;
use super::worker_link::Line;
use crate::asgi::{AsgiService, CallNeeds, Home, WebSocketService};
use crate::hosted_loop::Coroutines;
use crate::hosted_loop::{AppLoop, AsyncioThreads};
use crate::native::native_service;
use crate::python::large_objects::{give_back, gives_back_after};
use crate::python::names;
use crate::python::thread::{self, Owned, attached, thread_parks};
use crate::wsgi::{InlineRule, WsgiOptions, WsgiService, let_pool_run};

/// The app that a server runs.
pub(crate) struct PythonApp {
    served: Arc<ServedApp>,
    settings: Settings,
    mode: Mode,
    /// Shards, or the worker threads of work-stealing mode.
    threads: usize,
    life: Arc<Life>,
    /// Process mode: the line to the supervisor.
    line: Option<Arc<Line>>,
    handle: ServerHandle,
    /// A shard on the main thread runs the handlers of Python's signals.
    hears_signals: bool,
}

impl PythonApp {
    pub(crate) fn new(
        served: ServedApp,
        settings: Settings,
        mode: Mode,
        threads: usize,
        line: Option<Arc<Line>>,
        handle: ServerHandle,
        hears_signals: bool,
    ) -> PythonApp {
        let app = PythonApp {
            served: Arc::new(served),
            settings,
            mode,
            threads,
            life: Arc::default(),
            line,
            handle,
            hears_signals,
        };
        if mode == Mode::Steal {
            let time_left = app.life.clock();
            let pool = app.pool("blocking", 0);
            app.life.share(Shared {
                asyncio: Arc::new(AsyncioThreads::new(threads, time_left)),
                pool,
            });
        }
        app
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life)
    }

    /// The pool of the row of counters with this index.
    fn pool(&self, name: &str, row: usize) -> Arc<BlockingPool> {
        let pool = BlockingPool::new(
            name,
            self.pool_threads(),
            self.settings.blocking_queue_max,
            Arc::new(PoolThreads),
        );
        self.handle.watch_pool(row, pool.load());
        Arc::new(pool)
    }

    fn pool_threads(&self) -> NonZeroUsize {
        let Settings {
            blocking_threads,
            wsgi_threads,
            ..
        } = self.settings;
        match self.served.interface {
            Interface::Wsgi => wsgi_threads.unwrap_or(blocking_threads),
            Interface::Native | Interface::Asgi => blocking_threads,
        }
    }

    fn wsgi(&self, object: &Bound<'_, PyAny>, pool: &Arc<BlockingPool>) -> PyResult<WsgiService> {
        let inline = self.settings.wsgi_inline;
        let is_shared = self.threads > 1 && self.served.of_shard.is_none();
        let options = WsgiOptions {
            root_path: &self.served.root_path,
            inline,
            // The shard's thread calls it beside the pool's.
            multithread: inline != InlineRule::Never || self.pool_threads().get() > 1 || is_shared,
            // A worker that is told to stop serves beside its successor, so a single worker is not alone either.
            multiprocess: self.mode == Mode::Process,
        };
        WsgiService::new(object, options, Arc::clone(pool))
    }

    fn call_needs(&self, pool: &Arc<BlockingPool>) -> CallNeeds {
        CallNeeds {
            pool: Arc::clone(pool),
            names_routes: self.settings.names_routes(),
        }
    }

    fn make(&self, py: Python<'_>, place: Place) -> PyResult<PythonService> {
        let parts = match place {
            Place::Shard(shard) => self.parts_of_shard(py, shard)?,
            Place::WorkerThread => self.parts_of_worker_thread(py)?,
        };
        Ok(PythonService::new(parts, &self.life))
    }

    fn parts_of_shard(&self, py: Python<'_>, shard: usize) -> PyResult<Parts> {
        let app_loop = AppLoop::of_shard(py, shard, self.hears_signals)?;
        // What a failed start leaves on the loop must not outlive it: the process may go on.
        self.parts_on(py, shard, Arc::clone(&app_loop))
            .inspect_err(|_| app_loop.close(py, &self.life.clock()))
    }

    fn parts_on(&self, py: Python<'_>, shard: usize, app_loop: Arc<AppLoop>) -> PyResult<Parts> {
        let served = &*self.served;
        let pool = self.pool(&format!("blocking-{shard}"), shard);
        let object = served.instance(py, shard)?;
        let app = match served.interface {
            Interface::Native => {
                let starts_hooks =
                    served.of_shard.is_some() || (shard == 0 && self.life.starts_hooks());
                let lifespan = match starts_hooks {
                    true => served.start_lifespan(py, &app_loop, &object)?,
                    false => Started::default(),
                };
                app_loop.move_in(lifespan.into_instance(&object));
                let websockets = match has_websockets(&object)? {
                    true => {
                        let home =
                            Home::of_shard(py, Arc::clone(&app_loop), self.call_needs(&pool))?;
                        Some(Box::new(WebSocketService::new(home)))
                    }
                    false => None,
                };
                let coroutines = Coroutines::hosted(Arc::clone(&app_loop));
                let native = native_service(py, &object.unbind(), coroutines, Arc::clone(&pool))?;
                AppService::Native(Box::new(native), websockets)
            }
            Interface::Asgi => {
                app_loop.move_in(served.start_asgi(py, &app_loop, &object)?);
                app_loop.asyncio(py)?.keep_running(py)?;
                let home = Home::of_shard(py, Arc::clone(&app_loop), self.call_needs(&pool))?;
                AppService::Asgi(AsgiService::new(py, home, served.scope_options())?)
            }
            Interface::Wsgi => AppService::Wsgi(Box::new(self.wsgi(&object, &pool)?)),
        };
        // A shared app's hooks run on the first shard, and its shutdown waits for the others.
        let is_last_out = shard == 0 && served.of_shard.is_none();
        Ok(Parts {
            app,
            app_loop: Some(app_loop),
            pool,
            is_last_out,
        })
    }

    fn parts_of_worker_thread(&self, py: Python<'_>) -> PyResult<Parts> {
        let Some(Shared { asyncio, pool }) = self.life.shared() else {
            return Err(PyRuntimeError::new_err("the server is ending"));
        };
        let served = Arc::clone(&self.served);
        let app = match served.interface {
            Interface::Native => {
                let object = served.object.bind(py).clone();
                let has_websockets = has_websockets(&object)?;
                if has_websockets || served.has_hooks(py, &object)? {
                    let own = Arc::clone(&served);
                    // Hooks run on the first thread; every thread takes WebSockets.
                    let count = if has_websockets { usize::MAX } else { 1 };
                    asyncio.start(py, count, move |py, app_loop, number| {
                        let object = own.object.bind(py);
                        let lifespan = match number {
                            0 => own.start_lifespan(py, app_loop, object)?,
                            _ => Started::default(),
                        };
                        app_loop.move_in(lifespan.into_instance(object));
                        Ok(())
                    })?;
                }
                let websockets = match has_websockets {
                    true => {
                        let home = Home::of_worker_thread(
                            py,
                            Arc::clone(&asyncio),
                            self.call_needs(&pool),
                        )?;
                        Some(Box::new(WebSocketService::new(home)))
                    }
                    false => None,
                };
                let coroutines = Coroutines::threads(asyncio);
                let native = native_service(py, &object.unbind(), coroutines, Arc::clone(&pool))?;
                AppService::Native(Box::new(native), websockets)
            }
            Interface::Asgi => {
                let own = Arc::clone(&served);
                asyncio.start(py, usize::MAX, move |py, app_loop, number| {
                    let object = own.instance(py, number)?;
                    app_loop.move_in(own.start_asgi(py, app_loop, &object)?);
                    Ok(())
                })?;
                let home = Home::of_worker_thread(py, asyncio, self.call_needs(&pool))?;
                AppService::Asgi(AsgiService::new(py, home, served.scope_options())?)
            }
            // One pool calls the app, so there is one instance.
            Interface::Wsgi => {
                AppService::Wsgi(Box::new(self.wsgi(served.object.bind(py), &pool)?))
            }
        };
        Ok(Parts {
            app,
            app_loop: None,
            pool,
            is_last_out: false,
        })
    }
}

impl App for PythonApp {
    type Service = PythonService;

    fn starts_side_by_side(&self, index: usize) -> bool {
        // The second instance shows whether there can be several.
        self.served.side_by_side && index > 2
    }

    fn thread_starts(&self) -> Result<(), StartError> {
        // Makes Python's thread states one after another by itself.
        thread::thread_starts();
        self.life.thread_starts();
        Ok(())
    }

    fn service(&self, place: Place) -> Result<PythonService, StartError> {
        let made = attached(|py| {
            self.make(py, place).map_err(|error| {
                if is_lifespan_failure(py, &error) {
                    let raised = error.value(py).clone().into_any().unbind();
                    self.life.note_lifespan_failure(Owned::new(raised));
                    return StartError::new(error.value(py).to_string());
                }
                StartError::new(format!(
                    "the app cannot be served: {}",
                    one_line(py, &error)
                ))
            })
        });
        thread_parks();
        made
    }

    fn thread_parks(&self) {
        thread_parks();
        if gives_back_after().is_some() {
            // Nothing wakes a shard for that, so it looks each time until it has looked often enough.
            give_back();
        }
        let_pool_run();
    }

    fn thread_stops(&self) {
        thread::thread_stops();
        self.life.thread_stops();
    }

    fn worker_threads_ended(&self) {
        self.life.end();
    }

    fn stops_by(&self, deadline: Instant) {
        self.life.stops_by(deadline);
        let _ = service_manager::tell("STOPPING=1\nSTATUS=stopping");
        if deadline > Instant::now() {
            return;
        }
        if !self.served.being_made.is_empty() {
            attached(|py| self.served.being_made.interrupt(py));
        }
        if !self.served.starting.lock().is_empty() {
            attached(|py| self.served.give_up_startups(py));
        }
    }

    fn retires(&self) {
        if let Some(line) = &self.line {
            line.tell_retirement();
        }
    }

    fn drains(&self, in_flight: u64) {
        if let Some(line) = &self.line {
            line.tell_drain(in_flight);
        }
    }

    fn given_up(&self) {
        let mut status = 0;
        // A worker's supervisor logs what is needed, and looks at no status.
        if self.mode != Mode::Process {
            // As `serving/leaving.py` does where the main thread comes back.
            match self.life.was_ready() {
                true => {
                    let calls = self.life.threads_left();
                    let several = if calls == 1 { "" } else { "s" };
                    log::error!(
                        "the process ends without waiting for {calls} call{several} of the app"
                    );
                }
                false => status = 128 + self.handle.stopped_by().unwrap_or(libc::SIGINT),
            }
        }
        at_exit::leave_without_main_thread(status)
    }
}

/// Whether a native app has routes of WebSockets.
fn has_websockets(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object
        .getattr(names::websocket_routes(object.py()))?
        .is_truthy()
}

fn is_lifespan_failure(py: Python<'_>, error: &PyErr) -> bool {
    names::LIFESPAN_FAILED
        .find(py)
        .is_ok_and(|class| error.is_instance(py, &class))
}

/// What is wrong with the app: the bare message of an error that turbo-shard raised, else with the exception's type.
fn one_line(py: Python<'_>, error: &PyErr) -> String {
    let is_ours = error.get_type(py).name().is_ok_and(|name| {
        name == names::REGISTRATION_ERROR.name() || name == names::APP_ERROR.name()
    });
    let text = if is_ours {
        error.value(py).to_string()
    } else {
        error.to_string()
    };
    text.replace('\n', " ")
}
