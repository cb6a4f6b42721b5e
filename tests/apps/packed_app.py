"""An ASGI app whose answers are worth compressing, for tests of --compress. Its gates say when a stream goes on."""

from __future__ import annotations

import asyncio
from typing import Any

TEXT = b"".join(b"line %d of a text that repeats itself\n" % number for number in range(2000))
LARGE = TEXT * 100
gate = asyncio.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    path = scope["path"]
    headers = [(b"content-type", b"text/plain")]
    status = 200
    body = TEXT
    match path:
        case "/large":
            body = LARGE
        case "/tiny":
            body = b"tiny"
        case "/image":
            headers = [(b"content-type", b"image/png")]
        case "/coded":
            headers.append((b"content-encoding", b"br"))
        case "/untouched":
            headers.append((b"cache-control", b"public, no-transform"))
        case "/tagged":
            headers += [(b"etag", b'"strong"'), (b"vary", b"cookie")]
        case "/part":
            status, headers = 206, [*headers, (b"content-range", b"bytes 0-1/2")]
        case "/unchanged":
            status, body = 304, b""
        case "/empty":
            status, body = 204, b""
        case "/error":
            status = 404
        case "/short":
            return await short(send)
        case "/events":
            return await events(send)
        case "/go":
            gate.set()
            body = b"gone"
        case "/pieces":
            return await pieces(send)
    if path not in ("/empty", "/unchanged"):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def events(send: Any) -> None:
    """The second event waits until another request opens the gate, which it does when it has read the first."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
    await gate.wait()
    gate.clear()
    await send({"type": "http.response.body", "body": b"data: two\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def short(send: Any) -> None:
    """Less than it announces."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"1000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": TEXT, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def pieces(send: Any) -> None:
    """Pieces larger than what is compressed at once, and small ones between them."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(4):
        body = TEXT * 10 if number % 2 else b"small"
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
