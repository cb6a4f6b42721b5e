"""What a stats socket answers: one dict, made of a server's counters, and how several become one. Knows no sockets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from .gc_pauses import GcPauses, GcRow
from .gil_watch import is_free_threaded, is_gil_on

SCHEMA = 1


class ShardRow(TypedDict):
    """Counters of one shard; in work-stealing mode of all workers together."""

    shard: int
    core: int | None
    pid: int
    connections_open: int
    connections_accepted: int
    requests: int
    busy_us: int
    handler_panics: int
    restarts: int


class WorkerRow(TypedDict):
    """Counters of one worker of the work-stealing runtime. Connections are missing: they belong to no worker."""

    worker: int
    requests: int
    busy_us: int
    handler_panics: int


class Answer(TypedDict):
    """One reading of a server."""

    schema: int
    mode: str
    engine: str
    pid: int
    uptime_us: int
    python: str
    gil_enabled: bool
    shards: list[ShardRow]
    # In work-stealing mode only.
    workers: NotRequired[list[WorkerRow]]
    gc: GcRow


class Reader:
    """Reads the counters of one server of this process."""

    def __init__(self, server: Any, pauses: GcPauses) -> None:
        self.server = server
        self.pauses = pauses
        report = server.report()
        self.mode: str = report["mode"]
        self.engine: str = report["engine"]
        self.started_ns = time.monotonic_ns()

    def answer(self) -> Answer:
        pid = os.getpid()
        answer: Answer = {
            "schema": SCHEMA,
            "mode": self.mode,
            "engine": self.engine,
            "pid": pid,
            "uptime_us": (time.monotonic_ns() - self.started_ns) // 1000,
            "python": python_version(),
            "gil_enabled": is_gil_on(),
            "shards": [row | {"pid": pid} for row in self.server.stats()],
            "gc": self.pauses.row(),
        }
        if self.mode == "steal":
            answer["workers"] = self.server.worker_stats()
        return answer


def python_version() -> str:
    """`3.13.5 free-threaded`."""
    build = "free-threaded" if is_free_threaded() else "with a GIL"
    return f"{sys.version.split()[0]} {build}"


def merge(
    answers: Sequence[Answer], *, engine: str, mode: str = "process", uptime_us: int
) -> Answer:
    """One answer of this process for a server whose shards are in several others, of one answer for each of those.

    Their shards are numbered already. The pauses of the collector are added up: each stopped one process only.
    """
    rows = [row for answer in answers for row in answer["shards"]]
    first = answers[0] if answers else None
    return {
        "schema": SCHEMA,
        "mode": mode,
        "engine": engine,
        "pid": os.getpid(),
        "uptime_us": uptime_us,
        "python": first["python"] if first else python_version(),
        "gil_enabled": any(answer["gil_enabled"] for answer in answers) if first else is_gil_on(),
        "shards": sorted(rows, key=lambda row: row["shard"]),
        "gc": {
            "collections": sum(answer["gc"]["collections"] for answer in answers),
            "pause_us_total": sum(answer["gc"]["pause_us_total"] for answer in answers),
            "pause_us_max": max((answer["gc"]["pause_us_max"] for answer in answers), default=0),
        },
    }
