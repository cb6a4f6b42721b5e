"""What an ASGI app hears by `receive()`: the body as it comes, and the end of its client."""

from __future__ import annotations

import ast
import hashlib
import random
import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from arms import Arm
from asgi_journal import Act
from raw_http import RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

# Far more than the kernel's buffers hold on both sides.
LARGE_BYTES = 96 * 1024 * 1024
# A socket that takes nothing for this long is full. A slow machine makes the test weaker and never red: it must only
# hold that not everything was taken.
FULL_S = 0.3


def literal(body: bytes) -> Any:
    return ast.literal_eval(body.decode("latin-1"))


def chunked(*pieces: bytes) -> bytes:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n\r\n"


def reset(raw: RawClient) -> None:
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()


def test_without_a_body_there_is_one_empty_message(asgi: ServerProcess) -> None:
    fields = ["body", "more_body", "type"]
    with RawClient(asgi) as raw:
        assert literal(raw.get("/do/pieces").answer().body) == [(0, False, fields)]
        raw.request("POST", "/do/pieces", "Content-Length: 0")
        assert literal(raw.answer().body) == [(0, False, fields)]
        raw.request("POST", "/do/pieces", "Transfer-Encoding: chunked", body=chunked())
        assert sum(size for size, _, _ in literal(raw.answer().body)) == 0


def test_body_at_hand_is_one_message(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        raw.request("POST", "/do/pieces", "Content-Length: 5", body=b"hello")
        [(size, more, _)] = literal(raw.answer().body)
        assert (size, more) == (5, False)


@pytest.mark.parametrize("size", [1, 1000, 65_536, 65_537, 1_000_003])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_arrives_as_it_was_sent(asgi: ServerProcess, size: int, is_chunked: bool) -> None:
    body = random.Random(size).randbytes(size)
    with RawClient(asgi) as raw:
        for _ in range(2):
            if is_chunked:
                pieces = [body[at : at + 7919] for at in range(0, size, 7919)]
                line = "Transfer-Encoding: chunked"
                raw.request("POST", "/do/echo", line, body=chunked(*pieces))
            else:
                raw.request("POST", "/do/echo", f"Content-Length: {size}", body=body)
            assert raw.answer().body == body


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_in_many_pieces(asgi: ServerProcess, is_chunked: bool) -> None:
    body = bytes(range(256)) * 4
    coded = chunked(*(body[at : at + 100] for at in range(0, len(body), 100)))
    line = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    with RawClient(asgi) as raw:
        raw.request("POST", "/do/echo", line)
        sent = coded if is_chunked else body
        for at in range(0, len(sent), 3):
            raw.send(sent[at : at + 3])
        assert raw.answer().body == body
        assert raw.get("/do/pieces").answer().status == 200


def test_pieces_are_no_larger_than_64_kib(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        raw.request("POST", "/do/pieces", "Content-Length: 1000000", body=bytes(1_000_000))
        pieces = literal(raw.answer().body)
    assert sum(size for size, _, _ in pieces) == 1_000_000
    assert max(size for size, _, _ in pieces) <= 65_536
    assert [more for _, more, _ in pieces] == [True] * (len(pieces) - 1) + [False]


def test_continue_is_sent_when_the_app_first_receives(asgi: ServerProcess) -> None:
    act = Act(asgi, "late-digest")
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, "Content-Length: 5", "Expect: 100-continue")
        act.wait_for("called")
        assert not select.select([raw.socket], [], [], 0)[0], "nobody has asked for the body"
        act.open_gate()
        assert raw.head()[1] == 100
        raw.send(b"hello")
        assert literal(raw.answer().body) == (5, hashlib.sha256(b"hello").hexdigest())


def test_no_continue_for_an_app_that_does_not_read(asgi: ServerProcess) -> None:
    act = Act(asgi, "never-read")
    act.open_gate()
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, "Content-Length: 5", "Expect: 100-continue")
        assert raw.head()[1] == 200


def test_body_that_nobody_read_is_not_the_next_request(asgi: ServerProcess) -> None:
    act = Act(asgi, "never-read")
    act.open_gate()
    with RawClient(asgi) as raw:
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        raw.request("POST", act.target, f"Content-Length: {len(smuggled)}", body=smuggled)
        assert raw.answer().body == b"unread"
        assert raw.get("/do/echo").answer().body == b""


def filler(total: int) -> Iterator[bytes]:
    piece = random.Random(total).randbytes(1024 * 1024)
    for _ in range(total // len(piece)):
        yield piece


def fill(raw: RawClient, data: memoryview) -> int:
    """Sends until the socket takes no more; returns how much it took."""
    raw.socket.setblocking(False)
    sent = 0
    while sent < len(data):
        try:
            sent += raw.socket.send(data[sent : sent + 1024 * 1024])
        except BlockingIOError:
            if not select.select([], [raw.socket], [], FULL_S)[1]:
                break
    raw.socket.settimeout(60)
    return sent


@pytest.mark.parametrize("query", [{}, {"first": 1}], ids=["unasked", "after-one-piece"])
def test_app_that_does_not_read_stops_its_client(asgi: ServerProcess, query: Any) -> None:
    act = Act(asgi, "late-digest", **query)
    body = b"".join(filler(LARGE_BYTES))
    expected = hashlib.sha256(body)
    length = len(body)
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, f"Content-Length: {length}")
        if query:
            raw.send(body[:1000])
            body = body[1000:]
            expected = hashlib.sha256(body)
        act.wait_for("called")
        data = memoryview(body)
        sent = fill(raw, data)
        assert sent < len(body), "the server took everything although its app reads nothing"
        act.open_gate()
        raw.socket.sendall(data[sent:])
        assert literal(raw.answer().body) == (len(body), expected.hexdigest())
        assert raw.get("/do/echo").answer().status == 200


@pytest.mark.parametrize("is_chunked", [False, True])
def test_body_over_the_limit_gets_413_and_the_app_is_told(
    arm: Arm, start_server: StartServer, is_chunked: bool
) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1", "--body-max", "1000")
    act = Act(server, "late-digest")
    act.open_gate()
    with RawClient(server) as raw:
        line = "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 1001"
        body = b"".join(b"64\r\n%s\r\n" % bytes(100) for _ in range(11)) if is_chunked else b""
        raw.request("POST", act.target, line, body=body)
        assert raw.answer().status == 413
        assert raw.rest() == b""
    if is_chunked:
        # A body announced as too long is refused before the app is asked.
        act.wait_for("called", "http.disconnect")
    with RawClient(server) as raw:
        raw.request("POST", "/do/echo", "Content-Length: 1000", body=bytes(1000))
        assert raw.answer().body == bytes(1000)


def test_malformed_chunk_gets_400_and_the_app_is_told(asgi: ServerProcess) -> None:
    act = Act(asgi, "late-digest")
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
        act.wait_for("called")
        act.open_gate()
        raw.send(b"no size\r\n")
        assert raw.answer().status == 400
        act.wait_for("http.disconnect")


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("has_body", [False, True])
def test_app_is_told_when_its_client_leaves(asgi: ServerProcess, how: str, has_body: bool) -> None:
    act = Act(asgi, "until-disconnect")
    with RawClient(asgi) as raw:
        lines = ["Content-Length: 5"] if has_body else []
        raw.request("POST", act.target, *lines, body=b"hello" if has_body else b"")
        act.wait_for("called", 5 if has_body else 0)
        if how == "reset":
            reset(raw)
    act.wait_for({"type": "http.disconnect"})
    wait_until(lambda: len(act.entries()) >= 4, "the second message")
    assert act.entries()[2:4] == [{"type": "http.disconnect"}] * 2


def test_app_is_told_when_its_client_leaves_in_the_middle_of_a_body(asgi: ServerProcess) -> None:
    act = Act(asgi, "until-disconnect")
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, "Content-Length: 100", body=b"half")
        act.wait_for("called")
        reset(raw)
    act.wait_for({"type": "http.disconnect"}, ("OSError", "the client has disconnected"))


def test_after_the_response_there_is_only_disconnect(asgi: ServerProcess) -> None:
    act = Act(asgi, "after-response")
    gone = {"type": "http.disconnect"}
    with RawClient(asgi) as raw:
        assert raw.get(act.target).answer().body == b"answered"
        wait_until(lambda: len(act.entries()) == 3, "both messages")
        assert act.entries() == [False, gone, gone]
        assert raw.get("/do/echo").answer().status == 200


def test_polling_with_a_timeout_leaves_nothing_behind(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        grown = literal(raw.get("/do/poll").answer().body)
    assert grown < 20, "futures of receive() pile up"


def test_receive_and_send_can_be_wrapped_into_tasks(asgi: ServerProcess) -> None:
    act = Act(asgi, "receive-in-task")
    with RawClient(asgi) as raw:
        raw.request("POST", act.target, "Content-Length: 5", body=b"hello")
        assert raw.answer().body == b"hello"
    assert act.entries() == [True]
