"""Connections that begin with a PROXY protocol header: whose they are to apps, and which ones are cut off."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import RawWebSocket, handshake
from server_process import ServerProcess, StartServer
from waiting import wait_until

V1 = b"PROXY TCP4 203.0.113.7 192.0.2.2 56789 443\r\n"
REQUEST = b"GET /told HTTP/1.1\r\nHost: test\r\n\r\n"
BIND = ("--bind", "127.0.0.1:0,proxy")


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def v2(*tlvs: bytes) -> bytes:
    """A header of version 2 for the same client."""
    addresses = bytes([203, 0, 113, 7, 192, 0, 2, 2]) + struct.pack("!HH", 56789, 443)
    rest = addresses + b"".join(tlvs)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(rest)) + rest


FACTS = v2(
    tlv(0x01, b"http/1.1"),
    tlv(0x02, b"a.example"),
    tlv(0x05, b"id-7"),
    tlv(0x20, b"\x01\0\0\0\0"),
)


@pytest.fixture(scope="module", params=["asgi", "fastapi", "wsgi", "native"])
def proxied(arm: Arm, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    app = f"forwarded_app:{request.param}"
    with ServerProcess(app, *arm.options, *BIND, "--shards", "1") as server:
        yield server


@pytest.mark.parametrize("header", [V1, v2()])
def test_requests_are_those_of_the_client(proxied: ServerProcess, header: bytes) -> None:
    with RawClient(proxied) as raw:
        for pieces in ([header + REQUEST], [REQUEST]):
            for piece in pieces:
                raw.send(piece)
            told = json.loads(raw.answer().body)
            assert told["client"] == ["203.0.113.7", 56789]
            assert told["server"] == ["192.0.2.2", 443]
            assert told["scheme"] == "http"


def test_a_header_may_come_byte_by_byte(proxied: ServerProcess) -> None:
    for header in (V1, FACTS):
        with RawClient(proxied) as raw:
            for byte in header:
                raw.send(bytes([byte]))
            told = json.loads(raw.send(REQUEST).answer().body)
            assert told["client"] == ["203.0.113.7", 56789]


def test_a_client_that_has_used_tls_has_used_https(proxied: ServerProcess) -> None:
    with RawClient(proxied) as raw:
        assert json.loads(raw.send(FACTS + REQUEST).answer().body)["scheme"] == "https"
    with RawWebSocket(proxied) as socket:
        socket.send(FACTS + handshake("/told"))
        if socket.head()[1] == 101:
            assert json.loads(socket.frame().payload)["scheme"] == "wss"


def test_the_client_of_the_header_is_not_trusted_because_its_proxy_is(
    proxied: ServerProcess,
) -> None:
    forged = b"GET /told HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n"
    with RawClient(proxied) as raw:
        assert json.loads(raw.send(V1 + forged).answer().body)["client"][0] == "203.0.113.7"


def test_what_is_no_header_is_cut_off_and_named(proxied: ServerProcess) -> None:
    for sent, named in [
        (REQUEST, "there is no PROXY protocol header"),
        (b"PROXY TCP4 a b 1 2\r\n", "its PROXY protocol header is malformed"),
        (v2(tlv(0x03, b"\0\0\0\0")), "the checksum of its PROXY protocol header is wrong"),
    ]:
        with RawClient(proxied) as raw:
            peer = "{}:{}".format(*raw.socket.getsockname())
            assert raw.send(sent).rest() == b""
        line = f"{peer} was cut off: {named}"
        wait_until(lambda line=line: line in proxied.log, line)


def test_facts_of_a_header_reach_apps(arm: Arm, start_server: StartServer) -> None:
    asgi = start_server("asgi_app:app", *arm.options, *BIND, "--shards", "1")
    expected = (
        b"'proxy_protocol': {'alpn': 'http/1.1', 'authority': 'a.example', 'unique_id': b'id-7'}"
    )
    with RawClient(asgi) as raw:
        assert expected in raw.send(FACTS + REQUEST.replace(b"/told", b"/")).answer().body
    with RawClient(asgi) as raw:
        assert b"proxy_protocol" not in raw.send(V1 + REQUEST.replace(b"/told", b"/")).answer().body


def test_a_header_that_does_not_come_in_time_is_cut_off_and_named(
    arm: Arm, start_server: StartServer
) -> None:
    options = (*BIND, "--head-timeout", "0.3", "--shards", "1")
    server = start_server("forwarded_app:asgi", *arm.options, *options)
    for sent in (b"", V1[:20]):
        with RawClient(server) as raw:
            peer = "{}:{}".format(*raw.socket.getsockname())
            assert raw.send(sent).rest() == b""
        line = f"{peer} was cut off: its PROXY protocol header did not come in time"
        wait_until(lambda line=line: line in server.log, line)


def test_a_peer_that_is_not_trusted_is_cut_off_and_named(
    arm: Arm, start_server: StartServer
) -> None:
    options = (*BIND, "--forwarded-allow-ips", "10.0.0.0/8", "--shards", "1")
    server = start_server("forwarded_app:asgi", *arm.options, *options)
    with RawClient(server) as raw:
        assert raw.rest() == b""
    wait_until(lambda: "--forwarded-allow-ips 127.0.0.1 changes that" in server.log, "the line")


def test_listeners_beside_it_are_plain(start_server: StartServer) -> None:
    server = start_server("forwarded_app:asgi", "--bind", "127.0.0.1:0", *BIND, "--shards", "1")
    with RawClient(server) as raw:
        assert json.loads(raw.send(REQUEST).answer().body)["client"] != ["203.0.113.7", 56789]
