"""`--steer address`: all connections of one client address come to one shard, or one worker, on every engine."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arms import ARMS, Arm, engine_faults
from server_process import ServerProcess, run_command
from turbo_shard.metrics.client import read_answer
from waiting import wait_until

SHARDS = 3
# All of 127.0.0.0/8 is this machine's.
CLIENTS = [f"127.0.0.{number}" for number in range(1, 13)]


@pytest.fixture
def stats_path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ts-") as directory:
        yield Path(directory) / "stats"


def steered(arm: Arm, stats_path: Path, *options: str) -> ServerProcess:
    if fault := engine_faults().get(arm.engine):
        pytest.skip(f"{arm.engine} does not work here: {fault}")
    shards = ("--shards", str(SHARDS), "--no-pin", "--steer", "address")
    stats = ("--stats-socket", str(stats_path))
    return ServerProcess("probe_app:app", *arm.options, *shards, *stats, *options)


# Work stealing has one listener.
each_arm = pytest.mark.parametrize(
    "arm", [arm for arm in ARMS if arm.mode in ("shard", "process")], ids="-".join
)


def open_on(path: Path) -> list[int]:
    return [row["connections_open"] for row in read_answer(str(path))["shards"]]


def shard_of(server: ServerProcess, path: Path, source: str) -> int:
    """The shard that serves a connection from `source`; the connection is over when this returns."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family) as connection:
        connection.bind((source, 0))
        connection.connect((server.host, server.port))
        connection.sendall(b"GET /who HTTP/1.1\r\nHost: t\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        counts = open_on(path)
    assert sum(counts) == 1, counts
    wait_until(lambda: sum(open_on(path)) == 0, "the connection to be gone")
    return counts.index(1)


@each_arm
def test_each_address_has_one_shard_and_all_shards_have_some(arm: Arm, stats_path: Path) -> None:
    with steered(arm, stats_path) as server:
        first = {client: shard_of(server, stats_path, client) for client in CLIENTS}
        assert set(first.values()) == set(range(SHARDS))
        for client in CLIENTS[:4]:
            again = [shard_of(server, stats_path, client) for _ in range(3)]
            assert again == [first[client]] * 3


@each_arm
def test_ipv6_too(arm: Arm, stats_path: Path) -> None:
    with steered(arm, stats_path, "--host", "::1") as server:
        assert len({shard_of(server, stats_path, "::1") for _ in range(8)}) == 1


def test_worker_that_is_started_again_has_the_place_of_the_old_one(stats_path: Path) -> None:
    with steered(Arm("process", "tokio"), stats_path) as server:
        before = {client: shard_of(server, stats_path, client) for client in CLIENTS}
        rows = read_answer(str(stats_path))["shards"]
        os.kill(rows[1]["pid"], signal.SIGKILL)
        wait_until(
            lambda: (
                [row["restarts"] for row in read_answer(str(stats_path))["shards"]] == [0, 1, 0]
            ),
            "the successor",
        )
        assert {client: shard_of(server, stats_path, client) for client in CLIENTS} == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--mode", "steal"),
            "--steer address is for modes shard and process: mode steal has one listener",
        ),
        (("--balance", "least"), "--balance least and --steer address contradict each other"),
        (("--rebalance",), "--rebalance sends clients to other shards"),
    ],
)
def test_what_would_lead_clients_elsewhere_is_refused(
    options: tuple[str, ...], reason: str
) -> None:
    run = run_command("probe_app:app", "--steer", "address", *options)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert reason in run.stderr
