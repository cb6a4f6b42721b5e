"""Asks an ASGI app in this process, and records all that can be seen of it. Knows no FastAPI and no compiling."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, MutableMapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from asked import Asked
from journal import MARK, Journal, open_journal

type Message = MutableMapping[str, Any]
type AsgiApp = Callable[..., Coroutine[Any, Any, None]]

# A guard against hangs.
PATIENCE_S = 30.0


class Hanging(AssertionError):
    """An app does not come to an end; so far this has happened."""


@dataclass(frozen=True)
class Record:
    """What a request came to."""

    messages: tuple[tuple[Any, ...], ...]
    # The exception that left the app, with those that it came from, each as text.
    raised: tuple[str, ...]
    # What happened, in its order; the messages are among it by their kind.
    journal: tuple[str, ...]

    @property
    def status(self) -> int:
        return int(self.messages[0][1])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self.messages[0][2])

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def body(self) -> bytes:
        return b"".join(message[1] for message in self.messages[1:])

    def lines(self) -> list[str]:
        """All of it, for people."""
        return [*map(str, self.messages), *(f"raised {one}" for one in self.raised), *self.journal]


async def exchange(app: AsgiApp, request: Asked, state: dict[str, Any] | None = None) -> Record:
    """One request. The loop is the one that runs."""
    with open_journal() as journal:
        wire = Wire(request, journal)
        context = copy_context()
        # As a server has it: a task of its own, with a context of its own.
        call = app(request.scope(state or {}), wire.receive, wire.send)
        task = asyncio.get_running_loop().create_task(call, context=context)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        if not done:
            task.cancel()
            raise Hanging("\n".join(journal.entries))
        raised = told(task.exception())
        journal.entries.append(f"app left, {context.get(MARK, '-')}")
        return Record(
            tuple(wire.messages),
            tuple(map(without_addresses, raised)),
            tuple(map(without_addresses, journal.entries)),
        )


_ADDRESS = re.compile(r"\b0x[0-9a-f]{4,}\b")


def without_addresses(text: str) -> str:
    """Two instances never have their objects in the same place."""
    return _ADDRESS.sub("0x…", text)


class Wire:
    """The two channels of one request."""

    def __init__(self, request: Asked, journal: Journal) -> None:
        self.messages: list[tuple[Any, ...]] = []
        self._journal = journal
        self._incoming = iter(_incoming(request))
        self._end = "websocket.disconnect" if request.is_websocket else "http.disconnect"
        self._is_answered = asyncio.Event()
        self._leaves = request.leaves

    async def receive(self) -> Message:
        message = next(self._incoming, None)
        if message is None:
            if not self._leaves and self._end == "http.disconnect":
                # The connection stays open until the answer is complete.
                await self._is_answered.wait()
            message = {"type": self._end}
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        self._journal.entries.append(f"sent {kind}")
        if kind == "http.response.start":
            headers = tuple((bytes(name), bytes(value)) for name, value in message["headers"])
            self.messages.append((kind, message["status"], headers))
        elif kind == "http.response.body":
            more = message.get("more_body", False)
            self.messages.append((kind, bytes(message.get("body", b"")), more))
            if not more:
                self._is_answered.set()
        else:
            self.messages.append((kind, *(f"{key}={value!r}" for key, value in message.items())))


def _incoming(request: Asked) -> list[Message]:
    if request.is_websocket:
        texts = [{"type": "websocket.receive", "text": chunk.decode()} for chunk in request.chunks]
        return [{"type": "websocket.connect"}, *texts]
    chunks = request.chunks or (b"",)
    last = len(chunks) - 1
    return [
        {
            "type": "http.request",
            "body": chunk,
            "more_body": request.leaves or number != last,
        }
        for number, chunk in enumerate(chunks)
    ]


def told(error: BaseException | None) -> tuple[str, ...]:
    """The exception, its notes and what it came from, as a log would show it, without places in the code."""
    texts = []
    while error is not None and len(texts) < 16:
        notes = "".join(f" note {text!r}" for text in getattr(error, "__notes__", ()))
        inner = ""
        if isinstance(error, BaseExceptionGroup):
            inner = " of " + "; ".join(" < ".join(told(one)) for one in error.exceptions)
        link = "" if error.__suppress_context__ else " in"
        texts.append(f"{type(error).__name__}: {error}{notes}{inner}{link}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return tuple(texts)


async def with_lifespan[T](
    app: AsgiApp, act: Callable[[dict[str, Any]], Coroutine[Any, Any, T]]
) -> T:
    """What `act` gives between the app's startup and shutdown. It is called with the lifespan's state."""
    state: dict[str, Any] = {}
    life = Lifespan()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = asyncio.ensure_future(app(scope, life.receive, life.send))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await life.reached("startup", task)
        return await act(state)
    finally:
        life.ends.set()
        async with asyncio.timeout(PATIENCE_S):
            await life.reached("shutdown", task)
            await task


class Lifespan:
    """The two channels of an app's life."""

    def __init__(self) -> None:
        self.ends = asyncio.Event()
        self._asked = iter(("lifespan.startup", "lifespan.shutdown"))
        self._told = {"startup": asyncio.Event(), "shutdown": asyncio.Event()}
        self._failure = ""

    async def receive(self) -> Message:
        kind = next(self._asked)
        if kind == "lifespan.shutdown":
            await self.ends.wait()
        return {"type": kind}

    async def send(self, message: Message) -> None:
        stage = "startup" if "startup" in message["type"] else "shutdown"
        if message["type"].endswith("failed"):
            self._failure = message["message"]
        self._told[stage].set()

    async def reached(self, stage: str, task: asyncio.Task[None]) -> None:
        waiting = asyncio.ensure_future(self._told[stage].wait())
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert not self._failure, self._failure
