"""WebSocket over HTTP/2 (RFC 8441): a stream is what a connection is over HTTP/1.1."""

from __future__ import annotations

import ast
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from access_log_files import wait_for_lines
from arms import Arm
from asgi_journal import Act
from http2_client import Http2Client
from http2_websocket import Http2WebSocket, open_stream
from raw_websocket import BINARY, CLOSE, PING, PONG, TEXT, Frame, close_frame, frame
from server_process import ServerProcess, StartServer
from waiting import wait_until
from websocket_cases import BAD_FRAMES, GOODBYES, UNREAD

ENABLE_CONNECT_PROTOCOL = 8


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with ServerProcess(*arguments, "--ws-message-max", "8MiB") as server:
        yield server


def test_scope_is_that_of_http_1_but_for_the_version(server: ServerProcess) -> None:
    with open_stream(server, "/r%C3%A9%2Fx?q=%20", b"X-Name: value") as raw:
        scope = ast.literal_eval(raw.frame().payload.decode())
        assert raw.close_code() == 1000
    assert [name for name, _ in scope.pop("headers")] == [
        b"host",
        b"sec-websocket-version",
        b"x-name",
    ]
    assert (scope["type"], scope["scheme"], scope["http_version"]) == ("websocket", "ws", "2")
    assert (scope["path"], scope["raw_path"]) == ("/ré/x", b"/r%C3%A9%2Fx")
    assert (scope["query_string"], scope["subprotocols"]) == (b"q=%20", [])
    assert scope["extensions"] == {"websocket.http.response": {}}


def test_accept_has_the_apps_subprotocol_and_headers(server: ServerProcess) -> None:
    with open_stream(server, "/do/choose", b"Sec-WebSocket-Protocol: one, two") as raw:
        head = raw.state.head
        assert ("sec-websocket-protocol", "two") in head
        assert [value for name, value in head if name == "set-cookie"] == ["a=1", "b=2"]
        assert [name for name, _ in head].count("date") == 1
        assert raw.frame() == Frame(TEXT, b"['one', 'two']")


def test_messages_of_any_size_come_back_and_frames_may_come_in_pieces(
    server: ServerProcess,
) -> None:
    with open_stream(server, "/do/echo") as raw:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000):
            for opcode in (TEXT, BINARY):
                payload = bytes([97 if opcode == TEXT else 0xFF]) * size
                raw.send(frame(opcode, payload))
                assert raw.frame() == Frame(opcode, payload)
        for byte in frame(TEXT, b"slowly"):
            raw.send(bytes([byte]))
        assert raw.frame() == Frame(TEXT, b"slowly")
        raw.send(b"".join(frame(TEXT, b"%d" % number) for number in range(1000)))
        assert [int(raw.frame().payload) for _ in range(1000)] == list(range(1000))
        raw.send(frame(PING, b"there?"))
        assert raw.frame() == Frame(PONG, b"there?")
        assert raw.say_goodbye() == 1000


def test_websockets_and_requests_share_a_connection(server: ServerProcess) -> None:
    with Http2Client(server) as client:
        sockets = [Http2WebSocket(server, client).ask("/do/echo") for _ in range(20)]
        for raw in sockets:
            raw.accepted()
        for turn in range(3):
            for number, raw in enumerate(sockets):
                raw.send(frame(TEXT, b"%d %d" % (turn, number)))
            assert client.get("/plain").body == b"over http"
            for number, raw in enumerate(sockets):
                assert raw.frame() == Frame(TEXT, b"%d %d" % (turn, number))
        sockets[0].reset()
        for raw in sockets[1:]:
            assert raw.say_goodbye() == 1000
        assert client.get("/plain").body == b"over http"


def test_frames_before_the_accept_wait_for_it(server: ServerProcess) -> None:
    act = Act(server, "hold-handshake")
    with Http2WebSocket(server) as raw:
        raw.ask(act.target, behind=frame(TEXT, b"early"))
        act.wait_for("connecting")
        raw.send(frame(TEXT, b"bird") + close_frame(4000, "bye"))
        act.open_gate()
        raw.accepted()
        assert raw.close_code() == 4000
        assert raw.rest() == b""
    gone = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    act.wait_for(gone)
    assert act.entries() == ["connecting", "early", "bird", gone]


@pytest.mark.parametrize(("code", "reason", "heard"), GOODBYES)
def test_clients_close_reaches_the_app(
    server: ServerProcess, code: int | None, reason: str, heard: int
) -> None:
    act = Act(server, "echo")
    with open_stream(server, act.target) as raw:
        assert raw.say_goodbye(code, reason) == heard
        assert raw.client.get("/plain").status == 200
    gone = {"type": "websocket.disconnect", "code": heard, "reason": reason}
    act.wait_for(gone)


def test_apps_close_ends_the_stream_and_waits_for_the_clients_end(server: ServerProcess) -> None:
    act = Act(server, "goodbye")
    with open_stream(server, act.target) as raw:
        assert raw.frame() == Frame(CLOSE, (4321).to_bytes(2) + "enough é".encode())
        raw.send(close_frame(4321))
        assert raw.rest() == b""
        assert raw.client.get("/plain").status == 200
        assert raw.state.reset is None, "the stream ends in order"
        raw.end()
        assert raw.client.get("/plain").status == 200
        assert raw.state.reset is None
    wait_until(lambda: len(act.entries()) == 2, "the end of the app")
    assert act.entries()[0] == {
        "type": "websocket.disconnect",
        "code": 4321,
        "reason": "",
    }


@pytest.mark.parametrize("how", ["end", "reset", "leave"])
def test_client_that_vanishes_is_1006(server: ServerProcess, how: str) -> None:
    act = Act(server, "echo")
    with open_stream(server, act.target) as raw:
        raw.send(frame(TEXT, b"here"))
        raw.frame()
        if how == "end":
            assert raw.end().rest() == b""
        elif how == "reset":
            raw.reset()
            assert raw.client.get("/plain").status == 200
    gone = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    act.wait_for(gone, ("OSError", "the client has disconnected"))


@pytest.mark.parametrize(
    ("sent", "code"), [bad[1:] for bad in BAD_FRAMES], ids=[bad[0] for bad in BAD_FRAMES]
)
def test_bad_frame_ends_the_stream_and_not_the_connection(
    server: ServerProcess, sent: bytes, code: int
) -> None:
    act = Act(server, "echo")
    with open_stream(server, act.target) as raw:
        raw.send(sent)
        assert raw.close_code() == code
        assert raw.rest() == b""
        assert raw.client.get("/plain").status == 200
    wait_until(lambda: len(act.entries()) >= 2, "the app's end")
    assert act.entries()[0]["code"] in (1006, code)


FAULTS: list[tuple[str, tuple[bytes, ...], str, int]] = [
    ("version missing", (), "Sec-WebSocket-Version", 426),
    ("version 8", (b"Sec-WebSocket-Version: 8",), "Sec-WebSocket-Version", 426),
    ("broken subprotocols", (b"Sec-WebSocket-Protocol: a b",), "", 400),
    ("broken extensions", (b"Sec-WebSocket-Extensions: ;;=",), "", 400),
]


@pytest.mark.parametrize(
    ("lines", "without", "status"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_faulty_handshake_is_refused_and_its_connection_goes_on(
    server: ServerProcess, lines: tuple[bytes, ...], without: str, status: int
) -> None:
    with Http2WebSocket(server) as raw:
        answer = raw.ask("/do/echo", *lines, without=without).refused()
    assert answer.status == status
    if status == 426:
        assert answer.header("sec-websocket-version") == "13"


def test_other_protocols_are_not_implemented(server: ServerProcess) -> None:
    with Http2Client(server) as client:
        stream = client.ask("/", method="CONNECT", protocol="connect-udp", ends=False)
        assert client.answer(stream).status == 501
        assert client.get("/plain").status == 200


@pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])
def test_an_app_may_refuse_or_fail(server: ServerProcess, wait: dict[str, int]) -> None:
    start = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"no")]}
    body = {"type": "websocket.http.response.body", "body": b"no"}
    close = {"type": "websocket.close"}
    for messages, status, text in (([start, body], 401, b"no"), ([close], 403, b"Forbidden")):
        act = Act(server, "script", messages=quote(ascii(messages)), **wait)
        with Http2WebSocket(server) as raw:
            answer = raw.ask(act.target).refused()
        assert (answer.status, answer.body) == (status, text)
    for name in ("fail", "leave"):
        with Http2WebSocket(server) as raw:
            assert raw.ask(Act(server, name, early=1, **wait).target).refused().status == 500
        with open_stream(server, Act(server, name, **wait).target) as raw:
            assert raw.close_code() == (1011 if name == "fail" else 1000)


def test_messages_are_compressed_for_a_client_that_offers_it(server: ServerProcess) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"
    with open_stream(server, "/do/echo", offer) as raw:
        agreed = dict(raw.state.head)["sec-websocket-extensions"]
        assert agreed.startswith("permessage-deflate")
        text = b"x" * 100_000
        deflate = zlib.compressobj(wbits=-15)
        packed = (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        sent = frame(TEXT, packed)
        raw.send(bytes([sent[0] | 0x40]) + sent[1:])
        first, second = raw.take(2)
        assert first == 0xC1, "a whole text, compressed"
        length = int.from_bytes(raw.take(2)) if second == 126 else second
        assert length < 1000
        assert zlib.decompressobj(-15).decompress(raw.take(length) + b"\0\0\xff\xff") == text


@pytest.mark.parametrize(("size", "count"), UNREAD)
def test_pings_and_the_close_are_answered_though_the_app_reads_nothing(
    server: ServerProcess, size: int, count: int
) -> None:
    act = Act(server, "sleeps")
    with open_stream(server, act.target) as raw:
        raw.send(frame(BINARY, bytes(size)) * count + frame(PING, b"one"))
        assert raw.frame() == Frame(PONG, b"one")
        raw.send(close_frame(4000, "bye"))
        assert raw.close_code() == 4000
        assert raw.rest() == b""
    act.open_gate()
    closed = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    wait_until(lambda: act.entries() == [size] * count + [closed], "all messages, then the close")


def test_an_app_that_takes_nothing_holds_its_own_stream_only(server: ServerProcess) -> None:
    act = Act(server, "hold")
    message, count = frame(BINARY, bytes(64 * 1024)), 64
    with open_stream(server, act.target) as raw:
        act.wait_for("accepted")
        client, data = raw.client, message * count + frame(TEXT, b"end")
        sent = 0
        # A full window stays full however often other streams are answered meanwhile.
        for _ in range(20):
            while room := min(client.h2.local_flow_control_window(raw.stream), 16_384):
                client.send(raw.stream, data[sent : sent + room], ends=False)
                sent += room
            assert client.get("/plain").body == b"over http"
        assert sent < len(data) // 4, "the server took it although its app takes nothing"
        act.open_gate()
        raw.send(data[sent:])
        assert raw.frame() == Frame(TEXT, str(count * 64 * 1024).encode())
        assert raw.close_code() == 1000


def test_a_client_that_reads_nothing_holds_its_own_app_only(server: ServerProcess) -> None:
    act = Act(server, "flood")
    with Http2Client(server) as client:
        client.h2.increment_flow_control_window(2**30)
        raw = Http2WebSocket(server, client)
        raw.ask(act.target).accepted()
        client.unread.add(raw.stream)
        while len(raw.state.body) < 65_535:
            client.take()
        looks: list[int] = []

        def stands_still() -> bool:
            assert client.get("/plain").body == b"over http"
            looks.append(len(act.entries()))
            return len(looks) > 10 and len(set(looks[-10:])) == 1

        wait_until(stands_still, "the app to wait")
        assert sum(act.entries()) < 1_000_000
        raw.reset()
        act.wait_for(("OSError", "the client has disconnected"))


def test_bounds_and_pings_hold(arm: Arm, start_server: StartServer) -> None:
    options = ("--ws-ping-interval", "0.05", "--ws-ping-timeout", "0.5", "--no-ws-deflate")
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1", *options)
    server = start_server(*arguments, "--ws-message-max", "1000")
    with Http2Client(server) as client:
        silent = Http2WebSocket(server, client)
        offer = b"Sec-WebSocket-Extensions: permessage-deflate"
        assert "sec-websocket-extensions" not in silent.ask("/do/echo", offer).accepted()
        large = Http2WebSocket(server, client)
        large.ask("/do/echo").accepted()
        large.send(frame(BINARY, bytes(1001)))
        assert large.close_code() == 1009
        assert silent.frame().opcode == PING
        silent.send(frame(PONG, b""))
        assert silent.close_code() == 1011
        assert silent.rest() == b""
        assert client.get("/plain").status == 200


def test_a_stop_says_1012_on_every_stream_and_ends_the_connection(
    arm: Arm, start_server: StartServer
) -> None:
    server = start_server("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with Http2Client(server) as client:
        sockets = [Http2WebSocket(server, client).ask("/do/tell-end") for _ in range(5)]
        for raw in sockets:
            raw.accepted()
        server.signal(signal.SIGTERM)
        for raw in sockets:
            assert raw.close_code() == 1012
            raw.send(close_frame(1012))
            assert raw.rest() == b""
            raw.end()
        while not client.is_over:
            client.take()
        assert client.goaway == 0
    assert server.wait() == 0
    assert server.log.count("app: the conversation ended with 1012") == 5


def test_native_handlers_take_websockets_and_wsgi_apps_are_not_asked(
    arm: Arm, start_server: StartServer
) -> None:
    options = (*arm.options, "--shards", "1")
    server = start_server("websocket_app:app", *options)
    with Http2Client(server) as client:
        assert client.get("/both").body == b"over http"
        assert client.h2.remote_settings[ENABLE_CONNECT_PROTOCOL] == 1
        raw = Http2WebSocket(server, client)
        raw.ask("/both").accepted()
        assert raw.frame() == Frame(TEXT, b"over a websocket")
        missing = Http2WebSocket(server, client).ask("/no/such")
        assert client.answer(missing.stream).status == 404
    server = start_server("wsgi_app:app", *options, "--interface", "wsgi")
    with Http2Client(server) as client:
        assert client.get("/environ").status == 200
        assert client.h2.remote_settings.get(ENABLE_CONNECT_PROTOCOL, 0) == 0
        stream = client.ask("/environ", method="CONNECT", protocol="websocket", ends=False)
        assert client.answer(stream).reset == 1, "PROTOCOL_ERROR"
        assert client.get("/environ").status == 200


def test_the_access_log_has_its_line(arm: Arm, start_server: StartServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    line = '"%(r)s" %(s)s'
    options = (f"--access-log={log}", "--access-log-format", line, "--shards", "1")
    server = start_server("asgi_websocket_app:app", *arm.options, *options)
    with open_stream(server, "/do/echo") as raw:
        assert raw.say_goodbye() == 1000
        assert raw.client.get("/plain").status == 200
    lines = wait_for_lines(log, 2)
    assert '"CONNECT /do/echo HTTP/2.0" 200' in lines
