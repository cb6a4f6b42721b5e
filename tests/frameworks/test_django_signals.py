"""Django's request_finished follows each request_started, however the answer ends: database connections go by it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until


@pytest.fixture(scope="module", params=["never", "always"])
def server(arm: Arm, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    options = ("--interface", "wsgi", *arm.options, "--shards", "1", "--wsgi-inline", request.param)
    with ServerProcess("django_signals_app:application", *options) as server:
        yield server


def wait_for_balance(server: ServerProcess, before: int) -> None:
    def is_balanced() -> bool:
        with RawClient(server) as raw:
            found = json.loads(raw.get("/counts").answer().body)
        return bool(found["started"] > before and found["started"] == found["finished"])

    wait_until(is_balanced, "request_finished for each request_started")


def started(server: ServerProcess) -> int:
    with RawClient(server) as raw:
        count: int = json.loads(raw.get("/counts").answer().body)["started"]
    return count


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/plain", 200),
        ("/status/204", 204),
        ("/status/304", 304),
        ("/status/404", 404),
        ("/nowhere", 404),
        ("/crash", 500),
        ("/stream", 200),
        ("/file", 200),
        ("/file?range", 206),
    ],
)
def test_every_answer_is_finished(
    server: ServerProcess, method: str, target: str, status: int
) -> None:
    before = started(server)
    with RawClient(server) as raw:
        assert raw.request(method, target).answer(method).status == status
    wait_for_balance(server, before)


def test_stream_that_breaks_is_finished(server: ServerProcess) -> None:
    before = started(server)
    with RawClient(server) as raw, pytest.raises((CutShort, ConnectionResetError)):
        raw.get("/stream?broken").answer()
    wait_for_balance(server, before)


@pytest.mark.parametrize("target", ["/plain", "/stream", "/file"])
def test_client_that_leaves_is_finished(server: ServerProcess, target: str) -> None:
    before = started(server)
    with RawClient(server) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        raw.get(target)
    wait_for_balance(server, before)
