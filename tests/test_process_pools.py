"""Handlers that hand work to other processes: multiprocessing pickles by name what they send, on threads of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from conftest import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

STARTS = ["fork", "spawn", "forkserver"]
WANTED = {
    "function of the app": 27,
    "function of another module": 49,
    "import in the child": True,
    "method": [4, 4, True],
    "queue": [21, 1, True, 0],
    "thread": True,
}


@pytest.fixture(scope="module")
def pools(arm: Arm) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "2", "--lifespan", "off")
    with ServerProcess("pools_app.main:app", *options) as server:
        yield server


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_every_shard_hands_work_to_processes(pools: ServerProcess, arm: Arm, start: str) -> None:
    """One at a time: a child that is forked while another thread forks may wait for a lock that nobody gives back."""
    seen = set()

    def all_have_answered() -> bool:
        with RawClient(pools) as raw:
            thread, pid, result = json.loads(raw.get(f"/{start}").answer().body)
            assert result == WANTED, (thread, result)
            seen.add((thread, pid))
        # One request at a time is one thread's in mode steal.
        return len(seen) == (1 if arm.mode == "steal" else 2)

    wait_until(all_have_answered, "an answer of each shard")
