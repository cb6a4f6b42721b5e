"""Routes of FastAPI and Starlette in all places: included, mounted, behind middleware, answered at once and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


def made() -> FastAPI:
    app = FastAPI()
    versioned = APIRouter(prefix="/v1/{tenant}")
    mounted = FastAPI()

    @app.get("/users/{id}")
    async def user(id: int) -> int:
        return id

    @app.get("/threads/{id}")
    def thread(id: int) -> int:
        return id

    @app.get("/later/{id}")
    async def later(id: int) -> int:
        await asyncio.sleep(0.001)
        return id

    @app.get("/stream/{pieces}")
    async def stream(pieces: int) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(pieces):
                await asyncio.sleep(0.001)
                yield b"x"

        return StreamingResponse(parts())

    @app.websocket("/chat/{room}")
    async def chat(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.close()

    @versioned.get("/items/{item}")
    async def item(tenant: str, item: str) -> str:
        return item

    @mounted.get("/deep/{y}")
    async def deep(y: str) -> str:
        return y

    versioned.add_route("/plain/{x}", plain)
    app.include_router(versioned)
    app.mount("/sub", Starlette(routes=[Route("/in/{x}", plain)]))
    app.mount("/t/{tenant}/api", mounted)
    return app


app = made()
behind = made()
starlette = Starlette(
    routes=[
        Route("/s/{x}", plain),
        Mount("/m/{t}", routes=[Route("/r/{x}", plain)]),
        Mount("/api", made()),
    ]
)


@behind.middleware("http")
async def around(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    return await call_next(request)
