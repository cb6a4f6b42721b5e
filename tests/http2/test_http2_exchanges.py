"""HTTP/2 by prior knowledge: every interface, in every mode and on every engine, as over HTTP/1."""

from __future__ import annotations

import hashlib
import signal

import pytest

from arms import Arm
from asgi_journal import Act
from http2_client import Http2Client, raw_http2
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

SCRIPT = [
    {"type": "http.response.start", "status": 200, "headers": [], "trailers": True},
    {"type": "http.response.body", "body": b"body"},
    {"type": "http.response.trailers", "headers": [(b"x-sum", b"7")]},
]


def test_a_scope_says_which_version_it_is_and_has_the_authority_as_host(
    asgi: ServerProcess,
) -> None:
    with Http2Client(asgi) as client:
        cookies = (("cookie", "a=1"), ("cookie", "b=2"))
        scope = client.get("/a%20b?c=d", ("x-name", "value"), *cookies).literal
    assert (scope["type"], scope["http_version"], scope["method"]) == ("http", "2", "GET")
    assert (scope["path"], scope["raw_path"]) == ("/a b", b"/a%20b")
    assert (scope["query_string"], scope["scheme"]) == (b"c=d", "http")
    headers = [(b"host", b"t"), (b"x-name", b"value"), (b"cookie", b"a=1; b=2")]
    assert [tuple(field) for field in scope["headers"]] == headers


def test_a_hundred_streams_are_answered_at_once_and_bodies_of_any_size_come_back(
    asgi: ServerProcess,
) -> None:
    with Http2Client(asgi) as client:
        streams = [client.ask(f"/?n={number}") for number in range(100)]
        for number, stream in enumerate(streams):
            scope = client.answer(stream).literal
            assert scope["query_string"] == b"n=%d" % number
        for size in (0, 1, 16_384, 65_535, 65_536, 1_000_000):
            body = hashlib.sha256(b"%d" % size).digest() * (size // 32 + 1)
            body = body[:size]
            answer = client.get("/do/echo", method="POST", body=body)
            assert answer.status == 200
            assert answer.header("content-length") == str(size)
            assert answer.body == body
        assert client.get("/do/echo", method="HEAD").body == b""


def test_a_stream_whose_app_does_not_read_does_not_hold_the_others(asgi: ServerProcess) -> None:
    act = Act(asgi, "late-digest")
    with Http2Client(asgi) as client:
        body = bytes(65_535)
        held = client.ask(act.target, method="POST", body=body, ends=False)
        act.wait_for("called")
        assert client.h2.local_flow_control_window(held) == 0
        other = client.get("/do/echo", method="POST", body=bytes(500_000))
        assert len(other.body) == 500_000
        act.open_gate()
        client.send(held, bytes(300_000))
        length, digest = client.answer(held).literal
    assert length == 365_535
    assert digest == hashlib.sha256(bytes(365_535)).hexdigest()


def test_a_client_that_does_not_read_holds_its_own_stream_only(asgi: ServerProcess) -> None:
    act = Act(asgi, "flood")
    with Http2Client(asgi) as client:
        client.reads = False
        flood = client.ask(act.target)
        while len(client.streams[flood].body) < 65_535:
            client.take()
        # Its connection's window is used up too: what needs none is answered.
        head = client.get("/do/echo", method="HEAD")
        assert head.status == 200
        taken = sum(act.entries())
        assert taken < 2_000_000, "the app waits"
        client.reset(flood)
        wait_until(lambda: "OSError" in str(act.entries()), "the app to hear of the reset")


def test_an_app_hears_of_a_reset_and_the_connection_goes_on(asgi: ServerProcess) -> None:
    act = Act(asgi, "until-disconnect")
    with Http2Client(asgi) as client:
        stream = client.ask(act.target, method="POST", body=b"some", ends=False)
        act.wait_for("called", 4)
        client.reset(stream)
        act.wait_for({"type": "http.disconnect"})
        assert client.get("/").status == 200


def test_early_hints_come_before_the_answer(asgi: ServerProcess) -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
    body = repr([hint, *SCRIPT]).encode()
    with Http2Client(asgi) as client:
        for wait in ("", "?wait=1"):
            answer = client.get(f"/do/script{wait}", method="POST", body=body)
            assert answer.interim == [(103, [("link", "</a.css>; rel=preload")])]
            assert (answer.status, answer.body) == (200, b"body")


def test_trailers_and_errors_after_the_head(asgi: ServerProcess) -> None:
    with Http2Client(asgi) as client:
        for wait in ("", "?wait=1"):
            answer = client.get(
                f"/do/script{wait}", ("te", "trailers"), method="POST", body=repr(SCRIPT).encode()
            )
            assert (answer.status, answer.body) == (200, b"body")
            assert answer.trailers == [("x-sum", "7")]
        assert client.get("/do/fail?after=nothing").status == 500
        broken = client.get("/do/fail?after=piece&wait=1")
        assert (broken.status, broken.reset) == (200, 2), "INTERNAL_ERROR"
        assert client.get("/").status == 200


def test_a_large_body_is_refused_and_so_is_a_large_head(start_server: StartServer) -> None:
    server = start_server(
        "asgi_app:app", "--body-max", "1000", "--head-max", "4096", "--url-max", "2000"
    )
    with Http2Client(server) as client:
        assert client.get("/do/echo", method="POST", body=bytes(1000)).status == 200
        for ends in (True, False):
            stream = client.ask("/do/echo", method="POST", body=bytes(1001), ends=ends)
            assert client.answer(stream).status == 413
        assert client.get("/", *[(f"x-{n}", "y" * 500) for n in range(8)]).status == 431
        assert client.get("/" + "x" * 9000).status in (414, 431)
        assert client.get("/").status == 200


def test_native_handlers_answer(example: ServerProcess) -> None:
    with Http2Client(example) as client:
        streams = [client.ask("/async/data") for _ in range(30)]
        assert client.get("/").status == 200
        assert {client.answer(stream).status for stream in streams} == {200}
        json = (("content-type", "application/json"),)
        user = b'{"name": "Ada", "email": "ada@example.com"}'
        created = client.get("/users", *json, method="POST", body=user)
        with RawClient(example) as raw:
            line = f"Content-Length: {len(user)}"
            same = raw.request("POST", "/users", "Content-Type: application/json", line, body=user)
            expected = same.answer()
        assert created.status == expected.status
        assert client.get("/async/stream").body
        assert client.get("/no/such").status == 404


def test_wsgi_apps_answer(wsgi_server: ServerProcess) -> None:
    with Http2Client(wsgi_server) as client:
        answer = client.get("/environ?a=b", ("x-name", "value"))
        assert answer.status == 200
        assert b"HTTP/2.0" in answer.body
        body = bytes(range(256)) * 1000
        assert client.get("/echo", method="POST", body=body).body == body


def test_a_server_that_is_told_to_stop_finishes_what_has_begun(
    arm: Arm, start_server: StartServer
) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1")
    act = Act(server, "never-read")
    with Http2Client(server) as client:
        stream = client.ask(act.target)
        act.wait_for("called")
        idle = Http2Client(server)
        assert idle.get("/").status == 200
        act.open_gate()
        server.signal(signal.SIGTERM)
        assert client.answer(stream).body == b"unread"
        while not client.is_over:
            client.take()
        assert client.goaway == 0
        with idle:
            while not idle.is_over:
                idle.take()
            assert idle.goaway == 0
    assert server.wait() == 0


def test_without_http2_its_preface_is_refused(start_server: StartServer) -> None:
    server = start_server("asgi_app:app", "--no-http2")
    with RawClient(server) as raw:
        answer = raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").answer()
    assert answer.status == 505
    assert "this looks like HTTP/2; this port speaks HTTP/1.1" in answer.body.decode()


def test_requests_beyond_the_limit_are_refused_and_counted_faults_are_told(
    start_server: StartServer,
) -> None:
    server = start_server("asgi_app:app", "--http2-streams-max", "2", "--shards", "1")
    act = Act(server, "never-read")
    with Http2Client(server) as client:
        client.get("/")
        assert client.h2.remote_settings.max_concurrent_streams == 2
        held = [client.ask(act.target) for _ in range(2)]
        act.wait_for("called")
        client.h2.remote_settings[3] = 100
        client.h2.remote_settings.acknowledge()
        assert client.answer(client.ask("/")).reset == 7, "REFUSED_STREAM"
        act.open_gate()
        assert [client.answer(stream).status for stream in held] == [200, 200]
    said = raw_http2(server, b"\0\0\1\6\0\0\0\0\0x")
    assert b"PING of a wrong length" in said
    line = "broke HTTP/2: PING of a wrong length (FRAME_SIZE_ERROR)"
    wait_until(lambda: line in server.log, "the log line")


@pytest.mark.parametrize("interface", ["fastapi", "turboapi"])
def test_apps_of_frameworks_answer(start_server: StartServer, interface: str) -> None:
    app, target = {
        "fastapi": ("compiled_app:app", "/items/7"),
        "turboapi": ("turboapi_app:app", "/"),
    }[interface]
    server = start_server(app)
    with RawClient(server) as raw:
        expected = raw.get(target).answer()
    with Http2Client(server) as client:
        answers = [client.get(target) for _ in range(3)]
    assert {(answer.status, answer.body) for answer in answers} == {
        (expected.status, expected.body)
    }
