"""The rest of a request's answer sees what it sets in its context (contextvars), and no other request does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import handshake
from refused_apps import write
from server_process import ServerProcess

NATIVE = """\
from contextvars import ContextVar
from dataclasses import dataclass

from turbo_shard import App, StreamingResponse

app = App()
number = ContextVar("number", default="nobody")


def pieces(name):
    for _ in range(40):
        yield number.get() + " "
        number.set(name)


def answer(name):
    seen = number.get()
    number.set("handler-of-" + name)
    return StreamingResponse(pieces(name), headers={"x-seen": seen})


@app.get("/inline/{name}")
def inline(name: str) -> StreamingResponse:
    return answer(name)


@app.get("/blocking/{name}", blocking=True)
def blocking(name: str) -> StreamingResponse:
    return answer(name)


@dataclass
class Item:
    name: str

    def __post_init__(self) -> None:
        self.seen = number.get()
        number.set("reader-of-" + self.name)


def seen_by(item):
    found = [item.seen, number.get()]
    number.set("handler-of-" + item.name)
    return found


@app.post("/items/inline")
def inline_item(item: Item) -> list[str]:
    return seen_by(item)


@app.post("/items/async")
async def async_item(item: Item) -> list[str]:
    return seen_by(item)


@app.post("/items/blocking", blocking=True)
def blocking_item(item: Item) -> list[str]:
    return seen_by(item)
"""

ASGI = """\
from contextvars import ContextVar

number = ContextVar("number", default="nobody")


def app(scope, receive, send):
    # Not an async function: this runs before any task has a context of its own.
    seen = number.get().encode()
    number.set("somebody")
    return answer(scope, receive, send, seen)


async def answer(scope, receive, send, seen):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-seen", seen)]})
        return
    headers = [(b"content-length", b"%d" % len(seen))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": seen})
"""


@pytest.fixture(scope="module")
def native(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("native")
    write(folder, "app.py", NATIVE)
    with ServerProcess("app:app", *arm.options, "--shards", "1", app_dir=folder) as server:
        yield server


@pytest.mark.parametrize("kind", ["inline", "blocking"])
def test_sync_iterator_is_pulled_in_the_context_of_its_request(
    native: ServerProcess, kind: str
) -> None:
    names = [f"{kind}-{number}" for number in range(8)]
    clients = [RawClient(native) for _ in names]
    for name, client in zip(names, clients, strict=True):
        client.get(f"/{kind}/{name}")
    for name, client in zip(names, clients, strict=True):
        with client:
            answer = client.answer()
            assert dict(answer.headers)["x-seen"] == "nobody"
            assert set(answer.body.decode().split()) == {f"handler-of-{name}", name}


@pytest.mark.parametrize("kind", ["inline", "async", "blocking"])
def test_readers_of_a_body_run_in_the_context_of_their_request(
    native: ServerProcess, kind: str
) -> None:
    with native.client() as client:
        for name in "abcd":
            got = client.post(f"/items/{kind}", json={"name": name})
            assert got.json() == ["nobody", f"reader-of-{name}"]


def test_app_that_is_no_async_function_has_a_clean_context(
    arm: Arm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("asgi")
    write(folder, "app.py", ASGI)
    options = ("--interface", "asgi", "--shards", "1", *arm.options)
    with ServerProcess("app:app", *options, app_dir=folder) as server:
        with RawClient(server) as raw:
            assert [raw.get("/").answer().body for _ in range(4)] == [b"nobody"] * 4
        for _ in range(2):
            with RawClient(server) as raw:
                raw.send(handshake("/"))
                _version, status, headers = raw.head()
                assert (status, dict(headers)["x-seen"]) == (101, "nobody")
