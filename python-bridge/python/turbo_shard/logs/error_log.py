"""The logger `turbo_shard.error`: errors of an app and of the server's Python half. Knows no requests.

Its records go to the handlers that the app has set up. Where those write to stderr, or where there are none, the line
goes into the native side's queue instead: a shard must not wait for a reader.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from .error_stream import is_stderr, write


class _Dispatch:
    """Replaces one logger's `callHandlers`."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger

    def __call__(self, record: logging.LogRecord) -> None:
        if _HandOver.take is not None and _HandOver.take(record):
            return
        has_handlers = False
        place: logging.Logger | None = self.logger
        while place is not None:
            for handler in place.handlers:
                has_handlers = True
                if record.levelno >= handler.level:
                    emit(handler, record)
            place = place.parent if place.propagate else None
        last = logging.lastResort
        if not has_handlers and last is not None and record.levelno >= last.level:
            native = sys.modules.get("turbo_shard._native")
            if native is not None and native.log_format() != "text":
                # The traceback is a part of the message: a line for each record.
                native.log_line("error", last.format(record))
            else:
                emit(last, record)


class _HandOver:
    """What takes records in the place of handlers; it returns False if it does not."""

    take: Callable[[logging.LogRecord], bool] | None = None


def hand_over(take: Callable[[logging.LogRecord], bool]) -> None:
    _HandOver.take = take


def emit(handler: logging.Handler, record: logging.LogRecord) -> None:
    stream: Any = getattr(handler, "stream", None)
    # A class of its own decides what it does with a record.
    is_plain = type(handler) in (logging.StreamHandler, type(logging.lastResort))
    if not is_plain or not is_stderr(stream):
        handler.handle(record)
        return
    # As Handler.handle() and StreamHandler.emit() do it, except for the writing.
    kept = handler.filter(record)
    if not kept:
        return
    if isinstance(kept, logging.LogRecord):
        record = kept
    try:
        terminator = getattr(handler, "terminator", "\n")
        write(stream, handler.format(record) + terminator)
    except Exception:
        if sys.stderr is not None:
            handler.handleError(record)


def logger_named(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    if not isinstance(logger.__dict__.get("callHandlers"), _Dispatch):
        logger.callHandlers = _Dispatch(logger)  # type: ignore[method-assign]
    return logger


LOGGER = logger_named("turbo_shard.error")
