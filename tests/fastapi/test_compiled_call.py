"""What a plan sees of its request, and what becomes of its answers: by hand-made plans, over real sockets."""

from __future__ import annotations

import ast
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from arms import Arm
from asgi_journal import Act, ask
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(arm: Arm) -> Iterator[ServerProcess]:
    options = (*arm.options, "--shards", "1", "--interface", "asgi")
    with ServerProcess("plans_app:app", *options) as server:
        yield server


def switch(raw: RawClient, to: str) -> None:
    assert raw.get(f"/do/switch?to={to}").answer().status == 200


def literal(body: bytes) -> Any:
    return ast.literal_eval(body.decode("latin-1"))


def chunked(*pieces: bytes) -> bytes:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n\r\n"


def test_plan_answers_on_the_thread_of_its_loop(server: ServerProcess, arm: Arm) -> None:
    with RawClient(server) as raw:
        answer = raw.get("/do/fixed").answer()
        assert (answer.status, answer.body) == (200, b"{}")
        names = [name for name, _ in answer.headers]
        assert sorted(names) == ["content-length", "content-type", "date"]
        assert answer.header("content-type") == "application/json"
        assert literal(raw.get("/do/thread").answer().body) == arm.loop_thread


def test_parameters_are_those_of_the_decoded_path(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        for target, params in [
            ("/params/7/a%20b", ("7", "a b")),
            ("/params/007/%C3%A4", ("007", "ä")),
            ("/params/7/%ff", ("7", "\ufffd")),
            ("/params/x/y", ("x/y",)),
            ("/params/1%2F2", ("1", "2")),
            ("/params/", ("",)),
        ]:
            assert literal(raw.get(target).answer().body) == params, target


def odd_queries() -> Iterator[str]:
    """Queries of few characters, so that names meet."""
    chance = random.Random(7)
    pieces = [
        "a",
        "b",
        "&",
        "=",
        "+",
        "%61",
        "%",
        "%zz",
        "%C3%A4",
        "%ff",
        ";",
        "%00",
        "%26",
        "%2b",
        "%e2%82",
    ]
    for _ in range(300):
        yield "".join(chance.choice(pieces) for _ in range(chance.randrange(12)))


def test_query_is_read_as_python_reads_it(server: ServerProcess) -> None:
    names = ["a", "b", "", "aa", "a b", "\ufffd", "%", "ab"]
    with RawClient(server) as raw:
        for query in odd_queries():
            pairs = parse_qsl(query, keep_blank_values=True)
            lines = [f"X-Name: {name}" for name in names if name.isascii()]
            raw.get(f"/do/query?{query}", *lines)
            sent, seen = literal(raw.answer().body)
            assert sent == query.encode()
            for name, last, values in seen:
                expected = [value for own, value in pairs if own == name]
                assert values == expected, (query, name)
                assert last == (expected[-1] if expected else None), (query, name)


def test_names_beyond_ascii_are_found(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.get(f"/do/query?{quote('ä')}=1&{quote('€')}=2", "X-Name: \xe4")
        _, seen = literal(raw.answer().body)
        assert seen == [("ä", "1", ["1"])]


def test_headers_are_found_by_name(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.get("/do/headers", "X-A: 1", "x-b: \xe4", "X-a: 2")
        assert literal(raw.answer().body) == [
            ("host", "test", ["test"]),
            ("x-a", "1", ["1", "2"]),
            ("x-b", "ä", ["ä"]),
            ("x-missing", None, []),
        ]


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /do/scope?a=b HTTP/1.1",
        "GET /do/scope HTTP/1.0",
        "POST /do/%73cope?%ff HTTP/1.1",
        "PURGE /do/scope HTTP/1.1",
        "purge http://elsewhere/do/scope?x HTTP/1.1",
    ],
)
def test_scope_is_the_apps(server: ServerProcess, request_line: str) -> None:
    """Whether a plan or the app serves it: the same scope, its keys in the same order."""
    lines = f"{request_line}\r\nHost: a\r\nX-Odd: \xe4\r\nConnection: keep-alive\r\n\r\n"
    bodies = []
    with RawClient(server) as raw:
        for state in ("on", "off", "on"):
            switch(raw, state)
            raw.send(lines.encode("latin-1"))
            bodies.append(raw.answer().body)
    assert bodies[0] == bodies[1] == bodies[2]
    scope = literal(bodies[0])
    assert (scope["type"], scope["path"], scope["state"]) == (
        "http",
        "/do/scope",
        {"pool": "a pool"},
    )


def test_scope_below_a_root_path(start_server: StartServer, arm: Arm) -> None:
    options = (*arm.options, "--shards", "1", "--interface", "asgi", "--root-path", "/api")
    server = start_server("plans_app:app", *options)
    with RawClient(server) as raw:
        scope = literal(raw.get("/do/scope").answer().body)
        assert (scope["root_path"], scope["path"]) == ("/api", "/api/do/scope")
        # Taken off once, as the scope has it: the client's own is part of the path.
        assert raw.get("/api/do/fixed").answer().status == 404


def test_scope_can_be_made_on_threads(server: ServerProcess) -> None:
    assert ask(server, "/do/scopes-on-threads") is True


def test_body_at_hand_is_taken_once(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        raw.request("POST", "/do/body", "Content-Length: 5", body=b"hello")
        assert literal(raw.answer().body) == [b"hello", None]
        raw.request("POST", "/do/body", "Transfer-Encoding: chunked", body=chunked(b"he", b"llo"))
        assert b"hello" in raw.answer().body
        assert literal(raw.get("/do/body").answer().body) == [b"", None]
        raw.request("POST", "/do/received", "Content-Length: 5", body=b"hello")
        assert literal(raw.answer().body) == (b"hello", False, None)


@pytest.mark.parametrize("size", [10, 300_000])
def test_body_that_comes_later_is_received(server: ServerProcess, size: int) -> None:
    body = random.Random(size).randbytes(size)
    with RawClient(server) as raw:
        for _ in range(2):
            raw.request("POST", "/do/body", f"Content-Length: {size}")
            raw.send(body[:3])
            raw.send(body[3:])
            seen = literal(raw.answer().body)
            # The whole of a short body may have come in one read.
            assert seen in ([body, None], [None, None, body, None])


@pytest.mark.parametrize("status", [200, 201, 204, 304, 422, 500, 999])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_lines_of_an_answer(server: ServerProcess, status: int, method: str) -> None:
    has_body = status not in (204, 304)
    with RawClient(server) as raw:
        raw.request(method, f"/do/status?status={status}&body={'x' if has_body else ''}")
        answer = raw.answer(method)
        assert answer.status == status
        assert answer.header("content-type") == "application/json"
        if has_body:
            assert answer.header("content-length") == "1"
            assert answer.body == (b"x" if method == "GET" else b"")
        assert raw.get("/do/fixed").answer().body == b"{}"


def test_lines_of_a_raw_answer_are_the_plans(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        for target in ("/do/raw", "/do/raw?length=8"):
            answer = raw.get(target).answer()
            assert (answer.status, answer.body) == (201, b"raw body")
            own = [line for line in answer.headers if line[0] in ("x-first", "set-cookie")]
            assert own == [("x-first", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
            assert answer.header("content-type") is None


@pytest.mark.parametrize(
    "how",
    ["name", "value", "length", "pair", "status", "word", "bool", "text", "short", "long", "twice"],
)
def test_wrong_answer_raises_as_send_does(server: ServerProcess, how: str) -> None:
    acts = [Act(server, name, how=how) for name in ("wrong", "wrong-messages")]
    for act in acts:
        with RawClient(server) as raw:
            # What begins and is not finished is a 500, or is cut.
            raw.get(act.target).head()
        act.wait_for()
    seen = [act.entries() for act in acts]
    assert len(seen[0]) == 1
    assert seen[0] == seen[1]


def test_stream_by_messages(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/do/messages").answer().body == b"one two True"


def test_plan_that_waits(server: ServerProcess) -> None:
    act = Act(server, "waits")
    with RawClient(server) as raw:
        raw.get(act.target)
        act.wait_for("called")
        act.open_gate()
        assert literal(raw.answer().body) == ((), act.key, "test", False)


def test_pipelined_plans_are_answered_in_order(server: ServerProcess) -> None:
    kinds = ["/do/status?status=200&body=", "/do/yields?body=", "/params/"]
    with RawClient(server) as raw:
        targets = [f"{kinds[number % 3]}{number}" for number in range(200)]
        raw.send(b"".join(f"GET {t} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for t in targets))
        for number in range(200):
            expected = [b"%d" % number, b"%d" % number, ascii((str(number),)).encode()][number % 3]
            assert raw.answer().body == expected


@pytest.mark.parametrize("fails", ["", "yes"])
def test_plan_goes_on_after_its_answer(server: ServerProcess, fails: str) -> None:
    act = Act(server, "background", fails=fails)
    with RawClient(server) as raw:
        assert raw.get(act.target).answer().body == b'"answered"'
        assert raw.get("/do/fixed").answer().body == b"{}"
        assert act.entries() == [True]
        act.open_gate()
        act.wait_for("done")
        assert raw.get("/do/fixed").answer().body == b"{}"
    if fails:
        wait_until(lambda: "in the background" in server.log, "the error in the log")


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/do/fails", "before the answer"),
        ("/do/fails?waits=1", "before the answer"),
        ("/do/says-nothing", "GET /do/says-nothing: the ASGI app returned without a response"),
        ("/do/is-no-coroutine", "cannot be awaited"),
        ("/do/raises-at-once", "in the call"),
    ],
)
def test_plan_without_an_answer_is_a_500(server: ServerProcess, target: str, error: str) -> None:
    with RawClient(server) as raw:
        assert raw.get(target).answer().status == 500
        assert raw.get("/do/fixed").answer().body == b"{}"
    wait_until(lambda: error in server.log, "the error in the log")


def test_error_after_the_answer_is_logged(server: ServerProcess) -> None:
    with RawClient(server) as raw:
        assert raw.get("/do/background-without-waiting").answer().body == b'"answered"'
    wait_until(lambda: "after the answer" in server.log, "the error in the log")


def test_answer_for_a_client_that_left_raises(start_server: StartServer, arm: Arm) -> None:
    server = start_server("plans_app:app", *arm.options, "--shards", "1", "--interface", "asgi")
    act = Act(server, "leaves")
    raw = RawClient(server).get(act.target)
    act.wait_for("called")
    raw.reset()
    act.wait_for(("http.disconnect", None))
    act.open_gate()
    # It has raised, and counts as begun: frameworks note that before they send.
    act.wait_for((True, True))
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log


def test_half_closed_client_gets_its_answer(server: ServerProcess) -> None:
    act = Act(server, "leaves")
    with RawClient(server) as raw:
        raw.get(act.target)
        act.wait_for("called")
        raw.socket.shutdown(socket.SHUT_WR)
        act.wait_for(("http.disconnect", None))
        act.open_gate()
        assert raw.answer().body == b"{}"


@pytest.mark.parametrize("size", [0, 1, 65_536, 10 * MIB])
def test_answers_of_any_size(server: ServerProcess, size: int) -> None:
    with RawClient(server) as raw:
        for _ in range(2):
            assert raw.get(f"/do/large?size={size}").answer().body == b"x" * size
        raw.request("HEAD", f"/do/large?size={size}")
        assert raw.answer("HEAD").header("content-length") == str(size)
        assert raw.get("/do/fixed").answer().body == b"{}"


@pytest.mark.parametrize("waits", ["", "&waits=1"])
def test_context_is_the_requests_own(server: ServerProcess, waits: str) -> None:
    with RawClient(server) as raw:
        for colour in ("red", "green"):
            body = raw.get(f"/do/context?colour={colour}{waits}").answer().body
            assert literal(body) == ("none", colour)
