"""Every option of the command line, each defined once: flag, kind, default, bounds, help and unit.

Only a table: settings.py reads and checks values by it, cli/start.py makes the command line from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """How to write an option, and what kind of value it becomes."""

    TEXT = "text"
    WHOLE = "whole number"
    SECONDS = "number of seconds"
    BYTES = "number of bytes"
    CHOICE = "choice"
    SWITCH = "switch"
    URL_PATH = "path of a URL"
    FILE_PATH = "path of a file"
    NAMES = "names"


class Option(NamedTuple):
    """One option. `name` is its keyword in Python; the flag and the environment variable follow from it."""

    name: str
    kind: Kind
    default: object
    help: str
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
    choices: tuple[str, ...] = ()
    # The default's name where start-up works it out.
    default_text: str = ""
    # A switch that takes something away: the flag is --no-NAME.
    negative: bool = False
    # Such a switch that also has its opposite, --NAME.
    paired: bool = False
    # Is about the app: how to find it, and how to serve it.
    of_app: bool = False

    @property
    def flag(self) -> str:
        prefix = "--no-" if self.negative else "--"
        return prefix + self.name.replace("_", "-")

    @property
    def positive_flag(self) -> str:
        """`--NAME`, which switches on what is on by default; empty where there is none."""
        return "--" + self.name.replace("_", "-") if self.paired else ""

    @property
    def variable(self) -> str:
        return "TURBO_SHARD_" + self.flag.removeprefix("--").replace("-", "_").upper()

    def in_words(self, value: object) -> str:
        """The value as it reads in help and in messages, with its unit."""
        if self.kind is Kind.BYTES and isinstance(value, int):
            return bytes_in_words(value)
        if isinstance(value, tuple):
            return ",".join(value) or "none"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{text} {self.unit}".rstrip()


def bytes_in_words(count: int) -> str:
    """16777216 as `16 MiB`; what is not a whole number of KiB stays in bytes."""
    for size, unit in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} bytes"


SHARDS_MAX = 1024
# A day: longer than anyone waits on purpose, and far from where milliseconds overflow.
SECONDS_MAX = 86_400.0

OPTIONS: tuple[Option, ...] = (
    Option(
        "host",
        Kind.TEXT,
        "127.0.0.1",
        "address or name to listen on; 0.0.0.0 and :: listen on all of IPv4 and of IPv6",
    ),
    Option("port", Kind.WHOLE, 8000, "port to listen on; 0 takes a free one", maximum=65_535),
    Option(
        "shards",
        Kind.WHOLE,
        None,
        "number of shards, each with its own thread, listener and event loop "
        "(in mode process: with its own process); more than there are cores is allowed",
        minimum=1,
        maximum=SHARDS_MAX,
        default_text="one per core that this process may use",
    ),
    Option(
        "mode",
        Kind.CHOICE,
        "shard",
        "architecture; shard: one pinned executor per core; "
        "steal: one work-stealing runtime on the same number of threads; "
        "process: one process per core, with one shard each",
        choices=("shard", "steal", "process"),
    ),
    Option(
        "engine",
        Kind.CHOICE,
        "auto",
        "what moves the bytes; auto takes the fastest that works here",
        choices=("auto", "tokio", "glommio", "uring"),
    ),
    Option(
        "app_dir",
        Kind.TEXT,
        ".",
        "directory that the app's module is looked for in first",
        default_text="the current one",
        of_app=True,
    ),
    Option(
        "factory",
        Kind.SWITCH,
        False,
        "APP names a function without arguments that makes the app",
        of_app=True,
    ),
    Option(
        "interface",
        Kind.CHOICE,
        "auto",
        "how the app is called; auto looks at the app",
        choices=("auto", "native", "asgi", "wsgi", "turboapi"),
        of_app=True,
    ),
    Option(
        "app_per_shard",
        Kind.CHOICE,
        "auto",
        "whether each shard has an instance of the app of its own, made by the factory or by importing "
        "the user's modules afresh; auto: for ASGI apps, unless they use Django",
        choices=("auto", "always", "never"),
        of_app=True,
    ),
    Option(
        "own",
        Kind.NAMES,
        (),
        "installed package that each shard imports for itself, as it does your own modules, because it keeps "
        "what they register with it; may be given several times, or several with commas",
        of_app=True,
    ),
    Option(
        "lifespan",
        Kind.CHOICE,
        "auto",
        "whether an ASGI app is told of start and end; auto: if it takes part",
        choices=("auto", "on", "off"),
        of_app=True,
    ),
    Option(
        "root_path",
        Kind.URL_PATH,
        "",
        "path below which a proxy serves the app, such as /api",
        default_text="none",
        of_app=True,
    ),
    Option(
        "pathsend",
        Kind.SWITCH,
        False,
        "offer ASGI apps to send files for them (http.response.pathsend), which middleware that reads or changes "
        "answers has to know",
        of_app=True,
    ),
    Option("pin", Kind.SWITCH, True, "leave the shards' threads to the scheduler", negative=True),
    Option(
        "balance",
        Kind.CHOICE,
        "hash",
        "which shard serves a new connection; hash: the one that the kernel chooses by the addresses; "
        "least: the one with the fewest connections",
        choices=("hash", "least"),
    ),
    Option(
        "steer",
        Kind.CHOICE,
        "hash",
        "how the kernel chooses a shard for a new connection; cpu: the shard pinned to the CPU that took "
        "its first packet; address: always the same one for the same address of a client",
        choices=("hash", "cpu", "address"),
    ),
    Option(
        "rebalance",
        Kind.SWITCH,
        False,
        "have a shard that is busier than the others ask some of its clients to come back elsewhere",
    ),
    Option(
        "backlog",
        Kind.WHOLE,
        1024,
        "connections that may wait to be accepted, of each listener; "
        "the kernel cuts it to net.core.somaxconn",
        unit="connections",
        minimum=1,
        maximum=1_000_000,
    ),
    Option(
        "connections_max",
        Kind.WHOLE,
        16_384,
        "open connections of each shard; beyond it a connection is answered 503",
        unit="connections",
        minimum=1,
        maximum=10_000_000,
    ),
    Option(
        "graceful_timeout",
        Kind.SECONDS,
        30.0,
        "how long a stop waits for exchanges in flight",
        unit="seconds",
        maximum=SECONDS_MAX,
    ),
    Option(
        "keep_alive_timeout",
        Kind.SECONDS,
        75.0,
        "how long a connection may wait for its next request",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    ),
    Option(
        "head_timeout",
        Kind.SECONDS,
        10.0,
        "how long a request's head may take to arrive, and a new connection to say anything; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    ),
    Option(
        "body_timeout",
        Kind.SECONDS,
        30.0,
        "longest pause within a request's body; then 408",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    ),
    Option(
        "write_timeout",
        Kind.SECONDS,
        30.0,
        "how long a client may take nothing of its answer; then the connection is cut",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    ),
    Option(
        "body_max",
        Kind.BYTES,
        100 * 1024**2,
        "largest request body, also written 512K or 16MiB; beyond it 413",
        unit="bytes",
        maximum=2**40,
    ),
    Option(
        "blocking_threads",
        Kind.WHOLE,
        8,
        "threads for routes marked blocking=True and for WSGI apps",
        unit="threads",
        minimum=1,
        maximum=1024,
    ),
    Option(
        "wsgi_threads",
        Kind.WHOLE,
        None,
        "threads that call a WSGI app, of each shard",
        unit="threads",
        minimum=1,
        maximum=1024,
        default_text="as many as --blocking-threads",
    ),
    Option(
        "wsgi_inline",
        Kind.CHOICE,
        "auto",
        "whether a WSGI app is called on the shard's own thread, without a hand-over; "
        "auto: for routes whose calls have been short and waited for nothing",
        choices=("auto", "always", "never"),
    ),
    Option(
        "blocking_queue_max",
        Kind.WHOLE,
        1024,
        "requests that may wait for such a thread; beyond it 503",
        unit="requests",
        minimum=1,
        maximum=1_000_000,
    ),
    Option(
        "ws_ping_interval",
        Kind.SECONDS,
        20.0,
        "how long a WebSocket may be silent before it is pinged; 0 never pings",
        unit="seconds",
        maximum=SECONDS_MAX,
    ),
    Option(
        "ws_ping_timeout",
        Kind.SECONDS,
        20.0,
        "how long the answer to such a ping may take; then the WebSocket is closed",
        unit="seconds",
        minimum=0.001,
        maximum=SECONDS_MAX,
    ),
    Option(
        "ws_message_max",
        Kind.BYTES,
        16 * 1024**2,
        "largest WebSocket message; beyond it the WebSocket is closed with 1009",
        unit="bytes",
        maximum=2**40,
    ),
    Option(
        "ws_deflate",
        Kind.SWITCH,
        True,
        "do not offer WebSocket clients to compress messages",
        negative=True,
        paired=True,
    ),
    Option(
        "allow_gil",
        Kind.SWITCH,
        False,
        "serve although the GIL is on: shards then run Python one at a time "
        "(mode process needs no permission)",
        of_app=True,
    ),
    Option(
        "stats_socket",
        Kind.FILE_PATH,
        None,
        "Unix socket that answers each connection with the server's counters as one line of JSON; "
        "`turbo-shard stats PATH` shows them",
        default_text="none",
    ),
    Option(
        "log_level",
        Kind.CHOICE,
        "info",
        "least important log line that is written",
        choices=("error", "warn", "info", "debug", "trace"),
    ),
)

OPTION_BY_NAME: dict[str, Option] = {option.name: option for option in OPTIONS}


def default(name: str) -> object:
    """The default of the option with this keyword."""
    return OPTION_BY_NAME[name].default


# What `--help` shows for a value of each kind.
PLACEHOLDER: dict[Kind, Callable[[Option], str]] = {
    Kind.TEXT: lambda option: option.name.rpartition("_")[2].upper(),
    Kind.WHOLE: lambda option: "N",
    Kind.SECONDS: lambda option: "SECONDS",
    Kind.BYTES: lambda option: "BYTES",
    Kind.CHOICE: lambda option: "|".join(option.choices),
    Kind.SWITCH: lambda option: "",
    Kind.URL_PATH: lambda option: "PATH",
    Kind.FILE_PATH: lambda option: "PATH",
    Kind.NAMES: lambda option: "PACKAGE",
}
