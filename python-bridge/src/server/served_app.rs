//! The app that the user asked to serve: its interface, its instances, and their startup. Knows no requests.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asgi::{CompiledFront, ScopeOptions};
use crate::hosted_loop::{AppInstance, AppLoop};
use crate::python::being_made::BeingMade;
use crate::python::errors::log_exception;
use crate::python::names;
use crate::python::thread::Owned;

/// The app's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// A `turbo_shard.App`.
    Native,
    /// ASGI 3.
    Asgi,
    /// WSGI (PEP 3333).
    Wsgi,
}

/// The app that the user asked to serve.
pub(crate) struct ServedApp {
    pub(crate) interface: Interface,
    /// The instance that all share, or the first one's.
    pub(crate) object: Owned<PyAny>,
    /// Makes the instance of a shard (of an asyncio thread in work-stealing mode) from its number.
    pub(crate) of_shard: Option<Owned<PyAny>>,
    /// Threads that are in `of_shard`.
    pub(crate) being_made: BeingMade,
    /// Lifespans whose startup is under way.
    pub(crate) starting: Mutex<Vec<Owned<PyAny>>>,
    /// Whether `of_shard` may be called for several shards at the same time, once it has been for the first two.
    pub(crate) side_by_side: bool,
    /// Path below which the app is mounted (ASGI's `root_path`, WSGI's `SCRIPT_NAME`).
    pub(crate) root_path: String,
    /// Whether ASGI apps are offered `http.response.pathsend`.
    pub(crate) has_pathsend: bool,
    /// Whether ASGI's lifespan is used: `auto`, `on`, `off`.
    pub(crate) lifespan: String,
    /// How FastAPI apps are served: `compiled`, `asgi`, `verify`.
    pub(crate) fastapi: String,
}

impl ServedApp {
    pub(crate) fn scope_options(&self) -> ScopeOptions<'_> {
        ScopeOptions {
            root_path: &self.root_path,
            has_pathsend: self.has_pathsend,
        }
    }

    /// The instance of shard `index`, made now if each has its own. For that shard's thread.
    pub(crate) fn instance<'py>(
        &self,
        py: Python<'py>,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        match &self.of_shard {
            Some(of_shard) => self
                .being_made
                .run(py, || of_shard.bind(py).call1((index,))),
            None => Ok(self.object.bind(py).clone()),
        }
    }

    /// Runs the startup of an instance on `app_loop`. For that loop's thread.
    pub(crate) fn start_lifespan(
        &self,
        py: Python<'_>,
        app_loop: &Arc<AppLoop>,
        object: &Bound<'_, PyAny>,
    ) -> PyResult<Started> {
        if self.interface == Interface::Native && !self.has_hooks(py, object)? {
            // Without importing the module, which imports asyncio.
            return Ok(Started::default());
        }
        let lifespan = match self.interface {
            Interface::Asgi => names::LIFESPAN_OF_ASGI.call1(py, (object, &self.lifespan))?,
            Interface::Native => names::LIFESPAN_OF_NATIVE.call1(py, (object,))?,
            Interface::Wsgi => py.None().into_bound(py),
        };
        if lifespan.is_none() {
            return Ok(Started::default());
        }
        self.starting
            .lock()
            .push(Owned::new(lifespan.clone().unbind()));
        let started = lifespan
            .call_method0(names::startup(py))
            .and_then(|startup| app_loop.run_here(py, startup));
        self.starting.lock().retain(|one| !one.is(&lifespan));
        let state = started?;
        Ok(Started {
            lifespan: Some(Owned::new(lifespan.unbind())),
            state: state
                .cast_into::<PyDict>()
                .ok()
                .map(|state| Owned::new(state.unbind())),
        })
    }

    /// Cancels startups that are under way: nobody waits for them any more. From any thread.
    pub(crate) fn give_up_startups(&self, py: Python<'_>) {
        let starting: Vec<_> = self
            .starting
            .lock()
            .iter()
            .map(|lifespan| lifespan.clone_ref(py))
            .collect();
        for lifespan in starting {
            if let Err(error) = lifespan.call_method0(py, names::give_up(py)) {
                log_exception(py, &error, "the app's startup could not be cancelled");
            }
        }
    }

    /// An instance of an ASGI app, after its startup, with what was compiled of it. For that loop's thread.
    pub(crate) fn start_asgi(
        &self,
        py: Python<'_>,
        app_loop: &Arc<AppLoop>,
        object: &Bound<'_, PyAny>,
    ) -> PyResult<AppInstance> {
        let started = self.start_lifespan(py, app_loop, object)?;
        let compiled = self.compile(object).unwrap_or_else(|error| {
            log_exception(
                py,
                &error,
                "the app could not be compiled: it is called as it is",
            );
            None
        });
        Ok(AppInstance {
            compiled,
            ..started.into_instance(object)
        })
    }

    /// What answers some of the app's requests instead of it. Only a FastAPI app has such, and it has imported FastAPI.
    fn compile(&self, object: &Bound<'_, PyAny>) -> PyResult<Option<Owned<PyAny>>> {
        let py = object.py();
        if self.fastapi == "asgi" || !names::LOADED_MODULES.find(py)?.contains("fastapi")? {
            return Ok(None);
        }
        let options = PyDict::new(py);
        options.set_item("root_path", &self.root_path)?;
        options.set_item("how", &self.fastapi)?;
        let front = names::COMPILE_ASGI
            .find(py)?
            .call((object,), Some(&options))?;
        let front: Option<Bound<'_, CompiledFront>> = front.extract()?;
        Ok(front.map(|front| Owned::new(front.into_any().unbind())))
    }

    /// Whether a native app wants to be started and stopped.
    pub(crate) fn has_hooks(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        for handlers in [names::startup_handlers(py), names::shutdown_handlers(py)] {
            if object.getattr(handlers)?.is_truthy()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The result of an instance's startup.
#[derive(Default)]
pub(crate) struct Started {
    lifespan: Option<Owned<PyAny>>,
    state: Option<Owned<PyDict>>,
}

impl Started {
    /// The instance moves in, with the result of its startup.
    pub(crate) fn into_instance(self, object: &Bound<'_, PyAny>) -> AppInstance {
        AppInstance {
            object: Owned::new(object.clone().unbind()),
            compiled: None,
            lifespan: self.lifespan,
            state: self.state,
        }
    }
}
