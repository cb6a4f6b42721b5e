"""The client's end of a WebSocket (RFC 6455), by the names of Starlette's test session."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from ..native.headers import Headers
from ..native.websocket import WebSocketDisconnect
from .request import Target, head_of
from .response import ClientResponse
from .wire import ClientError, Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class WebSocketDenied(Exception):
    """The app, or the server, has answered otherwise than with a WebSocket."""

    def __init__(self, response: ClientResponse) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase}")
        self.response = response


class WebSocketSession:
    """One conversation. What is received after its end raises WebSocketDisconnect, with the app's code."""

    def __init__(self, wire: Wire, headers: Headers) -> None:
        self._wire = wire
        self._close: tuple[int, str] | None = None
        self._has_said_close = False
        self.headers = headers
        self.accepted_subprotocol = headers.get("sec-websocket-protocol")

    @classmethod
    def open(
        cls,
        wire: Wire,
        target: Target,
        fields: list[tuple[str, str]],
        subprotocols: list[str],
    ) -> WebSocketSession:
        handshake = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-key", base64.b64encode(os.urandom(16)).decode()),
            ("sec-websocket-version", "13"),
        ]
        if subprotocols:
            handshake.append(("sec-websocket-protocol", ", ".join(subprotocols)))
        wire.send(head_of("GET", target, [*fields, *handshake]))
        head = wire.head()
        if head.status_code != 101:
            response = ClientResponse(head, wire.body(head, "GET"), method="GET", url=target.url)
            response.read()
            raise WebSocketDenied(response)
        return cls(wire, Headers(head.fields))

    # To the app.

    def send_text(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def send_bytes(self, data: bytes) -> None:
        self._send(BINARY, data)

    def send_json(self, value: Any) -> None:
        self.send_text(json.dumps(value, separators=(",", ":")))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye and waits for the app's; does nothing where the conversation is over."""
        if not self._has_said_close:
            self._has_said_close = True
            self._send(CLOSE, code.to_bytes(2) + reason.encode())
        while self._close is None:
            self._message()

    def _send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        if length < 126:
            head = bytes([0x80 | opcode, 0x80 | length])
        elif length < 65_536:
            head = bytes([0x80 | opcode, 0x80 | 126]) + length.to_bytes(2)
        else:
            head = bytes([0x80 | opcode, 0x80 | 127]) + length.to_bytes(8)
        mask = os.urandom(4)
        stream = int.from_bytes((mask * (length // 4 + 1))[:length])
        self._wire.send(head + mask + (int.from_bytes(payload) ^ stream).to_bytes(length))

    # From the app.

    def receive_text(self) -> str:
        message = self._next()
        if not isinstance(message, str):
            raise ClientError("the app sent bytes, not text")
        return message

    def receive_bytes(self) -> bytes:
        message = self._next()
        if not isinstance(message, bytes):
            raise ClientError("the app sent text, not bytes")
        return message

    def receive_json(self) -> Any:
        return json.loads(self._next())

    def _next(self) -> str | bytes:
        message = self._message()
        if message is None:
            raise WebSocketDisconnect(*(self._close or (1006, "")))
        return message

    def _message(self) -> str | bytes | None:
        """The next message; None once the conversation is over."""
        opcode, payload = 0, b""
        while self._close is None:
            try:
                kind, is_last, part = self._frame()
            except ClientError:
                self._close = (1006, "")
                break
            match kind:
                case 0x8:
                    code = int.from_bytes(part[:2]) if part else 1005
                    self._close = (code, part[2:].decode("utf-8", "replace"))
                    if not self._has_said_close:
                        self._has_said_close = True
                        self._send(CLOSE, part[:2])
                case 0x9:
                    self._send(PONG, part)
                case 0xA:
                    pass
                case _:
                    opcode, payload = kind or opcode, payload + part
                    if is_last:
                        return payload.decode() if opcode == TEXT else payload
        return None

    def _frame(self) -> tuple[int, bool, bytes]:
        first, second = self._wire.take(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self._wire.take(2))
        elif length == 127:
            length = int.from_bytes(self._wire.take(8))
        return first & 0x0F, bool(first & 0x80), self._wire.take(length)
