"""Serves the WebSocket routes of TurboAPI 1.x: the native socket in the shape of TurboAPI's, its errors translated."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from ...native.app import App
from ...native.errors import RegistrationError
from ...native.params import PARAMETERS_MAX
from ...native.plan import RoutePlan
from ...native.route import PathTemplate, Route, websocket_route_of
from ...native.websocket import WebSocket
from .answers import is_http_exception
from .binding import Site
from .dependencies import Call
from .exchange import Exchange
from .fields import Fields, request_fields
from .handlers import EXCHANGE, with_exchange
from .names import is_of, loaded_class
from .parameters import Dialect

POLICY_VIOLATION = 1008


class Disconnect(Exception):
    """Raised where the app has not imported TurboAPI's own exception for it, so it cannot expect that one."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def register_websockets(native: App, app: Any, dialect: Dialect) -> None:
    """Registers the app's WebSocket routes, if it has any."""
    for path, handler in getattr(app, "_websocket_routes", {}).items():
        where = f"websocket route {path}"
        if not inspect.iscoroutinefunction(handler):
            raise RegistrationError(f"{where}: its handler is not async")
        names = PathTemplate.of(path, where).names
        site = Site(where, path, names, has_body=False, dialect=dialect)
        call = Call(handler, site, is_socket=True)
        for one in call.everything():
            if any(slot.source == "tasks" for slot in one.slots):
                raise RegistrationError(
                    f"{where}: BackgroundTasks run after an answer, which a WebSocket has none of"
                )
        try:
            native.add(_route(path, call))
        except RegistrationError as error:
            raise RegistrationError(f"{where}: {error}") from None


SOCKET = EXCHANGE._replace(name="socket", alias="socket", source="socket", place=("socket",))


def _route(path: str, call: Call) -> Route:
    # With one more for the socket, and one for the exchange.
    has_room = len(call.slots) <= PARAMETERS_MAX - 2
    if not has_room:
        call.read_arguments()

    def plan(route: Route) -> RoutePlan:
        own = call.argument_plans() if has_room else ()
        behind = (one._replace(slot=one.slot + 1) for one in with_exchange(own))
        return RoutePlan(*route[:-1], (SOCKET, *behind), view=Exchange)

    return websocket_route_of(path, _conversation(call, has_room))._replace(plan=plan)


def _conversation(call: Call, has_room: bool) -> Any:
    """What the native side calls: with the socket, the exchange and, where there is room, the arguments of the
    handshake."""

    async def conversation(socket: WebSocket, exchange: Exchange, *values: Any) -> None:
        exchange.socket = served = ServedSocket(socket)
        try:
            async with AsyncExitStack() as stack:
                if has_room:
                    await call.completed([*values], exchange, stack, {})
                else:
                    await call.result(exchange, stack, {})
        except Exception as error:
            if _is_disconnect(error) and served.is_closed:
                return
            if is_of(error, "WebSocketException"):
                await served.close(error.code, error.reason)  # type: ignore[attr-defined]
            elif is_http_exception(error):
                await served.close(POLICY_VIOLATION, str(getattr(error, "detail", "") or ""))
            else:
                raise
        await served.close()

    conversation.__qualname__ = getattr(call.function, "__qualname__", "handler")
    conversation.__module__ = call.function.__module__
    return conversation


def _is_disconnect(error: BaseException) -> bool:
    return type(error).__name__ == "WebSocketDisconnect" or isinstance(error, Disconnect)


class ServedSocket:
    """TurboAPI's WebSocket: text and bytes are turned into each other where the other is asked for."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._accepted = False
        self.is_closed = False
        self.path_params: dict[str, Any] = dict(socket.path_params)

    @property
    def client_state(self) -> str:
        if self.is_closed:
            return "disconnected"
        return "connected" if self._accepted else "connecting"

    @property
    def query_params(self) -> dict[str, str]:
        return dict(self._socket.query_params.multi_items())

    @property
    def headers(self) -> Fields:
        return request_fields(self._socket.headers.multi_items())

    async def accept(
        self, subprotocol: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        await self._socket.accept(subprotocol=subprotocol, headers=headers)
        self._accepted = True

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self._socket.close(code=code, reason=reason or "")

    async def send_text(self, data: str) -> None:
        self._check_open()
        await self._translated(self._socket.send_text(data))

    async def send_bytes(self, data: bytes) -> None:
        self._check_open()
        await self._translated(self._socket.send_bytes(bytes(data)))

    async def send_json(self, data: Any, mode: str = "text") -> None:
        text = json.dumps(data, ensure_ascii=False)
        if mode == "text":
            await self.send_text(text)
        else:
            await self.send_bytes(text.encode())

    async def receive_text(self) -> str:
        message = await self._receive()
        return message if isinstance(message, str) else message.decode("utf-8", "replace")

    async def receive_bytes(self) -> bytes:
        message = await self._receive()
        return message.encode() if isinstance(message, str) else message

    async def receive_json(self, mode: str = "text") -> Any:
        return json.loads(await self._receive())

    async def iter_text(self) -> AsyncIterator[str]:
        async for message in self._messages():
            yield message if isinstance(message, str) else message.decode("utf-8", "replace")

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        async for message in self._messages():
            yield message.encode() if isinstance(message, str) else message

    async def iter_json(self) -> AsyncIterator[Any]:
        async for message in self._messages():
            yield json.loads(message)

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            try:
                message = await self._receive()
            except Exception as error:
                if not _is_disconnect(error):
                    raise
                return
            yield message

    async def _receive(self) -> str | bytes:
        if self.is_closed:
            raise _disconnect()
        found: str | bytes = await self._translated(self._socket.receive())
        return found

    def _check_open(self) -> None:
        if not self._accepted or self.is_closed:
            raise RuntimeError("WebSocket is not connected")

    async def _translated(self, waited_for: Any) -> Any:
        try:
            return await waited_for
        except Exception as error:
            if not _is_disconnect(error):
                raise
            self.is_closed = True
            code, reason = getattr(error, "code", 1000), getattr(error, "reason", "")
            raise _disconnect(code, reason) from None


def _disconnect(code: int = 1000, reason: str | None = None) -> Exception:
    kind: Any = loaded_class("websockets", "WebSocketDisconnect") or Disconnect
    found: Exception = kind(code=code, reason=reason)
    return found
