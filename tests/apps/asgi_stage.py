"""What the tests' ASGI apps share: acts found by path, a journal of what they saw, and gates that hold them.

A test reads the journal at /journal and opens gates at /open. One instance of an app keeps its own.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

type Message = dict[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

# Only a broken server or test waits this long at a gate.
TIMEOUT_S = 60.0

_journal: defaultdict[str, list[Any]] = defaultdict(list)
_gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


class Call:
    """One call of the app. `key` names its entries in the journal."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self.key = self.query.get("key", "")

    def note(self, entry: Any) -> None:
        _journal[self.key].append(entry)

    async def gate(self, name: str = "") -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await _gates[name or self.key].wait()

    async def answer(
        self,
        body: bytes = b"",
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        lines = [(b"content-length", b"%d" % len(body))] if headers is None else headers
        await self.send({"type": "http.response.start", "status": status, "headers": lines})
        await self.send({"type": "http.response.body", "body": body})

    async def answer_literal(self, value: Any) -> None:
        await self.answer(ascii(value).encode())

    async def body(self) -> bytes:
        """All of the request's body."""
        pieces = []
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ConnectionError(message["type"])
            pieces.append(message["body"])
            if not message["more_body"]:
                return b"".join(pieces)

    async def digest(self) -> tuple[int, str]:
        """Length and digest of the request's body, read without keeping it."""
        length, digest = 0, hashlib.sha256()
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ConnectionError(message["type"])
            length += len(message["body"])
            digest.update(message["body"])
            if not message["more_body"]:
                return length, digest.hexdigest()

    async def try_send(self, message: Message) -> bool:
        """Sends, and notes what that raises."""
        try:
            await self.send(message)
        except Exception as error:
            self.note(told(error))
            return False
        return True


def told(error: BaseException) -> tuple[str, str]:
    """The error's built-in class, and its text."""
    kinds = (OSError, TypeError, ValueError, RuntimeError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), type(error))
    return kind.__name__, str(error)


type Act = Callable[[Call], Awaitable[None]]


class Acts:
    """Acts by their names: `/do/NAME` calls the function of that name."""

    def __init__(self) -> None:
        self._acts: dict[str, Act] = {"/journal": _tell, "/open": _open}

    def __call__(self, act: Act) -> Act:
        self._acts["/do/" + act.__name__.replace("_", "-")] = act
        return act

    def find(self, path: str) -> Act | None:
        return self._acts.get(path)


async def _tell(call: Call) -> None:
    await call.answer_literal(_journal[call.key])


async def _open(call: Call) -> None:
    _gates[call.key].set()
    await call.answer()
