"""What a server counts of real traffic, on every engine and in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from arms import Arm
from raw_http import CutShort, RawClient
from raw_websocket import open_websocket
from server_process import ServerProcess
from turbo_shard.metrics.client import read_answer
from turbo_shard.metrics.counters import SHARD_ROWS
from waiting import wait_until

NAMES = [counter.name for counter in SHARD_ROWS]


class Counted:
    """A server, and what it has counted, all its shards together."""

    def __init__(self, server: ServerProcess, path: Path) -> None:
        self.server = server
        self.path = path

    def read(self) -> dict[str, int]:
        rows = read_answer(str(self.path))["shards"]
        return {name: sum(row[name] for row in rows) for name in NAMES}

    def since(self, before: dict[str, int]) -> dict[str, int]:
        """What has changed of that which an exchange changes; an answer may be read before it is counted."""
        now = self.read()
        return {name: now[name] - before[name] for name in NAMES}

    def until(self, before: dict[str, int], **expected: int) -> dict[str, int]:
        def has_come() -> dict[str, int] | None:
            changed = self.since(before)
            return changed if all(changed[name] == by for name, by in expected.items()) else None

        try:
            found = wait_until(has_come, f"{expected}")
        except TimeoutError:
            raise AssertionError(f"{expected} in {self.since(before)}") from None
        assert found is not None
        return found


@pytest.fixture(scope="module")
def counted(arm: Arm) -> Iterator[Counted]:
    with TemporaryDirectory(prefix="ts-") as folder:
        path = Path(folder) / "stats"
        options = (*arm.options, "--shards", "2", "--stats-socket", str(path))
        short = ("--head-timeout", "0.5", "--keep-alive-timeout", "0.6", "--body-max", "1000")
        pool = ("--blocking-threads", "1", "--blocking-queue-max", "1")
        with ServerProcess("metrics_app:app", *options, *short, *pool) as server:
            yield Counted(server, path)


def test_answers_are_counted_by_the_class_of_their_status(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        statuses = [raw.get(target).answer().status for target in ("/users/7", "/nowhere", "/boom")]
    assert statuses == [200, 404, 500]
    changed = counted.until(before, responses_2xx=1, responses_4xx=1, responses_5xx=1)
    assert changed["requests"] == 3
    assert (changed["responses_1xx"], changed["responses_3xx"], changed["in_flight"]) == (0, 0, 0)


def test_bytes_of_requests_and_answers_are_counted(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        raw.request("POST", "/echo", "Content-Length: 900", body=b"x" * 900).answer()
    changed = counted.until(before, responses_2xx=1)
    head = len("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 900\r\n\r\n")
    assert changed["received_bytes"] == head + 900
    assert 900 < changed["sent_bytes"] < 1300


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 70_000, 431),
        (b"GET / HTTP/9.9\r\nHost: test\r\n\r\n", 505),
    ],
)
def test_refusals_are_counted_by_their_status(
    counted: Counted, request_bytes: bytes, status: int
) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        assert raw.send(request_bytes).answer().status == status
    kind = "refusals_other" if status == 505 else f"refusals_{status}"
    counted.until(before, **{kind: 1})


def test_a_head_that_does_not_end_is_a_timeout_of_its_kind_and_a_refusal(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        assert raw.send(b"GET / HTTP/1.1\r\n").answer().status == 408
    changed = counted.until(before, timeouts_head=1, refusals_other=1)
    assert (changed["timeouts_keep_alive"], changed["timeouts_body"]) == (0, 0)


def test_an_idle_connection_that_is_closed_is_a_timeout_of_its_kind(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        raw.get("/users/1").answer()
        with pytest.raises(CutShort):
            raw.fill()
    changed = counted.until(before, timeouts_keep_alive=1)
    assert (changed["timeouts_head"], changed["timeouts_write"]) == (0, 0)


def test_a_handler_that_holds_its_shard_is_a_stall_of_its_length(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        raw.get("/hold/120").answer()
    changed = counted.until(before, stalls=1)
    # The clock of that is as exact as the kernel's tick.
    assert changed["stalled_us"] >= 100_000
    with RawClient(counted.server) as raw:
        raw.get("/users/1").answer()
    counted.until(before, responses_2xx=2, stalls=1)


def test_calls_on_the_blocking_pool_are_seen_while_they_run(counted: Counted) -> None:
    before = counted.read()
    with RawClient(counted.server) as raw:
        raw.get("/block/2000")
        counted.until(before, blocking_busy=1, blocking_queued=0, in_flight=1)
        assert raw.answer().status == 200
    counted.until(before, blocking_busy=0, in_flight=0)


def test_calls_for_which_the_blocking_pool_has_no_room_are_refusals(counted: Counted) -> None:
    before = counted.read()
    with ExitStack() as stack:
        # Two pools, at most, have room for two calls each.
        clients = [stack.enter_context(RawClient(counted.server)) for _ in range(6)]
        for client in clients:
            client.get("/block/500")
        statuses = [client.answer().status for client in clients]
    refused = statuses.count(503)
    assert refused >= 2 and statuses.count(200) == 6 - refused
    changed = counted.until(before, responses_2xx=6 - refused, responses_5xx=refused)
    assert (changed["refusals_503"], changed["refused_in_flight"]) == (refused, 0)


def test_an_open_websocket_is_seen_until_it_ends(counted: Counted) -> None:
    before = counted.read()
    with open_websocket(counted.server, "/chat/a"):
        counted.until(before, websockets_open=1, websockets_opened=1, responses_1xx=1)
    counted.until(before, websockets_open=0, websockets_opened=1, in_flight=0)


def test_event_loops_say_how_long_they_take_to_hear(counted: Counted) -> None:
    def lags() -> list[int]:
        return [row["loop_lag_us"] for row in read_answer(str(counted.path))["shards"]]

    wait_until(lambda: all(lag > 0 for lag in lags()), "a pulse of each event loop")
