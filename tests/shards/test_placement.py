"""Where things are: one thread, one listener and one core per shard, as the kernel sees it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from arms import ENGINES, Arm, engine_faults
from places import COMMAND, EXAMPLES
from raw_http import RawClient
from server_process import ServerProcess

ALLOWED = sorted(os.sched_getaffinity(0))
TCP_LISTEN = "0A"


def threads(server: ServerProcess) -> dict[str, str]:
    """Name of each thread of the server, with the cores it may run on."""
    found = {}
    for status in Path(f"/proc/{server.pid}/task").glob("*/status"):
        fields = dict(
            line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
        )
        found[fields["Name"]] = fields["Cpus_allowed_list"]
    return found


def shard_threads(server: ServerProcess) -> dict[int, str]:
    named = threads(server)
    found = {re.fullmatch(r"shard-(\d+)", name): cores for name, cores in named.items()}
    shards = {int(match[1]): cores for match, cores in found.items() if match}
    if "supervisor" in named:
        # A single one is on the main thread, which has the process's name.
        shards[0] = named["turbo-shard"]
    return shards


def listeners(server: ServerProcess) -> int:
    """Sockets that listen on the server's port, as the kernel lists them."""
    count = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]:
            _slot, local, _remote, state, *_rest = line.split()
            count += state == TCP_LISTEN and int(local.rpartition(":")[2], 16) == server.port
    return count


@pytest.fixture(params=ENGINES)
def shard_options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if fault := engine_faults().get(request.param):
        pytest.skip(f"{request.param} does not work here: {fault}")
    return ("--mode", "shard", "--engine", request.param)


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_each_shard_is_pinned_to_one_allowed_core(
    start_server, shard_options: tuple[str, ...], shards: int
) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", str(shards))
    # More shards than cores share them in turn.
    assert shard_threads(server) == {n: str(ALLOWED[n % len(ALLOWED)]) for n in range(shards)}
    with server.client() as client:
        assert [row["core"] for row in client.get("/stats").json()] == [
            ALLOWED[n % len(ALLOWED)] for n in range(shards)
        ]


def test_shards_are_as_many_as_allowed_cores_by_default(
    start_server, shard_options: tuple[str, ...]
) -> None:
    server = start_server("probe_app:app", *shard_options)
    assert len(shard_threads(server)) == len(ALLOWED)


def test_shards_respect_the_affinity_they_are_started_with(shard_options: tuple[str, ...]) -> None:
    only = ALLOWED[-1]
    narrowed = ("taskset", "-c", str(only), str(COMMAND))
    with ServerProcess("probe_app:app", *shard_options, command=narrowed) as server:
        assert shard_threads(server) == {0: str(only)}


def test_no_pin_leaves_threads_to_the_scheduler(
    start_server, shard_options: tuple[str, ...]
) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", "2", "--no-pin")
    assert len(set(shard_threads(server).values())) == 1
    with server.client() as client:
        assert client.get("/who").json()["cores"] == ALLOWED


@pytest.mark.parametrize("shards", [1, 3])
def test_each_shard_has_its_own_listener_on_the_port(
    start_server, shard_options: tuple[str, ...], shards: int
) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", str(shards))
    assert listeners(server) == shards


def test_every_shard_serves_on_its_own_core(start_server, shard_options: tuple[str, ...]) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", "2")
    cores_of_thread: dict[int, list[int]] = {}
    # The kernel spreads connections by a hash; 200 of them never all meet one shard.
    for _ in range(200):
        with RawClient(server) as raw:
            seen = json.loads(raw.get("/who").answer().body)
            cores_of_thread[seen["thread"]] = seen["cores"]
            # A coroutine goes on where its connection lives.
            raw.get("/async/who")
            assert json.loads(raw.answer().body) == seen
        if len(cores_of_thread) == 2:
            break
    assert sorted(cores_of_thread.values()) == sorted([ALLOWED[n % len(ALLOWED)]] for n in range(2))


def test_connection_stays_on_its_shard(start_server, shard_options: tuple[str, ...]) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", "2")
    for _ in range(10):
        with RawClient(server) as raw:
            assert len({raw.get("/who").answer().body for _ in range(10)}) == 1


def test_work_stealing_has_threads_and_no_shards(start_server) -> None:
    server = start_server("probe_app:app", "--mode", "steal", "--shards", "2")
    assert shard_threads(server) == {}
    with server.client() as client:
        assert client.get("/who").json()["cores"] == ALLOWED


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_is_served(arm: Arm, host: str) -> None:
    server = ServerProcess(
        "multi_route_app:app", *arm.options, "--shards", "2", "--host", host, app_dir=EXAMPLES
    )
    with server, server.client() as client:
        assert server.url == f"http://[::1]:{server.port}"
        assert client.get("/health").json() == {"status": "ok"}


def test_all_ipv6_addresses_serve_ipv4_too(arm: Arm) -> None:
    server = ServerProcess("multi_route_app:app", *arm.options, "--host", "::", app_dir=EXAMPLES)
    with server:
        for server.host in ("::1", "127.0.0.1"):
            with RawClient(server) as raw:
                assert raw.get("/health").answer().status == 200


def test_port_0_takes_a_free_port_for_all_shards(
    start_server, shard_options: tuple[str, ...]
) -> None:
    server = start_server("probe_app:app", *shard_options, "--shards", "4")
    assert server.port != 0
    assert listeners(server) == 4
