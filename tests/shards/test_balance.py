"""Connections are spread over shards: evenly by `--balance least`, by CPU (`--steer cpu`), later (`--rebalance`)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from arms import engine_faults
from places import EXAMPLES
from raw_http import RawClient
from server_process import ServerProcess, run_command
from turbo_shard._native import probe_engines
from turbo_shard.metrics.client import read_answer
from turbo_shard.settings import SettingsError, settings_from
from waiting import wait_until

ENGINES = [probe["name"] for probe in probe_engines()]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if fault := engine_faults().get(name):
        pytest.skip(f"{name} does not work here: {fault}")
    return name


@pytest.fixture
def stats_path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ts-") as directory:
        yield Path(directory) / "stats"


def rows(path: Path) -> list[dict[str, Any]]:
    shards: list[dict[str, Any]] = read_answer(str(path))["shards"]
    return shards


def served(path: Path, *options: str, app: str = "probe_app:app") -> ServerProcess:
    return ServerProcess(app, "--stats-socket", str(path), *options)


def test_eight_connections_are_four_on_each_of_two_shards(engine: str, stats_path: Path) -> None:
    options = ("--engine", engine, "--shards", "2", "--balance", "least")
    with served(stats_path, *options) as server, ExitStack() as stack:
        threads = []
        for _ in range(8):
            raw = stack.enter_context(RawClient(server))
            threads.append(json.loads(raw.get("/who").answer().body)["thread"])
        assert [row["connections_open"] for row in rows(stats_path)] == [4, 4]
        assert sorted(threads.count(thread) for thread in set(threads)) == [4, 4]


def test_asgi_apps_are_served_after_a_hand_over(engine: str, stats_path: Path) -> None:
    options = ("--engine", engine, "--shards", "2", "--balance", "least")
    with served(stats_path, *options, app="asgi_app:app") as server, ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server)) for _ in range(6)]
        statuses = [raw.get("/").answer().status for raw in clients]
        assert len(set(statuses)) == 1
        assert [row["connections_open"] for row in rows(stats_path)] == [3, 3]


def test_steering_serves_where_the_client_runs(engine: str, stats_path: Path) -> None:
    # Over loopback the client's CPU takes the packet.
    cores = sorted(os.sched_getaffinity(0))[:2]
    options = ("--engine", engine, "--shards", str(len(cores)), "--steer", "cpu")
    with served(stats_path, *options) as server:
        for core in cores:
            seen: list[list[int]] = []

            def ask(core: int = core, seen: list[list[int]] = seen) -> None:
                os.sched_setaffinity(0, {core})
                for _ in range(8):
                    with RawClient(server) as raw:
                        seen.append(json.loads(raw.get("/who").answer().body)["cores"])

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join(30)
            assert seen == [[core]] * 8


def test_clients_of_a_busy_shard_are_asked_to_come_back_elsewhere(
    engine: str, stats_path: Path
) -> None:
    options = ("--engine", engine, "--shards", "2", "--rebalance")
    with served(stats_path, *options) as server:
        clients = all_on_shard_0(server, stats_path, 4)
        over = threading.Event()
        faults: list[str] = []
        moved: list[None] = []

        def keep_busy(raw: RawClient) -> None:
            try:
                while not over.is_set():
                    answer = raw.get("/who").answer()
                    if answer.header("connection") == "close":
                        moved.append(None)
                        raw.socket.close()
                        raw = RawClient(server)
                raw.socket.close()
            except Exception as error:
                faults.append(repr(error))

        busy = [threading.Thread(target=keep_busy, args=(raw,), daemon=True) for raw in clients]
        for thread in busy:
            thread.start()
        try:
            wait_until(
                lambda: faults or (moved and rows(stats_path)[1]["connections_open"] > 0),
                "a client to come back on the other shard",
            )
        finally:
            over.set()
            for thread in busy:
                thread.join(30)
        assert faults == []
        wait_until(lambda: "asked to come back elsewhere" in server.log, "the log")


def all_on_shard_0(server: ServerProcess, path: Path, count: int) -> list[RawClient]:
    """Connections that the kernel has led to shard 0; closes all others."""
    found: list[RawClient] = []
    for _ in range(200):
        before = rows(path)[0]["connections_accepted"]
        raw = RawClient(server)
        raw.get("/who").answer()
        if rows(path)[0]["connections_accepted"] > before:
            found.append(raw)
        else:
            raw.socket.close()
        if len(found) == count:
            break
    wait_until(lambda: rows(path)[1]["connections_open"] == 0, "the others to be gone")
    return found


@pytest.mark.parametrize(
    "option", [("--balance", "least"), ("--steer", "cpu"), ("--rebalance",)], ids="=".join
)
@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("steal", "mode steal has one listener"),
        ("process", "the kernel spreads connections over processes"),
    ],
)
def test_other_modes_have_nothing_to_balance(mode: str, why: str, option: tuple[str, ...]) -> None:
    run = run_command("probe_app:app", "--mode", mode, *option)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert f"{option[0]} is for mode shard: {why}" in run.stderr


def test_least_and_steering_are_refused_together() -> None:
    with pytest.raises(SettingsError, match="balance least and steer cpu contradict each other"):
        settings_from({"balance": "least", "steer": "cpu"})


def test_steering_is_refused_for_shards_that_are_not_pinned() -> None:
    run = run_command("probe_app:app", "--steer", "cpu", "--no-pin")
    assert run.returncode == 2
    assert "--steer: cpu needs shards that are pinned to cores; leave out --no-pin" in run.stderr


def test_steering_is_refused_for_more_shards_than_cores() -> None:
    shards = str(len(os.sched_getaffinity(0)) + 1)
    run = run_command(
        "multi_route_app:app",
        *("--app-dir", str(EXAMPLES), "--port", "0"),
        *("--steer", "cpu", "--shards", shards),
    )
    assert run.returncode == 2
    assert "start no more shards than there are cores" in run.stderr
