"""ASGI apps that give one fixed answer, each with a step more than `minimal`: the difference is the step's cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY = b'{"user_id":1234,"name":"User 1234","email":"user1234@example.com"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
START: Message = {"type": "http.response.start", "status": 200, "headers": HEADERS}
LAST: Message = {"type": "http.response.body", "body": BODY}
EMPTY: Message = {"type": "http.response.body", "body": b"", "more_body": True}


async def minimal(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(LAST)


async def receiving(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(START)
    await send(LAST)


async def suspended(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    await send(START)
    await send(LAST)


async def one_send_more(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(EMPTY)
    await send(LAST)


async def five_sends_more(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(EMPTY)
    await send(EMPTY)
    await send(EMPTY)
    await send(EMPTY)
    await send(EMPTY)
    await send(LAST)
