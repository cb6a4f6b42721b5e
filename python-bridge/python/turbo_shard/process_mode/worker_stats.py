"""The stats socket of `--mode process`: asks the workers for theirs, in a private directory, and answers as one server.

Knows neither how workers are started nor what they count.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from ..stats_answer import Answer, merge
from ..stats_socket import StatsSocket, StatsUnreadable, read_answer

# A worker that is busy with its app for longer is left out of the answer.
WORKER_TIMEOUT_S = 2.0


class WorkerStats:
    """From `with` to its end. Each start of a worker has a path of its own: one that retires still listens at its."""

    def __init__(self, path: str, engine: str) -> None:
        self.engine = engine
        self.started_ns = time.monotonic_ns()
        self.socket = StatsSocket(path)
        try:
            # Nobody but this user can enter it.
            self.folder = Path(tempfile.mkdtemp(prefix="turbo-shard-"))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path_of(self, worker: int, restarts: int) -> str:
        return str(self.folder / f"{worker}.{restarts}")

    def start(self, paths: Callable[[], Sequence[str | None]]) -> None:
        """Answers from now on; `paths` has the present socket of each worker, None for one that does not run."""

        def answer() -> Mapping[str, Any]:
            return merge(
                [answer_of(path) for path in paths()],
                mode="process",
                engine=self.engine,
                uptime_us=(time.monotonic_ns() - self.started_ns) // 1000,
            )

        self.socket.start(answer)


def answer_of(path: str | None) -> Answer | None:
    if path is None:
        return None
    try:
        return cast(Answer, read_answer(path, timeout_s=WORKER_TIMEOUT_S))
    except StatsUnreadable:
        # It has just ended, or starts.
        return None
