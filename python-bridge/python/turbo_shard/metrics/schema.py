"""What an answer of a stats socket looks like, beside its counters. Knows neither who answers nor who asks."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

# Another number means that keys have changed their meaning.
SCHEMA = 1

# Counters by their names, and what they are of: `shard`, `core` and `pid`, or `worker`.
type Row = dict[str, Any]


class Answer(TypedDict):
    """One reading of a server."""

    schema: int
    mode: str
    engine: str
    pid: int
    # `HOST:PORT` and `unix:PATH`.
    addresses: list[str]
    uptime_us: int
    python: str
    gil_enabled: bool
    # In work-stealing mode one row of all worker threads together.
    shards: list[Row]
    # The worker threads of work-stealing mode, and only there.
    workers: NotRequired[list[Row]]
    gc: Row
