"""An ASGI app that treats `receive()` and `send()` as the coroutines that they are."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import random
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from asgi_stage import Acts, Call, Message, Receive, Send

act = Acts()

# Turns of the loop that an attempt may get before it is cancelled.
TURNS_MAX = 4


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return
    call = Call(scope, receive, send)
    if scope["type"] == "websocket":
        await echo_messages(call)
        return
    found = act.find(scope["path"])
    assert found is not None
    await found(call)


async def reference() -> None:
    """A coroutine of Python's own that waits for nothing."""


async def reference_that_waits() -> None:
    await asyncio.get_running_loop().create_future()


def outcome(step: Callable[[], object]) -> str:
    try:
        return f"returned {step()!r}"
    except BaseException as error:
        return f"{type(error).__name__} {error.args}"


def steps_of(coroutine: Any) -> list[tuple[str, Callable[[], object]]]:
    """What can be done to a coroutine. Each ends it, or fails in its own way."""
    error = ValueError("instance")
    try:
        raise KeyError
    except KeyError as caught:
        traceback = caught.__traceback__
    return [
        ("throw a class", lambda: coroutine.throw(ValueError)),
        ("throw an instance", lambda: coroutine.throw(error)),
        ("throw a cancellation", lambda: coroutine.throw(asyncio.CancelledError("why"))),
        ("throw GeneratorExit", lambda: coroutine.throw(GeneratorExit)),
        ("throw a class and a value", lambda: coroutine.throw(ValueError, "text")),
        ("throw a class and arguments", lambda: coroutine.throw(ValueError, (1, 2))),
        ("throw a class and an instance", lambda: coroutine.throw(ValueError, error)),
        ("throw with a traceback", lambda: coroutine.throw(ValueError, error, traceback)),
        ("throw with Nones", lambda: coroutine.throw(ValueError, None, None)),
        ("throw what is no exception", lambda: coroutine.throw(int)),
        ("throw a value", lambda: coroutine.throw(7)),
        ("throw an instance and a value", lambda: coroutine.throw(error, "text")),
        ("throw with no traceback", lambda: coroutine.throw(ValueError, error, 7)),
        ("throw nothing", lambda: coroutine.throw()),
        ("send a value", lambda: coroutine.send(7)),
        ("close", lambda: coroutine.close()),
    ]


def probe(make: Callable[[], Coroutine[Any, Any, object]], starts: bool) -> list[tuple[str, ...]]:
    """What each step does to a coroutine, and what steps after it find."""
    seen = []
    for number in range(len(steps_of(None))):
        coroutine: Any = make()
        if starts:
            coroutine.send(None)
        name, step = steps_of(coroutine)[number]
        if starts and name == "send a value":
            coroutine.close()
            continue
        first = outcome(step)
        seen.append(
            (
                name,
                first,
                outcome(lambda c=coroutine: c.throw(ValueError("again"))),  # type: ignore[misc]
                outcome(lambda c=coroutine: c.send(None)),  # type: ignore[misc]
                outcome(coroutine.close),
                str(inspect.getcoroutinestate(coroutine)),
            )
        )
    return seen


@act
async def likeness(call: Call) -> None:
    """What Python's own coroutine does in each step, and what ours do."""
    message = {"type": "http.response.start", "status": 200, "headers": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        fresh = probe(reference, False)
        seen = [
            ("receive", fresh, probe(call.receive, False)),  # type: ignore[arg-type]
            ("send", fresh, probe(lambda: call.send(message), False)),  # type: ignore[arg-type, return-value]
        ]
        await call.receive()
        waiting = probe(reference_that_waits, True)
        seen.append(("receive that waits", waiting, probe(call.receive, True)))  # type: ignore[arg-type]
    await call.answer_literal(seen)


async def steps_of_future(future: Any) -> list[object]:
    """What asyncio asks of a future that has not ended, and what cancelling it returns."""
    called: list[object] = []
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)
    context = contextvars.copy_context()
    context.run(number.set, 7)

    def note(ended: object) -> None:
        called.append((ended is future, number.get()))

    def other(ended: object) -> None:
        called.append("removed")

    seen: list[object] = [
        asyncio.isfuture(future),
        future.get_loop() is asyncio.get_running_loop(),
        (future.done(), future.cancelled()),
        outcome(future.result),
        outcome(future.exception),
        future.add_done_callback(note, context=context),
        [future.add_done_callback(other), future.add_done_callback(other)],
        future.remove_done_callback(other),
        future.cancel("why"),
        future.cancel(),
        (future.done(), future.cancelled()),
        outcome(future.result),
        outcome(future.exception),
        list(called),
    ]
    future.add_done_callback(note)
    await asyncio.sleep(0)
    return [*seen, called]


@act
async def future(call: Call) -> None:
    """What a `receive()` waits for, and a future of asyncio's own."""
    await call.receive()
    receive: Any = call.receive()
    own = await steps_of_future(receive.send(None))
    receive.close()
    expected = await steps_of_future(asyncio.get_running_loop().create_future())
    await call.answer_literal((expected, own))


COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@act
async def context(call: Call) -> None:
    """What a task has set is there when it goes on, and nowhere else."""
    before = COLOUR.get()
    COLOUR.set(call.query["colour"])
    body = await call.body()
    await call.answer_literal((before, COLOUR.get(), body))


@act
async def debug(call: Call) -> None:
    """Waits for a body on a loop that measures what it runs."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        await call.answer(await call.body())
    finally:
        loop.set_debug(False)


@act
async def names(call: Call) -> None:
    receive: Any = call.receive()
    states = [inspect.getcoroutinestate(receive)]
    await receive
    states.append(inspect.getcoroutinestate(receive))
    send: Any = call.send({"type": "nothing"})
    seen = [asyncio.iscoroutine(receive), receive.__name__, send.__qualname__, *states]
    send.close()
    await call.answer_literal(seen)


@act
async def group(call: Call) -> None:
    """A TaskGroup whose body fails before its task has begun."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(call.receive())  # type: ignore[arg-type]
            raise ValueError("the body fails at once")
    except* ValueError:
        pass
    await call.answer(await call.body())


@act
async def impatient(call: Call) -> None:
    """A timeout of zero takes nothing."""
    cancelled = 0
    for _ in range(100):
        try:
            await asyncio.wait_for(call.receive(), 0)
        except TimeoutError:
            cancelled += 1
    await call.answer_literal((cancelled, await call.body()))


@act
async def unstarted_send(call: Call) -> None:
    """A `send()` that is cancelled before it begins sends nothing."""
    start = {"type": "http.response.start", "status": 200, "headers": []}
    task = asyncio.ensure_future(call.send(start | {"status": 418}))
    task.cancel()
    await asyncio.wait([task])
    await call.send(start)
    task = asyncio.ensure_future(
        call.send({"type": "http.response.body", "body": b"lost", "more_body": True})
    )
    task.cancel()
    await asyncio.wait([task])
    await call.send({"type": "http.response.body", "body": b"sent"})


@act
async def wrong(call: Call) -> None:
    """A wrong message raises where it is awaited, not where the call is made."""
    coroutine = call.send({"type": "nonsense"})
    [raised] = await asyncio.gather(coroutine, return_exceptions=True)
    await call.answer(type(raised).__name__.encode())


@act
async def unawaited_send(call: Call) -> None:
    call.send({"type": "http.response.start", "status": 200, "headers": []})
    call.send({"type": "http.response.body", "body": b"never"})


@act
async def unawaited_receive(call: Call) -> None:
    call.receive()
    await call.answer(await call.body())


class Fuzz:
    """Awaits its argument in ways that a seed chooses, and says whether it ended."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    async def turns(self) -> None:
        for _ in range(self.random.randrange(TURNS_MAX)):
            await asyncio.sleep(0)

    async def attempt[T](self, make: Callable[[], Awaitable[T]]) -> tuple[bool, T | None]:
        """Whether the coroutine was stepped at all, and what it returned if it did return."""
        begun = False

        async def noting() -> T:
            nonlocal begun
            begun = True
            return await make()

        match self.random.randrange(7):
            case 0:
                return True, await make()
            case 1:
                try:
                    return True, await asyncio.wait_for(noting(), self.random.choice((0, 0.001)))
                except TimeoutError:
                    return begun, None
            case 2:
                try:
                    async with asyncio.timeout(self.random.choice((0, 0.0005))):
                        return True, await noting()
                except TimeoutError:
                    return begun, None
            case 3:
                dropped: Any = make()
                dropped.close()
                return False, None
            case 4:
                thrown: Any = make()
                try:
                    thrown.throw(KeyError)
                except KeyError:
                    return False, None
            case _:
                task = asyncio.ensure_future(noting())
                await self.turns()
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    return True, task.result()
                return begun, None
        raise AssertionError("a throw did not raise")

    async def receive(self, call: Call) -> Message:
        while True:
            _, message = await self.attempt(call.receive)
            if message is not None:
                return message

    async def send(self, call: Call, message: Message) -> None:
        """A message is taken in the first step: one that was begun must not be sent again, any other must be."""
        begun = False
        while not begun:
            begun, _ = await self.attempt(lambda: call.send(message))


@act
async def fuzz(call: Call) -> None:
    """Echoes the body as it comes, with cancellations at every step."""
    fuzz = Fuzz(call.query["seed"])
    await fuzz.send(call, {"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await fuzz.receive(call)
        assert message["type"] == "http.request", message
        more = message["more_body"]
        await fuzz.send(
            call, {"type": "http.response.body", "body": message["body"], "more_body": more}
        )


async def echo_messages(call: Call) -> None:
    fuzz = Fuzz(call.query["seed"])
    assert await fuzz.receive(call) == {"type": "websocket.connect"}
    await fuzz.send(call, {"type": "websocket.accept"})
    while True:
        message = await fuzz.receive(call)
        if message["type"] == "websocket.disconnect":
            return
        await fuzz.send(call, {"type": "websocket.send", "text": message["text"]})
