"""An ASGI app that does what its path says: /do/NAME is a function here, any other path is answered with its scope."""

from __future__ import annotations

import ast
import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from asgi_stage import Acts, Call, Message, Receive, Send, told

act = Acts()

FLOOD_PIECE_BYTES = 64 * 1024
FLOOD_PIECES = 2048


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        async with lifespan(scope["state"]):
            assert (await receive())["type"] == "lifespan.startup"
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            await send({"type": "lifespan.shutdown.complete"})
        return
    call = Call(scope, receive, send)
    if found := act.find(scope["path"]):
        await found(call)
    else:
        await call.answer_literal(scope)


@asynccontextmanager
async def lifespan(state: dict[str, Any]) -> AsyncIterator[None]:
    state["pool"] = "a pool"
    state["shared"] = []
    yield


@act
async def change_state(call: Call) -> None:
    """The request's own keys stay its own; what they lead to is shared."""
    state = call.scope["state"]
    state["mine"] = True
    state["shared"].append(len(state["shared"]))
    await call.answer_literal(state)


CERTIFICATES_SEEN: list[str] = []


@act
async def see_certificate(call: Call) -> None:
    """Whether it is an object that was seen before, not one that is equal."""
    own = call.scope["extensions"]["tls"]["server_cert"]
    is_known = any(own is seen for seen in CERTIFICATES_SEEN)
    CERTIFICATES_SEEN.append(own)
    await call.answer_literal(is_known)


@act
async def change_scope(call: Call) -> None:
    """What middleware does to scopes must not reach the next request."""
    call.scope["asgi"]["version"] = "changed"
    call.scope["extensions"].get("tls", {}).clear()
    call.scope["extensions"].clear()
    call.scope["headers"].append((b"added", b"here"))
    call.scope["added"] = True
    await call.answer()


@act
async def pieces(call: Call) -> None:
    """Answers with how the body came."""
    came = []
    while True:
        message = await call.receive()
        came.append((len(message["body"]), message["more_body"], sorted(message)))
        if not message["more_body"]:
            break
    await call.answer_literal(came)


@act
async def echo(call: Call) -> None:
    await call.answer(await call.body())


@act
async def digest(call: Call) -> None:
    await call.answer_literal(await call.digest())


@act
async def late_digest(call: Call) -> None:
    """Reads nothing, or one piece, until its gate is opened."""
    if "first" in call.query:
        call.note((await call.receive())["type"])
    call.note("called")
    await call.gate()
    try:
        read = await call.digest()
    except ConnectionError as error:
        call.note(str(error))
        raise
    await call.answer_literal(read)


@act
async def never_read(call: Call) -> None:
    call.note("called")
    await call.gate()
    await call.answer(b"unread")


@act
async def until_disconnect(call: Call) -> None:
    """Reads until the client leaves."""
    call.note("called")
    while (message := await call.receive())["type"] == "http.request":
        call.note(len(message["body"]))
    call.note(message)
    call.note(await call.receive())
    await call.try_send({"type": "http.response.start", "status": 200})


@act
async def after_response(call: Call) -> None:
    """What `receive()` returns once the answer is complete, whether it waited before or comes after."""
    await call.body()
    waiting = asyncio.create_task(call.receive())
    await asyncio.sleep(0)
    call.note(waiting.done())
    await call.answer(b"answered")
    call.note(await waiting)
    call.note(await call.receive())


@act
async def poll(call: Call) -> None:
    """Asks again and again with a timeout; what it leaves behind must not grow."""
    await call.body()
    before = futures()
    for _ in range(200):
        with suppress(TimeoutError):
            await asyncio.wait_for(call.receive(), 0.0005)
            raise AssertionError("nothing was sent")
    await call.answer_literal(futures() - before)


def futures() -> int:
    gc.collect()
    return sum(isinstance(one, asyncio.Future) for one in gc.get_objects())


@act
async def receive_in_task(call: Call) -> None:
    """A message that is there and one that is not, each awaited in a task of its own."""
    first = await asyncio.create_task(call.receive())
    later = asyncio.create_task(call.receive())
    await asyncio.sleep(0)
    later.cancel()
    await asyncio.wait([later])
    start = {"type": "http.response.start", "status": 200}
    await asyncio.create_task(call.send(start))  # type: ignore[arg-type]
    body = {"type": "http.response.body", "body": first["body"]}
    await asyncio.gather(call.send(body))
    call.note(later.cancelled())


@act
async def script(call: Call) -> None:
    """Sends the messages that its body lists and notes what they raise; `wait` makes it yield its turn first."""
    messages = ast.literal_eval((await call.body()).decode("latin-1"))
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    for message in messages:
        await call.try_send(message)


@act
async def buffers(call: Call) -> None:
    """Bodies of every kind that has bytes."""
    lines = [(bytearray(b"x-kind"), memoryview(b"view")), [b"x-list", b"pair"]]
    await call.send({"type": "http.response.start", "status": 200, "headers": iter(lines)})
    for piece in (b"bytes ", bytearray(b"array "), memoryview(b"v-i-e-w")[::2]):
        await call.send({"type": "http.response.body", "body": piece, "more_body": True})
    await call.send({"type": "http.response.body"})


@act
async def flood(call: Call) -> None:
    """Streams far more than all buffers on the way hold, and counts what was taken."""
    piece = bytes(FLOOD_PIECE_BYTES)
    await call.send({"type": "http.response.start", "status": 200})
    try:
        for _ in range(FLOOD_PIECES):
            await call.send({"type": "http.response.body", "body": piece, "more_body": True})
            call.note(len(piece))
    except OSError as error:
        call.note(told(error))
        raise
    await call.send({"type": "http.response.body"})


@act
async def pathsend(call: Call) -> None:
    """Sends a file, or says instead why it could not."""
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    await call.send({"type": "http.response.start", "status": 200, "headers": [(b"x-by", b"app")]})
    try:
        await call.send({"type": "http.response.pathsend", "path": call.query["path"]})
        call.note("sent")
    except OSError as error:
        call.note((type(error).__name__, isinstance(error, OSError)))
        if "client" in str(error):
            raise
        await call.send({"type": "http.response.body", "body": b"no file"})


@act
async def fail(call: Call) -> None:
    """Raises; before the head, after it, after a piece, or after the whole answer."""
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    match call.query["after"]:
        case "head":
            await call.send({"type": "http.response.start", "status": 200})
        case "piece":
            await call.send({"type": "http.response.start", "status": 200})
            piece = {"type": "http.response.body", "body": b"piece", "more_body": True}
            await call.send(piece)
        case "all":
            await call.answer(b"all of it")
    raise LookupError("on purpose")


@act
async def leave_early(call: Call) -> None:
    """Returns without a response, or with half of one."""
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    if "started" in call.query:
        await call.send({"type": "http.response.start", "status": 200})
        await call.send({"type": "http.response.body", "body": b"piece", "more_body": True})


@act
async def background(call: Call) -> None:
    """Answers, and goes on until its gate is opened."""
    if "wait" in call.query:
        await asyncio.sleep(0.001)
    await call.answer(b"answered")
    call.note("answered")
    await call.gate()
    call.note("done")
    print("the background work is done", file=sys.stderr, flush=True)
