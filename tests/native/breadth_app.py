"""A native app with a route for each thing that native apps can do: what answers depends on the request alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from turbo_shard import (
    App,
    Cookie,
    Header,
    HTMLResponse,
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    WebSocket,
    WebSocketDisconnect,
)

app = App()
events: list[str] = []


@dataclass
class Item:
    name: str
    price: float
    tags: list[str]


@app.on_startup
async def startup() -> None:
    await asyncio.sleep(0)
    events.append("started")


@app.on_shutdown
async def shutdown() -> None:
    events.append("stopped")


@app.get("/")
def index() -> dict[str, Any]:
    return {"events": events}


@app.get("/text")
def text() -> str:
    return "plain text, ünïcode"


@app.get("/bytes")
def octets() -> bytes:
    return bytes(range(256))


@app.get("/html")
def html() -> HTMLResponse:
    return HTMLResponse("<p>hello</p>", headers={"X-Own": "yes"})


@app.get("/nothing")
def nothing() -> tuple[None, int]:
    return None, 204


@app.get("/unchanged")
def unchanged() -> Response:
    return Response(status_code=304, headers={"etag": '"1"'})


@app.get("/items/{item_id}")
def item(item_id: int, q: str = "", many: list[int] = []) -> dict[str, Any]:  # noqa: B006
    return {"item": item_id, "q": q, "many": many}


@app.get("/files/{rest:path}")
def files(rest: str) -> str:
    return rest


@app.post("/items")
def create(item: Item) -> tuple[Item, int]:
    return item, 201


@app.post("/async/items")
async def create_later(item: Item) -> tuple[Item, int]:
    await asyncio.sleep(0.002)
    return item, 201


@app.put("/raw")
def raw(body: bytes) -> bytes:
    return body[::-1]


@app.patch("/free")
async def free(changes: dict[str, Any]) -> dict[str, Any]:
    return changes


@app.get("/blocking", blocking=True)
def blocking() -> str:
    time.sleep(0.005)
    return "from the pool"


@app.get("/slow")
async def slow() -> str:
    await asyncio.sleep(0.02)
    return "slow"


@app.get("/stream/sync")
def stream_sync() -> StreamingResponse:
    def pieces() -> Iterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/stream/async")
async def stream_async() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000
            await asyncio.sleep(0)

    return StreamingResponse(pieces())


@app.get("/stream/endless")
async def stream_endless() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        number = 0
        try:
            while True:
                yield f"data: {number}\n\n"
                number += 1
                await asyncio.sleep(0)
        finally:
            events.append("left")

    return StreamingResponse(pieces(), media_type="text/event-stream")


@app.get("/large")
def large() -> bytes:
    return b"large" * 1_000_000


@app.get("/fails/{status}")
def fails(status: int) -> None:
    raise HTTPException(status, detail={"why": status}, headers={"x-why": str(status)})


@app.get("/raises")
def raises() -> None:
    raise RuntimeError("on purpose")


@app.get("/async/raises")
async def async_raises() -> None:
    await asyncio.sleep(0)
    raise RuntimeError("on purpose")


@app.get("/redirect/{times}")
def redirect(times: int) -> RedirectResponse:
    return RedirectResponse(f"/redirect/{times - 1}" if times else "/text")


@app.get("/request")
def about(
    request: Request, accept: str = Header(""), session: str = Cookie("none")
) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query_params.multi_items(),
        "accept": accept,
        "session": session,
    }


@app.get("/login/{name}")
def login(name: str) -> Response:
    response = Response("welcome")
    response.set_cookie("session", name, path="/")
    response.set_cookie("narrow", "1", path="/items")
    return response


@app.get("/logout")
def logout() -> Response:
    response = Response("goodbye")
    response.delete_cookie("session", path="/")
    return response


@app.websocket("/ws/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept(subprotocol="one" if "one" in socket.subprotocols else None)
    try:
        while True:
            message = await socket.receive()
            await socket.send(message)
    except WebSocketDisconnect as gone:
        events.append(f"closed {gone.code}")


@app.websocket("/ws/three")
async def three(socket: WebSocket) -> None:
    await socket.accept()
    for number in range(3):
        await socket.send_json({"number": number})
    await socket.close(4001, "enough")


@app.websocket("/ws/denied")
async def denied(socket: WebSocket) -> None:
    await socket.close()
