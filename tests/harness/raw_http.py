"""A client that sends exactly the given bytes and reads answers one by one: httpx is too polite for most tests.

It reads as strictly as a test wants: an answer that is cut short or followed by unexpected bytes raises.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple, Protocol, Self


class Answer(NamedTuple):
    status: int
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    # Sizes of the chunks, in order, where the body came in chunks.
    chunk_sizes: list[int]

    def header(self, name: str) -> str | None:
        """The value of a header that may come at most once."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Place(Protocol):
    """A server, or one of the places where it listens."""

    def connect(self) -> socket.socket: ...


class CutShort(Exception):
    """The connection ended in the middle of an answer, or before it."""


class RawClient:
    """One connection."""

    def __init__(self, server: Place) -> None:
        self.socket = server.connect()
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Closes so that the peer hears it at once: not FIN but RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def get(self, target: str, *lines: str) -> Self:
        """Sends a plain GET; `lines` are further header lines."""
        return self.request("GET", target, *lines)

    def request(self, method: str, target: str, *lines: str, body: bytes = b"") -> Self:
        head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: test", *lines, "", ""])
        return self.send(head.encode("latin-1") + body)

    def answer(self, method: str = "GET") -> Answer:
        """Reads one whole answer to a request with this method."""
        version, status, headers = self.head()
        fields = dict(headers)
        if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
            return Answer(status, version, headers, b"", [])
        if fields.get("transfer-encoding") == "chunked":
            sizes, body = self.chunks()
            return Answer(status, version, headers, body, sizes)
        if (length := fields.get("content-length")) is not None:
            return Answer(status, version, headers, self.take(int(length)), [])
        return Answer(status, version, headers, self.rest(), [])

    def head(self) -> tuple[str, int, list[tuple[str, str]]]:
        """Reads a status line and the header lines."""
        version, status, _reason = self.line().decode("latin-1").split(" ", 2)
        headers = []
        while line := self.line():
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon and name == name.strip(), f"malformed header line {line!r}"
            headers.append((name.lower(), value.strip()))
        return version, int(status), headers

    def chunks(self) -> tuple[list[int], bytes]:
        sizes, pieces = [], []
        while (piece := self.chunk()) is not None:
            sizes.append(len(piece))
            pieces.append(piece)
        return sizes, b"".join(pieces)

    def chunk(self) -> bytes | None:
        """Reads one chunk; None for the last one."""
        size = int(self.line(), 16)
        data = self.take(size)
        end = self.line()
        assert end == b"", f"{end!r} after chunk data"
        return data if size else None

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def fill(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise CutShort(f"connection closed after {self.buffer!r}")
        self.buffer += data

    def rest(self) -> bytes:
        """Everything until the server closes. A reset after the last byte counts as closing."""
        try:
            while data := self.socket.recv(65536):
                self.buffer += data
        except ConnectionResetError:
            pass
        data, self.buffer = self.buffer, b""
        return data
