"""The module written in Rust, as Python sees it."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from logging import LogRecord
from pathlib import Path
from typing import Any

from .native.headers import Headers, QueryParams
from .native.plan import ArgumentPlan
from .settings import Settings

# Errors.

class StartError(Exception):
    """The server could not start; the message is one line for a person."""

class LifespanError(StartError):
    """The app's own startup failed; the message is the app's."""

# Requests. Each part is decoded when it is first asked for.

class Request:
    """One request. A handler with a parameter annotated as Request gets it."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """The path, percent-decoded; bytes that are not UTF-8 are U+FFFD."""
    @property
    def url(self) -> str:
        """Scheme, host and target, as the peer sent them."""
    @property
    def query_string(self) -> bytes: ...
    @property
    def http_version(self) -> str:
        """`1.0` or `1.1`."""
    @property
    def path_params(self) -> dict[str, str]: ...
    @property
    def query_params(self) -> QueryParams: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def client(self) -> tuple[str, int] | None:
        """The peer's address and port; None if it came through a Unix socket."""
    @property
    def server(self) -> tuple[str, int | None] | None:
        """Our address and port, as the peer reached them; the path and None of a Unix socket."""
    @property
    def body(self) -> bytes: ...
    @property
    def state(self) -> dict[str, Any]:
        """A dict for whatever the app wants to keep with the request."""
    def text(self) -> str:
        """The body as UTF-8; InputError (422) if it is not."""
    def json(self) -> Any:
        """The body as JSON, whatever its content type; InputError (422) if it is not."""

    @staticmethod
    def _for_tests(
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes | None,
        path_params: list[tuple[str, str]],
    ) -> Request:
        """A request that no socket brought: front ends are tested with such."""

class Arguments:
    """The arguments of a function that Python calls: they are made as a route's are."""

    def __init__(self, path: str, plans: Iterable[ArgumentPlan]) -> None: ...
    def bind(self, request: Request, view: Any) -> list[Any]:
        """By slot; InputError with all faults. What is computed is computed from `view`."""

# Routes.

def route_template(path: str) -> tuple[tuple[str, ...], str]:
    """The names of the path's parameters, and the path without them; ValueError says what is wrong with it."""

# Compiled apps.

class CompiledCall:
    """One request, for a plan: a coroutine function of one argument that serves it. Only the server makes one.

    What answers or receives is for the thread of the loop; any thread may read.
    """

    @property
    def params(self) -> tuple[str, ...]:
        """The texts of the path's parameters, decoded, in the order of the path."""
    @property
    def query_string(self) -> bytes: ...
    def query(self, name: str) -> str | None:
        """The last value, as `urllib.parse.parse_qsl` reads it with `keep_blank_values`."""
    def query_list(self, name: str) -> list[str]:
        """All values."""
    def header(self, name: str) -> str | None:
        """The first value; `name` is in lower case."""
    def header_list(self, name: str) -> list[str]: ...
    def take_body(self) -> bytes | None:
        """The whole body if it has arrived; `receive()` then gives it no more. None: it has to be received."""
    def scope(self) -> dict[str, Any]:
        """The ASGI scope that the app would be called with; a new one each time."""
    @property
    def receive(self) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]: ...
    @property
    def send(self) -> Callable[[Any], Coroutine[Any, Any, None]]: ...
    @property
    def is_started(self) -> bool:
        """The head of an answer has been sent."""
    def answer(self, status: int, body: bytes) -> None:
        """Sends a whole answer of JSON, under `content-length` and `content-type`.

        What `send()` would raise is raised at once, also where the client has left.
        """
    def answer_raw(
        self, status: int, raw_headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """Sends a whole answer under these lines."""

type Plan = Callable[[Any], Awaitable[None]]
"""It is called with a CompiledCall, or with what looks like one."""

class CompiledFront:
    """The plans of an app, and which requests they serve."""

    def __init__(self, is_current: Callable[[], bool], root_path: str) -> None:
        """Before a plan serves a request, `is_current` says whether it still may; it may call `replace`."""
    def replace(
        self,
        entries: Iterable[
            tuple[tuple[str | tuple[str], ...], Collection[str] | None, Plan | None, str]
        ],
        not_found: Plan | None,
        redirect_slashes: bool,
    ) -> None:
        """Puts routes in place: `(segments, methods, plan, template)`, the first that matches path and method serves.

        A segment is its text, or `("str",)`, `("int",)`, `("float",)`, `("uuid",)` for a parameter. The last one may
        be `("path",)`, a parameter that is the rest, or `("any",)`: the route may match anything below. Without methods
        it takes any; without a plan the app serves it. The template names the route in metrics. `not_found` is for
        paths that no route matches.
        """
    def find(
        self, method: str, path: str, root_path: str = ""
    ) -> tuple[Plan, tuple[str, ...]] | None:
        """Plan and parameters for the method, path and root path of a scope, current or not."""

def same_objects(one: list[Any], other: list[Any]) -> bool:
    """Whether both hold the same objects in the same order; equal ones are not enough."""

# Answers.

def json_encode(value: Any, fallback: Callable[[Any], Any] | None = None) -> bytes:
    """JSON text (UTF-8, compact). A value without a JSON form goes to `fallback`, which returns one nearer to it."""

def encode_jsonable(value: Any) -> bytes | None:
    """What FastAPI answers with for `value` where there is no response model; None if only FastAPI knows.

    That is `json.dumps(jsonable_encoder(value), ...)` as Starlette calls it, for values so plain that
    `jsonable_encoder` leaves them as they are.
    """

# Servers.

__version__: str

class NativeServer:
    """A server whose sockets are bound; StartError if they cannot be."""

    def __init__(
        self,
        settings: Settings,
        *,
        inherits: tuple[list[tuple[int, bool, bool, bool, bool]], int, int | None, int, int]
        | None = None,
        is_watched: bool = False,
    ) -> None:
        """`inherits` is for a worker: its listeners, number, core, how often it was restarted, and `tls_fd`.
        `is_watched` lets `stats` say how late each event loop is."""
    def report(self) -> dict[str, Any]:
        """What was bound and chosen."""
    def run(
        self,
        app: object,
        *,
        interface: str,
        app_of_shard: Callable[[int], object] | None = None,
        side_by_side: bool = False,
        is_first_shard: bool = False,
        handle_signals: bool,
        on_ready: Callable[[], None] | None = None,
        link: WorkerLink | None = None,
    ) -> float:
        """Serves until the server is stopped; `on_ready` is called once every shard serves.

        Returns how many seconds of the stop's time are left.
        """
    def stopped_by(self) -> int | None:
        """The number of the signal that asked for the stop, if it was one."""
    def listeners_of(self, worker: int) -> list[tuple[int, bool, bool, bool, bool]]:
        """Of each address what this worker inherits: the listener's descriptor, whether all workers share it, whether
        it is lent to the server, whether its connections begin with a PROXY header, whether they speak TLS."""
    def tls_fd(self) -> int:
        """A descriptor of what was read for TLS, for a worker to inherit and the caller to close; -1 without TLS."""
    def close(self) -> None:
        """Lets go of the listeners without having run. Metrics are given until this object is gone."""
    def set_workers(self, stage: str, workers: list[tuple[str | None, bool]]) -> None:
        """Process mode: how far the server has come (`starting`, `ready`, `draining`), and its workers.

        Of each: the Unix socket of its reading, None where it does not run, and whether it serves.
        """

    def give_all_metrics(self, path: Path) -> None:
        """Process mode, metrics at a path: gives the readings of all workers at this Unix socket."""

    def note_collection(self, pause_us: int) -> None:
        """A collection of the garbage collector took so long."""
    def stop(self) -> None: ...
    def stop_now(self) -> None: ...
    def stats(self) -> list[dict[str, Any]]: ...
    def worker_stats(self) -> list[dict[str, Any]]:
        """One dict of counters per worker of the work-stealing runtime; empty in shard mode."""

def connect_service_manager(address: str) -> None:
    """The service manager's datagrams go to this path, or to a name after an `@`; nowhere if it is empty."""

def tell_service_manager(news: str) -> bool:
    """Whether it heard."""

class LocalServer:
    """An app served within the thread that makes this, without sockets. StartError if it cannot be."""

    def __init__(self, settings: Settings, app: object, interface_name: str) -> None: ...
    def connect(self) -> LocalPeer: ...
    def receive(self, peer: LocalPeer, seconds: float) -> bytes | None:
        """What was written to `peer`, waited for if need be; empty after `seconds`, None at the end."""
    def stop(self) -> None:
        """Shuts the app down. Does nothing the second time."""

class LocalPeer:
    """The client's end of a connection to a `LocalServer`."""

    def send(self, data: bytes) -> None: ...
    def finish(self) -> None:
        """Says that nothing more will be sent."""
    def close(self, server: LocalServer) -> None: ...

class WorkerLink:
    """A worker's line to its supervisor, over the descriptor that it was started with."""

    def __init__(self, fd: int) -> None: ...
    def tell(self, news: bytes) -> bool:
        """Whether the supervisor heard."""
    def is_stop_asked(self) -> bool: ...

class CallQueue:
    """Calls of one event loop on their way to threads beside it, and back."""

    def __init__(self, idle_seconds: float) -> None:
        """A thread that has waited so long for a call ends."""
    def put(self, call: object, start_thread: Callable[[], None]) -> None:
        """Hands in a call; `start_thread` starts a thread that calls `work`."""
    def work[C](
        self,
        run: Callable[[C], None],
        tell: Callable[[], None],
        start_thread: Callable[[], None],
    ) -> None:
        """The life of a thread. `tell` lets the loop know that it may `fetch`."""
    def fetch(self) -> list[Any]:
        """The calls done since the last time."""
    def end(self) -> None:
        """Ends the threads, each after the calls that wait."""

def log_line(level: str, text: str) -> None:
    """Writes a line to stderr as the native side does, if the server's log level asks for it."""

def log_format() -> str:
    """`text`, `json` or `logfmt`: how this process writes its log lines; `logging` where Python's does."""

def open_log_queue(takes_requests: bool) -> None:
    """Lines of the server go to `take_log_records` from now on, and the access log too if it is to."""

def close_log_queue() -> None:
    """Lines go to stderr again; what waits is still taken."""

def queue_log_record(record: LogRecord) -> bool:
    """Takes a record, or counts it as lost. False if the queue is closed."""

def take_log_records() -> tuple[list[Any], int] | None:
    """Waits for records. Gives them with the number of those that were lost; None once the queue is closed and empty.

    A line of the server is (level, text, thread, seconds), a request (args, line, names and values, seconds).
    """

def flush_log_queue(seconds: float) -> bool:
    """Waits until all that was queued is dealt with; False if that takes longer."""

def disarm_signal(number: int) -> None:
    """Makes a signal that would end the process do nothing, until a server hears it. A handler of the app's stays."""

def threads_left() -> int:
    """How many threads of servers that have ended are still in the app's code."""

def end_process_in(seconds: float, status: int, line: str) -> None:
    """Ends the process then, whatever the interpreter is doing, after a log line."""

def stats() -> list[dict[str, Any]]:
    """One dict of counters per shard of the server that runs in this process; empty if none does."""

def metric_rows() -> list[dict[str, Any]]:
    """What is declared of each metric that a scraper may be given."""

def counters() -> list[dict[str, Any]]:
    """What the runtime counts, in the order of the keys of `stats()`; `CounterRow` has the fields."""

def probe_engines(shards: int = 1) -> list[dict[str, Any]]:
    """For each engine: name, why it cannot be used here for so many shards at once, which kernel features it does
    without here, and what so many shards lock in memory."""

def allowed_cores() -> dict[str, Any]:
    """The cores that this process may run on, the CPUs that its cgroup pays for, the shards that follow."""
