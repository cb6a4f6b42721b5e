"""Server-sent events without an end, by sse-starlette."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route


async def ticks() -> AsyncIterator[str]:
    while True:
        yield "tick"
        await asyncio.sleep(0.01)


async def events(request: Request) -> EventSourceResponse:
    return EventSourceResponse(ticks())


app = Starlette(routes=[Route("/", events)])
