"""Every route of examples/multi_route_app.py, over a real socket, on every architecture and engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess

USER = {"name": "Ada", "email": "ada@example.com", "age": 36}
RECORD_7 = {"user_id": 7, "name": "User 7", "email": "user7@example.com"}
CATALOGUE = ["keyboard", "monitor", "trackball", "webcam", "headset"]

ROUTES: list[tuple[str, str, Any, int, Any]] = [
    (
        "GET",
        "/",
        None,
        200,
        {"service": "multi-route example", "server": "turbo-shard", "catalogue": CATALOGUE},
    ),
    ("GET", "/health", None, 200, {"status": "ok"}),
    ("GET", "/users/7", None, 200, RECORD_7),
    (
        "GET",
        "/search?q=board&limit=5",
        None,
        200,
        {"q": "board", "limit": 5, "total": 1, "results": ["keyboard"]},
    ),
    ("GET", "/search", None, 200, {"q": "", "limit": 3, "total": 5, "results": CATALOGUE[:3]}),
    (
        "GET",
        "/search?q=caf%C3%A9+%26+more&limit=1",
        None,
        200,
        {"q": "café & more", "limit": 1, "total": 0, "results": []},
    ),
    (
        "GET",
        "/async/data",
        None,
        200,
        {
            "source": "async",
            "items": [{"id": 1, "square": 1}, {"id": 2, "square": 4}, {"id": 3, "square": 9}],
        },
    ),
    ("GET", "/async/users/7", None, 200, RECORD_7),
    (
        "GET",
        "/api/v1/products/garden%20tools/42",
        None,
        200,
        {
            "category": "garden tools",
            "product_id": 42,
            "name": "garden tools-42",
            "price": {"amount": 1999, "currency": "EUR"},
        },
    ),
    ("GET", "/error/404", None, 404, {"detail": "there is nothing here, on purpose"}),
    ("GET", "/error/500", None, 500, {"detail": "Internal Server Error"}),
    ("POST", "/users", USER, 201, {"created": True, "user": USER}),
    (
        "POST",
        "/users",
        {"name": "Bo", "email": "bo@example.com"},
        201,
        {"created": True, "user": {"name": "Bo", "email": "bo@example.com", "age": None}},
    ),
    ("POST", "/async/users", USER, 201, {"created": True, "user": USER}),
    ("PUT", "/users/7", USER, 200, {"replaced": 7, "user": USER}),
    (
        "PATCH",
        "/users/7",
        {"name": "Grace", "active": True},
        200,
        {"changed": ["active", "name"], "user": RECORD_7 | {"name": "Grace", "active": True}},
    ),
]


@pytest.fixture(scope="module")
def client(example: ServerProcess) -> Iterator[httpx.Client]:
    with example.client() as opened:
        yield opened


@pytest.mark.parametrize(("method", "target", "body", "status", "wanted"), ROUTES)
def test_route_answers_exactly(
    client: httpx.Client, method: str, target: str, body: Any, status: int, wanted: Any
) -> None:
    answer = client.request(method, target, json=body)
    assert (answer.status_code, answer.json()) == (status, wanted)
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["date"].endswith(" GMT")


def test_delete_answers_without_a_body(client: httpx.Client) -> None:
    answer = client.delete("/users/7")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


def test_stream_comes_in_chunks(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        answer = raw.get("/async/stream").answer()
        assert answer.status == 200
        assert answer.header("content-type") == "application/x-ndjson"
        assert answer.header("transfer-encoding") == "chunked"
        assert answer.header("content-length") is None
        assert answer.body == b"".join(b'{"line": %d}\n' % number for number in range(5))
        assert len(answer.chunk_sizes) == 5, "each line leaves on its own"
        assert raw.get("/health").answer().body == b'{"status":"ok"}'


def test_stats_count_the_requests_of_each_shard(arm: Arm, client: httpx.Client) -> None:
    rows = client.get("/stats").json()["shards"]
    # Work stealing has one row: no row belongs to one thread. A worker process knows only itself.
    numbers = [row["shard"] for row in rows]
    assert numbers in {"shard": [[0, 1]], "steal": [[0]], "process": [[0], [1]]}[arm.mode]
    before = sum(row["requests"] for row in rows)
    for _ in range(5):
        client.get("/health")
    after = client.get("/stats").json()["shards"]
    assert sum(row["requests"] for row in after) == before + 6
    assert sum(row["connections_open"] for row in after) >= 1
    assert all(row["restarts"] == row["handler_panics"] == 0 for row in after)


@pytest.mark.parametrize("target", ["/users/x", "/async/users/1.5", "/search?limit=many"])
def test_wrong_input_is_answered_422_in_fastapis_form(client: httpx.Client, target: str) -> None:
    answer = client.get(target)
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["type"] == "int_parsing"
    assert fault["loc"] == (["query", "limit"] if "limit" in target else ["path", "user_id"])
    assert fault["msg"].startswith("Input should be a valid integer")


@pytest.mark.parametrize("target", ["/users", "/async/users"])
def test_wrong_body_is_answered_422_with_its_place(client: httpx.Client, target: str) -> None:
    answer = client.post(target, json={"name": "Ada", "email": 5})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"]) == ("string_type", ["body", "email"])


def test_missing_field_is_answered_422_with_its_name(client: httpx.Client) -> None:
    answer = client.post("/users", json={"name": "Ada"})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"]) == ("missing", ["body", "email"])


def test_unknown_path_is_answered_404(client: httpx.Client) -> None:
    answer = client.get("/nothing/here")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_other_method_is_answered_405_with_what_is_allowed(client: httpx.Client) -> None:
    answer = client.post("/users/7", json={})
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    allowed = {method.strip() for method in answer.headers["allow"].split(",")}
    assert allowed >= {"GET", "PUT", "PATCH", "DELETE"}
    assert "POST" not in allowed


def test_error_500_is_in_the_log_and_not_in_the_answer(
    client: httpx.Client, example: ServerProcess
) -> None:
    answer = client.get("/error/500")
    assert "purpose" not in answer.text
    assert "RuntimeError: raised on purpose" in example.log
    assert "in error_500" in example.log
