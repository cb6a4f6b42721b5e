"""An ASGI app whose lifespan goes wrong in the way that the environment asks for."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

ACT = os.environ.get("LIFESPAN_ACT", "")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "lifespan":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})
        return
    await receive()
    print("app: starts", file=sys.stderr, flush=True)
    if ACT == "start-hangs":
        await asyncio.Event().wait()
    if ACT == "start-exits":
        await asyncio.sleep(0)
        sys.exit("nothing to serve")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if ACT == "stop-exits":
        await asyncio.sleep(0)
        sys.exit("on purpose")
    await send({"type": "lifespan.shutdown.complete"})
    if ACT == "stop-asks-again":
        await receive()
