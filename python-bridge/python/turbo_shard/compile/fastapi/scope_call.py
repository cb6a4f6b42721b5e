"""A request as a plan sees it, made of an ASGI scope: behind the user's middleware, and in tests.

`_native.CompiledCall` is the same, straight from the request's bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from starlette.datastructures import Headers, QueryParams

Message = MutableMapping[str, Any]


class ScopeCall:
    """One request behind a scope; the scope stays the one that the middleware around it knows."""

    __slots__ = ("_headers", "_query", "_scope", "_send", "is_started", "params", "receive")

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        params: tuple[str, ...],
    ) -> None:
        self._scope = scope
        self._send = send
        self._query: QueryParams | None = None
        self._headers: Headers | None = None
        self.receive = receive
        self.params = params
        self.is_started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_started = True
        await self._send(message)

    def scope(self) -> dict[str, Any]:
        return self._scope

    @property
    def query_string(self) -> bytes:
        text: bytes = self._scope["query_string"]
        return text

    @property
    def _values(self) -> QueryParams:
        if self._query is None:
            self._query = QueryParams(self._scope["query_string"])
        return self._query

    @property
    def _fields(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(scope=self._scope)
        return self._headers

    def query(self, name: str) -> str | None:
        return self._values.get(name)

    def query_list(self, name: str) -> list[str]:
        return self._values.getlist(name)

    def header(self, name: str) -> str | None:
        return self._fields.get(name)

    def header_list(self, name: str) -> list[str]:
        return self._fields.getlist(name)

    def take_body(self) -> bytes | None:
        return None

    def answer(self, status: int, body: bytes) -> Coroutine[Any, Any, None]:
        """A whole JSON answer, to be awaited: the middleware's `send` may take its time."""
        lines = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        return self.answer_raw(status, lines, body)

    async def answer_raw(
        self, status: int, raw_headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        await self.send({"type": "http.response.start", "status": status, "headers": raw_headers})
        await self._send({"type": "http.response.body", "body": body})
