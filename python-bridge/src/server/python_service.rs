//! One thread's service: hands a request to the service of the app's interface, and ends it all in order. Knows nothing
//! of how apps are made.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use turbo_shard_runtime::protocol::websocket::is_handshake;
use turbo_shard_runtime::{BlockingPool, Exchange, HostedLoop, Outcome, Service};

use super::life::{Counted, Life};
use crate::asgi::{AsgiService, WebSocketApp, WebSocketService};
use crate::hosted_loop::{AppLoop, ShardLoop};
use crate::native::{NativeService, WebSocketCall};
use crate::python::thread::{attached, detached, thread_parks};
use crate::wsgi::WsgiService;

/// The service of the app's interface.
pub(crate) enum AppService {
    /// With what opens the app's WebSockets, if it has any.
    Native(Box<NativeService>, Option<Box<WebSocketService>>),
    Asgi(AsgiService),
    Wsgi(Box<WsgiService>),
}

impl AppService {
    #[inline]
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        match self {
            AppService::Native(native, Some(websockets)) if is_handshake(&exchange.request) => {
                websockets.open(native.context(), exchange, |py, exchange, handshake, _| {
                    native.bind_websocket(py, exchange, handshake.subprotocols())
                })
            }
            AppService::Native(native, _) => native.call(exchange),
            AppService::Asgi(asgi) => asgi.call(exchange),
            AppService::Wsgi(wsgi) => wsgi.call(exchange),
        }
    }
}

impl WebSocketApp for WebSocketCall {
    fn call<'py>(
        &self,
        py: Python<'py>,
        receive: Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.call(py, receive, send)
    }
}

/// One thread's service.
pub(crate) struct PythonService {
    /// Taken when the service stops: an engine may hold on to a stopped service, but not to the app.
    parts: RefCell<Option<Parts>>,
    life: Arc<Life>,
    _counted: Counted,
}

/// What it is made of.
pub(crate) struct Parts {
    pub(crate) app: AppService,
    pub(crate) app_loop: Option<Arc<AppLoop>>,
    pub(crate) pool: Arc<BlockingPool>,
    /// Its app loop shuts the app down; the other services use the app until they have ended.
    pub(crate) is_last_out: bool,
}

impl PythonService {
    /// Counted among those that use the app, until it is dropped.
    pub(crate) fn new(parts: Parts, life: &Arc<Life>) -> PythonService {
        PythonService {
            parts: RefCell::new(Some(parts)),
            life: Arc::clone(life),
            _counted: life.enter(),
        }
    }

    fn end(&self) {
        let Some(Parts {
            app,
            app_loop,
            pool,
            is_last_out,
        }) = self.parts.take()
        else {
            return;
        };
        if is_last_out {
            thread_parks();
            self.life.wait_for_others();
        }
        attached(|py| {
            if let Some(app_loop) = &app_loop {
                app_loop.close(py, &self.life.clock());
            }
            drop((app, app_loop));
        });
        // Last and detached: the pool's threads are joined here, and they need Python to finish. The last holder of a
        // service may be a thread of that pool, in the middle of a call.
        detached(|| drop(pool));
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

    fn takes_websockets(&self) -> bool {
        let parts = self.parts.borrow();
        match parts.as_ref().map(|parts| &parts.app) {
            Some(AppService::Native(_, websockets)) => websockets.is_some(),
            Some(AppService::Asgi(_)) => true,
            Some(AppService::Wsgi(_)) | None => false,
        }
    }

    fn hosted_loop(&self) -> Option<Box<dyn HostedLoop>> {
        let app_loop = self.parts.borrow().as_ref()?.app_loop.clone()?;
        Some(Box::new(ShardLoop::new(app_loop)))
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
