"""What a stats socket answers: one dict of a server's counters, and how several become one. Knows no sockets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from ..user_code.gil_watch import is_free_threaded, is_gil_on
from .counters import GC_ROWS
from .gc_pauses import GcPauses
from .schema import SCHEMA, Answer, Row


class Reader:
    """Reads the counters of one server of this process."""

    def __init__(self, server: Any, pauses: GcPauses) -> None:
        self.server = server
        self.pauses = pauses
        report = server.report()
        self.mode: str = report["mode"]
        self.engine: str = report["engine"]
        self.addresses = [address_text(*address) for address in report["addresses"]]
        self.started_ns = time.monotonic_ns()

    def answer(self) -> Answer:
        pid = os.getpid()
        answer: Answer = {
            "schema": SCHEMA,
            "mode": self.mode,
            "engine": self.engine,
            "pid": pid,
            "addresses": self.addresses,
            "uptime_us": (time.monotonic_ns() - self.started_ns) // 1000,
            "python": python_version(),
            "gil_enabled": is_gil_on(),
            "shards": [row | {"pid": pid} for row in self.server.stats()],
            "gc": self.pauses.row(),
        }
        if self.mode == "steal":
            answer["workers"] = self.server.worker_stats()
        return answer


def address_text(host: str, port: int | None) -> str:
    if port is None:
        return f"unix:{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
    shards: list[Row] = []
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
        # All have inherited the same listeners.
        "addresses": known[0].get("addresses", []) if known else [],
        "uptime_us": max((answer["uptime_us"] for answer in known), default=0)
        if uptime_us is None
        else uptime_us,
        "python": known[0]["python"] if known else python_version(),
        "gil_enabled": any(answer["gil_enabled"] for answer in known) if known else is_gil_on(),
        "shards": shards,
        "gc": {
            row.name: max(values, default=0) if row.across == "max" else sum(values)
            for row in GC_ROWS
            for values in [[answer["gc"].get(row.name, 0) for answer in known]]
        },
    }
