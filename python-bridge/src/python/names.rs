//! The names by which Rust finds things in Python: a module, a function or an attribute that is renamed there is renamed
//! here, and nowhere else. The keys of ASGI, WSGI and JSON are given by others; they stand where they are written.

use pyo3::call::PyCallArgs;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::type_object::PyTypeCheck;
use pyo3::types::PyString;

const APP_ERRORS: &str = "turbo_shard.logs.app_errors";
const ASGI: &str = "turbo_shard.serving.asgi";
const BODY: &str = "turbo_shard.native.body";
const ERRORS_OF_APPS: &str = "turbo_shard.native.errors";
const HEADERS_OF_REQUESTS: &str = "turbo_shard.native.headers";
const HOSTED_LOOP: &str = "turbo_shard.loop.hosted_loop";
const LIFESPAN: &str = "turbo_shard.serving.lifespan";
const RESPONSE_CLASSES: &str = "turbo_shard.native.response";
const WEBSOCKETS: &str = "turbo_shard.native.websocket";
const WSGI: &str = "turbo_shard.serving.wsgi";

// What calls that go wrong lead to.
pub(crate) static TELL: Global = Global::of(APP_ERRORS, "tell");
pub(crate) static HTTP_EXCEPTION: Global = Global::of(ERRORS_OF_APPS, "HTTPException");
pub(crate) static INPUT_ERROR: Global = Global::of(ERRORS_OF_APPS, "InputError");
pub(crate) static REGISTRATION_ERROR: Global = Global::of(ERRORS_OF_APPS, "RegistrationError");
pub(crate) static WITHOUT_INPUTS: Global = Global::of(ERRORS_OF_APPS, "without_inputs");
pub(crate) static MOUNT: Global = Global::of("turbo_shard.settings.mounts", "Mount");
pub(crate) static APP_ERROR: Global = Global::of("turbo_shard.user_code.running", "AppError");

// Native apps.
pub(crate) static RESPONSE: Global = Global::of(RESPONSE_CLASSES, "Response");
pub(crate) static STREAMING_RESPONSE: Global = Global::of(RESPONSE_CLASSES, "StreamingResponse");
pub(crate) static JSON_FALLBACK: Global =
    Global::of("turbo_shard.native.json_fallback", "json_fallback");
pub(crate) static MISSING: Global = Global::of("turbo_shard.native.plan", "MISSING");
pub(crate) static QUERY_PARAMS: Global = Global::of(HEADERS_OF_REQUESTS, "QueryParams");
pub(crate) static HEADERS: Global = Global::of(HEADERS_OF_REQUESTS, "Headers");
pub(crate) static WEBSOCKET: Global = Global::of(WEBSOCKETS, "WebSocket");
pub(crate) static CONVERSE: Global = Global::of(WEBSOCKETS, "converse");
pub(crate) static TEXT_OF: Global = Global::of(BODY, "text_of");
pub(crate) static JSON_OF: Global = Global::of(BODY, "json_of");

// ASGI and WSGI apps.
pub(crate) static CLIENT_DISCONNECTED: Global = Global::of(ASGI, "ClientDisconnected");
pub(crate) static ROUTE_OF_SCOPE: Global =
    Global::of("turbo_shard.serving.scope_routes", "template_of");
pub(crate) static IS_DISCONNECT: Global = Global::of(ASGI, "is_disconnect");
pub(crate) static COMPILE_ASGI: Global = Global::of("turbo_shard.compile.fastapi", "adopt");
pub(crate) static PARSE_QUERY: Global = Global::of("urllib.parse", "parse_qsl");
pub(crate) static LOADED_MODULES: Global = Global::of("sys", "modules");
pub(crate) static ERROR_STREAM: Global = Global::of(WSGI, "ErrorStream");
pub(crate) static FILE_WRAPPER: Global = Global::of(WSGI, "FileWrapper");

// The start and the end of an instance.
pub(crate) static LIFESPAN_OF_ASGI: Global = Global::of(LIFESPAN, "of_asgi");
pub(crate) static LIFESPAN_OF_NATIVE: Global = Global::of(LIFESPAN, "of_native");
pub(crate) static LIFESPAN_FAILED: Global = Global::of(LIFESPAN, "LifespanFailed");

// The hosted loop, and the loops of threads of their own.
pub(crate) static NEW_HOSTED_LOOP: Global = Global::of(HOSTED_LOOP, "HostedLoop");
pub(crate) static NEW_THREAD_LOOP: Global = Global::of(HOSTED_LOOP, "new_thread_loop");
pub(crate) static RUN_THREAD_LOOP: Global = Global::of(HOSTED_LOOP, "run_thread_loop");
pub(crate) static CLOSE_LOOP: Global = Global::of(HOSTED_LOOP, "close");
pub(crate) static SETTLE: Global = Global::of(HOSTED_LOOP, "settle");
pub(crate) static PULL: Global = Global::of(HOSTED_LOOP, "pull");
pub(crate) static FINISH_TASKS: Global = Global::of(HOSTED_LOOP, "finish");
pub(crate) static CANCEL_TASKS: Global = Global::of(HOSTED_LOOP, "cancel");

// Python's own.
pub(crate) static TASK: Global = Global::of("asyncio", "Task");
pub(crate) static CANCELLED_ERROR: Global = Global::of("asyncio", "CancelledError");
pub(crate) static INVALID_STATE_ERROR: Global = Global::of("asyncio", "InvalidStateError");
pub(crate) static SET_RUNNING_LOOP: Global = Global::of("asyncio", "_set_running_loop");
pub(crate) static REGISTER_AT_EXIT: Global = Global::of("atexit", "register");
pub(crate) static UNREGISTER_AT_EXIT: Global = Global::of("atexit", "unregister");
pub(crate) static RUN_EXIT_FUNCTIONS: Global = Global::of("atexit", "_run_exitfuncs");
pub(crate) static BYTES_IO: Global = Global::of("io", "BytesIO");
pub(crate) static SET_WAKEUP_FD: Global = Global::of("signal", "set_wakeup_fd");
pub(crate) static STDOUT: Global = Global::of("sys", "stdout");
pub(crate) static STDERR: Global = Global::of("sys", "stderr");
pub(crate) static THREAD_NUMBER: Global = Global::of("_thread", "get_ident");
pub(crate) static CURRENT_THREAD: Global = Global::of("threading", "current_thread");
pub(crate) static COROUTINE_TYPE: Global = Global::of("types", "CoroutineType");

/// What a module has under a name.
pub(crate) struct Global {
    module: &'static str,
    name: &'static str,
    interned: PyOnceLock<(Py<PyString>, Py<PyString>)>,
}

impl Global {
    const fn of(module: &'static str, name: &'static str) -> Global {
        Global {
            module,
            name,
            interned: PyOnceLock::new(),
        }
    }

    /// Its name without the module.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Imports its module.
    pub(crate) fn find<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (module, name) = self.interned(py);
        py.import(module.bind(py))?.getattr(name.bind(py))
    }

    /// The same, once: `kept` has it from then on.
    pub(crate) fn find_once<'py, T: PyTypeCheck>(
        &self,
        py: Python<'py>,
        kept: &'py PyOnceLock<Py<T>>,
    ) -> PyResult<&'py Bound<'py, T>> {
        kept.import(py, self.module, self.name)
    }

    pub(crate) fn call0<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.call1(py, ())
    }

    /// Imports its module and calls it.
    pub(crate) fn call1<'py>(
        &self,
        py: Python<'py>,
        arguments: impl PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (module, name) = self.interned(py);
        py.import(module.bind(py))?
            .call_method1(name.bind(py), arguments)
    }

    fn interned(&self, py: Python<'_>) -> &(Py<PyString>, Py<PyString>) {
        self.interned.get_or_init(py, || {
            let interned = |text| PyString::intern(py, text).unbind();
            (interned(self.module), interned(self.name))
        })
    }
}

macro_rules! attributes {
    ($($name:ident)*) => {$(
        #[inline]
        pub(crate) fn $name(py: Python<'_>) -> &Bound<'_, PyString> {
            intern!(py, stringify!($name))
        }
    )*};
}

// A native app (`turbo_shard.native.app`), its plans and their arguments (`turbo_shard.native.plan`).
attributes! {
    plans mounts startup_handlers shutdown_handlers websocket_routes
    methods path handler label arguments is_async blocking
    refuses_early view to_answer answer_to_error
    slot alias source place kind name keyword_only required default new_default read many
}

// What handlers return and raise (`turbo_shard.native.response`, `turbo_shard.native.errors`), or the like of other frameworks.
attributes! { status_code headers content body detail errors items multi_items }

// A lifespan (`turbo_shard.serving.lifespan`).
attributes! { startup shutdown give_up }

// A loop of ours (`turbo_shard.loop.hosted_loop`), beside what every asyncio loop has.
attributes! {
    turn keep_running run_here leave_shard leave_thread
    run_forever call_soon call_later create_future get_debug _ready _scheduled _when
}

// Tasks and futures of asyncio.
attributes! { add_done_callback cancel done get_context result set_result }

// The classes of this crate that an ASGI app calls.
attributes! { receive send }

// Python's own.
attributes! { close flush with_traceback _daemonic __await__ __iter__ __members__ __traceback__ }
