"""Rings count against RLIMIT_MEMLOCK where a process may not lock what it likes: a server knows before it serves
whether all shards fit, and if it has the choice it serves on tokio.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import subprocess
from collections.abc import Callable

import pytest

from arms import engine_faults
from places import COMMAND, EXAMPLES
from server_process import ServerProcess, environment
from turbo_shard._native import probe_engines

PR_CAPBSET_DROP = 24
CAP_IPC_LOCK = 14
APP = ("multi_route_app:app", "--app-dir", str(EXAMPLES), "--port", "0")
# Locked memory of one ring, as the server counts it.
RING_BYTES = next(row["locked_bytes"] for row in probe_engines(1) if row["name"] == "uring")

pytestmark = [
    pytest.mark.skipif("uring" in engine_faults(), reason="no io_uring here"),
    # The limit is the user's: rings of other tests' servers count too.
    pytest.mark.alone,
]


def may_lock(kib: int) -> Callable[[], None]:
    """What a child does before it becomes the command: it may lock so much, and no more."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        # Of root's capabilities the bounding set decides at the exec; other users have none.
        if os.geteuid() == 0 and libc.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "a capability cannot be dropped")
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (kib * 1024, kib * 1024))

    return prepare


def run(*arguments: str, kib: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=may_lock(kib),
    )


def engine_line(server: ServerProcess) -> str:
    [line] = [line for line in server.lines if line.strip().startswith("engine ")]
    return line


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_auto_serves_on_tokio_where_one_ring_of_two_fits(mode: str) -> None:
    options = ("--mode", mode, "--shards", "2")
    kib = RING_BYTES * 3 // 2 // 1024
    with ServerProcess(
        "multi_route_app:app", *options, app_dir=EXAMPLES, prepare=may_lock(kib)
    ) as server:
        assert "tokio (auto" in engine_line(server)
        assert "ring 2 of 2 could not be made" in engine_line(server)
        with server.client() as client:
            assert client.get("/health").status_code == 200


def test_auto_takes_uring_where_the_rings_of_all_fit() -> None:
    kib = RING_BYTES * 4 // 1024
    with ServerProcess(
        "multi_route_app:app", "--shards", "2", app_dir=EXAMPLES, prepare=may_lock(kib)
    ) as server:
        assert "uring (auto" in engine_line(server)
        with server.client() as client:
            assert client.get("/health").status_code == 200


def test_second_server_of_a_user_serves_on_tokio() -> None:
    # Other processes of this user may lock memory too, so even the first ring may find no room.
    prepare = may_lock(RING_BYTES * 3 // 1024)
    servers = [
        ServerProcess("multi_route_app:app", "--shards", "2", app_dir=EXAMPLES, prepare=prepare)
        for _ in range(2)
    ]
    with servers[0], servers[1]:
        assert "tokio (auto" in engine_line(servers[1])
        for server in servers:
            with server.client() as client:
                assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("engine", "kib", "reason"),
    [("uring", RING_BYTES * 3 // 2 // 1024, "ring 2 of 2"), ("glommio", 64, "RLIMIT_MEMLOCK")],
)
def test_an_engine_that_was_asked_for_is_refused_with_the_limit(
    engine: str, kib: int, reason: str
) -> None:
    ended = run(*APP, "--shards", "2", "--engine", engine, kib=kib)
    assert ended.returncode == 2
    [line] = ended.stderr.strip().splitlines()
    assert f"engine {engine} is not available" in line
    assert reason in line


def test_glommio_is_tried_for_every_shard() -> None:
    # Below glommio's own least nothing is tried; so much more than one executor's need is not enough for many.
    ended = run(*APP, "--shards", "64", "--engine", "glommio", kib=512)
    assert ended.returncode == 2
    assert re.search(r"has room for \d+ of 64 shards", ended.stderr)


def test_doctor_computes_its_advice() -> None:
    ended = run("doctor", "--json", kib=RING_BYTES // 2 // 1024)
    findings = {one["name"]: one for one in json.loads(ended.stdout)["findings"]}
    assert ended.returncode == 0
    assert findings["engine uring"]["verdict"] == "warn"
    limit = findings["RLIMIT_MEMLOCK"]
    assert limit["verdict"] == "warn"
    [advised] = re.findall(r"LimitMEMLOCK=(\d+)K", limit["advice"])
    again = run("doctor", "--json", kib=int(advised))
    findings = {one["name"]: one for one in json.loads(again.stdout)["findings"]}
    assert findings["engine uring"]["verdict"] == "ok"
    assert findings["RLIMIT_MEMLOCK"]["verdict"] == "ok"
