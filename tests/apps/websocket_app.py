"""A native app with WebSocket routes: every way to bind a handshake's parameters, to deny, to talk and to end."""

from __future__ import annotations

import asyncio
import sys
from enum import Enum
from typing import Annotated
from uuid import UUID

from turbo_shard import (
    App,
    Cookie,
    Header,
    HTTPException,
    Query,
    WebSocket,
    WebSocketDisconnect,
)

app = App()


class Kind(Enum):
    OPEN = "open"
    SECRET = "secret"


def tell(text: str) -> None:
    sys.stderr.write(f"app: {text}\n")


@app.get("/plain")
def plain() -> str:
    return "over http"


@app.get("/both")
def both_over_http() -> str:
    return "over http"


@app.websocket("/both")
async def both(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send("over a websocket")


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for message in socket:
        await socket.send(message)
    tell("the iteration has ended")


@app.websocket("/rooms/{room}/{number}")
async def bound(
    room: str,
    number: int,
    socket: WebSocket,
    kind: Kind,
    ids: Annotated[list[UUID], Query()] = [],  # noqa: B006
    limit: Annotated[int, Query(alias="max")] = 5,
    x_token: Annotated[str | None, Header()] = None,
    session: Annotated[str, Cookie()] = "none",
) -> None:
    await socket.accept()
    seen = {
        "room": room,
        "number": number,
        "kind": kind,
        "ids": ids,
        "limit": limit,
        "token": x_token,
        "session": session,
    }
    await socket.send_json(seen)


@app.websocket("/by-name/{rest:path}")
async def by_name(*, rest: str, socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json([rest, socket.path, socket.path_params])


@app.websocket("/by-name/fixed")
async def fixed(connection) -> None:  # type: ignore[no-untyped-def]
    """The parameter without an annotation is the WebSocket; a fixed path goes before one with parameters."""
    await connection.accept()
    await connection.send("fixed")


@app.websocket("/about")
async def about(socket: WebSocket) -> None:
    offered = socket.subprotocols
    await socket.accept(offered[0] if offered else None, {"X-More": "yes"})
    host, port = socket.client
    await socket.send_json(
        {
            "offered": offered,
            "client": [host, port],
            "twice": socket.headers.getlist("x-twice"),
            "cookies": socket.cookies,
            "q": socket.query_params.getlist("q"),
            "state": [socket.is_accepted, socket.is_closed],
        }
    )


@app.websocket("/deny/{status}")
async def deny(socket: WebSocket, status: int) -> None:
    if status == 403:
        await socket.close()
        await socket.close()
        return
    raise HTTPException(status, {"why": "on purpose"}, {"X-Why": "purpose"})


@app.websocket("/own-answer")
async def own_answer(socket: WebSocket) -> None:
    await socket.deny(418, b"teapot", [("content-type", "text/plain"), ("x-tea", "green")])


@app.websocket("/json")
async def as_json(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        try:
            await socket.send_json({"got": await socket.receive_json()})
        except ValueError as error:
            await socket.send_text(type(error).__name__)


@app.websocket("/kinds")
async def kinds(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json([await socket.receive_text(), await socket.receive_text()])
    await socket.send_bytes(await socket.receive_bytes() + await socket.receive_bytes())
    await socket.send(bytearray(b"array"))
    await socket.send(memoryview(b"v-i-e-w")[::2])


@app.websocket("/too-early")
async def too_early(socket: WebSocket) -> None:
    words = []
    for attempt in (socket.receive, lambda: socket.send("early")):
        try:
            await attempt()
        except RuntimeError as error:
            words.append(str(error))
    await socket.accept()
    await socket.send_json(words)


@app.websocket("/disconnect")
async def disconnect(socket: WebSocket) -> None:
    await socket.accept()
    try:
        await socket.receive()
    except WebSocketDisconnect as end:
        tell(f"receive: {end.code} {end.reason!r}")
    try:
        await socket.send("too late")
    except WebSocketDisconnect as end:
        tell(f"send: {end.code} {end.reason!r}")
    await socket.receive()


@app.websocket("/close/{code}")
async def close(socket: WebSocket, code: int) -> None:
    await socket.accept()
    await socket.close(code, "enough")
    await socket.close()


@app.websocket("/fail/{stage}")
async def fail(socket: WebSocket, stage: str) -> None:
    if stage == "early":
        raise LookupError("on purpose")
    await socket.accept()
    if stage == "http":
        raise HTTPException(400)
    await asyncio.sleep(0)
    raise LookupError("on purpose")


@app.websocket("/silent")
async def silent(socket: WebSocket) -> None:
    """Returns without sending anything."""


@app.websocket("/positional/{word}")
async def positional(socket: WebSocket, /, word: str) -> None:
    await socket.accept()
    await socket.send_json([word])
