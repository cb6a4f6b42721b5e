"""The layers of the repository and what each may need, as data. docs/architecture.md shows this table."""

from __future__ import annotations

from collections.abc import Iterator

from borders import Layer, Outside
from borders_lab import LAB_LAYERS, OTHER_LAYERS
from borders_names import BRIDGE, LAB, PACKAGE, PROTOCOL, RING, RUNTIME, TESTING, within

PYTHON = Outside("Python", ("pyo3",))
EXECUTORS = Outside("engines", ("tokio", "glommio", "io_uring", "mio"))
# tokio::sync is channels and flags, which need no engine.
RUNNING = Outside(
    "engines",
    ("tokio.net", "tokio.runtime", "tokio.task", "tokio.time", "glommio", "io_uring", "mio"),
)
CLIENTS = Outside(
    "clients' sockets",
    ("socket2", "std.net.TcpStream", "std.net.UdpSocket", "std.os.unix.net.UnixListener"),
)
NETWORK = Outside("sockets", ("std.net", "socket2"))
CLOCKS = Outside("clocks", ("std.time.Instant", "std.time.SystemTime"))
THREADS = Outside("threads", ("std.thread", "crossbeam_channel"))
SYSTEM = Outside("files and processes", ("std.fs", "std.process", "std.os", "libc"))
HTTP = Outside("HTTP", ("httparse",))

FACES = ("turbo_shard_runtime", "turbo_shard_ring", "turbo_shard")
"""Crates and packages that others know by their public face only."""

SHARED = [PROTOCOL, f"{PROTOCOL}/websocket"]
FACE = f"{RUNTIME}/lib.rs"
INFO = f"{RUNTIME}/connection_info.rs"
ENGINE_NEEDS = [PROTOCOL, *within(RUNTIME, "engine", "engine/tasks", "service.rs", "shard")]

PROTOCOL_LAYERS = (
    Layer(
        PROTOCOL,
        "what HTTP and WebSocket share: limits, ticks, request heads, buffers",
        never=[NETWORK, CLOCKS, THREADS, SYSTEM, EXECUTORS, PYTHON],
    ),
    Layer(f"{PROTOCOL}/lib.rs", "the public face", within(PROTOCOL, ".", "http1")),
    Layer(f"{PROTOCOL}/http1", "HTTP/1.1 without I/O", [PROTOCOL]),
    Layer(f"{PROTOCOL}/http2", "RFC 9113 and 7541 without I/O", [PROTOCOL, f"{PROTOCOL}/http1"]),
    Layer(f"{PROTOCOL}/websocket", "RFC 6455 and 7692 without I/O", [PROTOCOL]),
)

RUNTIME_LAYERS = (
    Layer(
        RING,
        "one thread's io_uring, and the memory that it receives into",
        never=[NETWORK, HTTP, PYTHON],
    ),
    Layer(RUNTIME, "routes", never=[PYTHON]),
    Layer(f"{RUNTIME}/thread_stack.rs", "the stack of threads"),
    Layer(
        f"{RUNTIME}/blocking_pool.rs",
        "the blocking pool",
        within(RUNTIME, "net", "thread_stack.rs"),
    ),
    Layer(
        FACE,
        "the public face: `BoundServer`, `ServerConfig`, `App`, `Service`",
        [
            RING,
            f"{PROTOCOL}/lib.rs",
            INFO,
            *within(RUNTIME, ".", "blocking_pool.rs", "coding", "config.rs", "edge", "exchange"),
            f"{RUNTIME}/exposition",
            *within(RUNTIME, "files", "metrics", "net", "server", "thread_stack.rs", "tls"),
            *within(RUNTIME, "engine/registry.rs", "service.rs", "start_error.rs"),
        ],
    ),
    Layer(f"{RUNTIME}/start_error.rs", "why a server cannot start"),
    Layer(
        f"{RUNTIME}/tls",
        "what TLS is spoken with: certificates, keys, the settings of sessions",
        [INFO, f"{RUNTIME}/start_error.rs"],
        [HTTP, RUNNING],
    ),
    Layer(
        f"{RUNTIME}/config.rs",
        "settings",
        [*SHARED, RING, *within(RUNTIME, "edge", "net", "start_error.rs", "tls")],
    ),
    Layer(INFO, "both ends of a connection, and the scheme", [PROTOCOL]),
    Layer(
        f"{RUNTIME}/net",
        "listeners, cores, descriptors, children",
        [INFO, f"{RUNTIME}/start_error.rs"],
        [HTTP],
    ),
    Layer(f"{RUNTIME}/metrics", "counters with one writer each", [PROTOCOL]),
    Layer(f"{RUNTIME}/exposition", "readings, as scrapers read them", [f"{RUNTIME}/metrics"]),
    Layer(
        f"{RUNTIME}/scrape",
        "answers scrapers",
        [PROTOCOL, f"{PROTOCOL}/http1", *within(RUNTIME, "edge", "exposition")],
    ),
    Layer(
        f"{RUNTIME}/edge",
        "what the server itself does about exchanges, around the app",
        [
            *(PROTOCOL, f"{PROTOCOL}/http1", INFO),
            *within(RUNTIME, "coding", "exchange", "files", "metrics", "service.rs"),
            f"{RUNTIME}/start_error.rs",
        ],
    ),
    Layer(
        f"{RUNTIME}/coding",
        "content codings: what clients take, and bodies compressed on their way",
        [PROTOCOL],
    ),
    Layer(
        f"{RUNTIME}/files",
        "files answered from directories, without a way out of them",
        [
            PROTOCOL,
            *within(RUNTIME, "blocking_pool.rs", "coding", "exchange", "metrics", "service.rs"),
        ],
    ),
    Layer(
        f"{RUNTIME}/exchange",
        "one request and its reply, each with a bound on what waits",
        [
            *(*SHARED, f"{PROTOCOL}/http1", f"{PROTOCOL}/http2"),
            *within(RUNTIME, "coding", "metrics"),
        ],
    ),
    Layer(
        f"{RUNTIME}/service.rs",
        "what a connection calls for each request",
        [INFO, *SHARED, *within(RUNTIME, "exchange", "metrics", "start_error.rs")],
    ),
    Layer(
        f"{RUNTIME}/shard",
        "one core's life: connections, clock, mailbox, sockets handed over",
        [
            INFO,
            *SHARED,
            *(f"{PROTOCOL}/http1", f"{PROTOCOL}/http2"),
            *within(RUNTIME, "coding", "config.rs", "edge", "exchange", "metrics", "net"),
            *within(RUNTIME, "service.rs", "start_error.rs", "tls"),
        ],
        [RUNNING],
    ),
    Layer(
        f"{RUNTIME}/engine",
        "what engines share: the plan of a shard, a connection's life",
        [
            PROTOCOL,
            *within(RUNTIME, "config.rs", "metrics", "net", "service.rs", "shard"),
            f"{RUNTIME}/start_error.rs",
        ],
        [HTTP],
    ),
    Layer(
        f"{RUNTIME}/engine/tasks",
        "a shard's life and its connections as tasks of an executor",
        [PROTOCOL, *within(RUNTIME, "engine", "net", "service.rs", "shard")],
    ),
    Layer(
        f"{RUNTIME}/engine/tokio",
        "one current-thread runtime per shard",
        within(RUNTIME, "engine", "engine/tasks", "service.rs", "shard"),
    ),
    Layer(
        f"{RUNTIME}/engine/glommio",
        "one `LocalExecutor` per shard",
        [RING, *within(RUNTIME, "engine", "engine/tasks", "metrics", "service.rs", "shard")],
    ),
    Layer(
        f"{RUNTIME}/engine/uring",
        "one io_uring per shard, whose completions drive the connections",
        [
            *(PROTOCOL, RING),
            *within(RUNTIME, "engine", "metrics", "net", "service.rs", "shard", "start_error.rs"),
        ],
    ),
    Layer(
        f"{RUNTIME}/engine/steal",
        "the work-stealing runtime of `--mode steal`",
        within(
            RUNTIME,
            *("config.rs", "connection_info.rs", "engine", "engine/tasks", "net", "service.rs"),
            *("shard", "thread_stack.rs"),
        ),
    ),
    Layer(
        f"{RUNTIME}/engine/registry.rs",
        "which engines there are and which work here",
        [
            RING,
            *within(RUNTIME, "config.rs", "service.rs", "start_error.rs"),
            *within(RUNTIME, "engine", "engine/glommio", "engine/tokio", "engine/uring"),
        ],
    ),
    Layer(
        f"{RUNTIME}/server",
        "binding, starting, supervising and stopping shards, and a shard without sockets",
        [
            *(PROTOCOL, INFO, f"{RUNTIME}/exposition", f"{RUNTIME}/scrape"),
            *within(
                RUNTIME,
                *("blocking_pool.rs", "config.rs", "edge", "metrics", "net", "service.rs"),
                *("engine", "engine/registry.rs", "engine/steal", "shard", "start_error.rs"),
                *("thread_stack.rs", "tls"),
            ),
        ],
    ),
)

BRIDGE_LAYERS = (
    Layer(
        BRIDGE,
        "the module `_native`",
        within(BRIDGE, "asgi", "hosted_loop", "json", "native", "python", "server"),
        [CLIENTS, EXECUTORS],
    ),
    Layer(f"{BRIDGE}/python", "thread states, objects held, errors of Python", [FACE]),
    Layer(f"{BRIDGE}/json", "JSON from Python objects"),
    Layer(f"{BRIDGE}/requests", "texts and bytes of requests, and their names for logs", [FACE]),
    Layer(f"{BRIDGE}/hosted_loop", "asyncio on shards and threads", [FACE, f"{BRIDGE}/python"]),
    Layer(
        f"{BRIDGE}/streaming",
        "answers in pieces",
        [FACE, *within(BRIDGE, "hosted_loop", "python")],
    ),
    Layer(
        f"{BRIDGE}/answers",
        "what handlers return, and overload",
        [FACE, *within(BRIDGE, "json", "python", "streaming")],
    ),
    Layer(
        f"{BRIDGE}/native",
        "native apps: binding, calls, deferred answers",
        [
            FACE,
            *within(BRIDGE, "answers", "hosted_loop", "json", "python", "requests", "streaming"),
        ],
    ),
    Layer(
        f"{BRIDGE}/asgi",
        "ASGI apps",
        [FACE, *within(BRIDGE, "answers", "hosted_loop", "python", "requests")],
    ),
    Layer(
        f"{BRIDGE}/wsgi",
        "WSGI apps",
        [FACE, *within(BRIDGE, "answers", "python", "requests", "streaming")],
    ),
    Layer(
        f"{BRIDGE}/server",
        "`NativeServer`, worker processes, logging",
        [FACE, *within(BRIDGE, "asgi", "hosted_loop", "native", "python", "wsgi")],
    ),
)

NATIVE = f"{PACKAGE}/_native.pyi"

PACKAGE_LAYERS = (
    Layer(
        PACKAGE,
        "`serve()`, `python -m turbo_shard`, the names of `turboapi`",
        within(
            PACKAGE,
            *("cli", "compile", "loading", "logs", "native_module.py", "process_mode", "serving"),
            *("settings", "settings/option.py", "user_code"),
        ),
        [TESTING],
    ),
    Layer(
        f"{PACKAGE}/__init__.py",
        "the public face: `App`, `serve`",
        [NATIVE, PACKAGE, *within(PACKAGE, "metrics", "native", "settings", "testing")],
    ),
    Layer(
        f"{PACKAGE}/testing",
        "`TestClient`, which needs no sockets",
        within(PACKAGE, ".", "native", "native_module.py", "settings"),
    ),
    Layer(
        f"{PACKAGE}/pytest_plugin.py",
        "a fixture for tests of apps",
        [PACKAGE],
        is_for=[TESTING],
    ),
    Layer(NATIVE, "what the bridge gives"),
    Layer(f"{PACKAGE}/native_module.py", "the bridge, or why it is not there", [NATIVE]),
    Layer(
        f"{PACKAGE}/settings",
        "options and their values",
        within(f"{PACKAGE}/settings", "groups", "option.py"),
    ),
    Layer(
        f"{PACKAGE}/settings/groups",
        "the rows of the table of settings",
        [f"{PACKAGE}/settings/option.py"],
    ),
    Layer(f"{PACKAGE}/settings/option.py", "what a row of that table is"),
    Layer(f"{PACKAGE}/user_code", "running the user's code, and the GIL in it"),
    Layer(f"{PACKAGE}/logs", "stderr and the errors of apps", [NATIVE]),
    Layer(f"{PACKAGE}/loop", "the Python side of hosted loops", [NATIVE, f"{PACKAGE}/logs"]),
    Layer(f"{PACKAGE}/native", "native apps: routes, parameters, responses", [NATIVE]),
    Layer(
        f"{PACKAGE}/compile",
        "apps of other frameworks as native apps",
        [NATIVE, f"{PACKAGE}/native"],
    ),
    Layer(
        f"{PACKAGE}/compile/fastapi",
        "plans for the routes of FastAPI apps",
        [NATIVE, f"{PACKAGE}/logs"],
    ),
    Layer(
        f"{PACKAGE}/module_sets",
        "a set of the app's modules for each shard",
        [f"{PACKAGE}/user_code"],
    ),
    Layer(
        f"{PACKAGE}/loading",
        "finding the app, its interface and its instances",
        within(PACKAGE, "compile", "logs", "module_sets", "native", "settings", "user_code"),
    ),
    Layer(
        f"{PACKAGE}/metrics",
        "counters: the socket that gives them and what reads it",
        [NATIVE, *within(PACKAGE, "settings", "user_code")],
    ),
    Layer(
        f"{PACKAGE}/metrics/command.py",
        "`turbo-shard stats`",
        within(PACKAGE, "cli", "metrics", "settings", "settings/option.py"),
    ),
    Layer(
        f"{PACKAGE}/metrics/top.py",
        "`turbo-shard top`",
        within(PACKAGE, "cli", "metrics"),
    ),
    Layer(
        f"{PACKAGE}/serving",
        "one process's server from its start to its end",
        within(PACKAGE, "compile/fastapi", "loading", "logs", "metrics", "settings", "user_code"),
    ),
    Layer(
        f"{PACKAGE}/process_mode",
        "the supervisor and its workers",
        within(
            PACKAGE,
            *("loading", "logs", "metrics", "native_module.py", "serving", "settings"),
            "user_code",
        ),
    ),
    Layer(
        f"{PACKAGE}/cli",
        "the command line, where settings come from, what other servers call them",
        within(
            PACKAGE,
            *("loading", "logs", "native_module.py", "process_mode", "serving", "settings"),
            *("settings/option.py", "user_code"),
        ),
    ),
    Layer(
        f"{PACKAGE}/routes",
        "`turbo-shard routes`",
        within(PACKAGE, "cli", "compile/fastapi", "loading", "settings", "user_code"),
    ),
    Layer(
        f"{PACKAGE}/doctor",
        "`turbo-shard doctor`",
        within(
            PACKAGE,
            *("cli", "loading", "module_sets", "native_module.py", "serving", "settings"),
            "user_code",
        ),
    ),
)

LAYERS = (
    *PROTOCOL_LAYERS,
    *RUNTIME_LAYERS,
    *BRIDGE_LAYERS,
    *PACKAGE_LAYERS,
    *LAB_LAYERS,
    *OTHER_LAYERS,
)


def layer_table() -> str:
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| layer | holds | may need | never |"
    yield "|---|---|---|---|"
    for layer in LAYERS:
        needs = ", ".join(_short(name, layer.name) for name in layer.may_need)
        never = ", ".join(outside.called for outside in layer.never)
        yield f"| `{layer.name}` | {layer.holds} | {needs or '–'} | {never or '–'} |"


ROOTS = {
    PROTOCOL: "protocol",
    RUNTIME: "runtime",
    BRIDGE: "bridge",
    PACKAGE: "turbo_shard",
    LAB: "turbo_shard_lab",
}


def _short(name: str, near: str) -> str:
    """As a reader of the row names it: from the root that both are in, or by another root's short name."""
    for root, called in ROOTS.items():
        if name == root or name.startswith(f"{root}/"):
            if near.startswith(f"{root}/") and name != root:
                return name.removeprefix(f"{root}/")
            return called + name.removeprefix(root)
    return name
