"""--limit-concurrency: requests in flight beyond it are answered 503 at once, without the app."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import RawWebSocket, close_frame
from server_process import ServerProcess, StartServer
from turbo_shard.process_mode.supervisor import Supervisor
from waiting import wait_until

LIMIT = 3


@pytest.fixture(scope="module")
def limited(arm: Arm, gates: Path) -> Iterator[ServerProcess]:
    """Two shards, which may have three requests in flight together."""
    options = (*arm.options, *arm.shards_in_one_process(2), "--limit-concurrency", str(LIMIT))
    with ServerProcess("probe_app:app", *options, variables={"GATE_DIR": str(gates)}) as server:
        yield server


@contextlib.contextmanager
def streams_open(server: ServerProcess, gate: Path) -> Iterator[list[RawClient]]:
    """As many answers under way as the limit lets in: each has begun, and ends with its gate."""
    gate.unlink(missing_ok=True)
    with contextlib.ExitStack() as clients:
        opened = []
        for _ in range(LIMIT):
            client = clients.enter_context(RawClient(server))
            wait_until(lambda: has_begun(client, gate.name), "a place")  # noqa: B023
            assert client.chunk() == b"first"
            opened.append(client)
        yield opened


def has_begun(client: RawClient, gate: str) -> bool:
    """False, where those of a test before are still in flight."""
    _, status, headers = client.get(f"/stream/async/{gate}").head()
    if status == 503:
        client.take(int(dict(headers)["content-length"]))
    return status == 200


def is_let_in(client: RawClient) -> bool:
    return client.get("/async/who").answer().status == 200


def test_a_request_beyond_the_limit_is_refused_at_once_and_its_connection_goes_on(
    limited: ServerProcess, gates: Path
) -> None:
    gate = gates / "full"
    with streams_open(limited, gate) as streams, RawClient(limited) as one_more:
        for method in ("GET", "POST", "HEAD", "GET"):
            refused = one_more.request(method, "/echo", "Content-Length: 0").answer(method)
            assert (refused.status, refused.header("retry-after")) == (503, "1")
            assert refused.header("connection") is None
            assert refused.body == (b"" if method == "HEAD" else b"Service Unavailable")
        gate.touch()
        for stream in streams:
            assert (stream.chunk(), stream.chunk()) == (b"second", None)
        assert wait_until(lambda: is_let_in(one_more), "a free place")


def test_a_body_that_nobody_will_read_does_not_become_the_next_request(
    limited: ServerProcess, gates: Path
) -> None:
    with streams_open(limited, gates / "body"), RawClient(limited) as one_more:
        refused = one_more.request("POST", "/echo", "Content-Length: 17", body=b"GET /who HTTP/1.1")
        assert refused.answer().status == 503
        assert one_more.get("/who").answer().status == 503
    (gates / "body").touch()


def test_a_connection_that_is_lost_gives_its_place_back(
    limited: ServerProcess, gates: Path
) -> None:
    with streams_open(limited, gates / "lost") as streams, RawClient(limited) as one_more:
        assert not is_let_in(one_more)
        streams[0].reset()
        assert wait_until(lambda: is_let_in(one_more), "the lost connection's place")
    (gates / "lost").touch()


def test_refusals_are_counted(limited: ServerProcess, gates: Path) -> None:
    def refused() -> int:
        with limited.client() as client:
            answer = wait_until(
                lambda: answer if (answer := client.get("/stats")).is_success else None, "a place"
            )
        return sum(row["refused_in_flight"] for row in answer.json())

    before = refused()
    with streams_open(limited, gates / "counted"), RawClient(limited) as one_more:
        assert not is_let_in(one_more)
        assert not is_let_in(one_more)
        (gates / "counted").touch()
    assert refused() >= before + 2


def test_a_websocket_is_one_for_as_long_as_it_is_open(arm: Arm, start_server: StartServer) -> None:
    options = (*arm.options, "--shards", "1", "--limit-concurrency", "1")
    server = start_server("websocket_app:app", *options)
    with RawWebSocket(server) as socket, RawWebSocket(server) as second, RawClient(server) as http:
        socket.open("/echo")
        assert second.ask("/echo").answer().status == 503
        assert http.get("/nowhere").answer().status == 503
        socket.send(close_frame(1000))
        assert socket.close_code() == 1000
        assert wait_until(lambda: http.get("/nowhere").answer().status == 404, "a free place")


@pytest.mark.parametrize(("limit", "share"), [(None, None), (1, 1), (4, 2), (5, 3)])
def test_each_worker_of_process_mode_has_its_share(limit: int | None, share: int | None) -> None:
    supervisor: Any = SimpleNamespace(slots=[0, 1])
    assert Supervisor.share(supervisor, limit) == share
