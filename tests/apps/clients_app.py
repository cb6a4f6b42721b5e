"""What other people's clients, suites and browsers ask for: any body, checked uploads, a page, an echo of messages.

Every body is read to its end before the answer begins, as a suite expects that sends faulty ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PIECE_BYTES = 50_000
ASSETS = 60
"""Of the page: more than browsers ask for at once over HTTP/1.1."""


def pattern(size: int) -> bytes:
    """The body of /bytes/SIZE."""
    line = b"".join(b"%07d\n" % number for number in range(1000))
    return (line * (size // len(line) + 1))[:size]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    match scope["type"]:
        case "lifespan":
            await lifespan(receive, send)
        case "websocket":
            await echo_messages(receive, send)
        case _:
            await answer(scope, receive, send)


async def answer(scope: Message, receive: Receive, send: Send) -> None:
    body = await whole_body(receive)
    if body is None:
        return
    kind, status, answered = b"text/plain", 200, b"hello\n"
    match scope["path"].split("/")[1:]:
        case ["bytes", size]:
            answered = pattern(int(size))
        case ["echo"]:
            answered = body
        case ["sha256", digest]:
            # A client that looks at statuses only learns from this one whether its body came whole.
            status = 200 if hashlib.sha256(body).hexdigest() == digest else 422
        case ["told"]:
            version = scope["http_version"]
            answered = f"{scope['method']} {scope['scheme']} {version}".encode()
        case ["page"]:
            kind, answered = b"text/html", page()
        case ["asset", _]:
            kind, answered = b"text/javascript", b"loaded(document.currentScript.src);"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(answered))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for start in range(0, len(answered), PIECE_BYTES):
        piece = answered[start : start + PIECE_BYTES]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def whole_body(receive: Receive) -> bytes | None:
    """None where the client left first."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message["body"])
        if not message.get("more_body"):
            return b"".join(pieces)


def page() -> bytes:
    """Loads many files at once, and says in its title how many have come."""
    scripts = "".join(
        f'<script async src="/asset/{number}.js"></script>' for number in range(ASSETS)
    )
    first = (
        "let come = new Set(); function loaded(of) { come.add(of); document.title = come.size; }"
    )
    return f"<!doctype html><title>0</title><script>{first}</script>{scripts}".encode()


async def echo_messages(receive: Receive, send: Send) -> None:
    message = await receive()
    assert message["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message.get("text") or ""})


async def lifespan(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        message = await receive()
        assert message["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})
