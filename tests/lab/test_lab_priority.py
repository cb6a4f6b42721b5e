"""Processes started while the load goes first do so too, and none afterwards."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from turbo_shard_lab.load.priority import going_first, may_go_first

POLICY = (sys.executable, "-c", "import os; print(os.sched_getscheduler(0))")


def policy_of_a_child() -> int:
    return int(subprocess.run(POLICY, capture_output=True, text=True, check=True).stdout)


def test_children_are_in_real_time_within_and_only_there() -> None:
    before = os.sched_getscheduler(0)
    with going_first(True) as granted:
        within = policy_of_a_child()
    assert within == (os.SCHED_FIFO if granted else before)
    assert (os.sched_getscheduler(0), policy_of_a_child()) == (before, before)


def test_without_the_privilege_all_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with going_first(True) as granted:
        assert not granted
    assert not may_go_first()


def test_nothing_changes_unless_it_is_wanted() -> None:
    before = os.sched_getscheduler(0)
    with going_first(False) as granted:
        assert not granted
        assert os.sched_getscheduler(0) == before
