"""Puts `--log-config` into effect, before the app is imported: as with other servers, what the app configures itself
comes later. Knows no app.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..settings import Settings, SettingsError

if TYPE_CHECKING:
    from ..logs.log_thread import Names

# Our words for a level that Python counts at least so high.
LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"))
LEVEL_BY_DEFAULT = "info"


def with_log_config(settings: Settings, native: Any) -> Settings:
    """Settings for a process whose server logs as the file says. Call it once in each process that is to log so."""
    names = configured(settings)
    if names is None:
        return settings
    import logging

    from ..logs import log_thread

    server = logging.getLogger(names.server)
    if settings.access_log is None and logging.getLogger(names.access).handlers:
        native.log_line(
            "warn",
            f"log_config: {settings.log_config} has a handler for {names.access}, but there is no access log: "
            "--access-log",
        )
    if not server.hasHandlers():
        native.log_line(
            "warn",
            f"log_config: {settings.log_config} has no handler for {names.server} or the root logger: "
            "the server's log stays on stderr",
        )
        return settings
    if settings.log_level != LEVEL_BY_DEFAULT:
        # As with uvicorn, what is asked for here goes before the file.
        for name in {names.server, names.errors}:
            logging.getLogger(name).setLevel(level_number(settings.log_level))
    log_thread.start(native, names)
    effective = server.getEffectiveLevel()
    return settings.replaced(
        log_level=next((word for number, word in LEVELS if effective >= number), "trace")
    )


def configured(settings: Settings) -> Names | None:
    """Configures Python's logging; returns the loggers for the server's records. None without a file."""
    if settings.log_config is None:
        return None
    # Slow to import, and most servers have none.
    from ..logs.log_config import LogConfigError, configure

    try:
        with importable(settings.app_dir):
            return configure(settings.log_config)
    except LogConfigError as error:
        raise SettingsError(f"log_config: {error}") from None


@contextmanager
def importable(directory: str) -> Iterator[None]:
    """The file may name formatters and handlers of the app's own."""
    path = os.path.abspath(directory)
    sys.path.insert(0, path)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(path)


def level_number(word: str) -> int:
    return next((number for number, known in LEVELS if known.startswith(word)), 5)
