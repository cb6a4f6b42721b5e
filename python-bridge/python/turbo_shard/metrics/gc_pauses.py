"""How often the garbage collector ran while a server served, and how long it took. Knows nothing of servers.

On a free-threaded Python a collection stops every thread for most of its length, so its length is what a request that
comes in the middle of one may have to wait.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import NamedTuple, Self

from .counter_row import CounterRow


def tell_nobody(pause_us: int) -> None:
    """Where no server is to hear of a collection."""


class GcPauses:
    """Counts collections from `with` to its end. CPython runs one at a time, so nothing else writes meanwhile."""

    def __init__(self) -> None:
        self.collections = 0
        self.pause_ns_total = 0
        self.pause_ns_max = 0
        self.started_ns = 0
        # The server's own counting, for those who scrape it.
        self.tell: Callable[[int], None] = tell_nobody

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self.started_ns = time.perf_counter_ns()
        elif self.started_ns:
            # A collection that began before the counting has no start.
            pause_ns = time.perf_counter_ns() - self.started_ns
            self.started_ns = 0
            self.collections += 1
            self.pause_ns_total += pause_ns
            self.pause_ns_max = max(self.pause_ns_max, pause_ns)
            self.tell(pause_ns // 1000)

    def row(self) -> dict[str, int]:
        return {counter.row.name: counter.read(self) for counter in GC_COUNTERS}

    def __enter__(self) -> Self:
        gc.callbacks.append(self)
        RUNNING.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        RUNNING.remove(self)
        gc.callbacks.remove(self)


class GcCounter(NamedTuple):
    """What is declared of a counter, and how it is read."""

    row: CounterRow
    read: Callable[[GcPauses], int]


GC_COUNTERS = (
    GcCounter(
        CounterRow("collections", "counter", "count", "Collections since the start."),
        lambda pauses: pauses.collections,
    ),
    GcCounter(
        CounterRow(
            "pause_us_total",
            "counter",
            "microseconds",
            "Microseconds that collections took since the start.",
        ),
        lambda pauses: pauses.pause_ns_total // 1000,
    ),
    GcCounter(
        CounterRow(
            "pause_us_max",
            "gauge",
            "microseconds",
            "Microseconds of the longest collection since the start.",
            across="max",
        ),
        lambda pauses: pauses.pause_ns_max // 1000,
    ),
)

# The counter of the server that runs in this process.
RUNNING: list[GcPauses] = []


def gc_stats() -> dict[str, int]:
    """Collections and their pauses since the server in this process started; zeros if none runs."""
    return (RUNNING[-1] if RUNNING else GcPauses()).row()
