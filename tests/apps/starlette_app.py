"""A Starlette app near the protocol: raw bodies read as they come, static files, sessions, WebSockets, plain ASGI."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict
from uuid import uuid4

import marks
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect


class State(TypedDict):
    identity: str
    seats: asyncio.Semaphore


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    identity = uuid4().hex
    marks.leave(f"started-{identity}")
    async with asyncio.TaskGroup() as tasks:
        # A task that lives as long as the app, as for caches and consumers.
        heart = tasks.create_task(beat(identity))
        yield {"identity": identity, "seats": asyncio.Semaphore(2)}
        heart.cancel()
    marks.leave(f"stopped-{identity}")


async def beat(identity: str) -> None:
    while True:
        await asyncio.sleep(0.01)
        marks.leave(f"beat-{identity}")


def index(request: Request) -> HTMLResponse:
    return HTMLResponse("<h1>Starlette</h1>")


async def identity(request: Request) -> JSONResponse:
    identity = request.state.identity
    async with request.state.seats:
        await asyncio.sleep(0.002)
    request.state.identity = "overwritten for this request alone"
    return JSONResponse({"identity": identity, "own": request.state.identity})


class Notes(HTTPEndpoint):
    """One class, a method for each verb."""

    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse({"note": request.path_params["note"]})

    async def put(self, request: Request) -> JSONResponse:
        body = await request.json()
        return JSONResponse({"note": request.path_params["note"], "body": body}, status_code=201)


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type=request.headers.get("content-type"))


async def headers(request: Request) -> JSONResponse:
    response = JSONResponse([[k.decode(), v.decode("latin-1")] for k, v in request.headers.raw])
    response.raw_headers += [(b"x-double", b"one"), (b"x-double", b"two")]
    return response


async def digest(request: Request) -> JSONResponse:
    """Reads the body as it arrives."""
    hashed, size = hashlib.sha256(), 0
    async for piece in request.stream():
        hashed.update(piece)
        size += len(piece)
    return JSONResponse({"size": size, "sha256": hashed.hexdigest()})


async def pausing(request: Request) -> JSONResponse:
    """Reads one piece, then none until the test says so, then the rest."""
    mark = request.path_params["mark"]
    size, has_paused = 0, False
    async for piece in request.stream():
        size += len(piece)
        if not has_paused:
            has_paused = True
            marks.leave(f"{mark}-paused")
            await marks.seen(f"{mark}-go")
    return JSONResponse({"size": size})


async def unread(request: Request) -> PlainTextResponse:
    return PlainTextResponse("not interested")


async def cut_upload(request: Request) -> PlainTextResponse:
    mark = request.path_params["mark"]
    try:
        async for _ in request.stream():
            marks.leave(f"{mark}-reading")
    except ClientDisconnect:
        marks.leave(f"{mark}-disconnected")
        raise
    return PlainTextResponse("whole")


async def flood(request: Request) -> StreamingResponse:
    """More than fits on the way to a peer that does not read; counts each piece when the server has taken it."""
    mark = request.path_params["mark"]

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for number in range(4096):
                yield bytes(65536)
                marks.path_of(f"{mark}-count").write_text(str(number + 1))
        finally:
            marks.leave(f"{mark}-closed")

    return StreamingResponse(pieces())


async def collect(request: Request) -> Response:
    """A generator that has yielded when its stream is cancelled is closed by Python's collector."""
    gc.collect()
    return Response()


async def counter(request: Request) -> JSONResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse({"count": request.session["count"]})


async def forget(request: Request) -> Response:
    request.session.clear()
    return Response(status_code=204)


async def fail(request: Request) -> Response:
    raise HTTPException(int(request.path_params["code"]), detail="as asked")


async def tea(request: Request, error: Exception) -> Response:
    return PlainTextResponse("short and stout", status_code=418)


async def afterwards(request: Request) -> PlainTextResponse:
    mark = request.path_params["mark"]
    return PlainTextResponse("first", background=BackgroundTask(after, mark))


async def after(mark: str) -> None:
    await marks.seen(f"{mark}-go")
    marks.leave(f"{mark}-done")


async def in_pool(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await run_in_threadpool(lambda: "from the pool"))


async def watch(request: Request) -> PlainTextResponse:
    """Cancels itself when its client leaves, by waiting on both at once."""
    mark = request.path_params["mark"]
    marks.leave(f"{mark}-watching")
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()
    marks.leave(f"{mark}-left")
    return PlainTextResponse("left")


class Raw:
    """An ASGI app by itself, mounted."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Any iterable of pairs will do, and a body may hold any bytes.
        start: Message = {"type": "http.response.start", "status": 203}
        start["headers"] = ((name, value) for name, value in [(b"x-raw", b"yes")])
        await send(start)
        for piece in (b"raw ", b"", b"asgi"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


async def duplex(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers each piece of the body while the next has not been sent."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more_body = True
    while more_body:
        message = await receive()
        more_body = message["more_body"]
        piece = message["body"].upper()
        await send({"type": "http.response.body", "body": piece, "more_body": more_body})


# WebSockets.


class Shout(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json({"greeting": websocket.session.get("count", 0)})

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_json({"shout": data["say"].upper()})

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        marks.leave(f"shout-closed-{close_code}")


async def denied(websocket: WebSocket) -> None:
    await websocket.send_denial_response(
        JSONResponse({"error": "pay first"}, status_code=402, headers={"X-Price": "5"})
    )


async def room(websocket: WebSocket) -> None:
    """Echoes texts; refuses any other message with a code of its own."""
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is None:
                await websocket.close(1003, "text only")
                return
            await websocket.send_text(message["text"])
    except WebSocketDisconnect:
        return


def sync_lines() -> Iterator[str]:
    for number in range(5):
        yield f"{number}\n"


async def lines(request: Request) -> StreamingResponse:
    return StreamingResponse(sync_lines(), media_type="text/plain", headers={"X-Lines": "5"})


app = Starlette(
    routes=[
        Route("/", index),
        Route("/identity", identity),
        Route("/notes/{note:int}", Notes),
        Route("/echo", echo, methods=["POST", "PUT", "PATCH"]),
        Route("/headers", headers),
        Route("/digest", digest, methods=["POST"]),
        Route("/pausing/{mark}", pausing, methods=["POST"]),
        Route("/unread", unread, methods=["POST"]),
        Route("/cut/{mark}", cut_upload, methods=["POST"]),
        Route("/flood/{mark}", flood),
        Route("/collect", collect),
        Route("/counter", counter),
        Route("/forget", forget),
        Route("/fail/{code:int}", fail),
        Route("/afterwards/{mark}", afterwards),
        Route("/pool", in_pool),
        Route("/lines", lines),
        Route("/watch/{mark}", watch),
        Mount("/raw", Raw()),
        Mount("/duplex", duplex),
        Mount("/static", StaticFiles(directory=os.environ["STATIC_DIR"], html=True), name="static"),
        WebSocketRoute("/ws/shout", Shout),
        WebSocketRoute("/ws/denied", denied),
        WebSocketRoute("/ws/room", room),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key="not a secret")],
    exception_handlers={418: tea},
    lifespan=lifespan,
)
