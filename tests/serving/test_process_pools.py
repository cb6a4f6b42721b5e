"""Handlers that hand work to other processes: multiprocessing pickles by name what they send, on threads of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from arms import Arm
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
    """One at a time: a child that is forked while another thread uses a ProcessPoolExecutor may never end, even without
    us: `_python_exit` of concurrent/futures/process.py wants the locks of executors that are the other thread's."""
    seen = set()

    def all_have_answered() -> bool:
        with RawClient(pools) as raw:
            thread, pid, result = json.loads(raw.get(f"/{start}").answer().body)
            assert result == WANTED, (thread, result)
            seen.add((thread, pid))
        # One request at a time is one thread's in mode steal.
        return len(seen) == (1 if arm.mode == "steal" else 2)

    wait_until(all_have_answered, "an answer of each shard")


# Threads that ask as shards do, and children whose parent is yet another thread. An alarm ends a child that waits.
ASKING = """
import os, signal, threading, types
from turbo_shard.module_sets.own_code import OwnCode
from turbo_shard.module_sets.shard_modules import ShardModules

sets = ShardModules(OwnCode(None))
sets.register(sets.first, "mine", types.ModuleType("mine"))

def ask():
    while True:
        sets.current()

for _ in range(4):
    threading.Thread(target=ask, daemon=True).start()
signal.signal(signal.SIGALRM, signal.SIG_DFL)
for number in range(1200):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        os._exit(7 if sets.current() is sets.first else 8)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 7:
        print(f"child {number} ended with {status}")
        break
os._exit(0)
"""


def test_children_that_are_forked_while_shards_look_their_modules_up_do_so_too() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", ASKING]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.stderr) == ("", "")
