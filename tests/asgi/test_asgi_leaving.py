"""Streams whose clients leave, or that have no body to send, and large answers: they end, and nothing is logged."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from arms import Arm
from asgi_journal import Act, ask
from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until

LARGE_BYTES = 50_000_000
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1", "--interface", "asgi")
    with ServerProcess("asgi_leaving_app:app", *options) as server:
        yield server


def leave(raw: RawClient, how: str) -> None:
    if how == "reset":
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half-close":
        raw.socket.shutdown(socket.SHUT_WR)
    else:
        raw.socket.close()


def wait_for_all_closed(server: ServerProcess, opened: int) -> None:
    def closed() -> bool:
        counts = ask(server, "/do/tally")
        return counts["opened"] >= opened and counts["opened"] == counts["closed"]

    wait_until(closed, "every stream to be closed")


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("path", ["/starlette", "/through", "/fastapi", "/do/deaf"])
def test_idle_stream_ends_when_its_client_leaves(
    server: ServerProcess, path: str, how: str
) -> None:
    before = ask(server, "/do/tally")["opened"]
    raw = RawClient(server).get(path)
    assert raw.head()[1] == 200
    assert raw.chunk() == b"data: 1\n\n"
    leave(raw, how)
    wait_for_all_closed(server, before + 1)
    raw.socket.close()
    assert "ERROR" not in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("path", ["/starlette", "/through", "/do/deaf"])
def test_idle_stream_of_a_head_ends_and_its_connection_lives_on(
    server: ServerProcess, path: str
) -> None:
    before = ask(server, "/do/tally")["opened"]
    with RawClient(server) as raw:
        raw.request("HEAD", path)
        assert raw.head()[1] == 200
        # At once: the next request does not wait for the end of the app's stream.
        assert raw.get("/do/tally").answer().status == 200
        wait_for_all_closed(server, before + 1)
    assert "ERROR" not in server.log


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)]
)
def test_endless_stream_ends(server: ServerProcess, method: str, status: int) -> None:
    before = ask(server, "/do/tally")["opened"]
    act = Act(server, "endless", status=status)
    with RawClient(server) as raw:
        raw.request(method, act.target)
        assert raw.head()[1] == status
        if (method, status) != ("GET", 200):
            wait_for_all_closed(server, before + 1)
            assert raw.get("/do/tally").answer().status == 200
    wait_for_all_closed(server, before + 1)
    assert act.entries() == ["OSError"]
    assert "ERROR" not in server.log


def test_finite_stream_of_a_head_comes_to_its_end(server: ServerProcess) -> None:
    act = Act(server, "finite")
    with RawClient(server) as raw:
        raw.request("HEAD", act.target)
        assert raw.head()[1] == 200
        act.wait_for("ended")
        assert raw.get(act.target).answer().body == b"piece" * 20


@pytest.mark.parametrize("how", ["close", "reset"])
def test_app_that_returns_because_its_client_left_is_no_error(
    server: ServerProcess, how: str
) -> None:
    act = Act(server, "unfinished")
    raw = RawClient(server).get(act.target)
    raw.head()
    leave(raw, how)
    act.wait_for("heard")
    assert "returned" not in server.log
    assert "ERROR" not in server.log


@pytest.mark.parametrize("how", ["close", "reset"])
def test_message_out_of_order_is_ignored_once_the_client_left(
    server: ServerProcess, how: str
) -> None:
    act = Act(server, "out-of-order")
    raw = RawClient(server).get(act.target)
    raw.head()
    leave(raw, how)
    act.wait_for("done")
    assert act.entries() == ["done"]


def test_large_answer_is_not_copied_as_a_whole(server: ServerProcess) -> None:
    def peak() -> int:
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in server.serving_pids]
        return sum(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) for text in statuses) // 1024  # type: ignore[index]

    before = peak()
    digest = hashlib.sha256(b"x" * LARGE_BYTES).digest()
    for pieces in (1, 2):
        act = Act(server, "large", pieces=pieces)
        with RawClient(server) as raw:
            body = raw.get(act.target).answer().body
        assert len(body) == pieces * LARGE_BYTES
        assert hashlib.sha256(body[-LARGE_BYTES:]).digest() == digest
        act.wait_for("sent")
    assert peak() - before < LARGE_BYTES / MIB / 2


def test_last_large_piece_makes_nobody_wait_and_ends_with_its_client(server: ServerProcess) -> None:
    act = Act(server, "large", pieces=1)
    with RawClient(server) as raw:
        raw.get(act.target)
        act.wait_for("sent")
        assert raw.head()[1] == 200
        with pytest.raises((CutShort, OSError)):
            leave(raw, "reset")
            raw.rest()
    assert "ERROR" not in server.log


def test_pieces_keep_their_order_though_sends_are_given_up(server: ServerProcess) -> None:
    expected = b"".join(b"%d" % number * (400_000 if number % 2 else 10) for number in range(6))
    with RawClient(server) as raw:
        assert raw.get("/do/mixed").answer().body == expected + b"end"


def test_head_of_200_kb_and_a_body_of_none(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/do/nothing").answer()
    assert (answer.status, answer.body) == (200, b"")
    assert len(answer.header("x-long") or "") == 200_000
