"""HTTP/1.1 on the wire: keep-alive, order, framing, and refusals.

The protocol has its own tests in runtime/protocol; these show that nothing is lost on the way to a real client.
"""

from __future__ import annotations

import pytest

from arms import Arm
from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

HEALTH = b'{"status":"ok"}'


def test_connection_is_kept_for_many_requests(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        for user_id in range(50):
            answer = raw.get(f"/users/{user_id}").answer()
            assert answer.status == 200
            assert b'"user_id":%d,' % user_id in answer.body


def test_pipelined_requests_are_answered_in_order(example: ServerProcess) -> None:
    requests = [f"/users/{n}" if n % 3 else f"/async/users/{n}" for n in range(60)]
    pipelined = "".join(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n" for target in requests)
    with RawClient(example) as raw:
        raw.send(pipelined.encode())
        for number in range(60):
            assert b'"user_id":%d,' % number in raw.answer().body


def test_request_may_arrive_byte_by_byte(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        for byte in b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n":
            raw.send(bytes([byte]))
        assert raw.answer().body == HEALTH


def test_body_of_known_length_arrives_whole(probe: ServerProcess) -> None:
    body = bytes(range(256)) * 4096
    with RawClient(probe) as raw:
        assert (
            raw.request("POST", "/echo", f"Content-Length: {len(body)}", body=body).answer().body
            == body
        )
        assert raw.request("POST", "/echo", "Content-Length: 2", body=b"ok").answer().body == b"ok"


def test_chunked_body_arrives_whole(probe: ServerProcess) -> None:
    chunks = b"5;extension=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n"
    with RawClient(probe) as raw:
        assert raw.request(
            "POST", "/echo", "Transfer-Encoding: chunked", body=chunks
        ).answer().body == (b"hello world")
        assert raw.get("/header", "X-Probe: next").answer().body == b'{"probe":"next"}'


def test_long_answer_arrives_whole(probe: ServerProcess) -> None:
    with RawClient(probe) as raw:
        answer = raw.get("/long?pieces=64").answer()
        assert answer.header("content-length") == str(64 * 65536)
        assert answer.body == b"x" * 64 * 65536


def test_head_has_the_headers_and_no_body(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        got = raw.get("/users/7").answer()
        head = raw.request("HEAD", "/users/7").answer("HEAD")
        assert head.status == 200
        assert head.header("content-length") == got.header("content-length")
        assert head.header("content-type") == got.header("content-type")
        assert raw.get("/health").answer().body == HEALTH


def test_head_of_a_stream_ends_at_once(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        assert raw.request("HEAD", "/async/stream").answer("HEAD").status == 200
        assert raw.get("/health").answer().body == HEALTH


def test_http_1_0_is_answered_and_closed(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        answer = raw.send(b"GET /health HTTP/1.0\r\n\r\n").answer()
        assert (answer.status, answer.body) == (200, HEALTH)
        assert raw.rest() == b""


def test_http_1_0_is_kept_alive_when_it_asks(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        for _ in range(2):
            answer = raw.send(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer()
            assert answer.body == HEALTH
            assert (answer.header("connection") or "").lower() == "keep-alive"


def test_stream_to_http_1_0_ends_with_the_connection(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        answer = raw.send(b"GET /async/stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").answer()
        assert answer.header("transfer-encoding") is None
        assert answer.body.count(b"\n") == 5


def test_connection_close_is_answered_and_kept(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        answer = raw.get("/health", "Connection: close").answer()
        assert answer.body == HEALTH
        assert answer.header("connection") == "close"
        assert raw.rest() == b""


def test_half_closed_client_gets_its_answers(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        raw.get("/async/users/1").get("/users/2")
        raw.socket.shutdown(1)
        assert b'"user_id":1,' in raw.answer().body
        assert b'"user_id":2,' in raw.answer().body
        assert raw.rest() == b""


def test_continue_is_sent_when_the_app_asks_for_the_body(probe: ServerProcess) -> None:
    with RawClient(probe) as raw:
        raw.request("POST", "/echo", "Content-Length: 5", "Expect: 100-continue")
        assert raw.answer().status == 100
        answer = raw.send(b"hello").answer()
        assert (answer.status, answer.body) == (200, b"hello")


def test_continue_is_not_sent_when_the_app_does_not_ask(probe: ServerProcess) -> None:
    with RawClient(probe) as raw:
        raw.request("POST", "/unread", "Content-Length: 5", "Expect: 100-continue")
        answer = raw.answer()
        assert (answer.status, answer.body) == (200, b"unread")


def test_body_that_nobody_reads_does_not_become_a_request(probe: ServerProcess) -> None:
    hidden = b"GET /counts HTTP/1.1\r\nHost: test\r\n\r\n"
    with RawClient(probe) as raw:
        raw.request("POST", "/unread", f"Content-Length: {len(hidden)}", body=hidden)
        assert raw.answer().body == b"unread"
        assert raw.get("/header", "X-Probe: mine").answer().body == b'{"probe":"mine"}'


@pytest.mark.parametrize("target", ["/%c0", "/users/%ff", "/%", "/%zz", "/users/%00"])
def test_odd_percent_encoding_harms_nobody(example: ServerProcess, target: str) -> None:
    with RawClient(example) as raw:
        assert raw.get(target).answer().status in (400, 404, 422)
    with RawClient(example) as raw:
        assert raw.get("/health").answer().body == HEALTH


def test_bytes_beyond_ascii_in_a_header_are_passed_on(probe: ServerProcess) -> None:
    with RawClient(probe) as raw:
        raw.send(b"GET /header HTTP/1.1\r\nHost: test\r\nX-Probe: \x80\xff\r\n\r\n")
        answer = raw.answer()
        assert (answer.status, answer.body.decode()) == (200, '{"probe":"\x80\xff"}')


# Limits: each has its status, and the connection ends.


def test_body_over_its_limit_is_answered_413(start_server) -> None:
    server = start_server("probe_app:app", "--body-max", "1K", "--shards", "1")
    with RawClient(server) as raw:
        assert (
            raw.request("POST", "/echo", "Content-Length: 1024", body=b"x" * 1024).answer().status
            == 200
        )
        answer = raw.request("POST", "/echo", "Content-Length: 1025").answer()
        assert answer.status == 413
        raw.rest()
    with RawClient(server) as raw:
        raw.request(
            "POST", "/echo", "Transfer-Encoding: chunked", body=b"401\r\n" + b"x" * 1025 + b"\r\n"
        )
        assert raw.answer().status == 413


def test_long_target_is_answered_414(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        assert raw.get("/search?q=" + "x" * 7000).answer().status == 200
        assert raw.get("/search?q=" + "x" * 9000).answer().status == 414
        assert raw.rest() == b""


def test_many_headers_are_answered_431(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        assert raw.get("/health", *(f"X-{n}: 1" for n in range(99))).answer().status == 200
        assert raw.get("/health", *(f"X-{n}: 1" for n in range(101))).answer().status == 431
        assert raw.rest() == b""


def test_long_header_is_answered_431(example: ServerProcess) -> None:
    with RawClient(example) as raw:
        assert raw.get("/health", "X-Long: " + "x" * 40_000).answer().status == 431


def test_slow_head_is_answered_408(start_server) -> None:
    server = start_server("probe_app:app", "--head-timeout", "0.2", "--shards", "1")
    with RawClient(server) as raw:
        assert raw.send(b"GET /counts HTTP/1.1\r\nHost:").answer().status == 408
        assert raw.rest() == b""


def test_slow_body_is_answered_408(start_server) -> None:
    server = start_server("probe_app:app", "--body-timeout", "0.2", "--shards", "1")
    with RawClient(server) as raw:
        assert raw.request("POST", "/echo", "Content-Length: 5", body=b"he").answer().status == 408


def test_idle_connection_is_closed_without_a_word(start_server) -> None:
    server = start_server("probe_app:app", "--keep-alive-timeout", "0.2", "--shards", "1")
    with RawClient(server) as raw:
        assert raw.get("/counts").answer().status == 200
        assert raw.rest() == b""


# Smuggling: refused, closed, and bytes that follow are never answered.

HIDDEN = b"GET /users/666 HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST /users HTTP/1.1\r\nHost: t\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLING = {
    "both lengths": CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "signed length": POST + b"Content-Length: +0\r\n\r\n",
    "underscored length": POST + b"Content-Length: 1_0\r\n\r\n",
    "unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "encoding not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "two encodings": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n",
    "odd white space": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
    "encoding on 1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n",
    "hexadecimal prefix": CHUNKED + b"\r\n0x0\r\n\r\n",
    "chunk without its end": CHUNKED + b"\r\n2\r\n{}XY0\r\n\r\n",
    "bare LF": b"GET /health HTTP/1.1\nHost: t\n\n",
    "space before colon": b"GET /health HTTP/1.1\r\nHost : t\r\n\r\n",
    "folded line": b"GET /health HTTP/1.1\r\nHost: t\r\nX-A: 1\r\n 2\r\n\r\n",
    "NUL in a value": b"GET /health HTTP/1.1\r\nHost: t\r\nX-A: \x00\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
}


@pytest.mark.parametrize("head", SMUGGLING.values(), ids=SMUGGLING)
def test_ambiguous_request_is_answered_400_and_what_follows_never(
    example: ServerProcess, head: bytes
) -> None:
    with RawClient(example) as raw:
        answer = raw.send(head + HIDDEN).answer()
        assert answer.status == 400
        assert b"666" not in answer.body
        assert raw.rest() == b""


def test_refused_request_is_logged_without_its_bytes(arm: Arm, start_server) -> None:
    # A server of its own: lines about peers are rationed.
    server = start_server("probe_app:app", *arm.options)
    with RawClient(server) as raw:
        raw.send(b"GET /who HTTP/1.1\r\nHost: t\r\nSecret\x1b[31m : x\r\n\r\n")
        assert raw.answer().status == 400
    wait_until(lambda: "was refused: malformed field name (400)" in server.log, "the log line")
    assert "Secret" not in server.log
