"""What becomes of a WSGI app's answer (PEP 3333), and of its mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from raw_http import CutShort, RawClient
from server_process import ServerProcess
from waiting import wait_until

SECRET = "a secret that only the log may see"


@pytest.fixture
def raw(wsgi_server: ServerProcess) -> Iterator[RawClient]:
    with RawClient(wsgi_server) as raw:
        yield raw


def counted(server: ServerProcess, name: str) -> int:
    with RawClient(server) as raw:
        found: dict[str, int] = json.loads(raw.get("/counts").answer().body)
    return found.get(name, 0)


def test_one_piece_has_a_length(raw: RawClient) -> None:
    answer = raw.request("POST", "/echo", "Content-Length: 2", body=b"hi").answer()
    assert (answer.header("content-length"), answer.body) == ("2", b"hi")
    answer = raw.get("/several").answer()
    assert (answer.header("content-length"), answer.body) == ("13", b"one two three")


def test_generator_comes_in_chunks(raw: RawClient) -> None:
    answer = raw.get("/generator").answer()
    assert answer.header("content-length") is None
    assert answer.chunk_sizes == [6, 6]
    assert answer.body == b"first second"
    assert answer.header("content-type") == "text/plain"


def test_body_of_the_announced_length_leaves_whole(
    wsgi_server: ServerProcess, raw: RawClient
) -> None:
    answer = raw.get("/known-length").answer()
    assert (answer.header("content-length"), answer.body) == ("5", b"whole")
    for what in ("exhausted", "closed"):
        wait_until(lambda what=what: counted(wsgi_server, f"known-length/{what}") == 1, what)


def test_written_and_returned_body_is_one(raw: RawClient) -> None:
    assert raw.get("/write").answer().body == b"written twice and returned"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "299 Own Words", "404", "599 "])
def test_status_is_passed_on(raw: RawClient, status: str) -> None:
    answer = raw.get(f"/status?{status.replace(' ', '%20')}").answer()
    assert answer.status == int(status[:3])
    assert answer.body == (b"" if answer.status == 204 else b"a body")
    assert raw.get("/several").answer().status == 200, "the connection lives on"


@pytest.mark.parametrize("target", ["/several", "/generator", "/write", "/endless?head", "/echo"])
def test_head_has_no_body(raw: RawClient, target: str) -> None:
    answer = raw.request("HEAD", target).answer("HEAD")
    assert answer.status == 200
    assert raw.get("/several").answer().body == b"one two three", "the connection lives on"


@pytest.mark.parametrize("status", ["204", "304"])
def test_not_modified_has_no_body(raw: RawClient, status: str) -> None:
    assert raw.get(f"/status?{status}").answer().status == int(status)
    assert raw.get("/several").answer().status == 200


def test_pipelined_requests_are_answered_in_order(raw: RawClient) -> None:
    for number in range(20):
        raw.get(f"/number/{number}")
    for number in range(20):
        assert json.loads(raw.answer().body)["PATH_INFO"] == f"/number/{number}"


def test_http_1_0_without_keep_alive_ends_with_the_connection(raw: RawClient) -> None:
    raw.send(b"GET /generator HTTP/1.0\r\n\r\n")
    assert raw.answer().body == b"first second"


def test_first_piece_arrives_before_the_second_is_made(
    wsgi_pool: ServerProcess, gates: Path
) -> None:
    name = f"wsgi-incremental-{wsgi_pool.pid}"
    with RawClient(wsgi_pool) as raw:
        raw.get(f"/gated?{name}").head()
        assert raw.chunk() == b"first"
        (gates / name).touch()
        assert raw.chunk() == b"second"
        assert raw.chunk() is None


def test_errors_stream_is_stderr(wsgi_server: ServerProcess, raw: RawClient) -> None:
    assert json.loads(raw.get("/errors").answer().body) == "utf-8"
    wait_until(
        lambda: {"a line for wsgi.errors", "and another one"} <= set(wsgi_server.lines),
        "what was written to wsgi.errors",
    )


def test_file_is_sent(wsgi_server: ServerProcess, raw: RawClient, gates: Path) -> None:
    content = bytes(range(251)) * 1000
    path = gates / f"file-{wsgi_server.pid}"
    path.write_bytes(content)
    assert raw.get(f"/file?{path.name}").answer().body == content
    assert raw.request("HEAD", f"/file?{path.name}").answer("HEAD").status == 200


def test_requests_share_no_context(raw: RawClient) -> None:
    for name in ["first", "second", "third"] * 4:
        assert raw.get(f"/context?{name}").answer().body == f"nothing {name}".encode()


@pytest.mark.parametrize("moment", ["before", "after-start", "first", "exits"])
def test_exception_before_the_headers_gets_500(
    wsgi_server: ServerProcess, raw: RawClient, moment: str
) -> None:
    answer = raw.get("/exits" if moment == "exits" else f"/raises?{moment}").answer()
    assert answer.status == 500
    assert b"secret" not in answer.body
    said = "an app does not end the server" if moment == "exits" else SECRET
    wait_until(lambda: said in wsgi_server.log, "the traceback in the log")
    if moment == "first":
        wait_until(lambda: counted(wsgi_server, "raises/first/closed") == 1, "close() to be called")
    assert raw.get("/several").answer().status == 200, "the connection lives on"


def test_exception_after_the_headers_cuts(wsgi_server: ServerProcess, raw: RawClient) -> None:
    raw.get("/raises?midway").head()
    assert raw.chunk() == b"first"
    with pytest.raises((CutShort, ConnectionResetError)):
        raw.chunk()
    wait_until(lambda: counted(wsgi_server, "raises/midway/closed") == 1, "close() to be called")


@pytest.mark.parametrize("kind", ["list", "pieces", "at-once", "late", "file", "write"])
def test_body_beyond_its_length_is_cut_there_and_logged(
    wsgi_server: ServerProcess, raw: RawClient, kind: str
) -> None:
    lines = len(wsgi_server.lines)
    answer = raw.get(f"/too-long?{kind}").answer()
    assert (answer.status, answer.header("content-length"), answer.body) == (206, "5", b"whole")
    assert raw.get("/several").answer().status == 200, "the connection lives on"
    said = "the body is longer than its content-length"
    wait_until(lambda: any(said in line for line in wsgi_server.lines[lines:]), "the log")
    assert raw.request("HEAD", f"/too-long?{kind}").answer("HEAD").header("content-length") == "5"


@pytest.mark.parametrize("name", ["Connection", "Keep-Alive", "TE", "Trailer", "Upgrade"])
def test_headers_for_the_next_hop_are_dropped(
    wsgi_server: ServerProcess, raw: RawClient, name: str
) -> None:
    answer = raw.get(f"/hop?{name}").answer()
    assert (answer.status, answer.body) == (200, b"relayed")
    assert [key for key, _ in answer.headers if key == name.lower()] == []
    assert raw.get("/hop?X-Hop").answer().header("x-hop") == "a, b"
    said = "which is dropped"
    wait_until(lambda: said in wsgi_server.log, "the warning")


def test_of_headers_for_the_next_hop_the_log_hears_once(
    wsgi_server: ServerProcess, raw: RawClient
) -> None:
    for name in ["Proxy-Authenticate", "Proxy-Connection", "Connection"] * 3:
        answer = raw.get(f"/hop?{name}").answer()
        assert (answer.status, answer.header(name)) == (200, None)
    assert sum("which is dropped" in line for line in wsgi_server.lines) == 1


def test_connection_names_further_headers_of_that_kind(raw: RawClient) -> None:
    answer = raw.get("/nominated").answer()
    assert (answer.header("x-hop"), answer.header("x-end")) == (None, "kept")
    assert answer.header("content-type") == "text/plain"


def test_body_that_breaks_its_promise(wsgi_server: ServerProcess) -> None:
    with RawClient(wsgi_server) as raw:
        assert raw.get("/too-long?pieces").answer().body == b"whole"
    with RawClient(wsgi_server) as raw:
        raw.get("/too-short").head()
        with pytest.raises((CutShort, ConnectionResetError)):
            raw.take(50)
    wait_until(lambda: "46 bytes shorter than announced" in wsgi_server.log, "the log")
    for name in ["too-long/closed", "too-short/closed"]:
        wait_until(lambda name=name: counted(wsgi_server, name) >= 1, "close() to be called")


def test_close_that_fails_is_logged_only(wsgi_server: ServerProcess, raw: RawClient) -> None:
    assert raw.get("/close-raises").answer().body == b"all is well"
    wait_until(lambda: "close() fails" in wsgi_server.log, "the traceback in the log")
    assert raw.get("/several").answer().status == 200


def test_exc_info_replaces_headers_until_they_have_gone(
    wsgi_server: ServerProcess, raw: RawClient
) -> None:
    answer = raw.get("/exc-info?before").answer()
    assert (answer.status, answer.body) == (500, b"an error page")
    assert (answer.header("x-first"), answer.header("x-second")) == (None, "yes")
    raw.get("/exc-info?after").head()
    assert raw.chunk() == b"begun"
    with pytest.raises((CutShort, ConnectionResetError)):
        raw.chunk()
    wait_until(
        lambda: "ValueError: what exc_info tells of" in wsgi_server.log, "the error, raised again"
    )


def test_write_after_the_request_is_refused(wsgi_server: ServerProcess, raw: RawClient) -> None:
    assert raw.get("/late").answer().body == b"in time"
    wait_until(lambda: counted(wsgi_server, "late/the request has ended") == 1, "the refusal")


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("twice", "AssertionError: start_response was called a second time without exc_info"),
        ("no-start", "did not call start_response before its body"),
        ("no-start-empty", "did not call start_response before its body"),
        ("none", "not NoneType"),
        ("bytes", 'an iterable of bytes, such as [b"..."], not bytes'),
        ("str", "a WSGI app's body is made of bytes, not str"),
        ("str-generator", "a WSGI app's body is made of bytes, not str"),
        ("write-str", "a WSGI app's body is made of bytes, not str"),
        ("bytes-status", "a WSGI status is a str such as '200 OK', not bytes"),
        ("no-number", "a WSGI status is a number from 200 to 999"),
        ("interim", "a WSGI status is a number from 200 to 999"),
        ("tuple-headers", "WSGI headers are a list of (name, value) tuples, not tuple"),
        ("list-header", "a WSGI header is a tuple (name, value), not list"),
        ("bytes-value", 'the value of header "x-probe" must be a str, not bytes'),
        ("wide-value", 'the value of header "x-probe" has characters beyond latin-1'),
        ("split", 'header "x-probe": response header value holds a control byte'),
    ],
)
def test_mistakes_are_named_in_the_log(
    wsgi_server: ServerProcess, raw: RawClient, mistake: str, said: str
) -> None:
    before = len(wsgi_server.lines)
    assert raw.get(f"/wrong?{mistake}").answer().status == 500
    wait_until(lambda: any(said in line for line in wsgi_server.lines[before:]), said)
    assert raw.get("/several").answer().status == 200, "the connection lives on"


def test_exc_info_must_be_one(wsgi_server: ServerProcess, raw: RawClient) -> None:
    raw.get("/wrong?exc-info").head()
    assert raw.chunk() == b"begun"
    with pytest.raises((CutShort, ConnectionResetError)):
        raw.chunk()
    wait_until(
        lambda: "exc_info is the tuple of sys.exc_info(), not str" in wsgi_server.log, "the log"
    )
