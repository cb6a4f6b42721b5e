"""What is counted and told of a server while it runs: the collector's pauses, and a stats socket if one is wanted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from .gc_pauses import GcPauses


@contextmanager
def observed(path: str | None) -> Generator[Callable[[Any], None]]:
    """For as long as a server runs. What is yielded is to be called with the native server once that is bound.

    SettingsError if there cannot be a stats socket at `path`.
    """
    with GcPauses() as pauses:
        if path is None:
            yield lambda server: None
            return
        from .stats_answer import Reader
        from .stats_socket import StatsSocket

        with StatsSocket(path) as stats_socket:
            yield lambda server: stats_socket.start(Reader(server, pauses).answer)
