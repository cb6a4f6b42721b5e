"""A Starlette app: counts the words of any text that is sent to it, however long. Serve it with

turbo-shard starlette_app:app --app-dir examples
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


class State(TypedDict):
    stop_words: frozenset[str]


# The yielded dict is in `request.state` of each request.
@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    yield {"stop_words": frozenset(["a", "and", "the"])}


async def index(request: Request) -> PlainTextResponse:
    return PlainTextResponse("POST a text to /words, or send lines to /ws/words")


# The body is read as it comes: a sender that is faster than this loop must wait.
async def words(request: Request) -> JSONResponse:
    count, rest = 0, b""
    async for piece in request.stream():
        *whole, rest = (rest + piece).split(b" ")
        count += counted(whole, request.state.stop_words)
    return JSONResponse({"words": count + counted([rest], request.state.stop_words)})


def counted(words: list[bytes], stop_words: frozenset[str]) -> int:
    return sum(1 for word in words if word.strip() and word.decode().strip() not in stop_words)


async def lines(socket: WebSocket) -> None:
    await socket.accept()
    async for line in socket.iter_text():
        await socket.send_json({"words": len(line.split())})


app = Starlette(
    routes=[
        Route("/", index),
        Route("/words", words, methods=["POST"]),
        WebSocketRoute("/ws/words", lines),
    ],
    lifespan=lifespan,
)
