"""WebSockets of native apps: the `WebSocket` that a handler gets, and the routes that lead to handlers.

The native side does handshake, frames and compression. This module speaks ASGI's messages with it, since it serves
WebSockets of ASGI apps in the same way.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints
from urllib.parse import parse_qsl, unquote

from .._native import json_encode
from .errors import HTTPException, InputError, RegistrationError, without_inputs
from .headers import Headers, QueryParams
from .json_fallback import json_fallback

if TYPE_CHECKING:
    from .params import Parameter

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Handler = Callable[..., Awaitable[None]]

_PARAMETER = re.compile(r"\{(\*?)(\w+)(:path)?\}")


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
        self, scope: Mapping[str, Any], receive: Receive, send: Send, path_params: dict[str, str]
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.path_params = path_params
        self.is_accepted = False
        self.is_closed = False

    @property
    def path(self) -> str:
        """The path, decoded."""
        return str(self._scope["path"])

    @property
    def headers(self) -> Headers:
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields]
        return Headers(pairs)

    @property
    def query_params(self) -> QueryParams:
        query = self._scope["query_string"].decode("latin-1")
        return QueryParams(parse_qsl(query, keep_blank_values=True))

    @property
    def cookies(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in self._fields:
            if name == b"cookie":
                for part in value.decode("latin-1").split(";"):
                    found |= _cookie(part)
        return found

    @property
    def client(self) -> tuple[str, int]:
        host, port = self._scope["client"]
        return host, port

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers, in its order of preference."""
        return list(self._scope["subprotocols"])

    @property
    def _fields(self) -> Iterable[tuple[bytes, bytes]]:
        fields: Iterable[tuple[bytes, bytes]] = self._scope["headers"]
        return fields

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


class Argument(NamedTuple):
    """One parameter of a handler and how to read it from the handshake."""

    parameter: Parameter
    read: Callable[[Any], Any]


class WebSocketRoute(NamedTuple):
    """One function under `@app.websocket`."""

    path: str
    pattern: re.Pattern[str]
    handler: Handler
    label: str
    # The parameter that takes the WebSocket, and whether it is passed by its name.
    socket: str
    socket_by_name: bool
    # The handler takes path parameters that it does not name.
    takes_rest: bool
    arguments: tuple[Argument, ...]

    @property
    def precedence(self) -> list[int]:
        """Fixed segments before parameters before the rest of the path, as among HTTP routes."""
        return [
            0 if not (found := _PARAMETER.search(segment)) else 2 if found[1] or found[3] else 1
            for segment in self.path.split("/")
        ]


def websocket_route(path: str, handler: Any, label: str) -> WebSocketRoute:
    """Reads the handler's signature; raises RegistrationError for a parameter that cannot be bound."""
    from inspect import Parameter as Declared
    from inspect import iscoroutinefunction, signature

    from .params import parameters_of

    if not iscoroutinefunction(handler) and not iscoroutinefunction(
        getattr(type(handler), "__call__", None)  # noqa: B004
    ):
        raise RegistrationError(f"handler {label} serves a WebSocket, so it must be an async def")
    declared = list(signature(handler).parameters.values())
    socket = _socket_of(handler, declared, label)
    rest = [one.name for one in declared if one.kind is Declared.VAR_KEYWORD]
    names = tuple(found[2] for found in _PARAMETER.finditer(path))
    parameters = parameters_of(
        handler, label=label, path_names=names, methods=("GET",), leave_out=(socket.name, *rest)
    )
    for parameter in parameters:
        if parameter.source in ("body", "request"):
            raise RegistrationError(
                f"parameter {parameter.name!r} of handler {label}: a WebSocket has no {parameter.source}; "
                "the WebSocket itself has what its handshake said"
            )
    return WebSocketRoute(
        path=path,
        pattern=_pattern(path),
        handler=handler,
        label=label,
        socket=socket.name,
        # It need not be the handler's first parameter.
        socket_by_name=socket.kind is not Declared.POSITIONAL_ONLY,
        takes_rest=bool(rest),
        arguments=tuple(Argument(parameter, parameter.reader()) for parameter in parameters),
    )


def _socket_of(handler: Any, declared: list[Any], label: str) -> Any:
    """The parameter annotated as a WebSocket, else the first one."""
    try:
        hints = get_type_hints(handler)
    except Exception:
        hints = {}
    for one in declared:
        if hints.get(one.name) is WebSocket or one.annotation in ("WebSocket", WebSocket):
            return one
    named = [one for one in declared if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    if not named or named[0].annotation is not named[0].empty:
        raise RegistrationError(
            f"handler {label} has no parameter for its WebSocket: write `socket: WebSocket` first"
        )
    return named[0]


def _pattern(path: str) -> re.Pattern[str]:
    """Matches a raw path; parameters are still encoded."""
    parts, end = [], 0
    for found in _PARAMETER.finditer(path):
        parts.append(re.escape(path[end : found.start()]))
        parts.append(f"(?P<{found[2]}>{'.+' if found[1] or found[3] else '[^/]+'})")
        end = found.end()
    parts.append(re.escape(path[end:]))
    return re.compile("".join(parts), re.DOTALL)


class WebSocketDoor:
    """Leads handshakes to the handlers of a native app: an ASGI app that knows WebSockets only."""

    def __init__(self, routes: Iterable[WebSocketRoute]) -> None:
        self._routes = sorted(routes, key=lambda route: route.precedence)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        raw_path = scope["raw_path"].decode("latin-1")
        for route in self._routes:
            if match := route.pattern.fullmatch(raw_path):
                params = {name: unquote(value) for name, value in match.groupdict().items()}
                return await _converse(route, WebSocket(scope, receive, send, params))
        await _deny(WebSocket(scope, receive, send, {}), 404, "Not Found")


async def _converse(route: WebSocketRoute, socket: WebSocket) -> None:
    try:
        arguments = _arguments(route, socket)
        if route.socket_by_name:
            await route.handler(**{route.socket: socket}, **arguments)
        else:
            await route.handler(socket, **arguments)
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


def _arguments(route: WebSocketRoute, socket: WebSocket) -> dict[str, Any]:
    """The handler's arguments by name; InputError with all the faults."""
    from .params import MISSING

    arguments: dict[str, Any] = {}
    faults: list[dict[str, Any]] = []
    for parameter, read in route.arguments:
        place = (parameter.source, parameter.alias)
        values = _values(parameter, socket)
        try:
            if values:
                arguments[parameter.name] = read(values if parameter.many else values[-1])
            elif parameter.default is not MISSING:
                arguments[parameter.name] = parameter.default
            else:
                missing = {
                    "type": "missing",
                    "loc": [*place],
                    "msg": "Field required",
                    "input": None,
                }
                faults.append(missing)
        except InputError as error:
            faults.extend(error.under(*place).errors)
    if faults:
        raise InputError(faults)
    if route.takes_rest:
        bound = {argument.parameter.alias for argument in route.arguments}
        rest = {name: text for name, text in socket.path_params.items() if name not in bound}
        arguments |= rest
    return arguments


def _values(parameter: Parameter, socket: WebSocket) -> list[str]:
    match parameter.source:
        case "path":
            return [socket.path_params[parameter.alias]]
        case "query":
            return socket.query_params.getlist(parameter.alias)
        case "header":
            return socket.headers.getlist(parameter.alias)
        case _:
            value = socket.cookies.get(parameter.alias)
            return [] if value is None else [value]


def _cookie(part: str) -> dict[str, str]:
    """One `name=value`; text that Python's cookies cannot read stays as it is."""
    try:
        parsed = SimpleCookie(part.strip())
    except CookieError:
        parsed = SimpleCookie()
    if parsed:
        return {name: morsel.value for name, morsel in parsed.items()}
    name, equals, value = part.strip().partition("=")
    return {name: value} if equals else {}
