"""Requests to an ASGI app in this process, one after another: what it answers, to the byte, and what it raises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_to_bytes

from openapi_requests import Request

# For an app that hangs.
TIMEOUT_S = 30


def scope_of(request: Request, state: dict[str, Any]) -> dict[str, Any]:
    headers = [(b"host", b"example.test"), (b"user-agent", b"real-apps")]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
    if request.body:
        headers.append((b"content-length", b"%d" % len(request.body)))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "state": dict(state),
        "extensions": {},
    }


async def exchange(app: Any, request: Request, state: dict[str, Any]) -> dict[str, Any]:
    """What came of one request: the answer, its parts joined, and the exception if there was one."""
    half = len(request.body) // 2 if request.is_split else 0
    parts = [request.body[:half], request.body[half:]] if half else [request.body]
    is_answered = asyncio.Event()
    found: dict[str, Any] = {"status": None, "headers": [], "error": None}
    body = b""

    async def receive() -> dict[str, Any]:
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        await is_answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            found["status"] = message["status"]
            found["headers"] = [
                [n.decode("latin-1"), v.decode("latin-1")] for n, v in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")
            if not message.get("more_body", False):
                is_answered.set()

    try:
        async with asyncio.timeout(TIMEOUT_S):
            await app(scope_of(request, state), receive, send)
    except Exception as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return {**found, "body": body.decode("latin-1")}


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """The app between its startup and its shutdown, with what it keeps for its requests."""
    state: dict[str, Any] = {}
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    running = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    answer = asyncio.ensure_future(from_app.get())
    await asyncio.wait({running, answer}, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done() or answer.result()["type"] != "lifespan.startup.complete":
        raise RuntimeError("the app did not start")
    try:
        yield state
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await asyncio.wait({running}, timeout=TIMEOUT_S)
