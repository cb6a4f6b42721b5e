"""The tables of the other files once more, on a real server, whose Rust side reads requests of bytes, not of scopes.

Compared are whole answers, with those of a server that leaves all to FastAPI.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import test_fastapi_answers as answers
import test_fastapi_bodies as bodies
import test_fastapi_paths as paths
import test_fastapi_query as query
import test_fastapi_responses as responses
import test_fastapi_security as security
from fastapi import FastAPI

from asked import Asked, ask, asked
from raw_http import Answer, CutShort, RawClient
from server_process import ServerProcess

# Served together as routers, each below its name.
ROUTERS = {
    "test_fastapi_paths": ("typed", "convertors", "constrained"),
    "test_fastapi_query": ("typed", "defaults", "named", "models"),
    "test_fastapi_headers": ("headers", "header_models", "cookies"),
    "test_fastapi_bodies": ("bodies", "several"),
    "test_fastapi_dependencies": ("trees", "specials", "threads"),
    "test_fastapi_security": ("security", "scopes"),
    "test_fastapi_yield": ("ordinary", "swallowing", "odd"),
    "test_fastapi_answers": ("answering", "switches", "models"),
    "test_fastapi_responses": ("statuses", "injected", "classes", "streams", "tasks"),
}
# Served alone.
ALONE = (
    *("test_fastapi_routes:ordered", "test_fastapi_routes:nested", "test_fastapi_routes:beside"),
    *("test_fastapi_failures:without_handlers", "test_fastapi_failures:with_handlers"),
    *("test_fastapi_middleware:pure", "test_fastapi_middleware:decorated", "test_fastapi_bodies:loose"),
)  # fmt: skip

JSON = "content-type: application/json"

SCHEMES = [
    "oauth2",
    "optional-oauth2",
    "bearer",
    "optional-bearer",
    "basic",
    "digest",
    "header",
    "query",
    "cookie",
]
RETURNED = [f"/{kind}{end}" for kind in ("x", "any", "item", "dict", "int") for end in ("", "/def")]


def own_routes(app: FastAPI) -> list[str]:
    routes: list[Any] = app.routes[4:]
    return [f"{min(route.methods)} {route.path}" for route in routes]


def body_requests() -> Iterator[Asked]:
    for method, kind in product(("POST", "PUT"), bodies.KINDS):
        for value in bodies.VALUES:
            yield ask(f"{method} /{kind}", JSON, body=value)
    for content_type in bodies.TYPES:
        yield ask("POST /user", f"content-type: {content_type}", body='{"age":1}')


# What tables that are no list of cases ask.
MORE: dict[str, list[Any]] = {
    "test_fastapi_paths:typed": [
        f"GET /{kind}/{text}" for kind in range(18) for text in paths.TEXTS
    ],
    "test_fastapi_query:typed": [
        f"GET /{kind}?{text}" for kind in range(query.KINDS) for text in query.QUERIES
    ],
    "test_fastapi_bodies:bodies": list(body_requests()),
    "test_fastapi_bodies:loose": [
        ask("POST /user", *lines, body='{"age":1}')
        for lines in ((), (JSON,), ("content-type: a/b",))
    ],
    "test_fastapi_answers:answering": [
        f"GET /{value}{end}" for value in answers.VALUES for end in RETURNED
    ],
    "test_fastapi_security:security": [
        ask(f"GET /{name}", *lines) for name in SCHEMES for lines in security.AUTHORIZATIONS
    ],
    "test_fastapi_responses:statuses": own_routes(responses.statuses()),
    "test_fastapi_responses:classes": own_routes(responses.classes()),
}


def requests_to(name: str) -> Iterator[Asked]:
    """All that a module asks of one of its apps, and can be sent: the server itself refuses the rest."""
    module, _, function = name.partition(":")
    found = importlib.import_module(module)
    listed = [
        *getattr(found, "CASES", ()),
        *getattr(found, "PLACES", ()),
        *getattr(found, "MORE", ()),
    ]
    cases = [
        case.values[1]
        for case in listed
        if hasattr(case, "values") and case.values[0].__name__ == function
    ]
    if hasattr(found, "RAISED"):
        cases += [f"GET /{place}/{what}" for place in found.PLACES for what in found.RAISED]
    for request in map(asked, [*cases, *MORE.get(name, ())]):
        if can_be_sent(request):
            yield request


def can_be_sent(request: Asked) -> bool:
    sent = re.fullmatch(r"[A-Z-]+ /[!-~]*", request.line) is not None and "#" not in request.line
    fits = all(re.fullmatch(rb"[\t -~\x80-\xff]*", value) for _, value in request.headers)
    return (
        sent and fits and not request.is_websocket and not request.leaves and not request.root_path
    )


class Client:
    """One connection, which is made again where a server has closed it."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.raw = RawClient(server)

    def answer(self, request: Asked, prefix: str) -> Answer | str:
        method, _, target = request.line.partition(" ")
        lines = [b"%s: %s" % header for header in request.headers]
        body = b"".join(request.chunks)
        if (b"transfer-encoding", b"chunked") in request.headers:
            body = (
                b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in request.chunks if chunk)
                + b"0\r\n\r\n"
            )
        head = f"{method} {prefix}{target} HTTP/1.1".encode()
        try:
            self.raw.send(b"\r\n".join([head, *lines, b"", b""]) + body)
            answer = self.raw.answer(method)
        except (CutShort, ConnectionError):
            # As it is for an answer that fails half-way.
            answer = None
        if answer is None or answer.header("connection") == "close":
            self.raw.socket.close()
            self.raw = RawClient(self.server)
        return shown(answer) if answer else "cut short"


def shown(answer: Answer) -> Any:
    headers = [(name, value) for name, value in answer.headers if name != "date"]
    return answer.status, headers, answer.body


def differences(names: list[str]) -> tuple[int, list[str]]:
    """How many requests were asked, and those that two servers have answered differently."""
    # Sets have one order in both.
    variables = {"MAKE_APP": " ".join(names), "PYTHONHASHSEED": "0"}
    with (
        ServerProcess("fastapi_tables_app:app", "--shards", "1", variables=variables) as compiled,
        ServerProcess(
            "fastapi_tables_app:app", "--shards", "1", "--fastapi", "asgi", variables=variables
        ) as plain,
    ):
        clients = Client(compiled), Client(plain)
        count, found = 0, []
        for name in names:
            prefix = f"/{name.replace(':', '-')}" if len(names) > 1 else ""
            for request in requests_to(name):
                count += 1
                got, expected = (client.answer(request, prefix) for client in clients)
                if got != expected:
                    found.append(f"{name} {request}\n- {expected}\n+ {got}")
        for client in clients:
            client.raw.socket.close()
    return count, found


def test_all_tables_of_apps_that_can_be_routers() -> None:
    names = [f"{module}:{name}" for module, names in ROUTERS.items() for name in names]
    count, found = differences(names)
    assert found == [], "\n".join(found[:40])
    assert count > 5000


@pytest.mark.parametrize("name", ALONE)
def test_tables_of_an_app_alone(name: str) -> None:
    count, found = differences([name])
    assert found == [], "\n".join(found[:40])
    assert count
