"""The stats socket of `--mode process`: asks the workers' own sockets, which lie in a private directory, and makes one
answer of theirs. Knows nothing of how workers come and go.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import Any

from ..settings import SettingsError
from ..stats_answer import Answer, merge
from ..stats_socket import PATH_BYTES_MAX, StatsSocket, StatsUnreadable, read_answer

# A worker that is held up for this long is left out; so is whoever has not been asked when the time for all is over.
WORKER_TIMEOUT_S = 1.0
ALL_WORKERS_TIMEOUT_S = 3.0
# The name of a worker's socket: its number and how often it was started anew, each of which has ten digits at most.
NAME_BYTES_MAX = 22


class WorkerStats:
    """The server's stats socket, from before the first worker until after the last."""

    def __init__(self, path: str) -> None:
        self.started_ns = time.monotonic_ns()
        self.paths: dict[int, str] = {}
        self.directory = private_directory()
        try:
            self.socket = StatsSocket(path)
        except BaseException:
            os.rmdir(self.directory)
            raise

    def start(self, report: dict[str, Any]) -> None:
        """Answers from now on."""
        engine = report["engine"]
        self.socket.start(lambda: self.answer(engine))

    def path_of(self, worker: int, restarts: int) -> str:
        """Where a worker that is about to be started has its socket; the one before it may still have another."""
        self.paths[worker] = os.path.join(self.directory, f"{worker}.{restarts}")
        return self.paths[worker]

    def answer(self, engine: str) -> Answer:
        give_up_at = time.monotonic() + ALL_WORKERS_TIMEOUT_S
        answers: list[Any] = []
        for _worker, path in sorted(self.paths.copy().items()):
            if time.monotonic() < give_up_at:
                # One that starts, or has just died, has nothing to say.
                with contextlib.suppress(StatsUnreadable):
                    answers.append(read_answer(path, timeout_s=WORKER_TIMEOUT_S))
        uptime_us = (time.monotonic_ns() - self.started_ns) // 1000
        return merge(answers, engine=engine, uptime_us=uptime_us)

    def close(self) -> None:
        self.socket.close()
        # A worker that was killed has left its own behind.
        for name in os.listdir(self.directory):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.directory, name))
        with contextlib.suppress(OSError):
            os.rmdir(self.directory)


def private_directory() -> str:
    directory = tempfile.mkdtemp(prefix="turbo-shard-")
    if len(os.fsencode(directory)) + 1 + NAME_BYTES_MAX > PATH_BYTES_MAX:
        os.rmdir(directory)
        raise SettingsError(
            f"stats socket: the workers' own sockets do not fit below {tempfile.gettempdir()!r}; "
            "set TMPDIR to a shorter path"
        )
    return directory
