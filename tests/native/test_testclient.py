"""TestClient as a test uses it: requests, cookies, redirects, streams, WebSockets, and its own life."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import pytest

import breadth_app
from turbo_shard import App, Request, SettingsError, TestClient, WebSocketDisconnect
from turbo_shard.testing.response import StatusError
from turbo_shard.testing.websocket import WebSocketDenied


@pytest.fixture
def client() -> Any:
    breadth_app.events.clear()
    with TestClient(breadth_app.app) as client:
        yield client


def test_startup_comes_before_the_block_and_shutdown_at_its_end() -> None:
    breadth_app.events.clear()
    with TestClient(breadth_app.app) as client:
        assert breadth_app.events == ["started"]
        assert client.get("/").json() == {"events": ["started"]}
    assert breadth_app.events == ["started", "stopped"]
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.get("/")


def test_without_a_block_the_first_request_starts_the_app() -> None:
    breadth_app.events.clear()
    client = TestClient(breadth_app.app)
    assert breadth_app.events == []
    assert client.get("/text").status_code == 200
    client.close()
    assert breadth_app.events == ["started", "stopped"]


def test_what_startup_raises_is_raised_as_it_is() -> None:
    app = App()

    @app.on_startup
    async def connect() -> None:
        raise LookupError("no database")

    with pytest.raises(LookupError, match="no database"), TestClient(app):
        raise AssertionError("it cannot have started")


def test_answers_have_the_parts_that_tests_look_at(client: TestClient) -> None:
    answer = client.get("/html")
    assert (answer.status_code, answer.reason_phrase, answer.is_success) == (200, "OK", True)
    assert answer.text == "<p>hello</p>"
    assert answer.content == b"<p>hello</p>"
    assert answer.headers["x-own"] == answer.headers["X-Own"] == "yes"
    assert client.get("/text").text == "plain text, ünïcode"
    failed = client.get("/fails/503")
    assert failed.is_error
    with pytest.raises(StatusError, match="503 Service Unavailable"):
        failed.raise_for_status()


def test_requests_have_the_parts_that_tests_give(client: TestClient) -> None:
    asked = client.get(
        "/request",
        params={"a": [1, 2], "b": "ü &"},
        headers={"Accept": "x/y"},
        cookies={"session": "s"},
    )
    assert asked.json() == {
        "method": "GET",
        "path": "/request",
        "query": [["a", "1"], ["a", "2"], ["b", "ü &"]],
        "accept": "x/y",
        "session": "s",
    }
    created = client.post("/items", json={"name": "a", "price": 1, "tags": []})
    assert (created.status_code, created.json()["name"]) == (201, "a")
    assert client.put("/raw", content=b"abc").content == b"cba"
    assert client.put("/raw", content="ü").content == "ü".encode()[::-1]
    assert client.patch("/free", json={}).json() == {}
    assert client.head("/text").content == b""
    assert client.delete("/text").status_code == 405
    with pytest.raises(ValueError, match="more than one line"):
        client.get("/", headers={"x-a": "b\r\nc: d"})


def test_forms_and_files_are_encoded_as_browsers_do() -> None:
    app = App()

    @app.post("/")
    def body(request: Request, body: bytes) -> dict[str, str]:
        return {"type": request.headers["content-type"], "body": body.decode()}

    with TestClient(app) as client:
        form = client.post("/", data={"a": "1 2", "b": [True, None]}).json()
        assert form == {"type": "application/x-www-form-urlencoded", "body": "a=1+2&b=true&b="}
        upload = client.post(
            "/",
            data={"title": "t"},
            files={"one": ("a.txt", "text", "text/plain"), "two": io.BytesIO(b"bytes")},
        ).json()
    kind, _, boundary = upload["type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert upload["body"].split(f"--{boundary}")[1:] == [
        '\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n',
        '\r\nContent-Disposition: form-data; name="one"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\ntext\r\n',
        (
            '\r\nContent-Disposition: form-data; name="two"; filename="two"'
            "\r\nContent-Type: application/octet-stream\r\n\r\nbytes\r\n"
        ),
        "--\r\n",
    ]


def test_cookies_are_kept_for_their_paths_until_they_are_taken_away(client: TestClient) -> None:
    assert client.get("/login/me").cookies == {"session": "me", "narrow": "1"}
    assert client.cookies["session"] == "me"
    assert client.get("/request").json()["session"] == "me"
    assert client.cookies.for_path("/request") == "session=me"
    assert client.cookies.for_path("/items/1") == "narrow=1; session=me"
    client.get("/logout")
    assert "session" not in client.cookies
    client.cookies["session"] = "mine"
    assert client.get("/request").json()["session"] == "mine"


def test_redirects_are_followed_or_shown(client: TestClient) -> None:
    answer = client.get("/redirect/2")
    assert (answer.text, answer.url) == ("plain text, ünïcode", "http://testserver/text")
    assert [one.status_code for one in answer.history] == [307, 307, 307]
    assert client.get("/redirect/2", follow_redirects=False).headers["location"] == "/redirect/1"


def test_streams_are_read_while_they_come_and_left_at_the_blocks_end(client: TestClient) -> None:
    with client.stream("GET", "/stream/endless") as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(5)] == ["data: 0", "", "data: 1", "", "data: 2"]
    # Another request goes on meanwhile, and the generator hears that its client has left.
    for _ in range(100):
        if "left" in client.get("/").json()["events"]:
            break
    else:
        raise AssertionError("the generator was not closed")


def test_other_requests_go_on_while_a_stream_or_a_websocket_is_open(client: TestClient) -> None:
    with (
        client.stream("GET", "/stream/endless") as answer,
        client.websocket_connect("/ws/echo") as ws,
    ):
        pieces = answer.iter_bytes()
        assert next(pieces).startswith(b"data: 0")
        assert client.get("/text").status_code == 200
        ws.send_text("a")
        assert next(pieces)
        assert ws.receive_text() == "a"


def test_websockets_carry_messages_both_ways(client: TestClient) -> None:
    with client.websocket_connect("/ws/echo", subprotocols=["two", "one"]) as socket:
        assert socket.accepted_subprotocol == "one"
        socket.send_text("hällo")
        assert socket.receive_text() == "hällo"
        for size in (0, 125, 126, 65_535, 65_536, 1_000_000):
            socket.send_bytes(b"x" * size)
            assert socket.receive_bytes() == b"x" * size
        socket.send_json({"a": 1})
        assert socket.receive_json() == {"a": 1}
    assert "closed 1000" in breadth_app.events


def test_a_websocket_that_the_app_closes_says_so(client: TestClient) -> None:
    with client.websocket_connect("/ws/three") as socket:
        assert [socket.receive_json()["number"] for _ in range(3)] == [0, 1, 2]
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect) as gone:
                socket.receive_text()
            assert (gone.value.code, gone.value.reason) == (4001, "enough")


def test_a_websocket_that_is_denied_raises_with_the_answer(client: TestClient) -> None:
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws/denied"):
        raise AssertionError("it cannot have been accepted")
    assert denied.value.response.status_code == 403


def test_handlers_run_on_the_tests_own_thread_and_blocking_ones_on_the_pool() -> None:
    app = App()

    @app.get("/here")
    def here() -> int:
        return threading.get_ident()

    @app.get("/loop")
    async def on_loop() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    @app.get("/pool", blocking=True)
    def pool() -> int:
        return threading.get_ident()

    with TestClient(app) as client:
        found = [client.get(path).json() for path in ("/here", "/loop", "/pool")]
    assert [one == threading.get_ident() for one in found] == [True, True, False]


def test_in_a_coroutine_it_says_what_to_use() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"turbo_shard\.running"):
            TestClient(App()).get("/")

    asyncio.run(main())


def test_settings_are_those_of_a_server() -> None:
    with TestClient(breadth_app.app, body_max=2, header=["x-served-by: us"]) as client:
        refused = client.put("/raw", content=b"abc")
        assert (refused.status_code, refused.headers["x-served-by"]) == (413, "us")
        # The server has closed that connection: there is another one.
        assert client.put("/raw", content=b"ab").content == b"ba"
    with pytest.raises(SettingsError):
        TestClient(breadth_app.app, body_max=-1)


def test_several_clients_at_once_have_an_app_each() -> None:
    with TestClient(breadth_app.app) as one, TestClient(breadth_app.app) as other:
        for _ in range(3):
            assert one.get("/slow").text == other.get("/slow").text == "slow"
