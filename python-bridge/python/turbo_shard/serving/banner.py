"""The lines on stderr at start-up: a few for people, then one that scripts wait for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from ..logs.error_stream import write_line
from ..user_code.gil_watch import is_free_threaded, is_gil_on

# A start that takes longer gets a line that it is under way.
SLOW_S = 2.0
# Beyond this many shards their cores are listed as ranges.
SHARDS_LISTED_MAX = 8
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
PYTHON_NAMES = {"cpython": "CPython", "pypy": "PyPy"}
OWN_VARIABLES = "each instance has its own variables; what all clients share wants --shards 1, a database or a broker"
STOP_HINT = "Ctrl-C stops and lets exchanges in flight finish; a second Ctrl-C stops at once"


def show(
    report: dict[str, Any],
    *,
    app: str,
    version: str,
    state: str = "",
    python: str = "",
    worker_pids: Sequence[int] = (),
    out: TextIO | None = None,
) -> None:
    """Says what is about to serve, and how it was chosen.

    `python` is the workers' Python where another process runs the app; `state` is a remark about the app's variables.
    """
    rows = [
        ("app", app),
        *([("state", state)] if state else []),
        ("python", python or python_line()),
        ("mode", MODE_IN_WORDS.get(report["mode"], report["mode"])),
        ("engine", f"{report['engine']} ({report['engine_reason']})"),
        (
            "workers" if worker_pids else "shards",
            shards_line(report["shard_cores"], report["mode"], worker_pids),
        ),
        ("url", ", ".join(address_line(*address) for address in addresses_of(report))),
        *redirect_rows(report),
        *metrics_rows(report),
        ("pid", str(os.getpid())),
    ]
    out = out or sys.stderr
    bold, plain = ("\x1b[1m", "\x1b[0m") if is_coloured(out) else ("", "")
    lines = [f"{bold}turbo-shard {version}{plain}"]
    lines += [f"  {bold}{name:<7}{plain} {text}" for name, text in rows]
    if is_structured():
        return log_rows(rows)
    lines += [f"  {STOP_HINT}"]
    if not python and is_gil_on():
        lines.append(f"turbo-shard: warning: {gil_warning()}")
    write_line(out, "\n".join(lines))


def show_ready(report: dict[str, Any], out: TextIO | None = None) -> None:
    """The line that tests and scripts wait for; its form does not change."""
    line = f"turbo-shard ready on {url(*addresses_of(report)[0])} (pid {os.getpid()})"
    if is_structured():
        log_line("info", line)
    else:
        write_line(out or sys.stderr, line)


def is_structured() -> bool:
    """Whether each line of the log is a record for programs; then these lines are records too."""
    native = sys.modules.get("turbo_shard._native")
    return native is not None and native.log_format() != "text"


def log_rows(rows: Sequence[tuple[str, str]]) -> None:
    for name, text in rows:
        log_line("info", f"{name}: {text}")
    if is_gil_on():
        log_line("warn", gil_warning())


def log_line(level: str, text: str) -> None:
    sys.modules["turbo_shard._native"].log_line(level, text)


def note(text: str) -> None:
    """What the app's author may want to know."""
    if is_structured():
        log_line("info", text)
    else:
        write_line(sys.stderr, f"turbo-shard: note: {text}")


# Where a note goes. A worker of process mode tells its supervisor, which hears the same from the others.
tell_note: Callable[[str], object] = note


def said_if_slow(text: str, *, is_stopping: Callable[[], bool]) -> threading.Timer:
    """Says it after `SLOW_S`, for a start that says nothing else until its end. Cancel it then."""

    def say() -> None:
        if not is_stopping():
            write_line(sys.stderr, f"turbo-shard: {text} (pid {os.getpid()})")

    timer = threading.Timer(SLOW_S, say)
    timer.daemon = True
    if text:
        timer.start()
    return timer


MODE_IN_WORDS = {
    "shard": "shard: one executor per core, nothing moves between cores",
    "steal": "steal: one runtime whose threads steal work from each other",
    "process": "process: one process per core, with one shard each",
}


def addresses_of(report: Mapping[str, Any]) -> list[tuple[str, int | None, str]]:
    """Each with the scheme that leads there."""
    scheme = "https" if report.get("speaks_tls") else "http"
    return [(host, port, scheme) for host, port in report["addresses"]]


def redirect_rows(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    places = [address_line(host, port, "http") for host, port in report.get("redirects", ())]
    return [("plain", f"{', '.join(places)} leads there")] if places else []


def metrics_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    if report.get("metrics"):
        return [("metrics", f"{url(*report['metrics'])}/metrics")]
    if path := report.get("metrics_path"):
        host, port, scheme = addresses_of(report)[0]
        place = url(host, port, scheme)
        return [("metrics", f"{path} at {place}" if port is None else f"{place}{path}")]
    return []


def url(host: str, port: int | None, scheme: str = "http") -> str:
    """As a client writes it; a Unix socket's has its path and no port."""
    if port is None:
        return f"unix:{host}"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def address_line(host: str, port: int | None, scheme: str) -> str:
    """The URL; where it means every address of the machine, also one that a browser accepts."""
    near = reachable(host)
    own = url(host, port, scheme)
    return own if near == host else f"{own} (here: {url(near, port, scheme)})"


def reachable(host: str) -> str:
    """An address by which this machine comes to a server that listens there."""
    near = ANY_ADDRESS.get(host, host)
    return "127.0.0.1" if host == "::" and not has_ipv6() else near


def has_ipv6() -> bool:
    """Whether any interface has such an address; where that cannot be read, it is taken to have one."""
    try:
        with open("/proc/net/if_inet6") as addresses:
            return bool(addresses.read())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def python_build() -> str:
    """`CPython 3.13.5 free-threaded`."""
    build = "free-threaded" if is_free_threaded() else "with a GIL"
    return f"{PYTHON_NAMES.get(sys.implementation.name, sys.implementation.name)} {sys.version.split()[0]} {build}"


def python_line() -> str:
    return f"{python_build()}, GIL {'ON' if is_gil_on() else 'off'}"


def gil_warning() -> str:
    remedy = "; --mode process has a GIL per worker"
    if not is_free_threaded():
        remedy = "; use python3.14t or python3.13t, or --mode process with a GIL per worker"
    return f"the GIL is on, so that shards run Python one at a time{remedy}"


def app_line(
    name: str, interface: str, *, is_per_shard: bool, why_shared: str, mode: str, shards: int
) -> str:
    """`app:app (ASGI), one instance per shard`; with one shard there is nothing to share."""
    line = f"{name} ({interface})"
    if shards == 1:
        return line
    if mode == "steal":
        holder, all_of_them = "thread", "all threads"
    else:
        holder, all_of_them = "shard", "all shards"
    if is_per_shard:
        return f"{line}, one instance per {holder}"
    return f"{line}, one instance for {all_of_them}" + (f": {why_shared}" if why_shared else "")


def shards_line(cores: Sequence[int | None], mode: str, worker_pids: Sequence[int] = ()) -> str:
    what = {"shard": "shard", "process": "worker"}.get(mode, "thread")
    count = f"{len(cores)} {what}{'' if len(cores) == 1 else 's'}"
    placed = [(shard, core) for shard, core in enumerate(cores) if core is not None]
    if worker_pids and len(cores) <= SHARDS_LISTED_MAX:
        return f"{count}: " + ", ".join(
            f"{what} {number} {'not pinned' if core is None else f'on core {core}'} (pid {pid})"
            for number, (core, pid) in enumerate(zip(cores, worker_pids, strict=True))
        )
    if not placed:
        return f"{count}, not pinned"
    if len(placed) <= SHARDS_LISTED_MAX:
        return f"{count}: " + ", ".join(f"{what} {shard} on core {core}" for shard, core in placed)
    distinct = list(dict.fromkeys(core for _, core in placed))
    shared = "one each" if len(distinct) == len(placed) else "in turn"
    return f"{count} on cores {in_ranges(distinct)}, {shared}"


def in_ranges(numbers: Sequence[int]) -> str:
    """[0, 1, 2, 5] as `0-2,5`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def is_coloured(out: TextIO | None) -> bool:
    return (
        out is not None
        and out.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
