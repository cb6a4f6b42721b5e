"""What a TestClient hears is what a server sends, byte for byte: one suite, on the client and on a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import breadth_app
from raw_http import RawClient
from raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    handshake,
)
from server_process import ServerProcess
from turbo_shard import TestClient
from turbo_shard.testing.wire import Wire

type Exchange = Callable[[bytes], bytes]

BODY_MAX = 100_000


@pytest.fixture(scope="module")
def real() -> Iterator[ServerProcess]:
    options = ("--shards", "1", "--body-max", str(BODY_MAX))
    with ServerProcess("breadth_app:app", *options, app_dir=Path(__file__).parent) as server:
        yield server


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(breadth_app.app, body_max=BODY_MAX) as client:
        yield client


@pytest.fixture(params=["client", "real server"])
def exchange(request: pytest.FixtureRequest, real: ServerProcess, client: TestClient) -> Exchange:
    """Sends bytes over a fresh connection, and returns all that is answered."""

    def over_socket(data: bytes) -> bytes:
        with RawClient(real) as peer:
            peer.send(data)
            # SHUT_WR
            peer.socket.shutdown(1)
            return peer.rest()

    return client.raw_exchange if request.param == "client" else over_socket


def head(method: str, target: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: testserver", *lines, "", ""]).encode()


def with_body(method: str, target: str, body: bytes, *lines: str) -> bytes:
    length = f"content-length: {len(body)}"
    return head(method, target, length, "content-type: application/json", *lines) + body


def item(**changes: object) -> bytes:
    return json.dumps({"name": "a", "price": 1.5, "tags": ["x"]} | changes).encode()


def chunked(target: str, *pieces: bytes) -> bytes:
    parts = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return (
        head("POST", target, "transfer-encoding: chunked", "content-type: application/json")
        + parts
        + b"0\r\n\r\n"
    )


CASES: dict[str, bytes] = {
    "text": head("GET", "/text"),
    "bytes": head("GET", "/bytes"),
    "html": head("GET", "/html"),
    "nothing": head("GET", "/nothing"),
    "unchanged": head("GET", "/unchanged"),
    "params": head("GET", "/items/7?q=%C3%BC&many=1&many=2"),
    "a wrong param": head("GET", "/items/seven"),
    "rest of a path": head("GET", "/files/a/b%20c/d"),
    "no route": head("GET", "/nowhere"),
    "another method": head("DELETE", "/text"),
    "options": head("OPTIONS", "/items"),
    "head": head("HEAD", "/text"),
    "head of a stream": head("HEAD", "/stream/sync"),
    "a body": with_body("POST", "/items", item()),
    "a body, later": with_body("POST", "/async/items", item()),
    "a body that does not fit": with_body("POST", "/items", item(price="dear")),
    "a body that is no JSON": with_body("POST", "/items", b"{"),
    "a body in chunks": chunked("/items", item()[:5], item()[5:]),
    "a body that is waited for": with_body("PUT", "/raw", b"abc", "expect: 100-continue"),
    "a body that is too large": with_body("PUT", "/raw", b"x" * (BODY_MAX + 1)),
    "a free body": with_body("PATCH", "/free", b'{"a": [1, null, true]}'),
    "the pool": head("GET", "/blocking"),
    "a timer": head("GET", "/slow"),
    "a stream": head("GET", "/stream/sync"),
    "a long stream": head("GET", "/stream/async"),
    "a large answer": head("GET", "/large"),
    "an error with headers": head("GET", "/fails/418"),
    "an exception": head("GET", "/raises"),
    "an exception, later": head("GET", "/async/raises"),
    "a redirect": head("GET", "/redirect/2"),
    "cookies": head("GET", "/login/me"),
    "a request with all": head("GET", "/request?a=1&a=2", "accept: x/y", "cookie: session=s"),
    "http 1.0": b"GET /text HTTP/1.0\r\n\r\n",
    "http 1.0, kept": b"GET /text HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
    "nonsense": b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
    "two lengths": head("POST", "/items", "content-length: 1", "content-length: 2"),
    "a head that is too large": head("GET", "/text", "x-long: " + "x" * 70_000),
    "a head without end": b"GET /text HTTP/1.1\r\nhost: te",
    "nothing at all": b"",
    "a hundred at once": head("GET", "/items/1") * 50
    + (head("GET", "/slow") + head("HEAD", "/text")) * 10
    + with_body("POST", "/items", item()) * 29
    + head("GET", "/text", "connection: close"),
    "one behind the last": head("GET", "/text", "connection: close") + head("GET", "/text"),
    "a websocket with a protocol": handshake("/ws/echo", b"Sec-WebSocket-Protocol: two, one")
    + close_frame(1001),
    "a websocket that the app closes": handshake("/ws/three") + close_frame(),
    "a websocket that breaks the rules": handshake("/ws/echo") + frame(0x3, b"?"),
    "a websocket that is denied": handshake("/ws/denied"),
    "a websocket that there is not": handshake("/text"),
}


def without_dates(data: bytes) -> bytes:
    return re.sub(rb"\r\ndate: [^\r]{29}\r\n", b"\r\ndate: then\r\n", data)


# What each case is answered, by whichever of the two was asked first.
ANSWERS: dict[str, bytes] = {}


@pytest.mark.parametrize("case", CASES)
def test_client_and_server_answer_the_same_bytes(exchange: Exchange, case: str) -> None:
    answer = without_dates(exchange(CASES[case]))
    assert answer or case in ("nothing at all", "a head without end")
    assert answer == ANSWERS.setdefault(case, answer)


def test_both_have_answered_every_case() -> None:
    """That the answers are those that the cases are named after."""
    starts = {
        "text": b"HTTP/1.1 200 OK",
        "nothing": b"HTTP/1.1 204",
        "unchanged": b"HTTP/1.1 304",
        "a wrong param": b"HTTP/1.1 422",
        "no route": b"HTTP/1.1 404",
        "another method": b"HTTP/1.1 405",
        "a body": b"HTTP/1.1 201",
        "a body in chunks": b"HTTP/1.1 201",
        "a body that is waited for": b"HTTP/1.1 200",
        "a body that is too large": b"HTTP/1.1 413",
        "a body that does not fit": b"HTTP/1.1 422",
        "an error with headers": b"HTTP/1.1 418",
        "an exception": b"HTTP/1.1 500",
        "another version": b"HTTP/1.1 505",
        "a head that is too large": b"HTTP/1.1 431",
        "a websocket that the app closes": b"HTTP/1.1 101",
        "a websocket that is denied": b"HTTP/1.1 403",
    }
    assert ANSWERS.keys() == CASES.keys()
    for case, start in starts.items():
        assert ANSWERS[case].startswith(start), (case, ANSWERS[case][:60])
    assert ANSWERS["a hundred at once"].count(b"HTTP/1.1 20") == 100


CONVERSATION = (
    (frame(TEXT, "hällo".encode()), frame(TEXT, "hällo".encode(), masked=False)),
    (frame(BINARY, b"\x00" * 70_000), frame(BINARY, b"\x00" * 70_000, masked=False)),
    (frame(PING, b"there?"), frame(PONG, b"there?", masked=False)),
    (frame(TEXT, b"two ", fin=False), b""),
    (frame(CONTINUATION, b"parts"), frame(TEXT, b"two parts", masked=False)),
    (close_frame(1000, "bye"), frame(CLOSE, b"\x03\xe8", masked=False)),
)


def test_client_and_server_have_the_same_conversation(
    real: ServerProcess, client: TestClient
) -> None:
    """One step after another: what is sent together with a close may be heard or not."""
    with RawClient(real) as over_socket:
        for peer in (over_socket, Wire(client._started())):
            peer.send(handshake("/ws/echo"))
            assert peer.line() in (
                b"HTTP/1.1 101 Switching Protocols",
                "HTTP/1.1 101 Switching Protocols",
            )
            while peer.line():
                pass
            for said, heard in CONVERSATION:
                peer.send(said)
                assert peer.take(len(heard)) == heard
            assert peer.rest() == b""


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_request_may_come_in_pieces(client: TestClient, count: int) -> None:
    server: Any = client._started()
    data, peer = CASES["a body in chunks"], server.connect()
    heard = b""
    for start in range(0, len(data), count):
        peer.send(data[start : start + count])
        heard += server.receive(peer, 0.0) or b""
    peer.finish()
    while (more := server.receive(peer, 30.0)) is not None:
        heard += more
    peer.close(server)
    assert without_dates(heard) == ANSWERS["a body in chunks"]
