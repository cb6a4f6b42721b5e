"""The workers' event loops for a service manager that watches: each worker says that its own turns, and the supervisor
shows life for as long as all of them do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..serving.service_manager import SIGNS_PER_WAIT, Manager, late_shards
from .worker_process import WorkerProcess


class SignsOfLife:
    """The supervisor's side."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        # When to show the next one, once the server serves.
        self.due: float | None = None
        self.was_late = False

    def begin(self, report: Mapping[str, Any]) -> None:
        """The server serves."""
        watchdog_s = self.manager.watchdog_s
        # Shown by the supervisor's own loop, which must turn as well.
        self.manager.tell_ready(report)
        if watchdog_s:
            self.due = time.monotonic() + watchdog_s / SIGNS_PER_WAIT

    def show_if_due(self, workers: Iterable[WorkerProcess | None]) -> None:
        if self.due is None or self.due > time.monotonic():
            return
        watchdog_s = self.manager.watchdog_s
        self.due = time.monotonic() + watchdog_s / SIGNS_PER_WAIT
        # One that starts again has nothing to turn yet.
        ready = [worker for worker in workers if worker is not None and worker.is_ready]
        late = [
            f"worker {worker.number}"
            for worker in ready
            if worker.turned_at + watchdog_s < time.monotonic()
        ]
        self.was_late = self.manager.show(late, self.was_late)


def tell_turns(server: Any, watchdog_s: float, tell: Callable[[], object]) -> None:
    """A worker's side: tells again and again, on a thread of its own, while its event loop turns."""

    def tell_on() -> None:
        pause = threading.Event()
        while not pause.wait(watchdog_s / SIGNS_PER_WAIT / 2):
            if not late_shards(server, watchdog_s / SIGNS_PER_WAIT):
                tell()

    threading.Thread(target=tell_on, name="watchdog", daemon=True).start()
