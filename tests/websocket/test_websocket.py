"""WebSockets of native apps: how a handshake is bound, denied and taken, and how a conversation ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from arms import ARMS, Arm
from framework_server import websocket
from raw_http import RawClient
from raw_websocket import BINARY, TEXT, Frame, RawWebSocket, close_frame, frame, open_websocket
from server_process import ServerProcess
from turbo_shard import App, RegistrationError, Router, WebSocket
from waiting import wait_until


# The protocol below is the same on every engine: test_asgi_websocket.py runs it on all.
@pytest.fixture(scope="module", params=[ARMS[0], ARMS[-1]], ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    arm: Arm = request.param
    with ServerProcess("websocket_app:app", *arm.options, "--shards", "1") as server:
        yield server


def first_json(server: ServerProcess, target: str, *lines: bytes) -> Any:
    with open_websocket(server, target, *lines) as raw:
        message = raw.frame()
        assert raw.close_code() == 1000
    return json.loads(message.payload)


def denied(server: ServerProcess, target: str, *lines: bytes) -> tuple[int, Any]:
    with RawWebSocket(server) as raw:
        answer = raw.ask(target, *lines).denied()
    assert answer.header("connection") == "close"
    is_json = answer.header("content-type") == "application/json"
    return answer.status, json.loads(answer.body) if is_json else answer.body


def test_one_path_may_be_both(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        assert raw.get("/both").answer().body == b"over http"
        raw.ask("/both").accepted()
        assert raw.frame() == Frame(TEXT, b"over a websocket")


def test_parameters_are_bound_by_their_annotations(server: ServerProcess) -> None:
    one, two = UUID(int=1), UUID(int=2)
    target = f"/rooms/caf%C3%A9%20x/7?kind=secret&ids={one}&ids={two}&max=9"
    lines = (b"X-Token: abc", b"Cookie: other=1; session=s%20t")
    assert first_json(server, target, *lines) == {
        "room": "café x",
        "number": 7,
        "kind": "secret",
        "ids": [str(one), str(two)],
        "limit": 9,
        "token": "abc",
        "session": "s%20t",
    }


def test_parameters_have_their_defaults(server: ServerProcess) -> None:
    seen = first_json(server, "/rooms/a/0?kind=open")
    assert (seen["ids"], seen["limit"], seen["token"], seen["session"]) == ([], 5, None, "none")


def test_rest_of_the_path_and_fixed_paths(server: ServerProcess) -> None:
    rest = first_json(server, "/by-name/a%2Fb/c")
    assert rest == ["a/b/c", "/by-name/a/b/c", {"rest": "a/b/c"}]
    assert first_json(server, "/positional/word") == ["word"]
    with open_websocket(server, "/by-name/fixed") as raw:
        assert raw.frame() == Frame(TEXT, b"fixed")


def test_handshake_is_at_hand(server: ServerProcess) -> None:
    lines = (
        *(b"X-Twice: 1", b"x-twice: 2", b"Cookie: a=1; b=2", b"Cookie: c=3"),
        b"Sec-WebSocket-Protocol: chat, other",
    )
    with RawWebSocket(server) as raw:
        own = list(raw.socket.getsockname())
        fields = raw.ask("/about?q=1&q=", *lines).accepted()
        assert (fields["sec-websocket-protocol"], fields["x-more"]) == ("chat", "yes")
        assert json.loads(raw.frame().payload) == {
            "offered": ["chat", "other"],
            "client": own,
            "twice": ["1", "2"],
            "cookies": {"a": "1", "b": "2", "c": "3"},
            "q": ["1", ""],
            "state": [True, False],
        }


def test_unknown_path_is_404(server: ServerProcess) -> None:
    assert denied(server, "/nowhere") == (404, {"detail": "Not Found"})
    # A path of an HTTP route only is no WebSocket's, and the other way round.
    assert denied(server, "/plain")[0] == 404
    with RawClient(server) as raw:
        assert raw.get("/echo").answer().status == 404


@pytest.mark.parametrize(
    ("target", "places"),
    [
        ("/rooms/a/x?kind=open", [["path", "number"]]),
        ("/rooms/a/1", [["query", "kind"]]),
        ("/rooms/a/1?kind=other", [["query", "kind"]]),
        ("/rooms/a/1?kind=open&ids=1", [["query", "ids", 0]]),
        ("/rooms/a/1?kind=open&max=many", [["query", "max"]]),
        ("/rooms/a/x?max=0.5", [["path", "number"], ["query", "kind"], ["query", "max"]]),
    ],
)
def test_wrong_input_is_422_with_every_fault(
    server: ServerProcess, target: str, places: list[list[Any]]
) -> None:
    status, body = denied(server, target)
    assert status == 422
    assert [fault["loc"] for fault in body["detail"]] == places


def test_http_exception_before_the_accept_is_its_answer(server: ServerProcess) -> None:
    with RawWebSocket(server) as raw:
        answer = raw.ask("/deny/401").denied()
    assert (answer.status, answer.header("x-why")) == (401, "purpose")
    assert json.loads(answer.body) == {"detail": {"why": "on purpose"}}
    assert denied(server, "/deny/403")[0] == 403
    assert denied(server, "/own-answer") == (418, b"teapot")


def test_iteration_ends_with_the_conversation(server: ServerProcess) -> None:
    before = server.log.count("app: the iteration has ended")
    with open_websocket(server, "/echo") as raw:
        for opcode, payload in ((TEXT, b"text"), (BINARY, b"\xff"), (TEXT, b"")):
            raw.send(frame(opcode, payload))
            assert raw.frame() == Frame(opcode, payload)
        assert raw.say_goodbye(1000) == 1000
    wait_until(
        lambda: server.log.count("app: the iteration has ended") > before, "the iteration's end"
    )


def test_json_goes_both_ways(server: ServerProcess) -> None:
    with open_websocket(server, "/json") as raw:
        raw.send(frame(TEXT, b'[1, "\xc3\xa9", null]'))
        assert json.loads(raw.frame().payload) == {"got": [1, "é", None]}
        raw.send(frame(BINARY, b'{"a": 1}'))
        assert json.loads(raw.frame().payload) == {"got": {"a": 1}}
        raw.send(frame(TEXT, b"no json"))
        assert raw.frame() == Frame(TEXT, b"JSONDecodeError")
        assert raw.say_goodbye() == 1000


def test_kinds_of_messages(server: ServerProcess) -> None:
    with websocket(server, "/kinds") as client:
        for message in ("text", b"bytes", "text", b"\xff"):
            client.send(message)
        assert json.loads(client.recv()) == ["text", "bytes"]
        assert [client.recv() for _ in range(3)] == [b"text\xff", b"array", b"view"]


def test_talk_before_the_accept_is_refused(server: ServerProcess) -> None:
    words = first_json(server, "/too-early")
    assert words[0] == "accept() comes before the first message"
    assert "websocket.accept" in words[1]


@pytest.mark.parametrize("code", [1000, 4000, None])
def test_disconnect_is_raised_by_whatever_comes_next(
    server: ServerProcess, code: int | None
) -> None:
    before = (server.log.count("app: send: "), server.log.count("Traceback"))
    with open_websocket(server, "/disconnect") as raw:
        raw.send(close_frame(code, "bye" if code else ""))
        assert raw.close_code() == (code or 1005)
    wait_until(lambda: server.log.count("app: send: ") > before[0], "the app's end")
    told = f"{code or 1005} {'bye' if code else ''!r}"
    assert f"app: receive: {told}" in server.log
    assert f"app: send: {told}" in server.log
    # A handler need not catch it.
    assert server.log.count("Traceback") == before[1]


def test_client_that_vanishes_is_1006(server: ServerProcess) -> None:
    with open_websocket(server, "/disconnect"):
        pass
    wait_until(lambda: "app: receive: 1006 ''" in server.log, "the handler to be told")


def test_close_has_its_code_and_return_is_1000(server: ServerProcess) -> None:
    with open_websocket(server, "/close/4001") as raw:
        assert raw.frame().payload == (4001).to_bytes(2) + b"enough"
    with open_websocket(server, "/both") as raw:
        assert raw.close_code() == 1000


@pytest.mark.parametrize("stage", ["late", "http"])
def test_exception_after_the_accept_is_1011(server: ServerProcess, stage: str) -> None:
    before = server.log.count("Traceback")
    with open_websocket(server, f"/fail/{stage}") as raw:
        assert raw.close_code() == 1011
    wait_until(lambda: server.log.count("Traceback") > before, "the traceback")


def test_exception_or_silence_before_the_accept_is_500(server: ServerProcess) -> None:
    assert denied(server, "/fail/early")[0] == 500
    assert denied(server, "/silent")[0] == 500


async def takes_body(socket: WebSocket, body: dict[str, Any]) -> None: ...


async def takes_socket(socket: WebSocket) -> None: ...


async def takes_no_socket(number: int) -> None: ...


async def takes_nothing() -> None: ...


def is_not_async(socket: WebSocket) -> None: ...


async def takes_unknown_type(socket: WebSocket, thing: complex) -> None: ...


@pytest.mark.parametrize(
    ("path", "handler", "words"),
    [
        ("/a", takes_body, "a WebSocket has no body"),
        ("/a", takes_no_socket, "write `socket: WebSocket` first"),
        ("/a", takes_nothing, "write `socket: WebSocket` first"),
        ("/a", is_not_async, "must be an async def"),
        ("/a", takes_unknown_type, "thing"),
        ("a", takes_body, "must begin with a slash"),
        ("/{a}{b}", takes_socket, "has two parameters in one segment"),
        ("/{a:path}/b", takes_socket, "has segments after the parameter"),
    ],
)
def test_handler_that_cannot_be_served_is_refused_by_name(
    path: str, handler: Callable[..., Any], words: str
) -> None:
    with pytest.raises(RegistrationError) as caught:
        App().websocket(path)(handler)
    assert words in str(caught.value)


def test_same_path_twice_is_refused() -> None:
    app = App()

    async def one(socket: WebSocket) -> None: ...

    app.websocket("/a")(one)
    with pytest.raises(RegistrationError):
        app.websocket("/a")(one)


def test_rest_of_the_signature_takes_the_parameters_of_the_path_that_it_does_not_name() -> None:
    async def chat(socket: WebSocket, room: int, **others: str) -> None: ...

    app = App()
    app.websocket("/{tenant}/{room}/{topic:path}")(chat)
    [plan] = app.plans()
    assert plan.methods == ()
    assert [(one.name, one.source, one.keyword_only) for one in plan.arguments] == [
        ("socket", "socket", False),
        ("room", "path", False),
        ("tenant", "path", True),
        ("topic", "path", True),
    ]


def test_router_brings_its_websockets_along() -> None:
    async def chat(socket: WebSocket, room: str) -> None: ...

    router = Router(prefix="/chat")
    router.websocket("/{room}")(chat)
    app = App()
    app.include_router(router, prefix="/v1")
    assert [route.path for route in app.websocket_routes] == ["/v1/chat/{room}"]
    with pytest.raises(RegistrationError, match="comes too late"):
        router.websocket("/late")(chat)
