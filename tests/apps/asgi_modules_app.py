"""An ASGI app that tells what has been imported beside it for FastAPI apps."""

from __future__ import annotations

import sys

from asgi_stage import Call, Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    names = [name for name in sys.modules if "fastapi" in name]
    await Call(scope, receive, send).answer_literal(names)
