"""Reports an app's error: on the logger `turbo_shard.error`, or beside it where the app's own configuration would lose
it. Knows nothing of requests.
"""

from __future__ import annotations

import logging
import sys
import traceback

from .._native import log_line
from .error_log import LOGGER


def tell(what: str, error: BaseException) -> None:
    """Logs `error` with its traceback; `what` says what was going on."""
    if is_heard(logger_in_use()):
        LOGGER.error("%s", what, exc_info=error)
        return
    log_line("error", f"{what} (said here, because the app's logging shows no errors)")
    for line in "".join(traceback.format_exception(error)).splitlines():
        log_line("error", line)


def logger_in_use() -> logging.Logger:
    """Where the records of `LOGGER` end up."""
    thread = sys.modules.get(f"{__package__}.log_thread")
    names = thread.names_in_use() if thread is not None else None
    return LOGGER if names is None else logging.getLogger(names.errors)


def is_heard(logger: logging.Logger) -> bool:
    """Whether an error on this logger reaches a handler. An app that configures its own logging may have disabled the
    logger (dictConfig does unless it is told otherwise), raised its level, or left it without a handler that takes it.
    """
    if not logger.isEnabledFor(logging.ERROR):
        return False
    handlers: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current is not None:
        handlers += current.handlers
        current = current.parent if current.propagate else None
    if not handlers and logging.lastResort is not None:
        handlers.append(logging.lastResort)
    return any(
        handler.level <= logging.ERROR and not isinstance(handler, logging.NullHandler)
        for handler in handlers
    )
