"""Routes without middleware over the real server: the native side binds their arguments, whatever these are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arms import Arm
from raw_websocket import TEXT, RawWebSocket, frame, open_websocket
from server_process import ServerProcess
from waiting import wait_until


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    with ServerProcess("turboapi_direct_app:app", *arm.options, "--shards", "1") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as made:
        yield made


def places(got: httpx.Response) -> Any:
    assert got.status_code == 422
    return [error["loc"] for error in got.json()["detail"]]


def test_markers_are_read_natively(client: httpx.Client) -> None:
    headers = [("x-token", "a"), ("X-Token", "b"), ("cookie", "session=s")]
    got = client.get("/marked/3?query=q&n=1&n=2", headers=headers)
    assert got.json() == [3, "q", "a, b", "s", [1, 2]]
    assert client.get("/marked/3", headers={"x-token": "t"}).json() == [3, "none", "t", "no", []]
    wrong = client.get("/marked/0?n=1&n=x")
    assert places(wrong) == [["path", "item_id"], ["header", "x-token"], ["query", "n", 1]]


def test_header_by_name_is_asked_after_the_query(client: httpx.Client) -> None:
    headers = {"authorization": "me"}
    assert client.get("/named", headers=headers).json() == "me"
    assert client.get("/named?authorization=q", headers=headers).json() == "q"
    assert client.get("/named").json() == "missing"


def test_bodies_are_bound(client: httpx.Client) -> None:
    made = client.post("/items", json={"name": "pen"})
    assert (made.status_code, made.json()) == (201, {"name": "pen"})
    assert places(client.post("/items", json={})) == [["body"]]
    assert places(client.post("/items")) == [["body"]]
    broken = client.post("/items", content=b"{")
    assert (broken.status_code, broken.json()["error"]) == (400, "Bad Request")
    files = client.post("/upload", files={"file": ("a.txt", b"abc")}, data={"title": "T"})
    assert files.json() == "a.txt 3 T"
    assert client.post("/shown", content=b"abc").json() == ["POST", "/shown", True, 3]
    assert client.post("/shown").json() == ["POST", "/shown", True, 0]


def test_what_is_wrong_in_path_and_body_is_listed_together(client: httpx.Client) -> None:
    good = client.post("/fields/1?age=3", json={"name": "a"})
    assert good.json() == {"number": 1, "name": "a", "age": 3}
    wrong = client.post("/fields/x", json={"age": "old"})
    assert places(wrong) == [["path", "number"], ["query", "name"], ["query", "age"]]


def test_dependencies_are_called_once_the_arguments_are_right(client: httpx.Client) -> None:
    assert client.get("/own/1", headers={"x-user": "ada"}).json() == [1, "ada", 5]
    assert client.get("/own/1").status_code == 401
    assert places(client.get("/own/x")) == [["path", "number"]]


def test_background_task_runs(client: httpx.Client) -> None:
    assert client.post("/tasks/a").json() == {"queued": "a"}
    assert wait_until(lambda: client.get("/tasks").json()["done"] == ["a"], "the task")


def test_background_task_runs_after_an_answer_to_an_exception(client: httpx.Client) -> None:
    refused = client.post("/refused/b")
    assert (refused.status_code, refused.json()) == (409, {"detail": "not now"})
    assert wait_until(lambda: "b" in client.get("/tasks").json()["done"], "the task")


@pytest.mark.parametrize("path", ["/sync-marks/{}", "/async-marks/{}", "/async-marks/{}?waits=1"])
def test_readers_run_in_the_context_of_their_request(client: httpx.Client, path: str) -> None:
    for number in range(4):
        got = client.get(path.format(number))
        assert got.json() == ["nobody", f"reader of {number}"]


def test_readers_of_a_handshake_run_in_the_context_of_their_websocket(
    server: ServerProcess, client: httpx.Client
) -> None:
    for number in range(3):
        with open_websocket(server, f"/marks/{number}") as socket:
            assert json.loads(socket.frame().payload) == ["nobody", f"reader of {number}"]
        assert client.get("/sync-marks/0").json() == ["nobody", "reader of 0"]


@pytest.mark.parametrize("waits", [0, 1])
def test_models_dump_sees_what_the_handler_has_set(client: httpx.Client, waits: int) -> None:
    for number in "ab":
        got = client.get(f"/dumped?number={number}&waits={waits}")
        assert got.json() == {"number": number}


def test_coroutine_that_a_plain_function_returns_is_awaited(client: httpx.Client) -> None:
    assert client.get("/later").json() == "late"


def test_websocket_arguments_are_bound_before_the_handshake_is_answered(
    server: ServerProcess,
) -> None:
    with open_websocket(server, "/rooms/4?n=2", b"X-User: ada") as socket:
        assert json.loads(socket.frame().payload) == [4, "ada", 2]
        socket.send(frame(TEXT, b"hello"))
        assert socket.frame().payload == b"hello"
        assert socket.close_code() == 1000
    with RawWebSocket(server) as socket:
        wrong = socket.ask("/rooms/x?n=y").denied()
        assert (wrong.status, json.loads(wrong.body)["detail"][1]["loc"]) == (422, ["query", "n"])
    with RawWebSocket(server) as socket:
        assert socket.ask("/rooms/4").denied().status == 403
