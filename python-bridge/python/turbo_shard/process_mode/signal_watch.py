"""The supervisor's signals: counted, and reported on a descriptor that it waits on. Knows nothing of workers."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType
from typing import Any, Self

STOPS = (signal.SIGINT, signal.SIGTERM)


class SignalWatch:
    """Hears of Ctrl-C, SIGTERM, SIGUSR1 and of processes that have ended, from `with` to its end.

    For the main thread.
    """

    def __init__(self) -> None:
        # How often a stop was asked for.
        self.stops_asked = 0
        # How often files of logs were to be opened again.
        self.reopens_asked = 0
        # The number of the first such signal.
        self.first: int | None = None
        self.handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self.fd, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.wakeup_fd = signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        for number in STOPS:
            self.handlers[number] = signal.signal(number, self.on_stop)
        self.handlers[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self.on_reopen)
        # Ignored children would leave no status behind.
        self.handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self.wakeup_fd)
        os.close(self.fd)
        os.close(self.writer)

    def on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stops_asked += 1
        self.first = self.first or number

    def on_reopen(self, number: int, frame: FrameType | None) -> None:
        self.reopens_asked += 1

    def silence(self) -> None:
        """Makes the descriptor quiet again."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self.fd, 4096)) == 4096:
                pass
