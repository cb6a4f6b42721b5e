"""A plain ASGI 3 app that echoes WebSocket messages: the Autobahn cases run against it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    match scope["type"]:
        case "websocket":
            await echo(receive, send)
        case "lifespan":
            await lifespan(receive, send)
        case _:
            await send({"type": "http.response.start", "status": 426, "headers": []})
            await send({"type": "http.response.body", "body": b"this is a WebSocket\n"})


async def echo(receive: Receive, send: Send) -> None:
    message = await receive()
    assert message["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
    assert message["type"] == "websocket.disconnect"


async def lifespan(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        message = await receive()
        assert message["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})
