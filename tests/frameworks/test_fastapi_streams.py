"""FastAPI over real sockets on every arm: streamed answers, clients that leave, uploads, WebSockets."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arms import Arm
from framework_server import Marks, framework_server, websocket
from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S


@pytest.fixture(scope="module")
def server(arm: Arm, marks: Marks) -> Iterator[ServerProcess]:
    with framework_server("fastapi_streams_app:app", arm.options, marks, "asgi") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_line_leaves_before_the_next_is_made(
    server: ServerProcess, marks: Marks, kind: str
) -> None:
    with RawClient(server) as raw:
        raw.get(f"/lines/{kind}/second-{kind}")
        assert raw.head()[1] == 200
        assert raw.chunk() == b"first\n"
        marks.leave(f"second-{kind}")
        assert raw.chunk() == b"second\n"
        assert raw.chunk() is None
        # The connection is as good as new.
        assert raw.get("/large?pieces=1").answer().status == 200


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_large_stream_arrives_whole(client: httpx.Client, encoding: str) -> None:
    answer = client.get("/large?pieces=500", headers={"Accept-Encoding": encoding})
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.content == b"".join(number.to_bytes(4) * 4096 for number in range(500))


def test_stream_that_breaks_is_cut_and_not_ended(server: ServerProcess) -> None:
    with RawClient(server) as raw, pytest.raises((CutShort, ConnectionResetError)):
        raw.get("/broken").answer()


def test_endless_events_are_closed_when_the_client_leaves(
    server: ServerProcess, marks: Marks
) -> None:
    with RawClient(server) as raw:
        _version, status, headers = raw.get("/events/one").head()
        assert (status, dict(headers)["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        assert [raw.chunk(), raw.chunk()] == [
            b"event: tick\ndata: 0\n\n",
            b"event: tick\ndata: 1\n\n",
        ]
        assert not marks.is_left("one-closed")
    marks.wait_for("one-closed")


def test_app_is_told_that_nobody_waits_any_more(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        raw.get("/watch/gone")
        marks.wait_for("gone-watching")
        assert not marks.is_left("gone-left")
    marks.wait_for("gone-left")


def test_files_of_several_megabytes_are_uploaded(client: httpx.Client) -> None:
    content = [random.Random(seed).randbytes(3_000_000 + seed) for seed in (1, 2)]
    answer = client.post(
        "/upload",
        data={"title": "two files"},
        files=[
            ("files", ("ä.bin", content[0], "application/octet-stream")),
            ("files", ("b.txt", content[1], "text/plain")),
        ],
    )
    assert answer.json() == {
        "title": "two files",
        "files": [
            [
                "ä.bin",
                "application/octet-stream",
                3_000_001,
                hashlib.sha256(content[0]).hexdigest(),
            ],
            ["b.txt", "text/plain", 3_000_002, hashlib.sha256(content[1]).hexdigest()],
        ],
    }


def test_upload_in_chunks_needs_no_length(server: ServerProcess, client: httpx.Client) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n--b\r\n'
    head += b'Content-Disposition: form-data; name="files"; filename="f"\r\n\r\n'

    def pieces() -> Iterator[bytes]:
        yield head
        for _ in range(64):
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    answer = client.post(
        "/upload",
        content=pieces(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.json()["files"][0][2] == 640_000


def test_websocket_echoes_text_and_bytes(server: ServerProcess, marks: Marks) -> None:
    with websocket(server, "/ws/echo") as socket:
        for message in ("hello", "grün €", "", b"\x00\xff", b"", "x" * 100_000, b"y" * 200_000):
            socket.send(message)
            assert socket.recv(TIMEOUT_S) == message
        socket.ping().wait(TIMEOUT_S)
        socket.close(4001, "bye")
    marks.wait_for("echo-left-4001-bye")


def test_websocket_joins_fragments(server: ServerProcess) -> None:
    with websocket(server, "/ws/echo", compression=None) as socket:
        socket.send(["a", "b" * 70_000, "c"])
        assert socket.recv(TIMEOUT_S) == "a" + "b" * 70_000 + "c"


def test_websocket_messages_stay_in_order(server: ServerProcess) -> None:
    with websocket(server, "/ws/echo") as socket:
        for number in range(200):
            socket.send(str(number))
        assert [socket.recv(TIMEOUT_S) for _ in range(200)] == [str(n) for n in range(200)]


def test_websocket_has_parameters_json_and_headers(server: ServerProcess, marks: Marks) -> None:
    with websocket(server, "/ws/sum/10?factor=2") as socket:
        assert socket.response is not None
        assert socket.response.headers["x-start"] == "10"
        socket.send(json.dumps([1, 2]))
        assert json.loads(socket.recv(TIMEOUT_S)) == {"total": 16}
        socket.send(json.dumps([3]))
        assert json.loads(socket.recv(TIMEOUT_S)) == {"total": 22}
    marks.wait_for("sum-10-ended")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_websocket_close_code_reaches_the_client(server: ServerProcess, code: int) -> None:
    with websocket(server, f"/ws/close/{code}") as socket:
        socket.send("close, please")
        with pytest.raises(ConnectionClosed):
            socket.recv(TIMEOUT_S)
        assert (socket.close_code, socket.close_reason) == (code, "as asked")


def test_websocket_subprotocol_is_chosen(server: ServerProcess) -> None:
    with websocket(server, "/ws/chat", subprotocols=["chat.v1", "chat.v2"]) as socket:
        assert socket.subprotocol == "chat.v2"
        assert json.loads(socket.recv(TIMEOUT_S)) == {"offered": ["chat.v1", "chat.v2"]}


def test_websocket_without_subprotocol_has_none(server: ServerProcess) -> None:
    with websocket(server, "/ws/chat") as socket:
        assert socket.subprotocol is None
        assert json.loads(socket.recv(TIMEOUT_S)) == {"offered": []}


@pytest.mark.parametrize("target", ["/ws/refused", "/ws/members", "/ws/nowhere", "/ws/sum/x"])
def test_websocket_refused_before_accept_is_403(server: ServerProcess, target: str) -> None:
    with pytest.raises(InvalidStatus) as refusal, websocket(server, target):
        pass
    assert refusal.value.response.status_code == 403


def test_websocket_dependency_lets_members_in(server: ServerProcess) -> None:
    with websocket(server, "/ws/members?token=secret") as socket:
        assert socket.recv(TIMEOUT_S) == "welcome"


def test_websocket_of_a_crashed_app_is_closed(server: ServerProcess) -> None:
    with websocket(server, "/ws/crash") as socket:
        socket.send("go on")
        with pytest.raises(ConnectionClosed):
            socket.recv(TIMEOUT_S)
        assert socket.close_code in (1006, 1011)


def test_websocket_app_hears_of_a_client_that_vanishes(server: ServerProcess, marks: Marks) -> None:
    with websocket(server, "/ws/ticks/vanish") as socket:
        assert [socket.recv(TIMEOUT_S), socket.recv(TIMEOUT_S)] == ["0", "1"]
        # No closing handshake.
        socket.socket.shutdown(2)
    marks.wait_for("vanish-stopped")
