"""Bytes of other protocols on a plain port: clients that can read an answer get one, and the log names them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import TIMEOUT_S, wait_until

PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02"
STRANGE = [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, "this looks like TLS"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n", 400, "looks like a PROXY"),
    (PROXY_V2, 400, "this looks like a PROXY protocol header"),
    (b"\x81\x85\x01\x02\x03\x04hello", 400, "this looks like a WebSocket frame"),
]


@pytest.fixture(scope="module")
def plain(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("forwarded_app:asgi", *arm.options, "--shards", "1") as server:
        yield server


@pytest.mark.parametrize(("sent", "status", "named"), STRANGE)
def test_they_are_answered_and_named(
    plain: ServerProcess, sent: bytes, status: int, named: str
) -> None:
    with RawClient(plain) as raw:
        answer = raw.send(sent).answer()
        peer = "{}:{}".format(*raw.socket.getsockname())
    assert answer.status == status
    assert named in answer.body.decode()
    assert answer.header("connection") == "close"
    wait_until(lambda: any(peer in line and named in line for line in plain.lines), "the log line")


def test_a_handshake_of_tls_is_named_and_ends(start_server: StartServer) -> None:
    server = start_server("forwarded_app:asgi", "--shards", "1")
    context = ssl.create_default_context()
    with (
        socket.create_connection((server.host, server.port), timeout=TIMEOUT_S) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")
    line = "was refused: this looks like TLS; this port speaks plain HTTP (400)"
    wait_until(lambda: line in server.log, "the log line")
