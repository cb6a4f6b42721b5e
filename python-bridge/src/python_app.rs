//! A Python app as the runtime sees it: makes each thread's service, and ties Python's threads to the runtime's.
//! Knows nothing of sockets, and of requests only that the service answers them.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use turbo_shard_runtime::{
    App, BlockingPool, Exchange, HostedLoop, Mode, Outcome, Place, Service, StartError, ThreadHooks,
};

use crate::coroutines::Coroutines;
use crate::dispatch::{NativeService, WsgiService, native_service, wsgi_thread_stops};
use crate::hosted_loop::{AsyncioThreads, CoroutineHost, ShardLoop};
use crate::python_thread::{self, Owned, attached, thread_parks};

/// What the bridge itself is told; the rest of the settings are the runtime's.
#[derive(Clone, Debug)]
pub(crate) struct BridgeSettings {
    pub(crate) blocking_threads: NonZeroUsize,
    pub(crate) blocking_queue_max: usize,
}

/// How the app wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// A `turbo_shard.App`.
    Native,
    /// ASGI 3.
    Asgi,
    /// WSGI (PEP 3333).
    Wsgi,
}

/// What the user has given to be served.
pub(crate) struct ServedApp {
    pub(crate) interface: Interface,
    /// The instance that all share, or the first one's.
    pub(crate) object: Owned<PyAny>,
    /// Makes the instance of a shard (of an asyncio thread in work-stealing mode) from its number.
    pub(crate) of_shard: Option<Owned<PyAny>>,
    /// Path below which the app is mounted (ASGI's `root_path`, WSGI's `SCRIPT_NAME`).
    pub(crate) root_path: String,
}

impl ServedApp {
    /// The instance of shard `index`, made now if each has its own. For that shard's thread.
    pub(crate) fn instance<'py>(
        &self,
        py: Python<'py>,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        match &self.of_shard {
            Some(of_shard) => of_shard.bind(py).call1((index,)),
            None => Ok(self.object.bind(py).clone()),
        }
    }
}

/// The app that a server runs.
pub(crate) struct PythonApp {
    served: ServedApp,
    settings: BridgeSettings,
    life: Arc<Life>,
}

/// What outlives the runtime's hold on the app: the threads that only the bridge knows of.
pub(crate) struct Life {
    /// Threads of the runtime that have a Python state.
    threads: AtomicUsize,
    /// Work-stealing mode: shared by all workers.
    shared: Mutex<Option<Shared>>,
}

#[derive(Clone)]
struct Shared {
    asyncio: Arc<AsyncioThreads>,
    pool: Arc<BlockingPool>,
}

impl PythonApp {
    pub(crate) fn new(
        served: ServedApp,
        settings: BridgeSettings,
        mode: Mode,
        threads: usize,
    ) -> PythonApp {
        let life = Life {
            threads: AtomicUsize::new(0),
            shared: Mutex::default(),
        };
        let app = PythonApp {
            served,
            settings,
            life: Arc::new(life),
        };
        if mode == Mode::Steal {
            let shared = Shared {
                asyncio: Arc::new(AsyncioThreads::new(threads)),
                pool: app.pool("blocking"),
            };
            *app.life
                .shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(shared);
        }
        app
    }

    pub(crate) fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life)
    }

    fn pool(&self, name: &str) -> Arc<BlockingPool> {
        let BridgeSettings {
            blocking_threads,
            blocking_queue_max,
        } = self.settings;
        Arc::new(BlockingPool::new(
            name,
            blocking_threads,
            blocking_queue_max,
            Arc::new(PoolThreads),
        ))
    }

    fn make(&self, py: Python<'_>, place: Place) -> PyResult<PythonService> {
        let (host, coroutines, pool) = match place {
            Place::Shard(shard) => {
                let host = CoroutineHost::of_shard(shard)?;
                (
                    Some(Arc::clone(&host)),
                    Coroutines::hosted(host),
                    self.pool(&format!("blocking-{shard}")),
                )
            }
            Place::Worker => {
                let Some(shared) = self.life.shared() else {
                    return Err(pyo3::exceptions::PyRuntimeError::new_err(
                        "the server is ending",
                    ));
                };
                (None, Coroutines::threads(shared.asyncio), shared.pool)
            }
        };
        let app = match self.served.interface {
            Interface::Native => {
                let index = match place {
                    Place::Shard(index) => index,
                    Place::Worker => 0,
                };
                let object = self.served.instance(py, index)?.unbind();
                AppService::Native(native_service(py, &object, coroutines, Arc::clone(&pool))?)
            }
            Interface::Wsgi => {
                let index = match place {
                    Place::Shard(index) => index,
                    Place::Worker => 0,
                };
                let object = self.served.instance(py, index)?;
                let root_path = &self.served.root_path;
                AppService::Wsgi(WsgiService::new(&object, root_path, Arc::clone(&pool))?)
            }
            Interface::Asgi => {
                return Err(pyo3::exceptions::PyRuntimeError::new_err(
                    "this interface has no service",
                ));
            }
        };
        Ok(PythonService {
            parts: RefCell::new(Some(Parts { app, host, pool })),
        })
    }
}

impl Life {
    fn shared(&self) -> Option<Shared> {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends what the workers shared. To be called detached. Waits for calls on the blocking pool: a thread that does so
    /// for too long is one of those that are left.
    pub(crate) fn end(&self) {
        let shared = self
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(shared) = shared {
            self.threads.fetch_add(1, Ordering::AcqRel);
            shared.asyncio.stop();
            drop(shared);
            self.threads.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Threads that the runtime has given up waiting for: they are still in a handler.
    pub(crate) fn threads_left(&self) -> usize {
        self.threads.load(Ordering::Acquire)
    }
}

impl App for PythonApp {
    type Service = PythonService;

    fn thread_starts(&self) -> Result<(), StartError> {
        python_thread::thread_starts();
        self.life.threads.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn service(&self, place: Place) -> Result<PythonService, StartError> {
        let made = attached(|py| {
            self.make(py, place).map_err(|error| {
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
    }

    fn thread_stops(&self) {
        python_thread::thread_stops();
        self.life.threads.fetch_sub(1, Ordering::AcqRel);
    }

    fn workers_ended(&self) {
        self.life.end();
    }
}

/// What is wrong with the app: in its author's words if it is turbo-shard that complains, else with the exception's type.
fn one_line(py: Python<'_>, error: &PyErr) -> String {
    let is_ours = error
        .get_type(py)
        .name()
        .is_ok_and(|name| name == "RegistrationError");
    let text = if is_ours {
        error.value(py).to_string()
    } else {
        error.to_string()
    };
    text.replace('\n', " ")
}

/// The service of the app's interface.
enum AppService {
    Native(NativeService),
    Wsgi(WsgiService),
}

impl AppService {
    #[inline]
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        match self {
            AppService::Native(native) => native.call(exchange),
            AppService::Wsgi(wsgi) => wsgi.call(exchange),
        }
    }
}

/// One thread's service.
pub(crate) struct PythonService {
    /// Taken when the service stops: an engine may hold on to a stopped service, but not to the app.
    parts: RefCell<Option<Parts>>,
}

struct Parts {
    app: AppService,
    host: Option<Arc<CoroutineHost>>,
    pool: Arc<BlockingPool>,
}

impl PythonService {
    fn end(&self) {
        let Some(Parts { app, host, pool }) = self.parts.take() else {
            return;
        };
        attached(|py| {
            if let Some(host) = &host {
                host.close(py);
            }
            drop((app, host));
        });
        thread_parks();
        // Last and detached: the pool's threads are joined here, and they need Python to finish.
        drop(pool);
    }
}

impl Service for PythonService {
    #[inline]
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        match &*self.parts.borrow() {
            Some(parts) => parts.app.call(exchange),
            None => unreachable!("nothing is called after `stop`"),
        }
    }

    fn hosted_loop(&self) -> Option<Box<dyn HostedLoop>> {
        let host = self.parts.borrow().as_ref()?.host.clone()?;
        Some(Box::new(ShardLoop::new(host)))
    }

    fn stop(&self) {
        self.end();
    }
}

impl Drop for PythonService {
    /// A shard that died comes here without `stop`.
    fn drop(&mut self) {
        self.end();
    }
}

/// Python's part in the life of a blocking pool's thread.
struct PoolThreads;

impl ThreadHooks for PoolThreads {
    fn starts(&self) {
        python_thread::blocking_thread_starts();
    }

    fn parks(&self) {
        thread_parks();
    }

    fn stops(&self) {
        wsgi_thread_stops();
        python_thread::thread_stops();
    }
}
