"""An ASGI app whose lifespan goes as the variable LIFESPAN says, and reports its progress on stderr."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

from asgi_stage import Message, Receive, Send

HOW = os.environ.get("LIFESPAN", "plain")


def tell(text: str) -> None:
    # In one piece: instances on other threads write at the same time.
    sys.stderr.write(f"app: {text}\n")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200})
    body = ascii(scope.get("state")).encode()
    await send({"type": "http.response.body", "body": body})
    if scope["path"] == "/background":
        await asyncio.sleep(0.05)
        tell("background done")


async def lifespan(scope: Message, receive: Receive, send: Send) -> None:
    if HOW == "unknown":
        raise ValueError("this app knows no lifespan")
    if HOW == "returns":
        return
    state: dict[str, Any] = scope["state"]
    assert scope == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "state": {},
    }
    message = await receive()
    assert message == {"type": "lifespan.startup"}
    tell(f"startup on {threading.current_thread().name}")
    await asyncio.sleep(0.001)
    await start(state, send)
    try:
        assert await receive() == {"type": "lifespan.shutdown"}
    except asyncio.CancelledError:
        tell("cancelled")
        raise
    tell(f"shutdown on {threading.current_thread().name}")
    await stop(send)


async def start(state: dict[str, Any], send: Send) -> None:
    complete = {"type": "lifespan.startup.complete"}
    match HOW:
        case "fails":
            await send({"type": "lifespan.startup.failed", "message": "no database here"})
        case "fails-without-words":
            await send({"type": "lifespan.startup.failed"})
        case "fails-with-traceback":
            text = 'Traceback (most recent call last):\n  File "x"\nOSError: no database\n'
            await send({"type": "lifespan.startup.failed", "message": text})
        case "fails-later" if is_later():
            await send({"type": "lifespan.startup.failed", "message": "no room for a second"})
        case "raises":
            raise LookupError("on purpose")
        case "never-starts":
            await asyncio.Event().wait()
        case "wrong":
            for kind in ("http.response.start", "lifespan.shutdown.complete", "lifespan.startup"):
                try:
                    await send({"type": kind})
                except RuntimeError as error:
                    tell(f"{error}")
            await send(complete)
            try:
                await send(complete)
            except RuntimeError as error:
                tell(f"{error}")
        case _:
            state["greeting"] = "hello"
            await send(complete)


async def stop(send: Send) -> None:
    match HOW:
        case "shutdown-fails":
            await send({"type": "lifespan.shutdown.failed", "message": "the pool is stuck"})
        case "shutdown-raises":
            raise LookupError("on purpose")
        case "shutdown-hangs":
            await asyncio.Event().wait()
        case "slow-shutdown":
            await asyncio.sleep(0.1)
            await send({"type": "lifespan.shutdown.complete"})
            await asyncio.sleep(0.01)
            tell("after the last message")
        case _:
            await send({"type": "lifespan.shutdown.complete"})


def is_later() -> bool:
    """Whether this is not the first shard, or the first worker process."""
    # The kernel's name of the thread; Python calls every main thread the same. The server's own is the first shard.
    name = Path("/proc/thread-self/comm").read_text().strip()
    return name not in ("turbo-shard", "shard-0", "asyncio-0")
