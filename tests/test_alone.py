"""The room of harness/alone.py: a test that is alone meets no other one, and waits no longer than for those inside."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

from alone import Room
from places import ROOT
from waiting import TIMEOUT_S, wait_until

OPTIONS = ("-p", "xdist", "-p", "alone", "--rootdir=.", "--strict-markers", "-n2")

# A lock that another process asks for tells who is in the room.
ASKS_WHO_IS_INSIDE = """
import fcntl, pytest

def can_lock(how):
    with open("target/tests.inside") as inside:
        try:
            fcntl.flock(inside, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

@pytest.mark.alone
def test_is_alone():
    assert not can_lock(fcntl.LOCK_SH)

def test_shares():
    assert can_lock(fcntl.LOCK_SH) and not can_lock(fcntl.LOCK_EX)
"""


def is_held(room: Room) -> bool:
    """Whether a test stands in the door."""
    with open(room.door.name) as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


class Visit:
    """A test that stays in the room until it is told to leave."""

    def __init__(self, path: Path, *, alone: bool) -> None:
        self.room, self.alone = Room(path), alone
        self.is_inside, self.may_leave = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.stay, daemon=True)
        self.thread.start()

    def stay(self) -> None:
        with self.room.entered(alone=self.alone):
            self.is_inside.set()
            self.may_leave.wait()

    def comes_in(self) -> bool:
        return self.is_inside.wait(TIMEOUT_S)

    def leave(self) -> None:
        self.may_leave.set()
        self.thread.join(TIMEOUT_S)


def test_one_that_is_alone_waits_for_those_inside_and_holds_up_those_behind_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "room"
    early, other = Visit(path, alone=False), Visit(path, alone=False)
    assert early.comes_in() and other.comes_in()
    alone = Visit(path, alone=True)
    wait_until(lambda: is_held(alone.room), "the door")
    late = Visit(path, alone=False)
    early.leave()
    assert not alone.is_inside.is_set() and not late.is_inside.is_set()
    other.leave()
    assert alone.comes_in()
    wait_until(lambda: is_held(late.room), "the door")
    assert not late.is_inside.is_set()
    alone.leave()
    assert late.comes_in()
    late.leave()


def test_a_mark_decides_who_is_alone(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(ASKS_WHO_IS_INSIDE)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "tests/harness"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S * 3,
    )
    assert run.returncode == 0 and "2 passed" in run.stdout, run.stdout
