"""An ASGI app for clients that leave, stall and overrun.

It reports its progress on stderr: a request that asked for it would wake its loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

# More than the kernel holds for a peer that does not read and the server queues together.
OVERRUN_BYTES = 8 * 1024 * 1024
_kept: list[asyncio.Task[None]] = []


def say(text: str) -> None:
    # In one piece: the server writes lines of its own meanwhile.
    sys.stderr.write(f"app: {text}\n")
    sys.stderr.flush()


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    act = scope["path"].strip("/")
    if scope["type"] == "websocket":
        await receive()
        await SOCKET_ACTS[act](receive, send)
    else:
        await ACTS[act](scope, receive, send)


async def heard(name: str, receive: Receive) -> None:
    """For the next message: what it is."""
    message = await receive()
    say(f"{name} heard {message['type']}")


async def leave_a_task(name: str, receive: Receive) -> None:
    _kept.append(asyncio.create_task(heard(name, receive)))
    await asyncio.sleep(0)


async def hello(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["http_version"].encode()})


async def wait(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    say("http waits")
    await heard("http", receive)


async def overrun(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The last piece is sent while the one before it waits for the peer."""
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": bytes(OVERRUN_BYTES), "more_body": True})
    say("http sends the last piece")
    await send({"type": "http.response.body", "body": bytes(OVERRUN_BYTES)})
    say("http has sent")


async def both_ways(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Sends more than the peer takes, and reads all the same."""
    await send({"type": "http.response.start", "status": 200})
    piece = {"type": "http.response.body", "body": bytes(64 * 1024), "more_body": True}

    async def sends() -> None:
        for _ in range(OVERRUN_BYTES // len(piece["body"])):
            await send(piece)

    sending = asyncio.create_task(sends())
    while (await receive())["more_body"]:
        pass
    say("http has read it all")
    await sending
    await send({"type": "http.response.body"})


async def fail(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Fails while a task of its own receives."""
    await receive()
    await leave_a_task("left http", receive)
    raise ValueError("on purpose")


async def file(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    try:
        path = scope["query_string"].decode()
        await send({"type": "http.response.pathsend", "path": path})
    except OSError as error:
        say(f"http file: {error}")
        await send({"type": "http.response.body", "body": str(error).encode()})


async def socket_wait(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    say("socket waits")
    await heard("socket", receive)


async def socket_count(receive: Receive, send: Send) -> None:
    """Takes its time with each message."""
    await send({"type": "websocket.accept"})
    count = 0
    while (await receive())["type"] == "websocket.receive":
        count += 1
        await asyncio.sleep(0)
    say(f"socket counted {count}")


async def socket_both_ways(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})

    async def sends() -> None:
        for _ in range(OVERRUN_BYTES // (64 * 1024)):
            await send({"type": "websocket.send", "bytes": bytes(64 * 1024)})

    sending = asyncio.create_task(sends())
    while (await receive()).get("bytes") != b"last":
        pass
    say("socket has read it all")
    sending.cancel()


async def socket_leave(receive: Receive, send: Send) -> None:
    """Returns while a task of its own receives."""
    await send({"type": "websocket.accept"})
    await leave_a_task("left socket", receive)


async def socket_fail(receive: Receive, send: Send) -> None:
    raise ValueError("on purpose")


async def socket_begin_denial(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 401})


async def socket_overrun_denial(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 401})
    piece = {"type": "websocket.http.response.body", "body": bytes(OVERRUN_BYTES)}
    await send(piece | {"more_body": True})
    say("socket sends the last piece")
    await send(piece)
    say("socket has sent")


ACTS = {
    "hello": hello,
    "wait": wait,
    "overrun": overrun,
    "both-ways": both_ways,
    "fail": fail,
    "file": file,
}
SOCKET_ACTS = {
    "wait": socket_wait,
    "count": socket_count,
    "both-ways": socket_both_ways,
    "leave": socket_leave,
    "fail": socket_fail,
    "return": lambda receive, send: asyncio.sleep(0),
    "begin-denial": socket_begin_denial,
    "overrun-denial": socket_overrun_denial,
}
