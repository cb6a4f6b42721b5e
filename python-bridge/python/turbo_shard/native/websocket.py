"""WebSockets of native apps: the `WebSocket` that a handler gets, and what becomes of a handler's end.

The native side finds the route, binds the handler's arguments, and does handshake, frames and compression. This module
speaks ASGI's messages with it, since it serves WebSockets of ASGI apps in the same way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._native import json_encode
from .errors import HTTPException, InputError, without_inputs
from .json_fallback import json_fallback

if TYPE_CHECKING:
    from .._native import Request
    from .headers import Headers, QueryParams

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Handler = Callable[..., Awaitable[None]]


class WebSocketDisconnect(Exception):
    """The conversation is over: every receive or send after that raises this.

    `code` and `reason` are the peer's (1005 if it gave no code, 1006 if it left without a close frame, 1012 while the
    server stops). A handler need not catch it.
    """

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """One conversation. `accept()` it first; the handler's return closes it with 1000, an exception with 1011."""

    def __init__(
        self, request: Request, subprotocols: list[str], receive: Receive, send: Send
    ) -> None:
        self._request, self._receive, self._send = request, receive, send
        self._subprotocols = subprotocols
        self.is_accepted = False
        self.is_closed = False

    @property
    def path(self) -> str:
        """The path, decoded."""
        return self._request.path

    @property
    def path_params(self) -> dict[str, str]:
        return self._request.path_params

    @property
    def headers(self) -> Headers:
        return self._request.headers

    @property
    def query_params(self) -> QueryParams:
        return self._request.query_params

    @property
    def cookies(self) -> dict[str, str]:
        return self._request.cookies

    @property
    def client(self) -> tuple[str, int] | None:
        return self._request.client

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers, in its order of preference."""
        return list(self._subprotocols)

    async def accept(
        self, subprotocol: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Takes the conversation; `subprotocol` is one of those offered."""
        fields = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ]
        await self._send(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields}
        )
        self.is_accepted = True

    async def receive(self) -> str | bytes:
        """The next message: str for a text, bytes for a binary one."""
        if not self.is_accepted:
            raise RuntimeError("accept() comes before the first message")
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.is_closed = True
            raise WebSocketDisconnect(message["code"], message.get("reason") or "")
        text = message.get("text")
        received: str | bytes = message["bytes"] if text is None else text
        return received

    async def receive_text(self) -> str:
        """The next message, as text."""
        message = await self.receive()
        return message if isinstance(message, str) else message.decode()

    async def receive_bytes(self) -> bytes:
        """The next message, as bytes."""
        message = await self.receive()
        return message.encode() if isinstance(message, str) else message

    async def receive_json(self) -> Any:
        """The next message, read as JSON; ValueError if it is not."""
        import json

        return json.loads(await self.receive())

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Sends a text or a binary message; waits while the client does not read."""
        kind = "text" if isinstance(message, str) else "bytes"
        try:
            await self._send({"type": "websocket.send", kind: message})
        except OSError:
            raise await self._farewell() from None

    async def send_text(self, text: str) -> None:
        await self.send(text)

    async def send_bytes(self, data: bytes) -> None:
        await self.send(data)

    async def send_json(self, value: Any) -> None:
        """Sends JSON as a text message, from any value that an answer can send as JSON."""
        await self.send(json_encode(value, json_fallback).decode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye. Before `accept()` it refuses the handshake with 403. A second call does nothing."""
        if self.is_closed:
            return
        self.is_closed = True
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Every message, until the client says goodbye."""
        try:
            while True:
                yield await self.receive()
        except WebSocketDisconnect:
            return

    async def deny(self, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Refuses the handshake with an answer of the app's own. Not after `accept()`."""
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        start = {"type": "websocket.http.response.start", "status": status, "headers": fields}
        await self._send(start)
        await self._send({"type": "websocket.http.response.body", "body": body})
        self.is_closed = True

    async def _farewell(self) -> WebSocketDisconnect:
        """How the conversation ended; messages that were not received are gone."""
        self.is_closed = True
        while (message := await self._receive())["type"] != "websocket.disconnect":
            pass
        return WebSocketDisconnect(message["code"], message.get("reason") or "")


async def converse(
    socket: WebSocket, handler: Handler, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Calls the handler, and answers what it raises before it has accepted."""
    await socket._receive()  # websocket.connect
    try:
        await handler(*arguments, **named)
    except WebSocketDisconnect:
        return
    except InputError as error:
        if socket.is_accepted:
            raise
        await _deny(socket, 422, without_inputs(error.errors))
    except HTTPException as error:
        if socket.is_accepted:
            raise
        headers = (error.headers or {}).items()
        await _deny(socket, error.status_code, error.detail, headers)


async def _deny(
    socket: WebSocket, status: int, detail: Any, headers: Iterable[tuple[str, str]] = ()
) -> None:
    body = json_encode({"detail": detail}, json_fallback)
    await socket.deny(status, body, [("content-type", "application/json"), *headers])
