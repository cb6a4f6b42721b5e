"""WebSockets at their limits: faulty handshakes and frames, silence, size, compression, backpressure, and the drain."""

from __future__ import annotations

import select
import signal
import socket
import struct
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from arms import Arm
from asgi_journal import Act
from framework_server import websocket
from raw_http import RawClient
from raw_websocket import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    RawWebSocket,
    close_frame,
    frame,
    open_websocket,
)
from server_process import ServerProcess, StartServer
from waiting import wait_until
from websocket_cases import BAD_FRAMES

# A socket that takes nothing for this long is full; see test_asgi_receive.py.
FULL_S = 0.3


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with ServerProcess(*arguments) as server:
        yield server


FAULTS: list[tuple[str, tuple[bytes, ...], str, int]] = [
    ("version missing", (), "Sec-WebSocket-Version", 426),
    ("version 8", (b"Sec-WebSocket-Version: 8",), "Sec-WebSocket-Version", 426),
    ("two versions", (b"Sec-WebSocket-Version: 13",), "", 426),
    ("no key", (), "Sec-WebSocket-Key", 400),
    ("short key", (b"Sec-WebSocket-Key: dG9vIHNob3J0",), "Sec-WebSocket-Key", 400),
    ("no base64", (b"Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==",), "Sec-WebSocket-Key", 400),
    ("two keys", (b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==",), "", 400),
    ("not upgrading", (b"Connection: keep-alive",), "Connection", 400),
    ("bytes as subprotocol", (b"Sec-WebSocket-Protocol: \x80\xff",), "", 400),
    ("broken subprotocols", (b"Sec-WebSocket-Protocol: a b",), "", 400),
    ("broken extensions", (b"Sec-WebSocket-Extensions: ;;=",), "", 400),
    ("a body", (b"Content-Length: 5",), "", 400),
]


@pytest.mark.parametrize(
    ("lines", "without", "status"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_faulty_handshake_is_refused_and_its_connection_closed(
    server: ServerProcess, lines: tuple[bytes, ...], without: str, status: int
) -> None:
    with RawWebSocket(server) as raw:
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        answer = raw.ask("/do/echo", *lines, without=without, behind=smuggled).denied()
    assert answer.status == status
    assert answer.header("connection") == "close"
    if status == 426:
        assert answer.header("sec-websocket-version") == "13"


def test_upgrade_that_is_no_get_or_no_websocket_is_plain_http(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/plain", "Upgrade: websocket", "Connection: Upgrade")
        assert raw.answer().body == b"over http"
        raw.get("/plain", "Upgrade: h2c", "Connection: Upgrade")
        assert raw.answer().body == b"over http"


@pytest.mark.parametrize(
    ("sent", "code"), [bad[1:] for bad in BAD_FRAMES], ids=[bad[0] for bad in BAD_FRAMES]
)
def test_bad_frame_ends_the_conversation_on_both_sides(
    server: ServerProcess, sent: bytes, code: int
) -> None:
    act = Act(server, "echo")
    with open_websocket(server, act.target) as raw:
        raw.send(sent)
        assert raw.close_code() == code
        assert raw.rest() == b""
    wait_until(lambda: len(act.entries()) >= 2, "the app's end")
    # Neither side has closed in order, so the app hears of an abnormal end, or of the fault itself.
    assert act.entries()[0]["type"] == "websocket.disconnect"
    assert act.entries()[0]["code"] in (1006, code)


def test_message_over_the_limit_is_1009(arm: Arm, start_server: StartServer) -> None:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    server = start_server(*arguments, "--ws-message-max", "1000")
    with open_websocket(server, "/do/echo") as raw:
        raw.send(frame(BINARY, bytes(1000)))
        assert raw.frame().payload == bytes(1000)
        raw.send(frame(BINARY, bytes(1001)))
        assert raw.close_code() == 1009
    with open_websocket(server, "/do/echo") as raw:
        raw.send(frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 401))
        assert raw.close_code() == 1009
    # A message that inflates beyond the bound has exceeded it as well.
    with websocket(server, "/do/echo") as client:
        client.send("x" * 1001)
        with pytest.raises(ConnectionClosed):
            client.recv()
        assert client.close_code == 1009


def test_silent_client_is_pinged_and_given_up(arm: Arm, start_server: StartServer) -> None:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    options = ("--ws-ping-interval", "0.05", "--ws-ping-timeout", "0.5")
    server = start_server(*arguments, *options)
    act = Act(server, "echo")
    with open_websocket(server, act.target) as raw:
        # Answered pings are followed by others.
        for _ in range(3):
            ping = raw.frame()
            assert ping.opcode == PING
            raw.send(frame(PONG, ping.payload))
        assert raw.close_code() == 1011
        assert raw.rest() == b""
    wait_until(lambda: len(act.entries()) >= 2, "the app's end")
    assert act.entries()[0]["code"] in (1006, 1011)


def test_ping_interval_of_zero_never_pings(arm: Arm, start_server: StartServer) -> None:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    server = start_server(*arguments, "--ws-ping-interval", "0", "--ws-ping-timeout", "0.001")
    with open_websocket(server, "/do/echo") as raw:
        assert not select.select([raw.socket], [], [], 0.2)[0]
        raw.send(frame(TEXT, b"still here"))
        assert raw.frame().payload == b"still here"


DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


def test_messages_are_compressed_for_who_offers_it(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        fields = raw.ask("/do/echo", DEFLATE).accepted()
        assert fields["sec-websocket-extensions"].startswith("permessage-deflate")
    with RawWebSocket(server) as raw:
        assert "sec-websocket-extensions" not in raw.ask("/do/echo").accepted()
    with websocket(server, "/do/echo") as client:
        assert [type(one).__name__ for one in client.protocol.extensions] == ["PerMessageDeflate"]
        for message in ("x" * 100_000, b"y" * 100_000, "", "short"):
            client.send(message)
            assert client.recv() == message


def test_no_compression_where_it_is_switched_off(arm: Arm, start_server: StartServer) -> None:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    server = start_server(*arguments, "--no-ws-deflate")
    with RawWebSocket(server) as raw:
        assert "sec-websocket-extensions" not in raw.ask("/do/echo", DEFLATE).accepted()
    with websocket(server, "/do/echo") as client:
        assert client.protocol.extensions == []
        client.send("plain")
        assert client.recv() == "plain"


def test_app_that_takes_nothing_stops_its_client(server: ServerProcess) -> None:
    act = Act(server, "hold")
    message = frame(BINARY, bytes(64 * 1024))
    count = 1024
    with open_websocket(server, act.target) as raw:
        act.wait_for("accepted")
        data = memoryview(message * count + frame(TEXT, b"end"))
        raw.socket.setblocking(False)
        sent = 0
        while sent < len(data):
            try:
                sent += raw.socket.send(data[sent : sent + 1024 * 1024])
            except BlockingIOError:
                if not select.select([], [raw.socket], [], FULL_S)[1]:
                    break
        assert sent < len(data), "the server took everything although its app takes nothing"
        raw.socket.settimeout(60)
        act.open_gate()
        raw.socket.sendall(data[sent:])
        assert raw.frame() == Frame(TEXT, str(count * 64 * 1024).encode())
        assert raw.close_code() == 1000


def still_sums(act: Act) -> int:
    """What the app has sent, once it has stood still for ten looks in a row."""
    looks: list[int] = []

    def still() -> bool:
        looks.append(len(act.entries()))
        return looks[-1] > 0 and len(looks) > 10 and len(set(looks[-10:])) == 1

    wait_until(still, "the app to stand still", interval_s=0.02)
    return sum(act.entries())


def test_client_that_reads_nothing_stops_its_app(server: ServerProcess) -> None:
    act = Act(server, "flood")
    total = 2048 * 64 * 1024
    with open_websocket(server, act.target) as raw:
        assert still_sums(act) < total, "everything went into buffers"
        received = 0
        while (found := raw.frame()).opcode == BINARY:
            received += len(found.payload)
        assert (received, found.close_code) == (total, 1000)
    assert sum(act.entries()) == total


@pytest.mark.parametrize("how", ["close", "reset", "goodbye"])
def test_send_that_waits_raises_when_the_client_leaves(server: ServerProcess, how: str) -> None:
    act = Act(server, "flood")
    before = server.log.count("Traceback")
    with open_websocket(server, act.target) as raw:
        still_sums(act)
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif how == "goodbye":
            raw.send(close_frame(1001))
    act.wait_for(("OSError", "the client has disconnected"))
    assert server.log.count("Traceback") == before, "a client that leaves is nobody's fault"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_says_1012_to_everybody(
    arm: Arm, start_server: StartServer, number: signal.Signals
) -> None:
    server = start_server("asgi_websocket_app:app", *arm.options, "--shards", "2")
    clients = [open_websocket(server, "/do/echo") for _ in range(10)]
    for client in clients:
        client.send(frame(TEXT, b"before"))
        assert client.frame().payload == b"before"
    server.signal(number)
    for client in clients:
        assert client.close_code() == 1012
        client.send(close_frame(1012))
        assert client.rest() == b""
        client.socket.close()
    assert server.wait() == 0
    assert "Traceback" not in server.log


def test_stop_does_not_wait_for_who_does_not_answer(arm: Arm, start_server: StartServer) -> None:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    server = start_server(*arguments, "--graceful-timeout", "0.3")
    with open_websocket(server, "/do/echo") as raw, RawWebSocket(server) as connecting:
        act = Act(server, "hold-handshake")
        connecting.ask(act.target)
        act.wait_for("connecting")
        assert server.stop() == 0
        assert raw.close_code() == 1012


def test_app_hears_of_the_stop(arm: Arm, start_server: StartServer) -> None:
    server = start_server("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with open_websocket(server, "/do/tell-end") as raw:
        server.signal(signal.SIGTERM)
        assert raw.close_code() == 1012
        raw.send(close_frame(1012))
        assert raw.rest() == b""
    assert server.wait() == 0
    assert "app: the conversation ended with 1012" in server.log
