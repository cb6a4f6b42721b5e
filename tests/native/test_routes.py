"""Which route answers where several match, over real servers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arms import ARMS
from raw_websocket import TEXT, Frame, open_websocket
from server_process import ServerProcess


# The route table is the same on every engine.
@pytest.fixture(
    scope="module", params=itertools.product((ARMS[0], ARMS[-2]), ("app", "turbo_app")), ids=str
)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    arm, app = request.param
    with ServerProcess(f"routes_app:{app}", *arm.options) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", ["rest", ""]),
        ("/tea", ["page", "tea"]),
        ("/tea/", ["rest", "tea/"]),
        ("/tea/edit", ["edit", "tea"]),
        ("/tea/edit/", ["rest", "tea/edit/"]),
        ("/tea/green/edit", ["rest", "tea/green/edit"]),
        ("/about", ["about"]),
        ("/about/edit", ["edit", "about"]),
        ("/docs", ["page", "docs"]),
        ("/docs/tea", ["docs", "tea"]),
        ("/docs/edit", ["docs", "edit"]),
        ("/docs/tea/edit", ["rest", "docs/tea/edit"]),
        ("/tea%2Fedit", ["page", "tea/edit"]),
        ("/%74ea/%65dit", ["edit", "tea"]),
        ("/static/js/app%20.js", ["rest", "static/js/app .js"]),
    ],
)
def test_the_most_specific_route_answers(client: httpx.Client, path: str, answer: Any) -> None:
    assert client.get(path).json() == answer


def test_methods_have_routes_of_their_own(client: httpx.Client) -> None:
    assert client.put("/docs/edit").json() == ["save", "docs"]
    assert client.get("/api/x").json() == ["rest", "api/x"]
    assert client.post("/api/x").json() == ["create", "x"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/docs/edit", "GET, HEAD, PUT"),
        ("DELETE", "/tea/edit", "GET, HEAD, PUT"),
        ("DELETE", "/api/edit", "GET, HEAD, POST, PUT"),
        ("POST", "/tea", "GET, HEAD"),
        ("PUT", "/any/thing/else", "GET, HEAD"),
    ],
)
def test_other_methods_of_any_match_are_told(
    client: httpx.Client, method: str, path: str, allow: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_head_has_the_answer_of_get_without_its_body(client: httpx.Client) -> None:
    for path in ("/tea", "/tea/edit", "/any/thing"):
        answer, whole = client.head(path), client.get(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == whole.headers["content-length"]


def test_head_goes_to_a_route_of_its_own_first() -> None:
    with ServerProcess("routes_app:app") as server, server.client() as client:
        assert client.head("/about").status_code == 204
        assert client.head("/about/edit").status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", b"rest "),
        ("/tea", b"page tea"),
        ("/tea/edit", b"edit tea"),
        ("/about", b"about"),
        ("/about/edit", b"edit about"),
        ("/tea/green/edit", b"rest tea/green/edit"),
        ("/tea%2Fedit", b"page tea/edit"),
    ],
)
def test_websockets_are_routed_as_requests_are(
    server: ServerProcess, path: str, told: bytes
) -> None:
    with open_websocket(server, path) as raw:
        assert raw.frame() == Frame(TEXT, told)
        assert raw.close_code() == 1000
