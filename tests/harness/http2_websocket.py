"""A WebSocket on a stream of HTTP/2 (RFC 8441), with the steps of the one over HTTP/1.1."""

from __future__ import annotations

from typing import Self

from http2_client import Http2Answer, Http2Client, Http2Stream
from raw_http import CutShort
from raw_websocket import RawWebSocket, close_frame
from server_process import ServerProcess


class Http2WebSocket(RawWebSocket):
    """One stream, on a connection of its own or on one that others use as well."""

    stream: int

    def __init__(self, server: ServerProcess, client: Http2Client | None = None) -> None:
        self.client = client or Http2Client(server)
        self.socket = self.client.socket
        self.buffer = b""

    def ask(self, target: str, *lines: bytes, without: str = "", behind: bytes = b"") -> Self:
        """As over HTTP/1.1, with the fields that HTTP/2 leaves over."""
        fields = [(b"sec-websocket-version", b"13")]
        fields += [(name.strip().lower(), value.strip()) for name, _, value in split(lines)]
        kept = [
            (a.decode(), b.decode("latin-1")) for a, b in fields if a != without.lower().encode()
        ]
        self.stream = self.client.ask(
            target, *kept, method="CONNECT", protocol="websocket", ends=False
        )
        return self.send(behind) if behind else self

    def accepted(self) -> dict[str, str]:
        while not self.state.head:
            self.client.take()
        fields = dict(self.state.head)
        assert fields[":status"] == "200", self.state.head
        assert {"upgrade", "connection", "sec-websocket-accept"}.isdisjoint(fields)
        return fields

    def refused(self) -> Http2Answer:
        """Reads an answer that takes no WebSocket. Its connection goes on."""
        answer = self.client.answer(self.stream)
        assert answer.status != 200
        assert self.client.get("/plain").status == 200
        return answer

    def send(self, data: bytes) -> Self:
        self.client.send(self.stream, data, ends=False)
        return self

    def end(self) -> Self:
        """Ends this side: over HTTP/1.1 it would be the connection's."""
        self.client.send(self.stream, b"", ends=True)
        return self

    def reset(self) -> None:
        self.client.reset(self.stream)

    def fill(self) -> None:
        while not self.state.body:
            if self.state.has_ended or self.state.reset is not None or self.client.is_over:
                raise CutShort(f"the stream ended after {self.buffer!r}")
            self.client.take()
        self.buffer += bytes(self.state.body)
        self.state.body.clear()

    def rest(self) -> bytes:
        """Everything until the server ends its side, which must be no reset."""
        while not self.state.has_ended:
            assert self.state.reset is None, self.state.reset
            assert not self.client.is_over, "the connection ended first"
            self.client.take()
        data, self.buffer = self.buffer + bytes(self.state.body), b""
        self.state.body.clear()
        return data

    def say_goodbye(self, code: int | None = 1000, reason: str = "") -> int:
        self.send(close_frame(code, reason))
        answered = self.close_code()
        assert self.rest() == b""
        self.end()
        return answered

    @property
    def state(self) -> Http2Stream:
        return self.client.streams[self.stream]


def split(lines: tuple[bytes, ...]) -> list[tuple[bytes, bytes, bytes]]:
    return [line.partition(b":") for line in lines]


def open_stream(server: ServerProcess, target: str, *lines: bytes) -> Http2WebSocket:
    websocket = Http2WebSocket(server)
    websocket.ask(target, *lines).accepted()
    return websocket
