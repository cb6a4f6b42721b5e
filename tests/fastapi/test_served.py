"""Compiled routes on a real server, byte by byte as the same server gives them by FastAPI, on every engine and in
every mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from arms import Arm
from raw_http import Answer, RawClient
from raw_websocket import RawWebSocket
from server_process import ServerProcess, StartServer
from waiting import wait_until

JSON = "Content-Type: application/json"
ITEM = b'{"name": "pen", "price": 2, "tags": ["a"]}'


class Pair(NamedTuple):
    compiled: ServerProcess
    by_fastapi: ServerProcess


@pytest.fixture(scope="module")
def pair(arm: Arm) -> Iterator[Pair]:
    options = (*arm.options, "--shards", "1")
    with (
        ServerProcess("compiled_app:app", *options) as compiled,
        ServerProcess("compiled_app:app", *options, "--fastapi", "asgi") as by_fastapi,
    ):
        yield Pair(compiled, by_fastapi)


def seen(answer: Answer) -> object:
    """All of an answer but the time."""
    headers = [(name, value) for name, value in answer.headers if name != "date"]
    return answer.status, answer.version, headers, answer.body, len(answer.chunk_sizes)


def events_of(raw: RawClient, *, is_awaited: bool) -> bytes:
    """What has happened since they were last asked for."""
    told = raw.get("/events").answer().body
    if is_awaited and told == b"[]":
        return wait_until(
            lambda: (told := raw.get("/events").answer().body) != b"[]" and told, "an event"
        )
    return told


GETS = [
    "/items/5",
    "/items/x",
    "/items/5/",
    "/items/5?q=1",
    "/items/%35",
    "/plain/caf%C3%A9?q=a+b%20c&q=last",
    "/plain/%FF?q=%FF",
    "/plain/a%0A",
    "/plain/a?q=",
    "/plain/a?Q=1&&=2&q",
    "/files/",
    "/files/a/b.txt?word=1&word=2",
    "/on-thread/3",
    "/on-thread/x",
    "/filters?limit=3&words=a&words=b",
    "/filters?limit=x",
    "/cookies",
    "/request?a=1",
    "/raises/http",
    "/raises/own",
    "/raises/other",
    "/raises/late",
    "/text",
    "/stream",
    "/events",
    "/outer/nested/4",
    "/nowhere",
    "/openapi.json",
    "//items/5",
    "/ITEMS/5",
]


@pytest.mark.parametrize("target", GETS)
def test_gets(pair: Pair, target: str) -> None:
    answers = []
    for server in pair:
        with RawClient(server) as raw:
            answer = raw.get(target, "Cookie: a=1; b=2; a=3").answer()
            # The ports differ, which a URL shows.
            body = answer.body.replace(str(server.port).encode(), b"PORT")
            answers.append(seen(answer._replace(body=body)))
    assert answers[0] == answers[1]


REQUESTS = [
    ("POST", "/items", (JSON,), ITEM),
    ("POST", "/items", ("Content-Type: text/plain",), ITEM),
    ("POST", "/items", (), ITEM),
    ("POST", "/items", ("Content-Type: application/vnd.api+json; charset=utf-8",), ITEM),
    ("POST", "/items", (JSON,), b'{"name": "pen"'),
    ("POST", "/items", (JSON,), b'{"name": 1, "price": -1}'),
    ("POST", "/items", (JSON,), b"[]"),
    ("POST", "/items", (JSON,), b"\xff\xfe"),
    ("POST", "/items", (JSON,), b""),
    ("POST", "/items", (JSON,), b'{"name": "' + b"x" * 300_000 + b'", "price": 2}'),
    ("PUT", "/items/3", (JSON, "Note: n", "Note: m"), ITEM),
    ("PUT", "/items/x", (JSON,), b"{}"),
    ("PATCH", "/items/3", (JSON,), ITEM),
    ("DELETE", "/items/3", (), b""),
    ("OPTIONS", "/items/3", (), b""),
    ("HEAD", "/items/3", (), b""),
    ("HEAD", "/items/x", (), b""),
    ("HEAD", "/plain/x", (), b""),
    ("GET", "/outer/nested/4", ("X-Token: me",), b""),
    ("GET", "/outer/nested/4", ("X-Token: bad",), b""),
    ("GET", "/outer/nested/-4", ("X-Token: me",), b""),
    ("GET", "/outer/nested/x", (), b""),
]


@pytest.mark.parametrize(("method", "target", "lines", "body"), REQUESTS)
def test_requests(
    pair: Pair, method: str, target: str, lines: tuple[str, ...], body: bytes
) -> None:
    answers = []
    for server in pair:
        with RawClient(server) as raw:
            length = (f"Content-Length: {len(body)}",) if body or method in ("POST", "PUT") else ()
            raw.request(method, target, *lines, *length, body=body)
            answer = raw.answer(method)
            # The task of a created item may still be on its way, on another thread.
            is_awaited = answer.status == 201
            answers.append((seen(answer), events_of(raw, is_awaited=is_awaited)))
    assert answers[0] == answers[1]


def test_body_in_pieces(pair: Pair) -> None:
    answers = []
    for server in pair:
        with RawClient(server) as raw:
            raw.request("POST", "/items", JSON, f"Content-Length: {len(ITEM)}", body=ITEM[:10])
            # Another connection is served meanwhile, so the first part has been read.
            with RawClient(server) as other:
                assert other.get("/items/1").answer().status == 200
            answers.append(seen(raw.send(ITEM[10:]).answer()))
    assert answers[0] == answers[1]


def test_pipelined(pair: Pair) -> None:
    answers = []
    for server in pair:
        with RawClient(server) as raw:
            for target in ("/items/1", "/raises/late", "/on-thread/2", "/text", "/items/3"):
                raw.get(target)
            answers.append([seen(raw.answer()) for _ in range(5)])
    assert answers[0] == answers[1]


def test_websocket_beside(pair: Pair) -> None:
    for server in pair:
        with RawWebSocket(server) as socket:
            assert socket.open("/ws").frame().payload == b"hi"


def test_a_route_that_comes_late(start_server: StartServer, arm: Arm) -> None:
    server = start_server("compiled_app:app", *arm.options, "--shards", "1")
    with RawClient(server) as raw:
        assert raw.get("/was-late").answer().status == 404
        assert raw.get("/late").answer().body == b'"added"'
        assert raw.get("/was-late").answer().body == b'"late"'


def test_root_path(start_server: StartServer) -> None:
    answers = []
    for how in ("compiled", "asgi"):
        server = start_server(
            "compiled_app:app", "--shards", "1", "--root-path", "/api", "--fastapi", how
        )
        with RawClient(server) as raw:
            answers.append([seen(raw.get(target).answer()) for target in ("/items/1", "/nope")])
    assert answers[0] == answers[1]
    assert answers[0][0][0] == 200


def test_verify_answers_as_fastapi_and_tells_what_differs(start_server: StartServer) -> None:
    server = start_server("compiled_app:app", "--shards", "1", "--fastapi", "verify")
    with RawClient(server) as raw:
        for target in ("/items/5", "/items/x", "/raises/own", "/nowhere"):
            assert raw.get(target).answer().status in (200, 404, 418, 422)
        # Each request runs the endpoint twice: FastAPI has the odd numbers.
        for number in (b"1", b"3", b"5"):
            assert raw.get("/counted").answer().body == number
    wait_until(lambda: "differs" in server.log, "the difference is told")
    server.stop()
    told = [line for line in server.log.splitlines() if "differs" in line]
    words = "turbo-shard: fastapi: GET /counted: body differs; FastAPI: b'1'; plan: b'2'"
    assert told == [words]
