"""The work for the other processes."""

from __future__ import annotations

import os
from multiprocessing.queues import Queue


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def moved(self) -> Point:
        return Point(self.x + 1, self.y)


def square(number: int) -> int:
    return number * number


def put_moved(points: Queue[Point], results: Queue[Point]) -> None:
    results.put(points.get(timeout=30).moved())


def late_import() -> bool:
    """Whether a child finds a module by name, and in it what it was sent."""
    from pools_app.work import Point as found

    return found is Point and os.getpid() != os.getppid()
