"""A worker's place: what stays when one worker follows another."""

from __future__ import annotations

from .messages import ListenerFd
from .worker_process import WorkerProcess

# The pause before a worker that died soon after its start is restarted; it doubles.
RESTART_PAUSE_MIN_S = 0.1


class Slot:
    """The listeners of one worker, and the worker that now accepts from them."""

    def __init__(self, number: int, core: int | None, listeners: list[ListenerFd]) -> None:
        self.number = number
        self.core = core
        self.listeners = listeners
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self.pause_s = RESTART_PAUSE_MIN_S
        self.restart_at: float | None = None
        self.has_served = False
