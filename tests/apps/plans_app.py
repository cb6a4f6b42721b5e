"""An ASGI app with plans made by hand, in the place of those of a FastAPI app.

/do/NAME is served by the plan of that name, all else by the app: it answers with its scope. /do/switch turns the plans
off and on, or has `is_current` raise or put other plans in place.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import asgi_stage
import fastapi  # noqa: F401  The server asks for plans only where FastAPI has been imported.
from asgi_stage import Acts, Call, Message, Receive, Send, told

from turbo_shard import _native
from turbo_shard.compile import fastapi as compiler

type Plan = Callable[[Any], Awaitable[None]]

act = Acts()
PLANS: dict[str, Plan] = {}
COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


def plan(function: Plan) -> Plan:
    PLANS[function.__name__.replace("_", "-")] = function
    return function


class App:
    """The app and its front."""

    def __init__(self) -> None:
        self.state = "on"
        self.adopted: list[tuple[str, str]] = []
        self.front: _native.CompiledFront | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
        elif found := act.find(scope["path"].removeprefix(scope["root_path"])):
            await found(Call(scope, receive, send))
        else:
            await Call(scope, receive, send).answer_literal(scope)

    def adopt(self, root_path: str, how: str) -> _native.CompiledFront | None:
        self.adopted.append((root_path, how))
        match os.environ.get("PLANS", ""):
            case "none":
                return None
            case "broken":
                raise LookupError("no plans today")
            case "wrong":
                return 7  # type: ignore[return-value]
        self.front = _native.CompiledFront(self.is_current, root_path)
        self.fill()
        return self.front

    def is_current(self) -> bool:
        match self.state:
            case "raises":
                raise LookupError("is it current?")
            case "replaces":
                self.state = "on"
                self.fill(later)
        return self.state == "on"

    def fill(self, only: Plan | None = None) -> None:
        assert self.front is not None
        entries: list[Any] = [
            (("do", name), frozenset({"GET", "POST", "PUT", "HEAD", "PURGE"}), only or plan)
            for name, plan in PLANS.items()
        ]
        get = frozenset({"GET"})
        entries += [
            (("params", ("int",), ("str",)), get, params),
            (("params", ("path",)), get, params),
            (("journal",), None, None),
            (("open",), None, None),
            (("do", "switch"), None, None),
            (("do", "adopted"), None, None),
            (("mounted", ("any",)), None, None),
            (("mounted", "inside"), get, params),
            (("dir", ""), get, params),
        ]
        named = [(*entry, "/".join(["", *map(str, entry[0])])) for entry in entries]
        self.front.replace(named, not_found, True)


app = App()


async def lifespan(scope: Message, receive: Receive, send: Send) -> None:
    scope["state"]["pool"] = "a pool"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def adopt(served: object, *, root_path: str = "", how: str = "") -> _native.CompiledFront | None:
    assert isinstance(served, App)
    return served.adopt(root_path, how)


compiler.adopt = adopt


@act
async def switch(call: Call) -> None:
    app.state = call.query["to"]
    await call.answer()


@act
async def adopted(call: Call) -> None:
    await call.answer_literal((app.adopted, threading.current_thread().name))


# Plans. Each is called with a `_native.CompiledCall`.


def answer_literal(call: Any, value: object) -> None:
    call.answer(200, ascii(value).encode())


def note(call: Any, entry: object) -> None:
    asgi_stage._journal[call.query("key") or ""].append(entry)


async def gate(call: Any) -> None:
    async with asyncio.timeout(asgi_stage.TIMEOUT_S):
        await asgi_stage._gates[call.query("key")].wait()


async def params(call: Any) -> None:
    answer_literal(call, call.params)


async def not_found(call: Any) -> None:
    call.answer(404, b'"no route"')


async def later(call: Any) -> None:
    call.answer(200, b'"later"')


@plan
async def fixed(call: Any) -> None:
    call.answer(200, b"{}")


@plan
async def thread(call: Any) -> None:
    answer_literal(call, threading.current_thread().name)


@plan
async def query(call: Any) -> None:
    """For each name of `names`, as the client escaped it: the last value, and all values."""
    names = call.header_list("x-name")
    seen = [(name, call.query(name), call.query_list(name)) for name in names]
    answer_literal(call, (call.query_string, seen))


@plan
async def headers(call: Any) -> None:
    names = ["host", "x-a", "x-b", "x-missing"]
    answer_literal(call, [(name, call.header(name), call.header_list(name)) for name in names])


@plan
async def scope(call: Any) -> None:
    """The scope after another one that was changed."""
    changed = call.scope()
    changed["asgi"]["version"] = "changed"
    changed["extensions"].clear()
    changed["headers"].append((b"added", b"here"))
    changed["state"]["mine"] = True
    changed["added"] = True
    answer_literal(call, call.scope())


@plan
async def scopes_on_threads(call: Any) -> None:
    scopes = await asyncio.gather(*(asyncio.to_thread(call.scope) for _ in range(20)))
    answer_literal(call, all(each == call.scope() for each in scopes))


@plan
async def body(call: Any) -> None:
    """Takes the body twice, then receives."""
    taken = [call.take_body(), call.take_body()]
    if taken[0] is not None:
        call.answer(200, ascii(taken).encode())
        return
    pieces = []
    while True:
        message = await call.receive()
        pieces.append(message["body"])
        if not message["more_body"]:
            break
    answer_literal(call, [*taken, b"".join(pieces), call.take_body()])


@plan
async def received(call: Any) -> None:
    """Receives what could have been taken."""
    message = await call.receive()
    answer_literal(call, (message["body"], message["more_body"], call.take_body()))


@plan
async def status(call: Any) -> None:
    call.answer(int(call.query("status")), (call.query("body") or "").encode())


@plan
async def raw(call: Any) -> None:
    lines = [(b"x-first", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    body = b"raw body"
    if length := call.query("length"):
        lines.append((b"content-length", length.encode()))
    call.answer_raw(201, lines, body)


WRONG: dict[str, Callable[[Any], object]] = {
    "name": lambda call: call.answer_raw(200, [(b"a b", b"c")], b""),
    "value": lambda call: call.answer_raw(200, [(b"a", b"b\r\nc: d")], b""),
    "length": lambda call: call.answer_raw(200, [(b"content-length", b"x")], b""),
    "pair": lambda call: call.answer_raw(200, [(b"a",)], b""),
    "status": lambda call: call.answer(99, b""),
    "word": lambda call: call.answer("200", b""),
    "bool": lambda call: call.answer(True, b""),
    "text": lambda call: call.answer_raw(200, [], "text"),
    "short": lambda call: call.answer_raw(200, [(b"content-length", b"9")], b"1"),
    "long": lambda call: call.answer_raw(200, [(b"content-length", b"0")], b"1"),
    "twice": lambda call: [call.answer(200, b"1"), call.answer(200, b"2")],
}


def sent(status: object, lines: object, body: object) -> tuple[Message, Message]:
    return (
        {"type": "http.response.start", "status": status, "headers": lines},
        {"type": "http.response.body", "body": body},
    )


MESSAGES: dict[str, tuple[Message, ...]] = {
    "name": sent(200, [(b"a b", b"c")], b""),
    "value": sent(200, [(b"a", b"b\r\nc: d")], b""),
    "length": sent(200, [(b"content-length", b"x")], b""),
    "pair": sent(200, [(b"a",)], b""),
    "status": sent(99, [], b""),
    "word": sent("200", [], b""),
    "bool": sent(True, [], b""),
    "text": sent(200, [], "text"),
    "short": sent(200, [(b"content-length", b"9")], b"1"),
    "long": sent(200, [(b"content-length", b"0")], b"1"),
    "twice": (*sent(200, [], b"1"), *sent(200, [], b"2")),
}


@plan
async def wrong(call: Any) -> None:
    """Answers in a wrong way, and notes the error and whether an answer has begun."""
    how = call.query("how")
    try:
        WRONG[how](call)
    except Exception as error:
        note(call, (told(error), call.is_started))
    if not call.is_started:
        call.answer(200, b"1")


@plan
async def wrong_messages(call: Any) -> None:
    """The same by `send()`."""
    how = call.query("how")
    try:
        for message in MESSAGES[how]:
            await call.send(message)
    except Exception as error:
        note(call, (told(error), call.is_started))
    if not call.is_started:
        call.answer(200, b"1")


@plan
async def messages(call: Any) -> None:
    """A stream by `send()`."""
    await call.send({"type": "http.response.start", "status": 200, "headers": []})
    started = call.is_started
    for piece in (b"one ", b"two ", ascii(started).encode()):
        await call.send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await call.send({"type": "http.response.body", "body": b""})


@plan
async def waits(call: Any) -> None:
    note(call, "called")
    await gate(call)
    answer_literal(call, (call.params, call.query("key"), call.header("host"), call.is_started))


@plan
async def yields(call: Any) -> None:
    await asyncio.sleep(0)
    call.answer(200, (call.query("body") or "").encode())


@plan
async def background(call: Any) -> None:
    """Answers and goes on."""
    call.answer(200, b'"answered"')
    note(call, call.is_started)
    await gate(call)
    note(call, "done")
    if call.query("fails"):
        raise LookupError("in the background")


@plan
async def background_without_waiting(call: Any) -> None:
    call.answer(200, b'"answered"')
    raise LookupError("after the answer")


@plan
async def fails(call: Any) -> None:
    if call.query("waits"):
        await asyncio.sleep(0)
    raise LookupError("before the answer")


@plan
async def says_nothing(call: Any) -> None:
    pass


@plan
def is_no_coroutine(call: Any) -> Any:
    return 7


@plan
def raises_at_once(call: Any) -> Any:
    raise LookupError("in the call")


@plan
async def leaves(call: Any) -> None:
    """Waits until its client has left, then answers all the same."""
    note(call, "called")
    message = await call.receive()
    while message["type"] != "http.disconnect":
        message = await call.receive()
    note(call, (message["type"], call.take_body()))
    await gate(call)
    try:
        call.answer(200, b"{}")
        note(call, "sent")
    except Exception as error:
        note(call, (isinstance(error, OSError), call.is_started))
        raise


@plan
async def large(call: Any) -> None:
    call.answer(200, b"x" * int(call.query("size")))


@plan
async def context(call: Any) -> None:
    before = COLOUR.get()
    COLOUR.set(call.query("colour"))
    if call.query("waits"):
        await asyncio.sleep(0)
    answer_literal(call, (before, COLOUR.get()))


@plan
async def task(call: Any) -> None:
    current = asyncio.current_task()
    assert current is not None
    answer_literal(call, (current.get_name(), sys.getrefcount(call) < 10))
