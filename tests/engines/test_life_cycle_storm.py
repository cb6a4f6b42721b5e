"""A storm of connections that live and end in every way (storm_acts.py) leaves nothing behind: no connection, stream,
descriptor or busy loop, and no shard that no longer answers.

Each act follows from its seed. A failure names the seed; TURBO_SHARD_TEST_SEED begins the storm there.
TURBO_SHARD_TEST_ACTS makes it longer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storm_acts
from arms import ENGINES, Arm, engine_faults
from places import COMMAND
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

SEED = int(os.environ.get("TURBO_SHARD_TEST_SEED", "1"))
ACTS = int(os.environ.get("TURBO_SHARD_TEST_ACTS", "400"))
CLIENTS = 6
# How long the test watches an idle server's processor time; a tick is 10 ms.
IDLE_WINDOW_S = 0.5


@pytest.fixture
def server(arm: Arm) -> Iterator[ServerProcess]:
    """Two shards, and little patience at the end."""
    options = (*arm.options, *arm.shards_in_one_process(2), "--graceful-timeout", "1")
    with ServerProcess("storm_app:app", *options) as server:
        yield server


class Storm:
    """Clients that play one act after another."""

    def __init__(self, server: ServerProcess, seeds: range) -> None:
        self.server = server
        self.seeds = iter(seeds)
        self.lock = threading.Lock()
        self.played = 0
        self.wrongs: list[str] = []
        self.clients = [threading.Thread(target=self.play, daemon=True) for _ in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def play(self) -> None:
        while (seed := self.next_seed()) is not None:
            if wrong := storm_acts.play(self.server, seed):
                self.wrongs.append(wrong)
            self.played += 1

    def next_seed(self) -> int | None:
        with self.lock:
            # A fault that comes once comes often.
            return None if len(self.wrongs) > 10 else next(self.seeds, None)

    def end(self) -> None:
        for client in self.clients:
            client.join(60)
            assert not client.is_alive(), f"a client hangs; {self.wrongs}"

    def assert_nothing_went_wrong(self) -> None:
        assert not self.wrongs, "\n".join([*self.wrongs, self.server.log[-5000:]])


def life(server: ServerProcess) -> dict[str, Any]:
    with RawClient(server) as raw:
        return json.loads(raw.get("/life").answer().body)


def is_quiet(server: ServerProcess) -> bool:
    """Whether the connection that asks is the only one, and nothing streams."""
    now = life(server)
    return now["connections"] == 1 and now["streams"] == 0


def descriptors(server: ServerProcess) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.serving_pids)


def ticks(server: ServerProcess) -> int:
    """Processor time that the server has used, in clock ticks."""
    count = 0
    for pid in (server.pid, *server.serving_pids):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        count += int(fields[11]) + int(fields[12])
    return count


def rests(server: ServerProcess) -> bool:
    before = ticks(server)
    time.sleep(IDLE_WINDOW_S)
    return ticks(server) == before


def with_a_seed[T](check: Callable[[], T], what: str) -> T:
    try:
        return wait_until(check, what)
    except TimeoutError as error:
        raise AssertionError(f"{error} (storm of seed {SEED}, {ACTS} acts)") from None


def test_storm_leaves_nothing_behind(server: ServerProcess, arm: Arm) -> None:
    # What is made once, when it is first needed, is there after a first storm.
    first = Storm(server, range(SEED, SEED + ACTS // 4))
    first.end()
    first.assert_nothing_went_wrong()
    with_a_seed(lambda: is_quiet(server), "the first storm's connections to be gone")
    before = descriptors(server)

    storm = Storm(server, range(SEED + ACTS // 4, SEED + ACTS))
    storm.end()
    storm.assert_nothing_went_wrong()
    with_a_seed(lambda: is_quiet(server), "the storm's connections to be gone")
    with_a_seed(lambda: descriptors(server) <= before, "the storm's descriptors to be closed")
    with_a_seed(lambda: rests(server), "the server to rest")

    seen: set[str] = set()

    def all_answer() -> bool:
        now = life(server)
        seen.add(now["thread"])
        assert (now["panics"], now["restarts"]) == (0, 0)
        return len(seen) == (2 if arm.mode == "shard" else 1)

    with_a_seed(all_answer, "every shard to answer")
    assert "panicked" not in server.log
    assert "Traceback" not in server.log
    assert " ERROR " not in server.log, server.log


def test_stop_in_a_storm_ends_the_server(server: ServerProcess) -> None:
    storm = Storm(server, range(SEED, SEED + 100_000))
    wait_until(lambda: storm.played > 50, "the storm to rise")
    server.signal(signal.SIGTERM)
    # Clients that come from here on find no server, and those that were there may be cut off: neither is wrong.
    assert server.wait() == 0
    storm.end()
    assert "panicked" not in server.log
    assert "does not return" not in server.log, server.log
    # The listener that is gone stays "readable": a loop that still watches it reports that again and again.
    assert "could not be accepted" not in server.log


def test_pipeline_that_never_runs_dry_does_not_hold_a_drain_up(
    arm: Arm, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server("storm_app:app", *arm.options, "--shards", "1")
    connection = server.connect()

    def flood() -> None:
        requests = storm_acts.get("/sync/x") * 1000
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(requests)

    sender = threading.Thread(target=flood, daemon=True)
    sender.start()
    # The graceful time is 30 s.
    threading.Timer(0.2, server.signal, [signal.SIGTERM]).start()
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(1 << 20):
            pass
    assert server.wait(15) == 0
    sender.join(15)
    connection.close()
    assert "the graceful time is over" not in server.log


def test_blocking_call_that_never_returns_does_not_keep_a_server_from_ending(
    arm: Arm, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server("probe_app:app", *arm.options, "--shards", "1", "--graceful-timeout", "0")
    with RawClient(server) as held, RawClient(server) as other:
        held.get(f"/blocking/never-opened-{server.pid}")
        name = f"blocking/never-opened-{server.pid}".encode()
        wait_until(lambda: name in other.get("/counts").answer().body, "the call to begin")
        server.signal(signal.SIGTERM)
        assert server.wait(15) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_lack_of_descriptors_ends_no_shard(
    engine: str, start_server: Callable[..., ServerProcess]
) -> None:
    if fault := engine_faults().get(engine):
        pytest.skip(f"{engine} does not work here: {fault}")
    few = ("/bin/sh", "-c", 'ulimit -n 64; exec "$0" "$@"', str(COMMAND))
    options = ("--engine", engine, "--shards", "1")
    server = start_server("storm_app:app", *options, command=few)
    asking = RawClient(server)
    assert asking.get("/async/first").answer().body == b"first"
    # More than there are descriptors for: the rest waits in the listener's queue.
    held: list[socket.socket] = []
    for _ in range(100):
        held.append(server.connect())
    for round_ in range(300):
        # One leaves and one comes, so the thread that closes a descriptor does not get it back.
        held.pop(0).close()
        held.append(server.connect())
        answer = asking.get(f"/async/{round_}?ms=1").answer()
        assert answer.body == str(round_).encode()
    for connection in held:
        connection.close()
    wait_until(lambda: life(server)["connections"] == 2, "the connections to be gone")
    assert life(server)["restarts"] == 0
    assert "panicked" not in server.log
    asking.socket.close()
