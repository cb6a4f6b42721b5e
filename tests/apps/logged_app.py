"""Answers of each kind for the access log, by each interface: at once, empty, in pieces, failed, late, never."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from turbo_shard import App, Response, StreamingResponse, WebSocket

native = App()


def is_open() -> bool:
    return (Path(os.environ["GATE_DIR"]) / "logged").exists()


@native.get("/items/{number}")
def item(number: int) -> bytes:
    return b"item %d" % number


@native.post("/echo")
def echo(body: bytes) -> bytes:
    return body


@native.get("/empty")
def empty() -> Response:
    return Response(b"", status_code=204)


@native.get("/pieces")
def pieces() -> StreamingResponse:
    async def all_pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield b"x" * 1000

    return StreamingResponse(all_pieces())


@native.get("/fails")
def fails() -> None:
    raise ValueError("of the test")


@native.get("/gated")
async def gated() -> bytes:
    while not is_open():
        await asyncio.sleep(0.002)
    return b"late"


@native.get("/slow")
async def slow() -> bytes:
    await asyncio.sleep(0.12)
    return b"slow"


@native.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)


async def asgi(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    if scope["type"] != "http":
        raise RuntimeError("HTTP only")
    path = scope["path"]
    body = b""
    status = 200
    parts = [b"item 7"]
    if path == "/echo":
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        parts = [body]
    elif path == "/empty":
        status, parts = 204, [b""]
    elif path == "/pieces":
        parts = [b"x" * 1000] * 3
    elif path == "/fails":
        raise ValueError("of the test")
    elif path == "/gated":
        while not is_open():
            await asyncio.sleep(0.002)
    elif path.startswith("/nothing"):
        status, parts = 404, [b"no"]
    await send({"type": "http.response.start", "status": status, "headers": []})
    for number, part in enumerate(parts):
        is_last = number + 1 == len(parts)
        await send({"type": "http.response.body", "body": part, "more_body": not is_last})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise ValueError("of the test")
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path.startswith("/nothing"):
        start_response("404 Not Found", [])
        return [b"no"]
    start_response("200 OK", [])
    if path == "/echo":
        return [environ["wsgi.input"].read()]
    if path == "/pieces":
        return iter_pieces()
    while path == "/gated" and not is_open():
        time.sleep(0.002)
    return [b"item 7"]


def iter_pieces() -> Iterator[bytes]:
    for _ in range(3):
        yield b"x" * 1000
