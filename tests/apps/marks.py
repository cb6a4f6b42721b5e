"""Marks: files through which an app and its test signal each other, on any thread, shard or instance.

Knows nothing of any framework.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

POLL_INTERVAL_S = 0.005
# Only a broken server or test waits this long.
TIMEOUT_S = 30.0


def path_of(name: str) -> Path:
    return Path(os.environ["MARKS_DIR"]) / name


def leave(name: str) -> None:
    path_of(name).touch()


async def seen(name: str) -> None:
    """Waits on the event loop until the test has left a mark."""
    async with asyncio.timeout(TIMEOUT_S):
        while not path_of(name).exists():
            await asyncio.sleep(POLL_INTERVAL_S)


def seen_by_thread(name: str) -> None:
    """The same for functions that may block their thread."""
    deadline = time.monotonic() + TIMEOUT_S
    while not path_of(name).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(POLL_INTERVAL_S)
