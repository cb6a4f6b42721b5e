"""Every setting of a server, each in one row: default, bounds, unit and meaning, by groups.

The command line and its help, `serve()`, the settings object, what the native server is given, the reference in
docs/running.md and shell completion come from these rows. Defaults stand here only.
"""

# Types are needed as they stand, since a choice's lists its words: no `from __future__ import annotations` here.
from collections.abc import Sequence
from typing import Literal

from .option import Group, Kind, Option, row

SHARDS_MAX = 1024
# A day: longer than anyone waits on purpose, and far from where milliseconds overflow.
SECONDS_MAX = 86_400.0


class Listening(Group, heading="listening"):
    host: str = row(
        Kind.TEXT,
        default="127.0.0.1",
        help="address or name to listen on; 0.0.0.0 and :: listen on all of IPv4 and of IPv6",
    )
    port: int = row(
        Kind.WHOLE,
        default=8000,
        help="port to listen on; 0 takes a free one",
        maximum=65_535,
    )
    backlog: int = row(
        Kind.WHOLE,
        default=1024,
        help="connections that may wait to be accepted, of each listener; "
        "the kernel cuts it to net.core.somaxconn",
        unit="connections",
        minimum=1,
        maximum=1_000_000,
    )


class Architecture(Group, heading="shards and engine"):
    shards: int | None = row(
        Kind.WHOLE,
        default=None,
        help="number of shards, each with its own thread, listener and event loop "
        "(in mode process: with its own process); more than there are cores is allowed",
        minimum=1,
        maximum=SHARDS_MAX,
        default_text="one per core that this process may use",
    )
    mode: Literal["shard", "steal", "process"] = row(
        Kind.CHOICE,
        default="shard",
        help="architecture; shard: one pinned executor per core; "
        "steal: one work-stealing runtime on the same number of threads; "
        "process: one process per core, with one shard each",
    )
    engine: Literal["auto", "tokio", "glommio", "uring"] = row(
        Kind.CHOICE,
        default="auto",
        help="what moves the bytes; auto takes the fastest that works here",
    )
    pin: bool = row(
        Kind.SWITCH,
        default=True,
        help="leave the shards' threads to the scheduler",
        negative=True,
    )
    balance: Literal["hash", "least"] = row(
        Kind.CHOICE,
        default="hash",
        help="which shard serves a new connection; hash: the one that the kernel chooses by the addresses; "
        "least: the one with the fewest connections",
    )
    steer: Literal["hash", "cpu", "address"] = row(
        Kind.CHOICE,
        default="hash",
        help="how the kernel chooses a shard for a new connection; cpu: the shard pinned to the CPU that took "
        "its first packet; address: always the same one for the same address of a client",
    )
    rebalance: bool = row(
        Kind.SWITCH,
        default=False,
        help="have a shard that is busier than the others ask some of its clients to come back elsewhere",
    )


class AppPlace(Group, heading="app"):
    """Where to find an app that is only named."""

    app_dir: str = row(
        Kind.DIRECTORY,
        default=".",
        help="directory that the app's module is looked for in first",
        default_text="the current one",
    )


class AppUse(Group, heading="app"):
    factory: bool = row(
        Kind.SWITCH,
        default=False,
        help="APP names a function without arguments that makes the app",
    )
    interface: Literal["auto", "native", "asgi", "wsgi", "turboapi"] = row(
        Kind.CHOICE,
        default="auto",
        help="how the app is called; auto looks at the app",
    )
    fastapi: Literal["compiled", "asgi", "verify"] = row(
        Kind.CHOICE,
        default="compiled",
        help="how a FastAPI app's routes are served; compiled: by a plan each where its answers are the same, else by "
        "FastAPI; asgi: all by FastAPI; verify: as asgi, and each plan's answer is compared (endpoints run twice)",
    )
    app_per_shard: Literal["auto", "always", "never"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether each shard has an instance of the app of its own, made by the factory or by importing "
        "the user's modules afresh; auto: for ASGI apps, unless they use Django",
    )
    own: Sequence[str] = row(
        Kind.NAMES,
        default=(),
        help="installed package that each shard imports for itself, as it does your own modules, because it keeps "
        "what they register with it; may be given several times, or several with commas",
    )
    lifespan: Literal["auto", "on", "off"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether an ASGI app is told of start and end; auto: if it takes part",
    )
    root_path: str = row(
        Kind.URL_PATH,
        default="",
        help="path below which a proxy serves the app, such as /api",
        default_text="none",
    )
    pathsend: bool = row(
        Kind.SWITCH,
        default=False,
        help="offer ASGI apps to send files for them (http.response.pathsend), which middleware that reads or changes "
        "answers has to know",
    )
    allow_gil: bool = row(
        Kind.SWITCH,
        default=False,
        help="serve although the GIL is on: shards then run Python one at a time "
        "(mode process needs no permission)",
    )


class Limits(Group, heading="limits and time-outs"):
    # Idle connections cost under 2 KiB each: 32 MiB per shard.
    connections_max: int = row(
        Kind.WHOLE,
        default=16_384,
        help="open connections of each shard; beyond it a connection is answered 503",
        unit="connections",
        minimum=1,
        maximum=10_000_000,
    )
    graceful_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="how long a stop waits for exchanges in flight",
        unit="seconds",
        maximum=SECONDS_MAX,
    )
    # As long as nginx keeps them.
    keep_alive_timeout: float = row(
        Kind.SECONDS,
        default=75.0,
        help="how long a connection may wait for its next request",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    # A stranger gets less patience than a peer that has already asked for something.
    head_timeout: float = row(
        Kind.SECONDS,
        default=10.0,
        help="how long a request's head may take to arrive, and a new connection to say anything; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    body_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="longest pause within a request's body; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    write_timeout: float = row(
        Kind.SECONDS,
        default=30.0,
        help="how long a client may take nothing of its answer; then the connection is cut",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    # What package uploads, WebDAV and photographs need, and what the proxies in front of most sites let through.
    body_max: int = row(
        Kind.BYTES,
        default=100 * 1024**2,
        help="largest request body, also written 512K or 16MiB; beyond it 413",
        unit="bytes",
        maximum=2**40,
    )


class Blocking(Group, heading="blocking handlers and WSGI"):
    blocking_threads: int = row(
        Kind.WHOLE,
        default=8,
        help="threads for routes marked blocking=True and for WSGI apps",
        unit="threads",
        minimum=1,
        maximum=1024,
    )
    blocking_queue_max: int = row(
        Kind.WHOLE,
        default=1024,
        help="requests that may wait for such a thread; beyond it 503",
        unit="requests",
        minimum=1,
        maximum=1_000_000,
    )
    wsgi_threads: int | None = row(
        Kind.WHOLE,
        default=None,
        help="threads that call a WSGI app, of each shard",
        unit="threads",
        minimum=1,
        maximum=1024,
        default_text="as many as --blocking-threads",
    )
    wsgi_inline: Literal["auto", "always", "never"] = row(
        Kind.CHOICE,
        default="auto",
        help="whether a WSGI app is called on the shard's own thread, without a hand-over; "
        "auto: for routes whose calls have been short and waited for nothing",
    )


class WebSockets(Group, heading="WebSockets"):
    ws_ping_interval: float = row(
        Kind.SECONDS,
        default=20.0,
        help="how long a WebSocket may be silent before it is pinged; 0 never pings",
        unit="seconds",
        maximum=SECONDS_MAX,
    )
    ws_ping_timeout: float = row(
        Kind.SECONDS,
        default=20.0,
        help="how long the answer to such a ping may take; then the WebSocket is closed",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    )
    ws_message_max: int = row(
        Kind.BYTES,
        default=16 * 1024**2,
        help="largest WebSocket message; beyond it the WebSocket is closed with 1009",
        unit="bytes",
        maximum=2**40,
    )
    ws_deflate: bool = row(
        Kind.SWITCH,
        default=True,
        help="do not offer WebSocket clients to compress messages",
        negative=True,
        paired=True,
    )


class Reporting(Group, heading="counters and log"):
    stats_socket: str | None = row(
        Kind.FILE_PATH,
        default=None,
        help="Unix socket that answers each connection with the server's counters as one line of JSON; "
        "`turbo-shard stats PATH` shows them",
        default_text="none",
    )
    log_level: Literal["error", "warn", "info", "debug", "trace"] = row(
        Kind.CHOICE,
        default="info",
        help="least important log line that is written",
    )


class ServeSettings(Listening, Architecture, AppUse, Limits, Blocking, WebSockets, Reporting):
    """What `serve()` takes beside the app, which a script need not find."""


class Settings(ServeSettings, AppPlace):
    """All that a server is told. `settings_from` makes it and has checked every value."""


OPTIONS: tuple[Option, ...] = Settings.options
OPTION_BY_NAME: dict[str, Option] = {option.name: option for option in OPTIONS}
