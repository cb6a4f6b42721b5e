"""The one thread that hands the server's log to Python's `logging`: handlers may take their time, and no shard waits
for them. Knows no file and no configuration.

Lines of the server, requests of the access log and errors of apps come through one bounded queue of the native side, in
their order. What finds no room there is lost, and a warning says how much.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from typing import Any, NamedTuple

from . import error_log

# How long the end of the process waits until the last records are handled: less than the interpreter has for its end
# (serving/leaving.py).
FINISH_WITHIN_S = 1.5


class Names(NamedTuple):
    """The loggers that get the server's records."""

    server: str = "turbo_shard"
    access: str = "turbo_shard.access"
    errors: str = "turbo_shard.error"


class AccessRecord(logging.LogRecord):
    """A request. Its `args` are those of uvicorn, whatever its message, so that formatters for uvicorn read it."""

    line: str | None = None

    def getMessage(self) -> str:
        return super().getMessage() if self.line is None else self.line


# As uvicorn has it: client, method, path with query, version, status.
ACCESS_MESSAGE = '%s - "%s %s HTTP/%s" %d'


class LogThread:
    """Takes records until the process ends."""

    def __init__(self, native: Any, names: Names) -> None:
        self.native = native
        self.names = names
        self.thread = threading.Thread(target=self.run, name="logging", daemon=True)

    def run(self) -> None:
        while (taken := self.native.take_log_records()) is not None:
            records, lost = taken
            for record in records:
                self.handle(record)
            if lost:
                text = f"{lost} log records were lost: more came than logging has taken"
                self.handle((logging.WARNING, text, "logging", 0.0))

    def handle(self, record: Any) -> None:
        try:
            made = self.made(record)
            logger = logging.getLogger(made.name)
            if logger.disabled or not logger.isEnabledFor(made.levelno):
                return
            kept = logger.filter(made)
            if kept:
                # The class's way, not that of our logger, which would queue it. An app may have replaced it.
                logging.Logger.callHandlers(
                    logger, kept if isinstance(kept, logging.LogRecord) else made
                )
        except Exception:
            # A filter's, or a handler's that does not keep its errors to itself. The thread goes on.
            if logging.raiseExceptions and sys.stderr is not None:
                sys.excepthook(*sys.exc_info())

    def made(self, record: Any) -> logging.LogRecord:
        if isinstance(record, logging.LogRecord):
            record.name = self.names.errors
            return record
        if isinstance(record[0], tuple):
            args, line, pairs, at = record
            access = AccessRecord(
                self.names.access, logging.INFO, "turbo_shard", 0, ACCESS_MESSAGE, args, None
            )
            access.line = line
            vars(access).update(pairs)
            access.threadName = f"shard-{pairs['shard']}"
            return at_time(access, at)
        level, text, thread, at = record
        made = logging.LogRecord(self.names.server, level, "turbo_shard", 0, text, (), None)
        made.threadName = thread
        return at_time(made, at)

    def finish(self) -> None:
        """What is queued is handled, or counted as lost after a while; what comes later goes to stderr."""
        if not self.native.flush_log_queue(FINISH_WITHIN_S):
            self.native.close_log_queue()
            self.native.log_line(
                "warn",
                f"log records are lost: logging has not taken them within {FINISH_WITHIN_S:g} s of the end",
            )
            return
        self.native.close_log_queue()
        self.thread.join(FINISH_WITHIN_S)


def at_time(record: logging.LogRecord, seconds: float) -> logging.LogRecord:
    """The record as it would be had it been made then."""
    if seconds:
        record.relativeCreated -= (record.created - seconds) * 1000
        record.created = seconds
        record.msecs = float(int(seconds % 1 * 1000))
    return record


class _Running:
    """One thread serves a process, whatever servers it has."""

    thread: LogThread | None = None


def start(native: Any, names: Names) -> None:
    """Records go to these loggers from now on."""
    takes_requests = logging.getLogger(names.access).hasHandlers()
    running = _Running.thread
    if running is not None and running.thread.is_alive():
        running.names = names
        native.open_log_queue(takes_requests)
        return
    _Running.thread = running = LogThread(native, names)
    native.open_log_queue(takes_requests)
    running.thread.start()
    error_log.hand_over(native.queue_log_record)
    # Registered after logging's own, so it runs before that closes the handlers.
    atexit.register(running.finish)


def names_in_use() -> Names | None:
    """The loggers that have the server's records; None where they go to stderr."""
    running = _Running.thread
    return running.names if running is not None else None
