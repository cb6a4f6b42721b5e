"""A WebSocket client that sends exactly the given frames, right or wrong, where others are too polite."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from typing import NamedTuple, Self

from raw_http import Answer, RawClient
from server_process import ServerProcess

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

KEY = base64.b64encode(bytes(range(16)))
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
).decode()


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    is_final: bool = True

    @property
    def close_code(self) -> int:
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2]) if self.payload else 1005


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    head = bytes([(0x80 if fin else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 65_536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    length = len(payload)
    stream = int.from_bytes((mask * (length // 4 + 1))[:length])
    return head + mask + (int.from_bytes(payload) ^ stream).to_bytes(length)


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(CLOSE, payload)


def handshake(target: str, *lines: bytes, without: str = "") -> bytes:
    """A request for a WebSocket; `without` names a field of it that is left out."""
    fields = [
        b"Host: test",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Version: 13",
    ]
    kept = [line for line in fields if line.partition(b":")[0].decode() != without]
    return b"\r\n".join([b"GET %s HTTP/1.1" % target.encode(), *kept, *lines, b"", b""])


class RawWebSocket(RawClient):
    """One connection that becomes a WebSocket, or is denied."""

    def ask(self, target: str, *lines: bytes, without: str = "", behind: bytes = b"") -> Self:
        return self.send(handshake(target, *lines, without=without) + behind)

    def accepted(self) -> dict[str, str]:
        """Reads a 101; its headers."""
        _, status, headers = self.head()
        fields = dict(headers)
        assert (status, fields["sec-websocket-accept"]) == (101, ACCEPT)
        assert (fields["upgrade"].lower(), fields["connection"].lower()) == ("websocket", "upgrade")
        return fields

    def denied(self) -> Answer:
        """Reads an answer that is not a 101; then the connection must end."""
        answer = self.answer()
        assert answer.status != 101
        assert self.rest() == b""
        return answer

    def open(self, target: str, *lines: bytes) -> Self:
        self.ask(target, *lines).accepted()
        return self

    def frame(self) -> Frame:
        first, second = self.take(2)
        assert not first & 0x70, "reserved bits are set"
        assert not second & 0x80, "a server's frames are not masked"
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self.take(2))
        elif length == 127:
            length = int.from_bytes(self.take(8))
        return Frame(first & 0x0F, self.take(length), bool(first & 0x80))

    def close_code(self) -> int:
        """Reads on until the server's close; nothing may follow it."""
        while (found := self.frame()).opcode != CLOSE:
            pass
        return found.close_code

    def say_goodbye(self, code: int | None = 1000, reason: str = "") -> int:
        """Closes properly; the server's code."""
        self.send(close_frame(code, reason))
        answered = self.close_code()
        assert self.rest() == b""
        return answered


def open_websocket(server: ServerProcess, target: str, *lines: bytes) -> RawWebSocket:
    return RawWebSocket(server).open(target, *lines)
