"""The client's end of one connection: bytes to the server, and its answers in HTTP/1.1. Knows no requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

# How long an answer may take, in seconds; only a handler that hangs gets that far.
ANSWER_S_MAX = 60.0


class ClientError(Exception):
    """The server did not answer as the client expects: in time, whole, and in HTTP."""


class Head(NamedTuple):
    """The first part of an answer."""

    status_code: int
    reason: str
    fields: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]

    def value(self, name: str) -> str:
        return ", ".join(self.values(name))


class Wire:
    """One connection."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._peer = server.connect()
        self._unread = bytearray()
        self._is_shut = False
        # The server will close it after the answer under way, or has.
        self.is_last = False

    def send(self, data: bytes) -> None:
        self._peer.send(data)

    def finish(self) -> None:
        self._peer.finish()

    def close(self) -> None:
        self.is_last = True
        self._peer.close(self._server)

    def fill(self) -> bool:
        """Reads on; false where the server sends no more."""
        if self._is_shut:
            return False
        data = self._server.receive(self._peer, ANSWER_S_MAX)
        if data is None:
            self._is_shut = self.is_last = True
            return False
        if not data:
            raise ClientError(f"the app did not answer within {ANSWER_S_MAX:g} s")
        self._unread += data
        return True

    def take(self, count: int) -> bytes:
        while len(self._unread) < count:
            if not self.fill():
                raise ClientError("the connection ended in the middle of an answer")
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def line(self) -> str:
        while (end := self._unread.find(b"\r\n")) < 0:
            if not self.fill():
                raise ClientError("the connection ended in the middle of an answer")
        return self.take(end + 2)[:-2].decode("latin-1")

    def rest(self) -> bytes:
        while self.fill():
            pass
        return self.take(len(self._unread))

    # Answers.

    def head(self) -> Head:
        """The head of the next final answer, or of a 101."""
        while True:
            head = self._any_head()
            if head.status_code == 101 or head.status_code >= 200:
                return head

    def _any_head(self) -> Head:
        version, _, rest = self.line().partition(" ")
        status, _, reason = rest.partition(" ")
        if version != "HTTP/1.1" or not status.isdigit():
            raise ClientError(f"{version} {rest} is no answer in HTTP/1.1")
        fields = []
        while line := self.line():
            name, _, value = line.partition(":")
            fields.append((name, value.strip(" \t")))
        return Head(int(status), reason, fields)

    def body(self, head: Head, method: str) -> Iterator[bytes]:
        """The pieces of its body, as they come (RFC 9112 section 6.3)."""
        if "close" in head.value("connection").lower():
            self.is_last = True
        if method == "HEAD" or head.status_code in (204, 304):
            return
        if head.value("transfer-encoding"):
            yield from self._chunks()
        elif length := head.value("content-length"):
            yield from self._pieces(int(length))
        else:
            self.is_last = True
            yield self.rest()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.line().partition(";")[0], 16):
            yield from self._pieces(size)
            self.take(2)
        # Trailers, of which nobody has asked for one.
        while self.line():
            pass

    def _pieces(self, count: int) -> Iterator[bytes]:
        while count:
            if not self._unread and not self.fill():
                raise ClientError("the connection ended in the middle of an answer")
            piece = self.take(min(count, len(self._unread)))
            count -= len(piece)
            yield piece
