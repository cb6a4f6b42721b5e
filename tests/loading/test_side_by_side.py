"""Instances are imported at the same time where Python keeps such threads apart, else one after another."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from refused_apps import write
from server_process import ServerProcess
from shard_apps import app_of, of_each_shard
from turbo_shard.loading.app_instances import PROGRESS_S, SIDE_BY_SIDE_S, Turns
from turbo_shard.module_sets import import_locks
from turbo_shard.module_sets.own_code import OwnCode
from turbo_shard.module_sets.shard_modules import Key, ShardModules

MEETING_S = 60


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShardModules]:
    """Sets over a package whose innermost module meets the other set's."""
    write(tmp_path, "meets/__init__.py", "from . import inner\n")
    write(tmp_path, "meets/inner.py", "import meeting_point\nmeeting_point.come()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    meeting: Any = SimpleNamespace(come=lambda: None)
    monkeypatch.setitem(sys.modules, "meeting_point", meeting)
    bootstrap: Any = importlib._bootstrap
    monkeypatch.setattr(bootstrap, import_locks.NAME, getattr(bootstrap, import_locks.NAME))
    before = list(sys.meta_path)
    importlib.import_module("meets")
    sets = ShardModules(OwnCode(str(tmp_path)))
    sets.activate()
    barrier = threading.Barrier(2)
    meeting.come = lambda: barrier.wait(MEETING_S)
    yield sets
    sys.meta_path[:] = before
    for name in list(sys.modules):
        if isinstance(name, Key):
            sys.modules.pop(name, None)


def test_two_sets_are_in_the_same_module_at_once(sets: ShardModules) -> None:
    assert import_locks.lock_by_set(sets)

    def import_own() -> object:
        sets.join_new_set()
        return importlib.import_module("meets.inner")

    with ThreadPoolExecutor(2) as pool:
        first, second = [future.result() for future in [pool.submit(import_own) for _ in range(2)]]
    assert first is not second


def test_module_that_was_not_the_users_before_is_locked_for_all(sets: ShardModules) -> None:
    assert import_locks.lock_by_set(sets)
    lock: Any = getattr(importlib._bootstrap, import_locks.NAME)
    assert lock("never_seen") is lock("never_seen")
    mine = lock("meets")

    def of_another_set() -> object:
        sets.join_new_set()
        return lock("meets"), lock("never_seen")

    shared = lock("never_seen")
    with ThreadPoolExecutor(1) as pool:
        theirs, unknown = pool.submit(of_another_set).result()  # type: ignore[misc]
    assert theirs is not mine
    assert unknown is shared


def test_turns_keep_one_alone_from_those_beside_each_other() -> None:
    turns, barrier, inside = Turns(), threading.Barrier(2), []

    def beside() -> None:
        with turns.beside_others():
            inside.append("beside")
            barrier.wait(MEETING_S)
            inside.remove("beside")

    def alone() -> None:
        with turns.alone():
            assert inside == []
            inside.append("alone")
            assert inside == ["alone"]
            inside.remove("alone")

    with ThreadPoolExecutor(6) as pool:
        calls = [
            pool.submit(call) for call in (alone, beside, alone, beside, alone, beside, beside)
        ]
        for call in calls:
            call.result()


# Over the server.

SLOW = f"""
import time
import meeting
# As long as a large app takes.
time.sleep({PROGRESS_S + 0.2})
meeting.come()
def answer(path): return meeting.most
"""
MEETING = """
import sys, threading
turn = threading.Condition()
inside = most = calls = 0
def come():
    global inside, most, calls
    with turn:
        calls += 1
        inside += 1
        most = max(most, inside)
        turn.notify_all()
        # The last two of four wait for each other, where they may.
        if calls > 2 and sys.version_info >= (3, 14):
            turn.wait_for(lambda: most > 1, 60)
        inside -= 1
"""


def test_slow_imports_are_side_by_side_where_that_is_safe(tmp_path: Path) -> None:
    assert PROGRESS_S > SIDE_BY_SIDE_S
    app_of(tmp_path, SLOW, meeting=MEETING)
    with ServerProcess("app:app", "--shards", "4", app_dir=tmp_path) as server:
        most = of_each_shard(server, shards=4)
    is_safe = sys.version_info >= (3, 14)
    assert most == [2 if is_safe else 1] * 4
    progress = [line for line in server.lines if "importing app:app for shard" in line]
    assert len(progress) == 3
    assert progress[0].startswith(
        "turbo-shard: importing app:app for shard 1 of 0 to 3; the first "
    )
    assert sum("beside others" in line for line in progress) == (2 if is_safe else 0)


def test_import_that_fails_beside_others_is_tried_alone(tmp_path: Path) -> None:
    """A module that two threads must not import at once; they find out if they do."""
    app_of(
        tmp_path,
        SLOW
        + "if meeting.calls in (3, 4) and sys.version_info >= (3, 14):\n    raise ValueError('beside')\n",
        meeting=MEETING,
    )
    with ServerProcess("app:app", "--shards", "4", app_dir=tmp_path) as server:
        assert len(of_each_shard(server, shards=4)) == 4
    assert "beside'" not in server.log
