"""The metrics of `--mode process`: each worker gives its reading at a Unix socket in a private directory, and the
supervisor's native server asks them. A worker that is asked at a path has the readings of all from there. Knows neither
how workers are started nor what they count.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from .worker_stats import private_folder

type WorkerRow = tuple[str | None, bool]


class WorkerMetrics:
    """From `with` to its end. Each start of a worker has its own path: a retiring one still listens at its old path."""

    def __init__(self, server: Any, place: str) -> None:
        self.server = server
        self.folder = private_folder()
        # Where workers are asked for the metrics of all, if the place is no port.
        self.path = place if place.startswith("/") else ""
        server.give_all_metrics(self.folder / "all")
        self.told: tuple[str, list[WorkerRow]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def path_of(self, worker: int, restarts: int) -> str:
        return str(self.folder / f"{worker}.{restarts}")

    def place_of(self, worker: int, restarts: int) -> str:
        """What the worker's own setting `metrics` is."""
        return f"unix:{self.path_of(worker, restarts)};{self.path}"

    def tell(self, stage: str, slots: Sequence[Any]) -> None:
        """How far the server has come, and the workers that run now with whether they must answer: one that drains may
        leave any time."""
        workers: list[WorkerRow] = [
            (self.path_of(slot.number, slot.restarts), slot.worker.is_ready and stage != "draining")
            if slot.worker
            else (None, False)
            for slot in slots
        ]
        if self.told != (stage, workers):
            self.told = (stage, workers)
            self.server.set_workers(stage, workers)
