"""Litestar over real sockets on every arm: msgspec models, DTOs, dependencies, streams, listeners."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arms import Arm
from framework_server import Marks, framework_server, websocket
from places import APPS
from raw_http import RawClient
from server_process import ServerProcess
from waiting import TIMEOUT_S

APP = "litestar_app:app"


@pytest.fixture(scope="module")
def server(arm: Arm, marks: Marks) -> Iterator[ServerProcess]:
    with framework_server(APP, arm.options, marks, "asgi") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_parameters_come_from_path_query_header_and_cookie(client: httpx.Client) -> None:
    answer = client.get(
        "/items/5?q=caf%C3%A9&limit=3", headers={"X-Token": "t", "Cookie": "visit=v"}
    )
    assert answer.json() == {"item_id": 5, "q": "café", "limit": 3, "token": "t", "visit": "v"}
    assert client.get("/items/5?limit=0").status_code == 400
    assert client.get("/items/x").status_code == 404


def test_body_becomes_a_struct(client: httpx.Client) -> None:
    item = {"name": "key", "price": 1.5, "tags": ["a", "ü"], "since": "2026-01-31"}
    answer = client.post("/items", json=item)
    assert (answer.status_code, answer.json()) == (201, item)
    assert answer.headers["x-tags"] == "2"
    assert answer.headers["set-cookie"].startswith("last=1")
    assert client.post("/items/many", json=[item] * 4).json() == 6.0


@pytest.mark.parametrize("body", [b'{"name":"","price":1}', b'{"name":"a"}', b"{", b"[]"])
def test_wrong_body_is_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/items", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_204_has_no_body(client: httpx.Client) -> None:
    answer = client.delete("/items/5")
    assert (answer.status_code, answer.content) == (204, b"")


def test_dto_takes_the_password_and_never_shows_it(client: httpx.Client) -> None:
    user = {"name": "ada", "password": "secret", "groups": ["x"]}
    created = client.post("/users", json=user)
    assert (created.status_code, created.json()) == (
        201,
        {"name": "ada", "groups": ["x"], "id": 7},
    )
    changed = client.patch("/users/9", json={"groups": ["y"]})
    assert changed.json() == {"name": "ada", "groups": ["y"], "id": 9}
    assert client.post("/users", json={"name": "ada"}).status_code == 400


def test_dependencies_are_injected_and_closed(client: httpx.Client, marks: Marks) -> None:
    assert client.get("/rows?mark=fine&skip=4").json() == {"connection": ["open"], "skip": 4}
    marks.wait_for("fine-closed")
    failed = client.get("/rows?mark=failed&fail=true")
    assert (failed.status_code, failed.json()) == (418, {"error": "the database said no"})
    marks.wait_for("failed-rolled-back")


def test_guard_keeps_strangers_out(client: httpx.Client) -> None:
    assert client.get("/members").status_code == 401
    assert client.get("/members?token=secret").text == "welcome"


def test_state_of_the_lifespan_reaches_concurrent_requests(server: ServerProcess) -> None:
    def ask(_number: int) -> str:
        with server.client() as client:
            return client.get("/greeting").text

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(32))) == {"hello from lifespan"}


def test_lifespan_of_every_instance_is_started_and_stopped(
    arm: Arm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marks = Marks(tmp_path_factory.mktemp("lifespan"))
    with framework_server(APP, arm.options, marks, "asgi"):
        started = marks.count("started-")
        assert started >= 1
    assert marks.count("stopped-") == marks.count("started-") == started


def test_sync_handlers_run_beside_the_event_loop(client: httpx.Client) -> None:
    assert client.get("/threads/sync").json() != client.get("/threads/async").json()


def test_background_task_runs_after_the_answer(client: httpx.Client, marks: Marks) -> None:
    answer = client.post("/mail/letter")
    assert (answer.status_code, answer.text) == (202, "queued")
    assert not marks.is_left("letter-sent")
    marks.leave("letter-go")
    marks.wait_for("letter-sent")


def test_streamed_line_leaves_before_the_next_is_made(server: ServerProcess, marks: Marks) -> None:
    with RawClient(server) as raw:
        raw.get("/lines/go").head()
        assert raw.chunk() == b"first\n"
        marks.leave("go")
        assert raw.chunk() == b"second\n"
        assert raw.chunk() is None
        assert raw.get("/items/1").answer().status == 200


def test_endless_events_are_closed_when_the_client_leaves(
    server: ServerProcess, marks: Marks
) -> None:
    with RawClient(server) as raw:
        headers = dict(raw.get("/events/feed").head()[2])
        assert headers["content-type"].startswith("text/event-stream")
        seen = b""
        while b"data: 1\r\n" not in seen:
            seen += raw.chunk() or b""
        assert b"event: tick\r\ndata: 0\r\n\r\n" in seen
        assert not marks.is_left("feed-closed")
    marks.wait_for("feed-closed")


def test_files_are_uploaded(client: httpx.Client) -> None:
    small, large = random.Random(1).randbytes(100), random.Random(2).randbytes(5_000_000)
    answer = client.post("/upload", files={"a": ("a.bin", small), "b": ("b.bin", large)})
    assert answer.json() == {
        "a": ["a.bin", 100, hashlib.sha256(small).hexdigest()],
        "b": ["b.bin", 5_000_000, hashlib.sha256(large).hexdigest()],
    }


def test_body_is_read_as_it_comes(client: httpx.Client) -> None:
    body = random.Random(5).randbytes(3_000_000)
    pieces = (body[start : start + 70_001] for start in range(0, len(body), 70_001))
    answer = client.post("/digest", content=pieces)
    assert answer.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_middleware_compression_and_cors(client: httpx.Client) -> None:
    big = client.get("/big", headers={"Accept-Encoding": "gzip", "Origin": "https://shop.example"})
    assert big.json() == list(range(5000))
    assert big.headers["content-encoding"] == "gzip"
    assert big.headers["x-stamp"] == "litestar"
    assert big.headers["access-control-allow-origin"] == "https://shop.example"
    preflight = client.options(
        "/items",
        headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]


def test_file_is_sent(client: httpx.Client) -> None:
    answer = client.get("/file", headers={"Accept-Encoding": "identity"})
    assert answer.content == (APPS / "litestar_app.py").read_bytes()
    assert 'filename="app.py"' in answer.headers["content-disposition"]


def test_errors_are_answered(server: ServerProcess, client: httpx.Client) -> None:
    teapot = client.get("/teapot")
    assert (teapot.status_code, teapot.json()["detail"]) == (418, "short and stout")
    with RawClient(server) as raw:
        assert raw.get("/crash").answer().status == 500
    assert client.get("/items/1").status_code == 200


def test_listener_takes_structs_and_answers_json(server: ServerProcess) -> None:
    with websocket(server, "/ws/basket") as ws:
        for articles in (["a", "b"], []):
            ws.send(json.dumps({"articles": articles}))
            assert json.loads(ws.recv(TIMEOUT_S)) == {"count": len(articles)}


def test_listener_hears_of_coming_and_going(server: ServerProcess, marks: Marks) -> None:
    with websocket(server, "/ws/echo") as ws:
        assert ws.recv(TIMEOUT_S) == "welcome"
        for text in ("", "grün", "x" * 100_000):
            ws.send(text)
            assert ws.recv(TIMEOUT_S) == text
    marks.wait_for("echo-left")


def test_guarded_socket_is_refused_or_accepted_with_its_subprotocol(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refusal, websocket(server, "/ws/members"):
        pass
    assert refusal.value.response.status_code == 403
    with websocket(server, "/ws/members?token=secret", subprotocols=["v1"]) as ws:
        assert ws.subprotocol == "v1"
        assert json.loads(ws.recv(TIMEOUT_S)) == {"welcome": True}
        with pytest.raises(ConnectionClosed):
            ws.recv(TIMEOUT_S)
        assert (ws.close_code, ws.close_reason) == (4000, "that is all")
