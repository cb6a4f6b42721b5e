"""What a stats socket answers: one dict of a server's counters, and how several become one. Knows no sockets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from ..loading.gil_watch import is_free_threaded, is_gil_on
from .gc_pauses import GcPauses, GcRow

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
    answers: Sequence[Answer | None],
    *,
    mode: str = "process",
    engine: str = "",
    pid: int | None = None,
    uptime_us: int | None = None,
    restarts: Sequence[int] = (),
) -> Answer:
    """One answer for a server of several processes, from one per process; None for a process that does not run now.

    Rows are numbered by process; each has one shard or more. `restarts` has how often each process was restarted, which
    is added to what its shards report. The pauses of the collector are added up: each stopped only one process.
    """
    known = [answer for answer in answers if answer is not None]
    shards: list[ShardRow] = []
    number = 0
    for index, answer in enumerate(answers):
        started_again = restarts[index] if index < len(restarts) else 0
        if answer is None:
            # Its number stays its own.
            number += 1
            continue
        for row in answer["shards"]:
            shards.append({**row, "shard": number, "restarts": row["restarts"] + started_again})
            number += 1
        number += not answer["shards"]
    return {
        "schema": SCHEMA,
        "mode": mode,
        "engine": engine or (known[0]["engine"] if known else ""),
        "pid": os.getpid() if pid is None else pid,
        "uptime_us": max((answer["uptime_us"] for answer in known), default=0)
        if uptime_us is None
        else uptime_us,
        "python": known[0]["python"] if known else python_version(),
        "gil_enabled": any(answer["gil_enabled"] for answer in known) if known else is_gil_on(),
        "shards": shards,
        "gc": {
            "collections": sum(answer["gc"]["collections"] for answer in known),
            "pause_us_total": sum(answer["gc"]["pause_us_total"] for answer in known),
            "pause_us_max": max((answer["gc"]["pause_us_max"] for answer in known), default=0),
        },
    }
