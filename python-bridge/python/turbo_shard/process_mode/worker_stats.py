"""The stats socket of `--mode process`: asks each worker's socket, in a private directory, and answers as one server.

Knows neither how workers are started nor what they count.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..metrics.answer import merge
from ..metrics.client import StatsUnreadable, read_answer
from ..metrics.schema import Answer
from ..metrics.unix_socket import PATH_BYTES_MAX, StatsSocket
from ..settings import SettingsError

# A worker that is busy with its app for longer is left out.
WORKER_TIMEOUT_S = 2.0
# The name of a worker's socket: its number and how often it was restarted, at most ten digits each.
NAME_BYTES_MAX = 21


class WorkerStats:
    """From `with` to its end. Each start of a worker has its own path: a retiring one still listens at its old path."""

    def __init__(self, path: str, engine: str) -> None:
        self.engine = engine
        self.started_ns = time.monotonic_ns()
        self.socket = StatsSocket(path)
        try:
            self.folder = private_folder()
        except (OSError, SettingsError):
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
                answers_of(paths()),
                mode="process",
                engine=self.engine,
                uptime_us=(time.monotonic_ns() - self.started_ns) // 1000,
            )

        self.socket.start(answer)


def private_folder() -> Path:
    """Nobody but this user can enter it."""
    folder = Path(tempfile.mkdtemp(prefix="turbo-shard-"))
    if len(os.fsencode(folder)) + 1 + NAME_BYTES_MAX > PATH_BYTES_MAX:
        folder.rmdir()
        raise SettingsError(
            f"stats socket: the workers' own sockets do not fit below {tempfile.gettempdir()!r}; "
            "set TMPDIR to a shorter path"
        )
    return folder


def answers_of(paths: Sequence[str | None]) -> list[Answer | None]:
    """Asks all at once: several busy ones must not take longer than our own client waits."""
    # Imported only when figures are asked for: a supervisor has little else in memory.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=max(1, len(paths))) as askers:
        return list(askers.map(answer_of, paths))


def answer_of(path: str | None) -> Answer | None:
    if path is None:
        return None
    try:
        return read_answer(path, timeout_s=WORKER_TIMEOUT_S)
    except StatsUnreadable:
        # It has just ended, or starts.
        return None
