"""WebSockets of ASGI apps: scope, handshake, messages, and the app's side of conversations that go wrong."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from arms import Arm
from asgi_journal import Act
from framework_server import websocket
from raw_http import RawClient
from raw_websocket import (
    BINARY,
    CLOSE,
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
from server_process import ServerProcess
from waiting import wait_until
from websocket_cases import GOODBYES

ACCEPT = {"type": "websocket.accept"}


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    arguments = ("asgi_websocket_app:app", *arm.options, "--shards", "1")
    with ServerProcess(*arguments, "--ws-message-max", "64MiB") as server:
        yield server


def script(server: ServerProcess, *messages: Any, **query: object) -> Act:
    return Act(server, "script", messages=quote(ascii(list(messages))), **query)


def scope_of(server: ServerProcess, target: str, *lines: bytes) -> dict[str, Any]:
    with open_websocket(server, target, *lines) as raw:
        scope = ast.literal_eval(raw.frame().payload.decode())
        assert raw.close_code() == 1000
    assert isinstance(scope, dict)
    return scope


def test_scope_has_every_key_of_the_specification_and_no_other(server: ServerProcess) -> None:
    with open_websocket(server, "/r%C3%A9%2Fx?q=%20", b"X-Obs: \xff") as raw:
        own = raw.socket.getsockname()
        scope = ast.literal_eval(raw.frame().payload.decode())
        assert raw.close_code() == 1000
    names = [name for name, _ in scope.pop("headers")]
    assert names[0] == b"host"
    assert names[-1] == b"x-obs"
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/ré/x",
        "raw_path": b"/r%C3%A9%2Fx",
        "query_string": b"q=%20",
        "root_path": "",
        "client": own,
        "server": ("127.0.0.1", server.port),
        "subprotocols": [],
        "state": {"from": "lifespan"},
        "extensions": {"websocket.http.response": {}},
    }


def test_subprotocols_come_in_order_over_several_lines(server: ServerProcess) -> None:
    lines = (b"Sec-WebSocket-Protocol: one, two", b"sec-websocket-protocol:three")
    assert scope_of(server, "/", *lines)["subprotocols"] == ["one", "two", "three"]


def test_accept_has_the_apps_subprotocol_and_headers(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        raw.ask("/do/choose", b"Sec-WebSocket-Protocol: one, two")
        _, status, headers = raw.head()
        assert status == 101
        assert ("sec-websocket-protocol", "two") in headers
        assert [value for name, value in headers if name == "set-cookie"] == ["a=1", "b=2"]
        assert ("x-more", "\xff") in headers
        assert raw.frame() == Frame(TEXT, b"['one', 'two']")
    with RawWebSocket(server) as raw:
        assert "sec-websocket-protocol" not in raw.ask("/do/choose").accepted()


def test_text_and_binary_come_back_as_they_were(server: ServerProcess) -> None:
    with open_websocket(server, "/do/echo") as raw:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000):
            for opcode in (TEXT, BINARY):
                payload = bytes([97 if opcode == TEXT else 0xFF]) * size
                raw.send(frame(opcode, payload))
                assert raw.frame() == Frame(opcode, payload)
        raw.send(frame(TEXT, "naïve 🦀".encode()))
        assert raw.frame().payload.decode() == "naïve 🦀"
        assert raw.say_goodbye() == 1000


def test_fragments_are_put_together_with_pings_in_between(server: ServerProcess) -> None:
    crab = "🦀".encode()
    with open_websocket(server, "/do/echo") as raw:
        raw.send(frame(TEXT, b"one " + crab[:2], fin=False))
        raw.send(frame(PING, b"are you there"))
        assert raw.frame() == Frame(PONG, b"are you there")
        raw.send(frame(CONTINUATION, crab[2:], fin=False))
        raw.send(frame(PONG, b"nobody asked"))
        raw.send(frame(CONTINUATION, b" two"))
        assert raw.frame() == Frame(TEXT, b"one " + crab + b" two")
        assert raw.say_goodbye() == 1000


def test_frames_may_arrive_byte_by_byte(server: ServerProcess) -> None:
    with open_websocket(server, "/do/echo") as raw:
        for byte in frame(TEXT, b"slowly") + frame(BINARY, b"x" * 200):
            raw.send(bytes([byte]))
        assert raw.frame() == Frame(TEXT, b"slowly")
        assert raw.frame() == Frame(BINARY, b"x" * 200)


def test_many_messages_in_one_piece_come_back_in_order(server: ServerProcess) -> None:
    with open_websocket(server, "/do/echo") as raw:
        raw.send(b"".join(frame(TEXT, b"%d" % number) for number in range(1000)))
        assert [int(raw.frame().payload) for _ in range(1000)] == list(range(1000))


def test_frames_behind_the_handshake_are_not_lost(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        raw.ask("/do/echo", behind=frame(TEXT, b"early") + frame(BINARY, b"bird"))
        raw.accepted()
        assert raw.frame() == Frame(TEXT, b"early")
        assert raw.frame() == Frame(BINARY, b"bird")
        assert raw.say_goodbye() == 1000


def test_frames_that_come_before_the_app_accepts_wait_for_it(server: ServerProcess) -> None:
    act = Act(server, "hold-handshake")
    with RawWebSocket(server) as raw:
        raw.ask(act.target, behind=frame(TEXT, b"early"))
        act.wait_for("connecting")
        raw.send(frame(TEXT, b"bird") + close_frame(4000, "bye"))
        act.open_gate()
        raw.accepted()
        assert raw.close_code() == 4000
    gone = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
    act.wait_for(gone)
    assert act.entries() == ["connecting", "early", "bird", gone]


def test_http_before_the_upgrade_is_answered_first(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        request = b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
        raw.send(request * 2)
        raw.ask("/do/echo", behind=frame(TEXT, b"behind"))
        for _ in range(2):
            assert raw.answer().body == b"over http"
        raw.accepted()
        assert raw.frame() == Frame(TEXT, b"behind")
        assert raw.say_goodbye() == 1000


@pytest.mark.parametrize(("code", "reason", "heard"), GOODBYES)
def test_clients_close_reaches_the_app(
    server: ServerProcess, code: int | None, reason: str, heard: int
) -> None:
    act = Act(server, "echo")
    with open_websocket(server, act.target) as raw:
        assert raw.say_goodbye(code, reason) == heard
    gone = {"type": "websocket.disconnect", "code": heard, "reason": reason}
    act.wait_for(("OSError", "the client has disconnected"))
    assert act.entries()[:2] == [gone, gone]


def test_apps_close_reaches_the_client_and_ends_the_conversation(server: ServerProcess) -> None:
    act = Act(server, "goodbye")
    with open_websocket(server, act.target) as raw:
        assert raw.frame() == Frame(CLOSE, (4321).to_bytes(2) + "enough é".encode())
        raw.send(close_frame(4321))
        assert raw.rest() == b""
    wait_until(lambda: len(act.entries()) == 2, "the end of the app")
    [gone, error] = act.entries()
    assert (gone["type"], gone["code"]) == ("websocket.disconnect", 4321)
    assert error[0] in ("OSError", "RuntimeError")


def test_client_that_vanishes_is_1006(server: ServerProcess) -> None:
    act = Act(server, "echo")
    with open_websocket(server, act.target) as raw:
        raw.send(frame(TEXT, b"here"))
        raw.frame()
    gone = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    act.wait_for(gone, ("OSError", "the client has disconnected"))


@pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])
def test_exception_is_1011_and_logged(server: ServerProcess, wait: Any) -> None:
    before = server.log.count("LookupError: on purpose")
    with open_websocket(server, Act(server, "fail", **wait).target) as raw:
        assert raw.close_code() == 1011
    wait_until(lambda: server.log.count("LookupError: on purpose") > before, "the traceback")
    with RawWebSocket(server) as raw:
        assert raw.ask(Act(server, "fail", early=1, **wait).target).denied().status == 500


@pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])
def test_return_is_1000_and_500_before_the_accept(server: ServerProcess, wait: Any) -> None:
    with open_websocket(server, Act(server, "leave", **wait).target) as raw:
        assert raw.close_code() == 1000
    with RawWebSocket(server) as raw:
        assert raw.ask(Act(server, "leave", early=1, **wait).target).denied().status == 500
    line = "the app returned without accepting or closing"
    wait_until(lambda: line in server.log, "the app's mistake is logged")


def test_close_before_accept_denies_with_403(server: ServerProcess) -> None:
    act = script(server, {"type": "websocket.close", "code": 4000}, then=1)
    with RawWebSocket(server) as raw:
        answer = raw.ask(act.target).denied()
        assert (answer.status, answer.header("connection")) == (403, "close")
    act.wait_for({"type": "websocket.disconnect", "code": 1006, "reason": ""})


@pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_denial_response_is_the_apps_own(server: ServerProcess, wait: Any, pieces: int) -> None:
    start = {
        "type": "websocket.http.response.start",
        "status": 401,
        "headers": [(b"www-authenticate", b"Basic"), (b"content-type", b"application/json")],
    }
    body = {"type": "websocket.http.response.body", "body": b'"no"'}
    act = script(server, start, *[body | {"more_body": True}] * (pieces - 1), body, **wait)
    with RawWebSocket(server) as raw:
        answer = raw.ask(act.target).denied()
    assert (answer.status, answer.header("www-authenticate")) == (401, "Basic")
    assert answer.body == b'"no"' * pieces
    assert act.entries() == []


BAD_ACCEPTS: list[tuple[dict[str, Any], str, str]] = [
    ({"subprotocol": "other"}, "ValueError", "subprotocol"),
    ({"subprotocol": 1}, "TypeError", ""),
    ({"headers": [("a", "b")]}, "TypeError", "a header's name is bytes, not str"),
    ({"headers": [(b"a\r\n", b"b")]}, "ValueError", "header a\\r\\n"),
    ({"headers": [(b"sec-websocket-accept", b"x")]}, "ValueError", "websocket.accept: "),
]


@pytest.mark.parametrize(("fields", "kind", "text"), BAD_ACCEPTS)
def test_accept_that_does_not_fit_raises_and_can_be_done_again(
    server: ServerProcess, fields: Any, kind: str, text: str
) -> None:
    act = script(server, ACCEPT | fields, ACCEPT)
    with open_websocket(server, act.target) as raw:
        assert raw.close_code() == 1000
    [(raised, message)] = act.entries()
    assert raised == kind
    assert text in message


BAD_MESSAGES: list[tuple[Any, str, str]] = [
    ({"type": "websocket.send"}, "ValueError", 'either "bytes" or "text"'),
    ({"type": "websocket.send", "text": None}, "ValueError", 'either "bytes" or "text"'),
    ({"type": "websocket.send", "text": "a", "bytes": b"a"}, "ValueError", "either"),
    ({"type": "websocket.send", "text": b"a"}, "TypeError", '"text" is a str, not bytes'),
    ({"type": "websocket.send", "bytes": "a"}, "TypeError", '"bytes" is bytes, not str'),
    ({"type": "websocket.send", "text": "\ud800"}, "ValueError", "surrogates"),
    ({"type": "websocket.close", "code": 1005}, "ValueError", "1005 is not a close code"),
    ({"type": "websocket.close", "code": 999}, "ValueError", "999 is not a close code"),
    ({"type": "websocket.close", "code": 70_000}, "ValueError", '"code" is a close code'),
    ({"type": "websocket.close", "code": "1000"}, "ValueError", '"code" is a close code'),
    ({"type": "websocket.close", "reason": "x" * 124}, "ValueError", "at most 123 bytes"),
    (ACCEPT, "RuntimeError", "expected websocket.send or websocket.close"),
    ({"type": "websocket.http.response.start", "status": 400}, "RuntimeError", "expected"),
    ({"type": "websocket.http.response.body"}, "RuntimeError", "expected websocket.send"),
    ({"type": "http.response.start", "status": 200}, "RuntimeError", "http.response.start"),
    ({}, "ValueError", 'an ASGI message has a "type"'),
]


@pytest.mark.parametrize(("message", "kind", "text"), BAD_MESSAGES)
def test_message_that_does_not_fit_raises_and_changes_nothing(
    server: ServerProcess, message: Any, kind: str, text: str
) -> None:
    after = {"type": "websocket.send", "text": "after it"}
    act = script(server, ACCEPT, message, after)
    with open_websocket(server, act.target) as raw:
        assert raw.frame() == Frame(TEXT, b"after it")
        assert raw.close_code() == 1000
    [(raised, words)] = act.entries()
    assert raised == kind
    assert text in words


def test_messages_before_the_accept_raise(server: ServerProcess) -> None:
    body = {"type": "websocket.http.response.body", "body": b""}
    act = script(server, {"type": "websocket.send", "text": "a"}, body, ACCEPT)
    with open_websocket(server, act.target) as raw:
        assert raw.close_code() == 1000
    for kind, words in act.entries():
        assert kind == "RuntimeError"
        assert "websocket.accept, websocket.close or websocket.http.response.start" in words
    assert len(act.entries()) == 2


def test_messages_after_the_apps_close_raise(server: ServerProcess) -> None:
    close = {"type": "websocket.close"}
    act = script(server, ACCEPT, close, close, {"type": "websocket.send", "text": "a"}, ACCEPT)
    with open_websocket(server, act.target) as raw:
        assert raw.close_code() == 1000
    errors = act.entries()
    assert len(errors) == 3
    assert {kind for kind, _ in errors} <= {"RuntimeError", "OSError"}


def test_sending_and_receiving_at_once(server: ServerProcess) -> None:
    act = Act(server, "both-at-once")
    with open_websocket(server, act.target) as raw:
        raw.send(b"".join(frame(TEXT, b"m%d" % number) for number in range(100)))
        assert [int(raw.frame().payload) for _ in range(100)] == list(range(100))
        assert raw.say_goodbye() == 1000
    act.wait_for(*(f"m{number}" for number in range(100)))


def test_other_client_agrees(server: ServerProcess) -> None:
    with websocket(server, "/do/echo", subprotocols=["chat"]) as client:
        for message in ("text", b"binary", json.dumps(list(range(10_000))), b"\x00" * 200_000):
            client.send(message)
            assert client.recv() == message
        client.send(iter(["in ", "many ", "pieces"]))
        assert client.recv() == "in many pieces"
        assert client.ping().wait(30)


def test_conversation_holds_up_nobody_else(server: ServerProcess) -> None:
    act = Act(server, "background")
    with open_websocket(server, act.target) as raw:
        assert raw.say_goodbye() == 1000
    with RawClient(server) as plain:
        assert plain.get("/plain").answer().body == b"over http"
    assert "done" not in act.entries()
    act.open_gate()
    act.wait_for("done")
