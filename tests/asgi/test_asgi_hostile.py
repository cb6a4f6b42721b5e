"""Clients that leave at the worst moment, do not read, or send what they should not, and an ASGI app that waits.

Nothing here asks the app what it does: a request would wake the loop, which must wake by itself.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
FRAME_BINARY, FRAME_CLOSE = 2, 8
# Less than the server takes by default, more than the kernel and the server hold together.
REQUEST_BYTES = 12 * 1024 * 1024


@pytest.fixture
def server(arm: Arm, start_server) -> ServerProcess:
    started: ServerProcess = start_server("hostile_asgi_app:app", *arm.options, "--shards", "1")
    return started


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """A final frame, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def open_websocket(server: ServerProcess, target: str) -> RawClient:
    client = RawClient(server).get(target, *HANDSHAKE)
    _, status, _ = client.head()
    assert status == 101, server.log
    return client


def reset(client: RawClient) -> None:
    """Leaves abruptly: the server reads an error, not an end."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def wait_for(server: ServerProcess, line: str) -> None:
    try:
        wait_until(lambda: f"app: {line}" in server.lines, f"the app to say {line!r}")
    except TimeoutError as error:
        raise AssertionError(f"{error}:\n{server.log}") from None


def test_an_idle_loop_hears_of_a_reset(server: ServerProcess) -> None:
    client = RawClient(server).get("/wait")
    wait_for(server, "http waits")
    reset(client)
    wait_for(server, "http heard http.disconnect")


def test_an_idle_loop_hears_of_a_websocket_reset(server: ServerProcess) -> None:
    client = open_websocket(server, "/wait")
    wait_for(server, "socket waits")
    reset(client)
    wait_for(server, "socket heard websocket.disconnect")


@pytest.mark.parametrize(("lines", "who"), [((), "http"), (HANDSHAKE, "socket")])
def test_who_sends_the_last_piece_waits_for_nobody(
    server: ServerProcess, lines: tuple[str, ...], who: str
) -> None:
    target = "/overrun-denial" if lines else "/overrun"
    client = RawClient(server).get(target, *lines)
    # The kernel and the server hold back a part of the first piece until the client reads.
    client.head()
    while not any(line == f"app: {who} sends the last piece" for line in server.lines):
        client.fill()
    wait_for(server, f"{who} has sent")
    reset(client)


def test_a_body_is_read_though_its_peer_does_not_read(server: ServerProcess) -> None:
    with RawClient(server) as client:
        length = f"Content-Length: {REQUEST_BYTES}"
        client.request("POST", "/both-ways", length, body=bytes(REQUEST_BYTES))
        wait_for(server, "http has read it all")
        assert client.answer().status == 200


def test_messages_are_read_though_their_peer_does_not_read(server: ServerProcess) -> None:
    client = open_websocket(server, "/both-ways")
    client.send(frame(FRAME_BINARY, bytes(60_000)) * (REQUEST_BYTES // 60_000))
    client.send(frame(FRAME_BINARY, b"last"))
    wait_for(server, "socket has read it all")
    reset(client)


def test_messages_before_the_end_of_a_connection_arrive(server: ServerProcess) -> None:
    with open_websocket(server, "/count") as client:
        client.send(frame(FRAME_BINARY, b"message") * 200)
    wait_for(server, "socket counted 200")


def test_a_task_that_a_failed_app_has_left_hears_the_end(server: ServerProcess) -> None:
    with RawClient(server) as client:
        assert client.get("/fail").answer().status == 500
        wait_for(server, "left http heard http.disconnect")


def test_a_task_that_a_websocket_app_has_left_hears_the_end(server: ServerProcess) -> None:
    with open_websocket(server, "/leave"):
        wait_for(server, "left socket heard websocket.disconnect")


@pytest.mark.parametrize("target", ["/fail", "/return", "/begin-denial"])
def test_nothing_behind_a_failed_handshake_is_taken_for_a_request(
    server: ServerProcess, target: str
) -> None:
    with RawClient(server) as client:
        client.get(target, *HANDSHAKE).get("/hello")
        answer = client.answer()
        assert (answer.status, answer.header("connection")) == (500, "close")
        assert client.rest() == b""


def test_an_upgrade_in_http_1_0_is_an_ordinary_request(server: ServerProcess) -> None:
    with RawClient(server) as client:
        head = "\r\n".join(["GET /hello HTTP/1.0", "Host: test", *HANDSHAKE, "", ""])
        answer = client.send(head.encode()).answer()
        assert (answer.status, answer.body) == (200, b"1.0")


def test_a_pipe_holds_no_thread(server: ServerProcess, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with RawClient(server) as client:
        assert client.get(f"/file?{pipe}").answer().body.endswith(b"is not a file")


def test_head_of_a_file_says_its_length(server: ServerProcess, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        # A hole: it could not be read in time, byte by byte.
        file.truncate(1 << 42)
    with RawClient(server) as client:
        answer = client.request("HEAD", f"/file?{large}").answer("HEAD")
        assert (answer.status, answer.header("content-length")) == (200, str(1 << 42))
        assert client.get("/hello").answer().status == 200


def test_who_leaves_amid_a_file_is_no_fault_of_the_app(
    server: ServerProcess, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    client = RawClient(server).get(f"/file?{large}")
    client.head()
    reset(client)
    wait_for(server, "http file: the client has disconnected")
    with RawClient(server) as other:
        assert other.get("/hello").answer().status == 200
    assert "Traceback" not in server.log
