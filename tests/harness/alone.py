"""A pytest plugin: where tests run side by side (pytest-xdist), one marked `alone` runs while no other test does.

For tests that measure, or that count what others use too. Without workers every test is alone, and the plugin does
nothing.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Room:
    """Holds any number of tests, or one that is alone; all processes that name the same path share it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        self.door = path.with_suffix(".door").open("a")
        self.inside = path.with_suffix(".inside").open("a")

    @contextmanager
    def entered(self, *, alone: bool) -> Iterator[None]:
        # A test that waits to be alone holds the door, or others would go on passing it.
        fcntl.flock(self.door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self.inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self.door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self.inside, fcntl.LOCK_UN)


class Usher:
    """Lets the tests of one worker into the room."""

    def __init__(self, room: Room) -> None:
        self.room = room

    # Outside of pytest-timeout's hook: a test's time begins when it is let in.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        with self.room.entered(alone=item.get_closest_marker("alone") is not None):
            return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: runs while no other test does")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Usher(Room(config.rootpath / "target" / "tests")))
