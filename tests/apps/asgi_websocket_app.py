"""An ASGI app that speaks WebSocket as its path says: /do/NAME is a function here, any other path sends its scope."""

from __future__ import annotations

import ast
import asyncio
import sys
from typing import Any

from asgi_stage import Acts, Call, Message, Receive, Send, told

act = Acts()

PIECE_BYTES = 64 * 1024
PIECES = 2048


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        scope["state"]["from"] = "lifespan"
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    call = Call(scope, receive, send)
    await (act.find(scope["path"]) or tell_scope)(call)


async def tell_scope(call: Call) -> None:
    if call.scope["type"] == "http":
        await call.answer(b"over http")
        return
    await accept(call)
    await call.send({"type": "websocket.send", "text": ascii(call.scope)})
    await call.send({"type": "websocket.close"})


async def accept(call: Call, **fields: Any) -> None:
    assert await call.receive() == {"type": "websocket.connect"}
    await call.send({"type": "websocket.accept"} | fields)


async def until_closed(call: Call) -> None:
    while (message := await call.receive())["type"] != "websocket.disconnect":
        call.note(message.get("text") or len(message["bytes"]))
    call.note(message)


@act
async def echo(call: Call) -> None:
    await accept(call)
    while (message := await call.receive())["type"] == "websocket.receive":
        [(kind, payload)] = ((key, message[key]) for key in message.keys() - {"type"})
        await call.send({"type": "websocket.send", kind: payload})
    call.note(message)
    call.note(await call.receive())
    await call.try_send({"type": "websocket.send", "text": "too late"})


@act
async def choose(call: Call) -> None:
    """Accepts with the last subprotocol that was offered and with headers."""
    offered = call.scope["subprotocols"]
    lines = [(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-more", b"\xff")]
    await accept(call, subprotocol=offered[-1] if offered else None, headers=lines)
    await call.send({"type": "websocket.send", "text": ascii(offered)})


@act
async def script(call: Call) -> None:
    """Sends the messages that its query lists and notes what they raise; `then` waits for the end."""
    assert await call.receive() == {"type": "websocket.connect"}
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    for message in ast.literal_eval(call.query["messages"]):
        await call.try_send(message)
    if "then" in call.query:
        await until_closed(call)


@act
async def fail(call: Call) -> None:
    if "early" not in call.query:
        await accept(call)
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    raise LookupError("on purpose")


@act
async def leave(call: Call) -> None:
    """Returns, after it has accepted or before any message."""
    if "early" not in call.query:
        await accept(call)
    if "wait" in call.query:
        await asyncio.sleep(0.001)


@act
async def hold(call: Call) -> None:
    """Accepts, takes nothing until its gate is opened, and then sends what had come."""
    await accept(call)
    call.note("accepted")
    await call.gate()
    sizes = 0
    while (message := await call.receive())["type"] == "websocket.receive":
        if message.get("text") == "end":
            break
        sizes += len(message["bytes"])
    await call.send({"type": "websocket.send", "text": str(sizes)})
    await call.send({"type": "websocket.close"})


@act
async def hold_handshake(call: Call) -> None:
    """Accepts once its gate is open, and then notes all that comes."""
    assert await call.receive() == {"type": "websocket.connect"}
    call.note("connecting")
    await call.gate()
    await call.try_send({"type": "websocket.accept"})
    await until_closed(call)


@act
async def goes_on(call: Call) -> None:
    """Accepts once its gate is open, says goodbye whatever came of that, and then sends."""
    assert await call.receive() == {"type": "websocket.connect"}
    call.note("connecting")
    await call.gate()
    await call.try_send({"type": "websocket.accept"})
    await call.try_send({"type": "websocket.close"})
    await call.try_send({"type": "websocket.send", "text": "too late"})


@act
async def flood(call: Call) -> None:
    """Sends far more than all buffers on the way hold, and counts what was taken."""
    await accept(call)
    piece = bytes(PIECE_BYTES)
    try:
        for _ in range(PIECES):
            await call.send({"type": "websocket.send", "bytes": piece})
            call.note(len(piece))
    except OSError as error:
        call.note(told(error))
        raise


@act
async def background(call: Call) -> None:
    """Goes on after the conversation has ended."""
    await accept(call)
    await until_closed(call)
    await call.gate()
    call.note("done")


@act
async def goodbye(call: Call) -> None:
    """Says goodbye and hears the answer."""
    await accept(call)
    await call.send({"type": "websocket.close", "code": 4321, "reason": "enough é"})
    await until_closed(call)
    await call.try_send({"type": "websocket.send", "text": "too late"})


@act
async def tell_end(call: Call) -> None:
    """Writes to stderr, for a client that cannot ask any more."""
    await accept(call)
    while (message := await call.receive())["type"] != "websocket.disconnect":
        pass
    sys.stderr.write(f"app: the conversation ended with {message['code']}\n")


@act
async def both_at_once(call: Call) -> None:
    """Sends and receives in tasks of their own."""
    await accept(call)

    async def listen() -> None:
        await until_closed(call)

    async def speak() -> None:
        for number in range(100):
            await call.send({"type": "websocket.send", "text": str(number)})
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        group.create_task(speak())


@act
async def sleeps(call: Call) -> None:
    """Reads nothing until a request over HTTP says so, then all there is."""
    await accept(call)
    await call.gate()
    await until_closed(call)


@act
async def closes_twice(call: Call) -> None:
    """Says goodbye, waits for the client to do so, and goes on sending."""
    await accept(call)
    await call.send({"type": "websocket.close", "code": 4001})
    while (await call.receive())["type"] != "websocket.disconnect":
        pass
    await call.try_send({"type": "websocket.send", "text": "too late"})
    await call.try_send({"type": "websocket.close"})
