"""An ASGI 3 app without a framework. turbo-shard, granian and uvicorn serve this very file.

GET  /users/{user_id}    the record that examples/multi_route_app.py gives
GET  /report/{number}    JSON of 100 rows made for the request: a handler that Python is busy with
POST /echo               the body comes back
any WebSocket            every message comes back, as text or binary as it came
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

USERS = "/users/"
REPORT = "/report/"
REPORT_ROWS = 100
# Made once: json.dumps with separators makes an encoder for every call.
encode = json.JSONEncoder(separators=(",", ":")).encode


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    kind = scope["type"]
    if kind == "http":
        await answer(scope, receive, send)
    elif kind == "websocket":
        await echo_messages(receive, send)
    else:
        await live(receive, send)


async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    method, path = scope["method"], scope["path"]
    if method == "GET" and path.startswith(USERS):
        await send_json(send, path, USERS, user_record)
    elif method == "GET" and path.startswith(REPORT):
        await send_json(send, path, REPORT, report)
    elif method == "POST" and path == "/echo":
        await send_body(send, 200, b"application/octet-stream", await whole_body(receive))
    else:
        await send_body(send, 404, b"application/json", b'{"detail":"Not Found"}')


def user_record(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "name": f"User {user_id}", "email": f"user{user_id}@example.com"}


def report(number: int) -> dict[str, Any]:
    return {"report": number, "rows": [f"row {row} of {number}" for row in range(REPORT_ROWS)]}


async def send_json(send: Send, path: str, prefix: str, make: Callable[[int], Any]) -> None:
    try:
        number = int(path[len(prefix) :])
    except ValueError:
        await send_body(send, 422, b"application/json", b'{"detail":"not a whole number"}')
        return
    await send_body(send, 200, b"application/json", encode(make(number)).encode())


async def send_body(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def whole_body(receive: Receive) -> bytes:
    message = await receive()
    if not message.get("more_body"):
        # Already bytes, which costs nothing, except where fastpysgi hands over a memoryview.
        return bytes(message.get("body", b""))
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def echo_messages(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        # One of the two may be there and None.
        text = message.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


async def live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
