"""Libraries whose clients' sessions live in the memory of one shard, and what such an app needs on several.

Knows only which modules have been imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..logs.error_stream import write_line
from ..settings import Settings


class Session(NamedTuple):
    """`module` is imported by what serves such sessions, and not by their clients."""

    module: str
    kept: str


SESSIONS: tuple[Session, ...] = (
    Session(
        "engineio.async_server",
        "python-socketio keeps a client's session in one shard's memory; a client that polls has several connections",
    ),
    Session(
        "mcp.server.streamable_http_manager",
        "MCP keeps a client's session in one shard's memory, unless it is served stateless",
    ),
)


def found(settings: Settings) -> Iterator[tuple[str, str]]:
    """What each imported module keeps, and which options lead a client back to it.

    For a server with several shards; nothing where its own options do.
    """
    if settings.steer == "address":
        return
    ways = "--shards 1" if settings.mode == "steal" else "--shards 1, or --steer address"
    for session in SESSIONS:
        if session.module in sys.modules:
            yield session.kept, f"such clients need {ways}"


def say(settings: Settings) -> None:
    """One line for each, at the start."""
    for kept, advice in found(settings):
        write_line(sys.stderr, f"turbo-shard: note: {kept}; {advice}")
