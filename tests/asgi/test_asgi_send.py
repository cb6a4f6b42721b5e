"""Messages that an ASGI app sends: right ones reach the wire, wrong ones raise in the app."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_journal import Act
from raw_http import Answer, CutShort, RawClient
from server_process import ServerProcess

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"body"}
MORE = {"type": "http.response.body", "body": b"more ", "more_body": True}

# An answer that is complete when the app first waits takes another path than one that is sent as it comes.
both_ways = pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])


def start(status: Any = 200, **fields: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status} | fields


def play(
    raw: RawClient, act: Act, messages: list[dict[str, Any]], method: str = "POST"
) -> RawClient:
    body = repr(messages).encode("latin-1")
    return raw.request(method, act.target, f"Content-Length: {len(body)}", body=body)


def answer_to(
    server: ServerProcess, messages: list[dict[str, Any]], query: Any, method: str = "POST"
) -> tuple[Answer, list[Any]]:
    """The answer that a script makes and what the app noted; the connection must be good for another one."""
    act = Act(server, "script", **query)
    with RawClient(server) as raw:
        answer = play(raw, act, messages, method).answer(method)
        assert raw.get("/do/echo").answer().status == 200
    return answer, act.entries()


@both_ways
def test_whole_answer_has_a_length_and_the_apps_headers(asgi: ServerProcess, wait: Any) -> None:
    lines = [
        (b"X-One", b"1"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-obs", b"\xff"),
    ]
    answer, noted = answer_to(asgi, [start(201, headers=lines), BODY], wait)
    assert (answer.status, answer.body, noted) == (201, b"body", [])
    assert answer.header("content-length") == "4"
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert (answer.header("x-one"), answer.header("x-obs")) == ("1", "\xff")


@both_ways
def test_pieces_become_chunks(asgi: ServerProcess, wait: Any) -> None:
    answer, noted = answer_to(asgi, [START, MORE, MORE, BODY], wait)
    assert (answer.body, noted) == (b"more more body", [])
    if wait:
        assert answer.header("transfer-encoding") == "chunked"


@both_ways
def test_missing_fields_have_their_defaults(asgi: ServerProcess, wait: Any) -> None:
    messages = [{"type": "http.response.start", "status": 200}, {"type": "http.response.body"}]
    answer, noted = answer_to(asgi, messages, wait)
    assert (answer.status, answer.body, noted) == (200, b"", [])


@both_ways
def test_pieces_with_a_length_go_out_with_it(asgi: ServerProcess, wait: Any) -> None:
    messages = [start(headers=[(b"content-length", b"9")]), MORE, BODY]
    answer, noted = answer_to(asgi, messages, wait)
    assert (answer.body, answer.header("content-length"), noted) == (b"more body", "9", [])


def test_everything_that_has_bytes_is_a_body(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        answer = raw.get("/do/buffers").answer()
    assert answer.body == b"bytes array view"
    assert (answer.header("x-kind"), answer.header("x-list")) == ("view", "pair")


@both_ways
@pytest.mark.parametrize("status", [204, 304])
def test_status_without_body_has_none(asgi: ServerProcess, wait: Any, status: int) -> None:
    for messages in ([start(status), BODY], [start(status), MORE, BODY]):
        answer, noted = answer_to(asgi, messages, wait)
        assert (answer.status, answer.body, noted) == (status, b"", [])


@both_ways
def test_answer_to_head_keeps_its_length_and_loses_its_body(asgi: ServerProcess, wait: Any) -> None:
    answer, noted = answer_to(asgi, [START, BODY], wait, "HEAD")
    assert (answer.status, answer.header("content-length"), noted) == (200, "4", [])
    # An app may know the length without making the body.
    messages = [start(headers=[(b"content-length", b"1000")]), {"type": "http.response.body"}]
    answer, noted = answer_to(asgi, messages, wait, "HEAD")
    assert (answer.header("content-length"), noted) == ("1000", [])
    answer, noted = answer_to(asgi, [START, MORE, BODY], wait, "HEAD")
    assert (answer.status, noted) == (200, [])


@both_ways
def test_trailers_follow_the_body(asgi: ServerProcess, wait: Any) -> None:
    first = {
        "type": "http.response.trailers",
        "headers": [(b"X-Sum", b"12")],
        "more_trailers": True,
    }
    last = {"type": "http.response.trailers", "headers": [(b"x-end", b"yes")]}
    act = Act(asgi, "script", **wait)
    lines = [(b"trailer", b"x-sum, x-end")]
    with RawClient(asgi) as raw:
        play(raw, act, [start(headers=lines, trailers=True), MORE, BODY, first, last])
        _, status, headers = raw.head()
        assert (status, dict(headers)["transfer-encoding"]) == (200, "chunked")
        pieces = []
        while size := int(raw.line(), 16):
            pieces.append(raw.take(size))
            assert raw.line() == b""
        trailers = []
        while line := raw.line():
            trailers.append(line)
        assert raw.get("/do/echo").answer().status == 200
    assert b"".join(pieces) == b"more body"
    assert [line.lower() for line in trailers] == [b"x-sum: 12", b"x-end: yes"]
    assert act.entries() == []


@both_ways
def test_early_hints_come_before_the_answer(asgi: ServerProcess, wait: Any) -> None:
    links = [b"</style.css>; rel=preload", b"</script.js>; rel=preload"]
    hint = {"type": "http.response.early_hint", "links": links}
    act = Act(asgi, "script", **wait)
    with RawClient(asgi) as raw:
        play(raw, act, [hint, hint, START, BODY])
        for _ in range(2):
            version, status, headers = raw.head()
            assert (version, status) == ("HTTP/1.1", 103)
            assert [value.encode() for name, value in headers if name == "link"] == links
        assert raw.answer().body == b"body"
    assert act.entries() == []


def test_whole_answers_are_pipelined_in_order(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        request = b"POST /do/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
        bodies = [b"body %d" % number for number in range(200)]
        # Some are answered at once and some after a wait.
        scripts = repr([START, BODY]).encode()
        raw.send(
            b"".join(
                request % (b"script?wait=1", len(scripts), scripts)
                if number % 7 == 0
                else request % (b"echo", len(body), body)
                for number, body in enumerate(bodies)
            )
        )
        for number, body in enumerate(bodies):
            assert raw.answer().body == (b"body" if number % 7 == 0 else body)


def test_answer_to_http_1_0_needs_no_chunks(asgi: ServerProcess) -> None:
    body = repr([START, MORE, BODY]).encode()
    for query in (b"", b"?wait=1"):
        with RawClient(asgi) as raw:
            head = b"POST /do/script%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n"
            answer = raw.send(head % (query, len(body)) + body).answer()
            assert (answer.body, answer.header("transfer-encoding")) == (b"more body", None)
            assert raw.rest() == b""


TRAILERS = {"type": "http.response.trailers", "headers": []}
PATHSEND = {"type": "http.response.pathsend", "path": "/nowhere"}
HINT = {"type": "http.response.early_hint", "links": []}


@both_ways
@pytest.mark.parametrize(
    ("messages", "kind", "text"),
    [
        ([BODY], "RuntimeError", "'http.response.body', expected http.response.start"),
        ([MORE], "RuntimeError", "'http.response.body', expected http.response.start"),
        ([TRAILERS], "RuntimeError", "'http.response.trailers', expected http.response.start"),
        ([PATHSEND], "RuntimeError", "'http.response.pathsend', expected http.response.start"),
        ([{"type": "http.response.push"}], "RuntimeError", "'http.response.push'"),
        ([{"type": "websocket.accept"}], "RuntimeError", "this is an HTTP request"),
        ([{"type": "lifespan.startup.complete"}], "RuntimeError", "this is an HTTP request"),
        ([{}], "ValueError", 'an ASGI message has a "type"; this one has none'),
        ([{"type": 1}], "TypeError", 'an ASGI message\'s "type" is a str, not int'),
        ([{"type": b"http.response.start"}], "TypeError", '"type" is a str, not bytes'),
        ([{"type": "http.response.start"}], "ValueError", 'needs a "status"'),
        ([start("200")], "TypeError", '"status" is an int, not str'),
        ([start(True)], "TypeError", '"status" is an int, not bool'),
        ([start(None)], "TypeError", '"status" is an int, not NoneType'),
        ([start(101)], "ValueError", '"status" is 200 to 999, not 101'),
        ([start(-1)], "ValueError", '"status" is 200 to 999, not -1'),
        ([start(10**30)], "ValueError", '"status" is 200 to 999, not 1000000000'),
        ([start(headers=[("x", b"1")])], "TypeError", "a header's name is bytes, not str"),
        ([start(headers=[(b"x", "1")])], "TypeError", "a header's value is bytes, not str"),
        ([start(headers=[(b"x", 1)])], "TypeError", "a header's value is bytes, not int"),
        ([start(headers=[b"x"])], "TypeError", "[name, value] pairs of bytes"),
        ([start(headers=[(b"x", b"1", b"2")])], "TypeError", "[name, value] pairs of bytes"),
        ([start(headers=[b"xy"])], "TypeError", "name is bytes, not int"),
        ([start(headers=1)], "TypeError", "not iterable"),
        ([start(headers=[(b"", b"1")])], "ValueError", "header "),
        ([start(headers=[(b"a b", b"1")])], "ValueError", "header a b"),
        ([start(headers=[(b"x\r\ny", b"1")])], "ValueError", "header x\\r\\ny"),
        ([start(headers=[(b"x", b"1\r\ny: 2")])], "ValueError", "header x"),
        ([start(headers=[(b"x", b"\x00")])], "ValueError", "header x"),
        ([start(headers=[(b"content-length", b"-1")])], "ValueError", "content-length"),
        ([HINT | {"links": ["</a>"]}], "TypeError", "a link is bytes, not str"),
        ([HINT | {"links": [b"a\nb"]}], "ValueError", "links"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_message_that_does_not_fit_raises_and_leaves_nothing(
    asgi: ServerProcess, wait: Any, messages: list[Any], kind: str, text: str
) -> None:
    """Nothing of it goes out: the app may answer properly after it."""
    answer, noted = answer_to(asgi, [*messages, START, BODY], wait)
    assert (answer.status, answer.body) == (200, b"body")
    assert [error for error, _ in noted] == [kind]
    assert text.replace("'", '"') in noted[0][1].replace("'", '"')


@both_ways
@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (START, "RuntimeError", '"http.response.start", expected http.response.body'),
        (TRAILERS, "RuntimeError", '"http.response.trailers", expected http.response.body'),
        ({"type": "http.response.body", "body": "text"}, "TypeError", '"body" is bytes, not str'),
        ({"type": "http.response.pathsend"}, "ValueError", 'needs a "path"'),
        ({"type": "http.response.pathsend", "path": 1}, "TypeError", "str"),
        ({"type": "what.ever"}, "RuntimeError", "expected http.response.body"),
    ],
)
def test_message_between_head_and_body_that_does_not_fit_raises(
    asgi: ServerProcess, wait: Any, message: Any, kind: str, text: str
) -> None:
    answer, noted = answer_to(asgi, [START, message, BODY], wait)
    assert (answer.status, answer.body) == (200, b"body")
    assert [error for error, _ in noted] == [kind]
    assert text in noted[0][1]


@both_ways
@pytest.mark.parametrize("message", [START, BODY, TRAILERS, PATHSEND, HINT, {"type": "what.ever"}])
def test_message_after_the_response_raises(asgi: ServerProcess, wait: Any, message: Any) -> None:
    answer, noted = answer_to(asgi, [START, BODY, message], wait)
    assert answer.body == b"body"
    [(kind, text)] = noted
    assert kind == "RuntimeError"
    assert "expected nothing more: the response is complete" in text


@both_ways
def test_start_and_file_in_the_middle_of_a_body_raise(asgi: ServerProcess, wait: Any) -> None:
    answer, noted = answer_to(asgi, [START, MORE, START, PATHSEND, HINT, BODY], wait)
    assert answer.body == b"more body"
    assert [kind for kind, _ in noted] == ["RuntimeError"] * 3


@both_ways
def test_body_where_trailers_are_due_raises(asgi: ServerProcess, wait: Any) -> None:
    messages = [start(trailers=True), BODY, BODY, TRAILERS]
    answer, noted = answer_to(asgi, messages, wait)
    assert answer.body == b"body"
    [(kind, text)] = noted
    assert (kind, "expected http.response.trailers" in text) == ("RuntimeError", True)


@both_ways
def test_more_than_content_length_raises(asgi: ServerProcess, wait: Any) -> None:
    head = start(headers=[(b"content-length", b"4")])
    answer, noted = answer_to(asgi, [head, MORE, BODY], wait)
    assert answer.body == b"body"
    assert noted == [
        ("RuntimeError", "the response's body is 1 bytes longer than its content-length")
    ]


@both_ways
def test_less_than_content_length_raises_and_cuts(asgi: ServerProcess, wait: Any) -> None:
    act = Act(asgi, "script", **wait)
    head = start(headers=[(b"content-length", b"10")])
    with RawClient(asgi) as raw:
        play(raw, act, [head, MORE, BODY])
        with pytest.raises((CutShort, ConnectionResetError)):
            raw.answer()
    expected = ("RuntimeError", "the response's body is 1 bytes shorter than its content-length")
    assert act.entries() == [expected]
