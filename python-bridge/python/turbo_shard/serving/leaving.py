"""The end of the process after a server: threads that the app has left have the rest of the stop's time, then the
process ends without them, after a line that says so. The same in every mode; docs/running.md has the times and
statuses.

Python's own end would wait for threads that are not daemons, and for the threads of executors, as long as they work.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, cast

from ..logs import error_stream

# What the app's threads have where no time is left: after a second signal, or a start that failed.
THREADS_SECONDS_MIN = 0.5
# What the app's `atexit` functions and the interpreter's own end may take after that. With the two seconds of a cut
# (runtime/src/server/stop.rs) it stays below what a supervisor (process_mode/supervisor.py) waits before it kills a
# worker.
EXIT_SECONDS_MAX = 2.0
# What Python's logging may take for the server's last records, if it has them.
LOG_SECONDS_MAX = 2.0
NAMES_MAX = 4
STOPS = (signal.SIGINT, signal.SIGTERM)
EXIT_LINE = "the app's exit functions do not return; the process ends without them"


class Ending:
    """How a server has ended, its start included."""

    def __init__(self) -> None:
        self.was_ready = False
        # The number of the signal that stopped it.
        self.signal: int | None = None
        # Of the stop's time.
        self.seconds_left = 0.0
        # One more signal came when the server had ended.
        self.is_hurried = False

    @property
    def status(self) -> int:
        """The exit status where nothing was wrong; a shell reports the same for a program that a signal has ended."""
        return 0 if self.was_ready else 128 + (self.signal or signal.SIGINT)


def leave(
    status: int,
    seconds: float,
    native: Any,
    *,
    apart: Iterable[threading.Thread] = (),
    was_ready: bool = True,
) -> int:
    """Ends the process with `status`, or returns `status` where the interpreter may end as usual.

    `seconds` are left of the stop's time; threads `apart` are not the app's. If the server was never ready, the app's
    calls are a start that was given up, and nothing is said about them. For the main thread.
    """
    others = set(apart)
    news = threading.Event()
    for number in STOPS:
        signal.signal(number, hurry(news, status, native))
    flush_log(native, news)
    if not threads_of_app(others):
        native.end_process_in(EXIT_SECONDS_MAX, status, EXIT_LINE)
    else:
        seconds = max(seconds, THREADS_SECONDS_MIN)
        native.end_process_in(seconds + EXIT_SECONDS_MAX, status, EXIT_LINE)
        # It may wait for ever, and nothing waits for it.
        threading.Thread(target=end_threads, args=(news, others), daemon=True).start()
        news.wait(min(seconds, threading.TIMEOUT_MAX))
    threads, calls = threads_of_app(others), native.threads_left()
    if not threads and not calls:
        return status
    if left := names_of(threads, calls if was_ready else 0):
        native.log_line("error", f"the process ends without waiting for {left}")
    wind_up()
    os._exit(status)


def flush_log(native: Any, news: threading.Event) -> None:
    """Waits in pieces, between which a signal is heard."""
    until = time.monotonic() + LOG_SECONDS_MAX
    while not native.flush_log_queue(0.1) and not news.is_set() and time.monotonic() < until:
        pass


def hurry(
    news: threading.Event, status: int, native: Any
) -> Callable[[int, FrameType | None], None]:
    """What one more signal does: nothing is waited for."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        news.set()
        native.end_process_in(EXIT_SECONDS_MAX, status, EXIT_LINE)

    return on_signal


def end_threads(done: threading.Event, others: set[threading.Thread]) -> None:
    """Does what the interpreter does first at its end, then sets `done` when all of the app's threads have ended."""
    try:
        for call in reversed(threading_exits()):
            try:
                call()
            except Exception:
                sys.excepthook(*cast(Any, sys.exc_info()))
        while left := threads_of_app(others):
            left[0].join()
    finally:
        done.set()


def threading_exits() -> list[Callable[[], object]]:
    """Runs what is registered for the time before threads are joined: executors let their threads finish and end."""
    calls: list[Callable[[], object]] = getattr(threading, "_threading_atexits", [])
    return [call for call in calls if getattr(call, "func", None) is not at_interpreter_exit]


def threads_of_app(others: set[threading.Thread]) -> list[threading.Thread]:
    """The threads that Python would wait for: those that are not daemons, and all of executors."""
    own = (threading.main_thread(), threading.current_thread())
    executors = sys.modules.get("concurrent.futures.thread")
    of_executors = set(getattr(executors, "_threads_queues", ()))
    return [
        thread
        for thread in threading.enumerate()
        if (not thread.daemon or thread in of_executors)
        and thread not in own
        and thread not in others
        # Threads of the server, and others that Python does not own.
        and not isinstance(thread, threading._DummyThread)
    ]


def names_of(threads: list[threading.Thread], in_calls: int) -> str:
    """`thread 'a'`, `threads 'a', 'b' and 3 more`, `1 call of the app`."""
    words = []
    if threads:
        names = ", ".join(repr(thread.name) for thread in threads[:NAMES_MAX])
        more = len(threads) - NAMES_MAX
        names += f" and {more} more" if more > 0 else ""
        words.append(f"thread{'s' * (len(threads) > 1)} {names}")
    if in_calls:
        words.append(f"{in_calls} call{'s' * (in_calls > 1)} of the app")
    return " and ".join(words)


def wind_up() -> None:
    """The visible part of an interpreter's end: the app's `atexit` functions, and what it has printed."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    error_stream.flush()


# After `serve()` the script goes on; how it ends is its own, but not what an app has left behind.


class _AfterServe:
    """What to do at the interpreter's exit."""

    native: Any = None
    ends_at = 0.0
    # The threads that are not the app's; None where all are the program's own.
    apart: frozenset[threading.Thread] | None = None


def leave_with_interpreter(seconds: float, native: Any, apart: Iterable[threading.Thread]) -> None:
    """As `leave`, when the interpreter ends. Threads `apart` were there before the server: the script's."""
    register(native)
    _AfterServe.apart = frozenset(apart)
    _AfterServe.ends_at = time.monotonic() + seconds


def leave_with_program(native: Any) -> None:
    """The same after a server beside its program, whose threads are its own; calls that the app holds are not."""
    register(native)


def register(native: Any) -> None:
    if _AfterServe.native is None:
        # `atexit` would be too late: before it the interpreter waits for threads.
        getattr(threading, "_register_atexit", atexit.register)(at_interpreter_exit)
    _AfterServe.native = native


def at_interpreter_exit() -> None:
    native = _AfterServe.native
    is_of_program = _AfterServe.apart is None
    apart = threading.enumerate() if _AfterServe.apart is None else _AfterServe.apart
    if not threads_of_app(set(apart)) and not native.threads_left():
        return
    # Python does not say with which status it ends; an exception that ends it has been printed by now. A program such
    # as a run of tests ends with one of its own, which must not turn into success.
    status = 1 if is_of_program or getattr(sys, "last_exc", None) is not None else 0
    leave(status, _AfterServe.ends_at - time.monotonic(), native, apart=apart)
