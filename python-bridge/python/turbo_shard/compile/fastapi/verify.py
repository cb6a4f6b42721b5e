"""`--fastapi verify`: FastAPI answers, and the plan is run on the same request to be compared.

Endpoints, dependencies and background tasks run twice. The first difference of each kind is told for each route.
Requests without a plan are served once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ...logs.error_stream import write_line

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Any, Receive, Send], Awaitable[None]]

# The plan may take so many times as long as FastAPI did, and at least so many seconds.
TIMES_MAX = 10
SECONDS_MIN = 5.0
# So much of a body is shown.
SHOWN_BYTES_MAX = 200


class Seen:
    """What came of one run: the messages of the answer, and the exception that left the app."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.error = ""

    def note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (bytes(name), bytes(value)) for name, value in message.get("headers", [])
            ]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def note_error(self, error: BaseException) -> None:
        self.error = f"{type(error).__module__}.{type(error).__qualname__}: {error}"


class Verifier:
    """An ASGI app around two: `real` answers, and `planned` is compared with it where `has_plan` says so."""

    def __init__(self, real: AsgiApp, planned: AsgiApp, route_of: Callable[[Any], str]) -> None:
        self.real = real
        self.planned = planned
        self.route_of = route_of
        self.told: set[tuple[str, str]] = set()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        route = self.route_of(scope) if scope["type"] == "http" else ""
        if not route:
            await self.real(scope, receive, send)
            return
        messages = await whole_body(receive)
        again = copy_of(scope)
        first, began_s = Seen(), time.monotonic()

        async def send_and_note(message: Message) -> None:
            first.note(message)
            await send(message)

        try:
            await self.real(scope, replayed(messages, receive), send_and_note)
        except Exception as error:
            first.note_error(error)
            raise
        finally:
            seconds = max(SECONDS_MIN, TIMES_MAX * (time.monotonic() - began_s))
            self.compare(route, first, await self.run_plan(again, messages, seconds))

    async def run_plan(self, scope: Any, messages: list[Message], seconds: float) -> Seen:
        second = Seen()

        async def note(message: Message) -> None:
            second.note(message)

        try:
            async with asyncio.timeout(seconds):
                await self.planned(scope, replayed(messages, disconnected), note)
        except Exception as error:
            second.note_error(error)
        return second

    def compare(self, route: str, first: Seen, second: Seen) -> None:
        for kind in ("status", "headers", "body", "error"):
            by_fastapi, by_plan = getattr(first, kind), getattr(second, kind)
            if by_fastapi != by_plan and (route, kind) not in self.told:
                self.told.add((route, kind))
                write_line(
                    sys.stderr,
                    f"turbo-shard: fastapi: {route}: {kind} differs; FastAPI: {shown(by_fastapi)}; "
                    f"plan: {shown(by_plan)}",
                )


def copy_of(scope: Any) -> Any:
    """The scope for the second run: what the first one changes is not in it."""
    return {
        key: dict(value)
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, list)
        else value
        for key, value in scope.items()
    }


async def whole_body(receive: Receive) -> list[Message]:
    """All messages up to the end of the body."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def replayed(messages: list[Message], then: Receive) -> Receive:
    """A `receive` that gives these messages first."""
    left = [dict(message) for message in messages]

    async def receive() -> Message:
        return left.pop(0) if left else await then()

    return receive


async def disconnected() -> Message:
    return {"type": "http.disconnect"}


def shown(value: Any) -> str:
    if isinstance(value, bytearray):
        rest = len(value) - SHOWN_BYTES_MAX
        return repr(bytes(value[:SHOWN_BYTES_MAX])) + (f" and {rest} bytes" if rest > 0 else "")
    return repr(value)
