"""TurboAPI apps over the real server, on every architecture and engine: 0.3.16 itself, and 1.x by its stand-in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arms import Arm
from places import EXAMPLES
from server_process import ServerProcess
from waiting import wait_until


def server_of(app: str, arm: Arm) -> Iterator[httpx.Client]:
    with ServerProcess(app, *arm.options, "--shards", "1") as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def turboapi_0_3() -> None:
    """Tests that need TurboAPI itself; tests/allowed_skips.txt says where it does not exist."""
    if importlib.util.find_spec("turboapi") is None:
        pytest.skip("TurboAPI 0.3.16 is not installed")


@pytest.fixture(scope="module")
def plain(arm: Arm, turboapi_0_3: None) -> Iterator[httpx.Client]:
    yield from server_of("turboapi_app:app", arm)


@pytest.fixture(scope="module")
def guarded(arm: Arm, turboapi_0_3: None) -> Iterator[httpx.Client]:
    yield from server_of("turboapi_app:guarded_app", arm)


@pytest.fixture(scope="module")
def one(arm: Arm) -> Iterator[httpx.Client]:
    yield from server_of("turboapi_one_app:app", arm)


ITEM = {"name": "pen", "price": 1.5}
BAD_ITEM = (
    "Validation error for item: name: ValueError: Field 'name' must have at least 2 characters"
)
REQUESTS: list[tuple[str, str, Any, int, Any]] = [
    ("GET", "/", None, 200, {"message": "Hello", "version": 3}),
    ("GET", "/api/users/7", None, 200, {"user_id": 7, "name": "User 7"}),
    ("DELETE", "/api/users/7", None, 202, {"removed": 7}),
    ("GET", "/search?q=a%20b&exact=yes", None, 200, {"q": "a b", "limit": 10, "exact": True}),
    ("GET", "/later?n=5", None, 200, {"n": 5}),
    ("GET", "/text", None, 200, "plain"),
    ("GET", "/nothing", None, 200, None),
    ("GET", "/missing", None, 404, {"error": "no such thing"}),
    ("GET", "/odd", None, 400, {"error": "Bad Request", "detail": "odd"}),
    ("GET", "/broken", None, 500, {"detail": "Internal Server Error"}),
    ("GET", "/absent", None, 404, {"detail": "Not Found"}),
    ("POST", "/items", ITEM, 201, {**ITEM, "tags": []}),
    ("POST", "/items", {**ITEM, "name": "p"}, 400, {"error": "Bad Request", "detail": BAD_ITEM}),
    ("POST", "/fields", {"name": "Ada", "age": 36}, 200, {"name": "Ada", "age": 36}),
    ("PUT", "/echo/a", {"data": {"b": 1}}, 200, {"name": "a", "data": {"b": 1}}),
    ("PUT", "/echo/a", {"b": 1}, 200, {"name": "a", "data": {"b": 1}}),
]


@pytest.mark.parametrize(("method", "path", "sent", "status", "body"), REQUESTS)
def test_each_route_of_turboapi_0_3_is_answered(
    plain: httpx.Client, method: str, path: str, sent: Any, status: int, body: Any
) -> None:
    got = plain.request(method, path, json=sent)
    assert (got.status_code, got.json()) == (status, body)
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("method", "path", "sent", "status", "body"), REQUESTS)
def test_with_middleware_answers_are_the_same(
    guarded: httpx.Client, method: str, path: str, sent: Any, status: int, body: Any
) -> None:
    got = guarded.request(method, path, json=sent)
    assert (got.status_code, got.json()) == (status, body)
    is_from_a_handler = path not in ("/broken", "/absent")
    assert (got.headers.get("x-app") == "turbo") is is_from_a_handler


def test_wrong_input_is_answered_422(plain: httpx.Client, guarded: httpx.Client) -> None:
    for client in (plain, guarded):
        got = client.get("/api/users/x")
        assert got.status_code == 422
        assert got.json()["detail"][0]["loc"] == ["path", "user_id"]
        assert client.get("/search").json()["detail"][0]["type"] == "missing"


def test_request_and_response_objects(plain: httpx.Client) -> None:
    got = plain.get("/shown", headers={"X-Token": "t"})
    assert (got.status_code, got.text) == (203, "GET /shown t")
    assert got.headers["content-type"] == "text/plain; charset=utf-8"


def test_startup_and_shutdown_handlers_run_once_per_process(arm: Arm, turboapi_0_3: None) -> None:
    server = ServerProcess("turboapi_app:app", *arm.options, "--shards", "2").start()
    assert server.stop() == 0
    processes = 2 if arm.mode == "process" else 1
    assert server.log.count("the app was started, and stops") == processes


def test_preflight_is_answered(guarded: httpx.Client) -> None:
    got = guarded.options("/api/users/7", headers={"Origin": "http://a"})
    assert (got.status_code, got.content) == (204, b"")
    assert got.headers["access-control-allow-origin"] == "http://a"


# 1.x.


def test_router_dependency_guards_its_routes(one: httpx.Client) -> None:
    assert one.get("/admin/report").status_code == 401
    refused = one.get("/admin/report", headers={"Authorization": "Bearer no"})
    assert (refused.status_code, refused.json()) == (403, {"detail": "wrong token"})
    good = one.get("/admin/report", headers={"Authorization": "Bearer secret"})
    assert good.json() == {"rows": list(range(500))}
    assert good.headers["content-encoding"] == "gzip"
    assert one.get("/me", headers={"Authorization": "Bearer secret"}).json()["token"] == "secret"


def test_streams_cookies_uploads_and_static_routes(one: httpx.Client) -> None:
    assert one.get("/lines").text == "0\n1\n2\n"
    assert one.get("/events").text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert one.get("/cookies").headers.get_list("set-cookie") == ["a=1", "b=2"]
    uploaded = one.post("/upload", files={"file": ("a.txt", b"abc")}, data={"title": "T"})
    assert uploaded.json() == {"name": "a.txt", "size": 3, "title": "T"}
    health = one.get("/health", headers={"Origin": "http://a"})
    assert (health.text, health.headers["access-control-allow-origin"]) == (
        '{"ok":true}',
        "http://a",
    )


def test_background_task_runs_and_exception_handler_answers(one: httpx.Client) -> None:
    assert one.post("/tasks/a").json() == {"queued": "a"}
    assert wait_until(lambda: one.get("/tasks").json()["done"] == ["a"], "the task")
    got = one.get("/divide/0")
    assert (got.status_code, got.json()["path"]) == (418, "/divide/0")


def test_example_is_served(arm: Arm, turboapi_0_3: None) -> None:
    with (
        ServerProcess("turboapi_app:app", *arm.options, app_dir=EXAMPLES) as server,
        server.client() as client,
    ):
        assert client.get("/notes/1").json() == {"id": 1, "text": "hello"}
        made = client.post("/notes", json={"text": "new"})
        assert (made.status_code, made.json()) == (201, {"id": 2, "text": "new"})
        assert client.get("/notes/9").status_code == 404
