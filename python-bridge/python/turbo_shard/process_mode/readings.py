"""What gathers the workers' counters, where the settings ask for it. Imports only what is asked for: the supervisor
stays small.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..settings import Settings

if TYPE_CHECKING:
    from .worker_metrics import WorkerMetrics
    from .worker_stats import WorkerStats


def stats_of(settings: Settings, server: Any) -> AbstractContextManager[WorkerStats | None]:
    if settings.stats_socket is None:
        return nullcontext()
    from .worker_stats import WorkerStats

    return WorkerStats(settings.stats_socket, server.report()["engine"])


def metrics_of(settings: Settings, server: Any) -> AbstractContextManager[WorkerMetrics | None]:
    if settings.metrics is None:
        return nullcontext()
    from .worker_metrics import WorkerMetrics

    return WorkerMetrics(server, settings.metrics)
