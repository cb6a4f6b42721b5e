"""Starlette over real sockets on every arm: bodies as they come, backpressure, static files, sessions, WebSockets."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arms import Arm
from framework_server import Marks, framework_server, websocket
from raw_http import Answer, RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

APP = "starlette_app:app"
# More than the sockets of both sides and a server's own buffers hold.
MORE_THAN_BUFFERS = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    (folder / "index.html").write_text("<p>index</p>")
    (folder / "digits.txt").write_text("0123456789" * 100)
    (folder / "large.bin").write_bytes(random.Random(3).randbytes(5_000_000))
    return folder


@pytest.fixture(scope="module")
def server(arm: Arm, marks: Marks, static: Path) -> Iterator[ServerProcess]:
    options = ("--body-max", str(MORE_THAN_BUFFERS))
    with framework_server(
        APP, arm.options, marks, "asgi", *options, STATIC_DIR=str(static)
    ) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_routes_methods_and_errors(client: httpx.Client) -> None:
    assert client.get("/").text == "<h1>Starlette</h1>"
    assert client.get("/notes/7").json() == {"note": 7}
    put = client.put("/notes/7", json={"a": [1, None]})
    assert (put.status_code, put.json()) == (201, {"note": 7, "body": {"a": [1, None]}})
    assert client.post("/notes/7").status_code == 405
    assert client.get("/notes/x").status_code == 404
    assert (client.get("/fail/418").status_code, client.get("/fail/418").text) == (
        418,
        "short and stout",
    )
    assert (client.get("/fail/409").status_code, client.get("/fail/409").text) == (409, "as asked")
    assert client.get("/pool").text == "from the pool"


def test_head_of_a_get_route_has_no_body(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        head = raw.request("HEAD", "/").answer("HEAD")
        assert (head.status, head.header("content-length")) == (200, "18")
        assert raw.request("HEAD", "/lines").answer("HEAD").header("x-lines") == "5"
        assert raw.get("/lines").answer().body == b"0\n1\n2\n3\n4\n"


def test_headers_come_and_go_in_order_and_more_than_once(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/headers", "X-A: 1", "x-b: \xe9", "X-A: 2").answer()
    received = [pair for pair in json.loads(answer.body) if pair[0].startswith("x-")]
    assert received == [["x-a", "1"], ["x-b", "\xe9"], ["x-a", "2"]]
    assert [value for name, value in answer.headers if name == "x-double"] == ["one", "two"]


def test_state_is_copied_for_each_request(server: ServerProcess) -> None:
    def ask(_number: int) -> str:
        with server.client() as client:
            answers = [client.get("/identity").json() for _ in range(2)]
        assert all("overwritten" in answer["own"] for answer in answers)
        return str(answers[1]["identity"])

    with ThreadPoolExecutor(8) as pool:
        identities = set(pool.map(ask, range(24)))
    assert all(len(identity) == 32 for identity in identities)


def test_lifespan_keeps_a_task_running_and_ends_it(
    arm: Arm, static: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marks = Marks(tmp_path_factory.mktemp("lifespan"))
    with framework_server(APP, arm.options, marks, "asgi", STATIC_DIR=str(static)):
        started = marks.count("started-")
        assert started >= 1
        wait_until(lambda: marks.count("beat-") == started, "the task of each lifespan")
        assert marks.count("stopped-") == 0
    assert marks.count("stopped-") == marks.count("started-") == started


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_body_comes_back(client: httpx.Client, method: str) -> None:
    body = bytes(range(256)) * 1000
    answer = client.request(method, "/echo", content=body, headers={"Content-Type": "x/y"})
    assert (answer.content, answer.headers["content-type"]) == (body, "x/y")


def test_empty_body_comes_back(client: httpx.Client) -> None:
    assert client.post("/echo").content == b""


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_large_upload_is_read_as_it_comes(client: httpx.Client, kind: str) -> None:
    body = random.Random(5).randbytes(8_000_000)
    pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    answer = client.post("/digest", content=body if kind == "length" else pieces)
    assert answer.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_reader_that_pauses_stops_the_sender(server: ServerProcess, marks: Marks) -> None:
    name = "upload"
    total = MORE_THAN_BUFFERS
    with RawClient(server) as raw:
        raw.request("POST", f"/pausing/{name}", f"Content-Length: {total}")
        sent = 0
        # As much as goes without waiting for more than half a second; the app has read one piece of it.
        raw.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while sent < total:
                sent += raw.socket.send(bytes(min(65536, total - sent)))
        marks.wait_for(f"{name}-paused")
        marks.leave(f"{name}-go")
        raw.socket.settimeout(TIMEOUT_S)
        while sent < total:
            sent += raw.socket.send(bytes(min(65536, total - sent)))
        assert json.loads(raw.answer().body) == {"size": total}


def test_answer_without_reading_the_body_is_an_answer(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer = raw.request("POST", "/unread", "Content-Length: 100", body=b"x" * 100).answer()
        assert (answer.status, answer.body) == (200, b"not interested")


def test_expectation_is_met_when_the_body_is_wanted(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/echo", "Content-Length: 3", "Expect: 100-continue")
        assert raw.answer().status == 100
        assert raw.send(b"abc").answer().body == b"abc"


def test_upload_that_is_cut_reaches_the_app(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/cut/torn", "Content-Length: 1000", body=b"x" * 10)
        marks.wait_for("torn-reading")
    marks.wait_for("torn-disconnected")


def test_pieces_are_answered_while_the_body_still_comes(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/duplex/", "Transfer-Encoding: chunked")
        raw.send(b"3\r\nabc\r\n")
        assert raw.head()[1] == 200
        assert raw.chunk() == b"ABC"
        raw.send(b"3\r\ndef\r\n")
        assert raw.chunk() == b"DEF"
        raw.send(b"0\r\n\r\n")
        assert raw.chunk() is None
        assert raw.get("/pool").answer().status == 200


def test_app_waits_for_a_reader_that_does_not_read(server: ServerProcess, marks: Marks) -> None:
    count = marks.folder / "slow-count"

    def counted() -> int:
        return int(count.read_text() or 0) if count.exists() else 0

    raw = RawClient(server)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.get("/flood/slow").head()
    seen = [0, -1]

    def stands_still() -> bool:
        seen[:] = [counted(), seen[0]]
        return seen[0] == seen[1] > 0

    wait_until(stands_still, "the app to wait", interval_s=0.2)
    # 256 MiB in all; sockets and buffers hold a small part of it.
    assert counted() < 1024
    assert not marks.is_left("slow-closed")
    raw.socket.close()

    def closed() -> bool:
        with RawClient(server) as other:
            assert other.get("/collect").answer().status == 200
        return marks.is_left("slow-closed")

    wait_until(closed, "the stream to be closed")


def test_disconnect_is_received(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        raw.get("/watch/viewer")
        marks.wait_for("viewer-watching")
        assert not marks.is_left("viewer-left")
    marks.wait_for("viewer-left")


def test_background_task_runs_after_the_answer(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        assert raw.get("/afterwards/later").answer().body == b"first"
        assert not marks.is_left("later-done")
        marks.leave("later-go")
        marks.wait_for("later-done")


def test_session_is_kept_in_a_cookie(server: ServerProcess) -> None:
    with server.client() as browser, server.client() as stranger:
        assert [browser.get("/counter").json()["count"] for _ in range(3)] == [1, 2, 3]
        assert stranger.get("/counter").json() == {"count": 1}
        assert browser.get("/forget").status_code == 204
        assert browser.get("/counter").json() == {"count": 1}


def test_plain_asgi_app_is_mounted(client: httpx.Client) -> None:
    answer = client.get("/raw/anything")
    assert (answer.status_code, answer.text, answer.headers["x-raw"]) == (203, "raw asgi", "yes")


def test_static_files_and_their_ranges(client: httpx.Client, static: Path) -> None:
    assert client.get("/static/").text == "<p>index</p>"
    assert client.get("/static/large.bin").content == (static / "large.bin").read_bytes()
    digits = client.get("/static/digits.txt")
    assert digits.headers["accept-ranges"] == "bytes"
    unchanged = client.get("/static/digits.txt", headers={"If-None-Match": digits.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    part = client.get("/static/digits.txt", headers={"Range": "bytes=5-14"})
    assert (part.status_code, part.text) == (206, "5678901234")
    assert part.headers["content-range"] == "bytes 5-14/1000"
    tail = client.get("/static/digits.txt", headers={"Range": "bytes=-3"})
    assert (tail.status_code, tail.text) == (206, "789")
    several = client.get("/static/digits.txt", headers={"Range": "bytes=0-1,5-6"})
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert b"01" in several.content and b"56" in several.content
    beyond = client.get("/static/digits.txt", headers={"Range": "bytes=2000-"})
    assert beyond.status_code == 416
    assert client.get("/static/../conftest.py").status_code == 404
    head = client.head("/static/large.bin")
    assert (head.content, head.headers["content-length"]) == (b"", "5000000")


def test_websocket_endpoint_speaks_json_and_knows_the_session(
    server: ServerProcess, client: httpx.Client, marks: Marks
) -> None:
    cookie = client.get("/counter").headers["set-cookie"].partition(";")[0]
    count = client.get("/counter", headers={"Cookie": cookie}).json()["count"] - 1
    with websocket(server, "/ws/shout", additional_headers={"Cookie": cookie}) as ws:
        assert json.loads(ws.recv(TIMEOUT_S)) == {"greeting": count}
        ws.send('{"say": "hé"}')
        assert json.loads(ws.recv(TIMEOUT_S)) == {"shout": "HÉ"}
        ws.close(3001)
    marks.wait_for("shout-closed-3001")


def test_websocket_is_denied_with_an_answer_of_the_apps_own(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refusal, websocket(server, "/ws/denied"):
        pass
    response = refusal.value.response
    assert (response.status_code, response.headers["x-price"]) == (402, "5")
    assert json.loads(response.body) == {"error": "pay first"}


def test_websocket_app_refuses_what_it_does_not_take(server: ServerProcess) -> None:
    with websocket(server, "/ws/room") as ws:
        ws.send("fine")
        assert ws.recv(TIMEOUT_S) == "fine"
        ws.send(b"not fine")
        with pytest.raises(ConnectionClosed):
            ws.recv(TIMEOUT_S)
        assert (ws.close_code, ws.close_reason) == (1003, "text only")


def test_websockets_of_many_clients_are_apart(server: ServerProcess) -> None:
    def talk(name: int) -> list[str]:
        with websocket(server, "/ws/room") as ws:
            for number in range(20):
                ws.send(f"{name}:{number}")
            return [str(ws.recv(TIMEOUT_S)) for _ in range(20)]

    with ThreadPoolExecutor(12) as pool:
        for name, heard in enumerate(pool.map(talk, range(12))):
            assert heard == [f"{name}:{number}" for number in range(20)]


def test_websocket_route_does_not_answer_requests(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        answer: Answer = raw.get("/ws/room").answer()
    assert answer.status == 404
