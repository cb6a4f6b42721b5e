"""Streams whose clients leave: plain ASGI by acts (/do/NAME), Starlette and FastAPI below /starlette and /fastapi."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Annotated, Any

from asgi_stage import Acts, Call, Message, Receive, Send, told
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

act = Acts()
counts = {"opened": 0, "closed": 0}

LARGE = b"x" * 50_000_000
PIECE: dict[str, Any] = {"type": "http.response.body", "body": b"piece", "more_body": True}
START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}


async def events() -> AsyncIterator[bytes]:
    """One event, and then none for ever."""
    counts["opened"] += 1
    try:
        yield b"data: 1\n\n"
        await asyncio.get_running_loop().create_future()
    finally:
        counts["closed"] += 1


async def starlette_stream(request: Request) -> Response:
    return StreamingResponse(events())


class Through(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


async def resource() -> AsyncIterator[int]:
    counts["opened"] += 1
    try:
        yield 1
    finally:
        counts["closed"] += 1


fastapi = FastAPI()


@fastapi.get("/fastapi")
async def fastapi_stream(number: Annotated[int, Depends(resource)]) -> StreamingResponse:
    return StreamingResponse(events())


APPS: dict[str, Any] = {
    "/starlette": Starlette(routes=[Route("/starlette", starlette_stream)]),
    "/through": Starlette(
        routes=[Route("/through", starlette_stream)], middleware=[Middleware(Through)]
    ),
    "/fastapi": fastapi,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    if found := APPS.get(scope["path"]):
        await found(scope, receive, send)
        return
    chosen = act.find(scope["path"])
    assert chosen is not None
    await chosen(Call(scope, receive, send))


@act
async def tally(call: Call) -> None:
    await call.answer_literal(counts)


@act
async def deaf(call: Call) -> None:
    """A stream that never asks whether its client is there."""
    await call.send(START)
    async for event in events():
        await call.send(PIECE | {"body": event})


@act
async def endless(call: Call) -> None:
    """Sends without end and waits for nothing of its own."""
    counts["opened"] += 1
    try:
        await call.send(START | {"status": int(call.query.get("status", 200))})
        for _ in itertools.count():
            await call.send(PIECE)
    except OSError as error:
        call.note(told(error)[0])
        raise
    finally:
        counts["closed"] += 1


@act
async def finite(call: Call) -> None:
    """Ends by itself, wanted or not."""
    await call.send(START)
    for _ in range(20):
        await call.send(PIECE)
    await call.send({"type": "http.response.body"})
    call.note("ended")


@act
async def unfinished(call: Call) -> None:
    """Returns as soon as its client has left, as Django does."""
    await call.send(START)
    await call.send(PIECE)
    while (await call.receive())["type"] != "http.disconnect":
        pass
    call.note("heard")


@act
async def out_of_order(call: Call) -> None:
    """As an error handler does that begins another answer after the first has broken off."""
    await call.send(START)
    await call.send(PIECE)
    while (await call.receive())["type"] != "http.disconnect":
        pass
    for message in (START, {"type": "http.response.trailers", "headers": []}, START):
        await call.try_send(message)
    call.note("done")


@act
async def large(call: Call) -> None:
    """One large piece, or several. What follows it stays behind it."""
    await call.send(START)
    pieces = int(call.query["pieces"])
    for number in range(pieces):
        await call.send(
            {"type": "http.response.body", "body": LARGE, "more_body": number < pieces - 1}
        )
    call.note("sent")


@act
async def mixed(call: Call) -> None:
    """Small and large pieces in turn, some of their sends given up."""
    await call.send(START)
    for number in range(6):
        body = b"%d" % number * (400_000 if number % 2 else 10)
        task = asyncio.ensure_future(call.send(PIECE | {"body": body}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await call.send({"type": "http.response.body", "body": b"end"})


@act
async def nothing(call: Call) -> None:
    """A body of None is an empty one."""
    await call.send(START | {"headers": [(b"x-long", b"v" * 200_000)]})
    await call.send({"type": "http.response.body", "body": None})
