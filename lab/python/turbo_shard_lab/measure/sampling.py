"""Watches the cores and the server's memory while something runs, ten times a second, in a thread of its own.

The thread must not disturb what it watches: where the load has one of two cores and the server the other, it wakes on
the server's, and samples that took 0.6 ms there were the server's p99. So it runs only when nothing else wants the
core, and does little.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from . import procfs

# The kernel counts CPU time in hundredths of a second, so a sample has ten steps.
INTERVAL_S = 0.1


class Sampler:
    """From `with` to its end: `cpu_per_core` for `cores` in their order, `resident` the most bytes that were seen."""

    def __init__(self, pids: list[int], cores: Sequence[int]) -> None:
        self.pids = pids
        self.cores = list(cores)
        self.cpu_per_core: list[tuple[float, list[float]]] = []
        self.resident = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lab-sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        # Any other thread that wants the core gets it at once. Giving way needs no privilege.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        glimpses = procfs.Glimpses(self.pids)
        try:
            self._sample(glimpses)
        finally:
            glimpses.close()

    def _sample(self, glimpses: procfs.Glimpses) -> None:
        started = last = time.monotonic()
        busy = glimpses.busy_per_core()
        while not self._ended.wait(INTERVAL_S):
            now, busy_now = time.monotonic(), glimpses.busy_per_core()
            shares = [
                min(1.0, (busy_now.get(core, 0.0) - busy.get(core, 0.0)) / (now - last))
                for core in self.cores
            ]
            self.cpu_per_core.append(
                (round(now - started, 3), [round(share, 3) for share in shares])
            )
            self.resident = max(self.resident, glimpses.resident_bytes())
            last, busy = now, busy_now
