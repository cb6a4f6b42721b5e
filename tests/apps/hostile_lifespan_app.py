"""An ASGI app whose lifespan goes wrong as the environment says."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

ACT = os.environ.get("LIFESPAN_ACT", "")


def say(text: str) -> None:
    # In one piece: the server writes lines of its own meanwhile.
    sys.stderr.write(f"app: {text}\n")
    sys.stderr.flush()


async def wait_for_ever() -> None:
    say("a request waits")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        say("a request ends")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "lifespan":
        await wait_for_ever()
    await receive()
    say("starts")
    if ACT == "start-hangs":
        await asyncio.Event().wait()
    if ACT == "start-exits":
        await asyncio.sleep(0)
        sys.exit("nothing to serve")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("stops")
    if ACT == "stop-exits":
        await asyncio.sleep(0)
        sys.exit("on purpose")
    await send({"type": "lifespan.shutdown.complete"})
    if ACT == "stop-asks-again":
        await receive()
