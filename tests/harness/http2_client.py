"""A client of HTTP/2 by prior knowledge: the library h2, which is not ours, over one socket."""

from __future__ import annotations

import ast
import socket
from typing import Any, NamedTuple, Self

import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from server_process import ServerProcess


class Http2Answer(NamedTuple):
    """What came on one stream."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]
    interim: list[tuple[int, list[tuple[str, str]]]]
    # The code of a reset; None where the answer came to its end.
    reset: int | None

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    @property
    def literal(self) -> Any:
        return ast.literal_eval(self.body.decode("latin-1"))


class _Connection(h2.connection.H2Connection):
    """The library (4.4.1) takes any GOAWAY for the end and refuses what follows, answers to requests in flight too.

    RFC 9113 section 6.8 has them go on, and so does this class.
    """

    def _receive_goaway_frame(self, frame: Any) -> Any:
        state = self.state_machine.state
        received = super()._receive_goaway_frame(frame)
        self.state_machine.state = state
        return received


class Http2Stream:
    def __init__(self) -> None:
        self.head: list[tuple[str, str]] = []
        self.body = bytearray()
        self.trailers: list[tuple[str, str]] = []
        self.interim: list[tuple[int, list[tuple[str, str]]]] = []
        self.reset: int | None = None
        self.has_ended = False


class Http2Client:
    """One connection. Windows are opened as data comes, unless `reads` is taken away."""

    def __init__(self, server: ServerProcess, *, window: int | None = None) -> None:
        self.server = server
        self.socket = server.connect()
        self.reads = True
        # Streams whose windows stay as they are.
        self.unread: set[int] = set()
        self.goaway: int | None = None
        self.is_over = False
        self.streams: dict[int, Http2Stream] = {}
        self.ended: list[int] = []
        # Stream and length of each frame of data, in the order in which they came.
        self.data_frames: list[tuple[int, int]] = []
        self.h2 = _Connection()
        if window is not None:
            size = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=size)
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def ask(
        self,
        target: str,
        *headers: tuple[str, str],
        method: str = "GET",
        body: bytes | None = None,
        ends: bool = True,
        protocol: str | None = None,
    ) -> int:
        """Sends a request and returns its stream; `answer` waits for what comes. `protocol` makes it a tunnel."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "http"), (":path", target), (":authority", "t")]
        if protocol is not None:
            pseudo.append((":protocol", protocol))
        self.streams[stream] = Http2Stream()
        self.h2.send_headers(stream, [*pseudo, *headers], end_stream=ends and body is None)
        self.flush()
        if body is not None:
            self.send(stream, body, ends=ends)
        return stream

    def send(self, stream: int, body: bytes, *, ends: bool = True) -> None:
        """Sends a body as the server's windows allow it."""
        while body or ends:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0 and body:
                self.take()
                continue
            piece, body = body[:room], body[room:]
            self.h2.send_data(stream, piece, end_stream=ends and not body)
            self.flush()
            if not body:
                return

    def reset(self, stream: int) -> None:
        self.h2.reset_stream(stream, 8)
        self.flush()

    def answer(self, stream: int) -> Http2Answer:
        """Waits for the end of a stream."""
        one = self.streams[stream]
        while not one.has_ended and one.reset is None:
            assert not self.is_over, f"the connection ended first:\n{self.server.log}"
            self.take()
        fields = dict(one.head)
        status = int(fields.get(":status", 0))
        headers = [field for field in one.head if not field[0].startswith(":")]
        return Http2Answer(status, headers, bytes(one.body), one.trailers, one.interim, one.reset)

    def get(self, target: str, *headers: tuple[str, str], **more: Any) -> Http2Answer:
        return self.answer(self.ask(target, *headers, **more))

    def take(self) -> None:
        """Takes what has come, or waits for more."""
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_over = True
            for one in self.streams.values():
                if not one.has_ended and one.reset is None:
                    one.reset = -1
            return
        for event in self.h2.receive_data(data):
            self.note(event)
        self.flush()

    def note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].head = texts(event.headers)
            case h2.events.InformationalResponseReceived():
                fields = texts(event.headers)
                interim = (int(dict(fields)[":status"]), fields[1:])
                self.streams[event.stream_id].interim.append(interim)
            case h2.events.DataReceived():
                self.streams[event.stream_id].body += event.data
                self.data_frames.append((event.stream_id, len(event.data)))
                length = event.flow_controlled_length
                if self.reads and length and event.stream_id not in self.unread:
                    self.h2.acknowledge_received_data(length, event.stream_id)
            case h2.events.TrailersReceived():
                self.streams[event.stream_id].trailers = texts(event.headers)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].has_ended = True
                self.ended.append(event.stream_id)
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = int(event.error_code)
            case h2.events.ConnectionTerminated():
                self.goaway = int(event.error_code)


def texts(fields: Any) -> list[tuple[str, str]]:
    """Fields as text; the library gives bytes."""
    return [(text(name), text(value)) for name, value in fields]


def text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def raw_http2(server: ServerProcess, *frames: bytes) -> bytes:
    """All that the server says to the preface, empty SETTINGS and these bytes, until it closes."""
    with server.connect() as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" + b"".join(frames))
        said = b""
        while piece := plain.recv(65_536):
            said += piece
            if b"\7\0\0\0\0\0" in said:
                plain.shutdown(socket.SHUT_WR)
        return said
