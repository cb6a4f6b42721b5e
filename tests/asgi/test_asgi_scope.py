"""The scope that an ASGI app is called with: every key of the HTTP specification, as it came over the wire."""

from __future__ import annotations

import ast
import socket
from typing import Any

import pytest

from arms import Arm
from asgi_journal import Act, ask
from raw_http import RawClient
from server_process import ServerProcess, StartServer


def scope_of(server: ServerProcess, request: bytes, method: str = "GET") -> dict[str, Any]:
    with RawClient(server) as raw:
        answer = raw.send(request).answer(method)
    assert answer.status == 200, (answer, server.log)
    scope = ast.literal_eval(answer.body.decode("latin-1"))
    assert isinstance(scope, dict)
    return scope


def test_scope_has_every_key_of_the_specification_and_no_other(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        own = raw.socket.getsockname()
        answer = raw.get("/items/7?q=1&r=%20", "X-Mine: yes").answer()
    assert ast.literal_eval(answer.body.decode()) == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/items/7",
        "raw_path": b"/items/7",
        "query_string": b"q=1&r=%20",
        "root_path": "",
        "headers": [(b"host", b"test"), (b"x-mine", b"yes")],
        "client": own,
        "server": ("127.0.0.1", asgi.port),
        "state": {"pool": "a pool", "shared": []},
        "extensions": {
            "http.response.trailers": {},
            "http.response.early_hint": {},
            "http.response.pathsend": {},
        },
    }


def test_http_version_is_the_requests(asgi: ServerProcess) -> None:
    assert scope_of(asgi, b"GET / HTTP/1.0\r\n\r\n")["http_version"] == "1.0"
    assert scope_of(asgi, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")["http_version"] == "1.1"


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b"DELETE", "DELETE"),
        (b"PATCH", "PATCH"),
        (b"PROPFIND", "PROPFIND"),
        (b"M-SEARCH", "M-SEARCH"),
        # The specification wants upper case.
        (b"get", "GET"),
        (b"brew", "BREW"),
        (b"!#$%&'*+-.^_`|~0", "!#$%&'*+-.^_`|~0"),
    ],
)
def test_method_is_any_token(asgi: ServerProcess, sent: bytes, seen: str) -> None:
    assert scope_of(asgi, sent + b" / HTTP/1.1\r\nHost: a\r\n\r\n")["method"] == seen


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/", "/", b"/", b""),
        (b"/a%20b", "/a b", b"/a%20b", b""),
        (b"/%C3%A9t%c3%a9", "/été", b"/%C3%A9t%c3%a9", b""),
        (b"/a%2Fb", "/a/b", b"/a%2Fb", b""),
        (b"/a%2525", "/a%25", b"/a%2525", b""),
        (b"/%FF%C3", "/\ufffd\ufffd", b"/%FF%C3", b""),
        (b"/%zz%4", "/%zz%4", b"/%zz%4", b""),
        (b"/a+b;c=1,2", "/a+b;c=1,2", b"/a+b;c=1,2", b""),
        (b"//double//slash/", "//double//slash/", b"//double//slash/", b""),
        (b"/q?", "/q", b"/q", b""),
        (b"/q?a=%20%ff&b?c", "/q", b"/q", b"a=%20%ff&b?c"),
        (b"http://other/abs?x", "/abs", b"/abs", b"x"),
        (b"http://other", "/", b"/", b""),
        (b"http://other?x=1", "/", b"/", b"x=1"),
    ],
)
def test_target_is_decoded_in_path_and_raw_in_raw_path(
    asgi: ServerProcess, target: bytes, path: str, raw_path: bytes, query: bytes
) -> None:
    scope = scope_of(asgi, b"GET " + target + b" HTTP/1.1\r\nHost: other\r\n\r\n")
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


def test_asterisk_form_is_a_path(asgi: ServerProcess) -> None:
    scope = scope_of(asgi, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS")
    assert (scope["method"], scope["path"]) == ("OPTIONS", "*")


def test_headers_keep_order_and_duplicates_with_names_in_lower_case(asgi: ServerProcess) -> None:
    lines = [
        (b"HOST", b"a"),
        (b"X-Twice", b"one"),
        (b"Accept", b"text/html, */*;q=0.8"),
        (b"x-twice", b"two"),
        (b"X_Under", b"score"),
        (b"X-Empty", b""),
        (b"X-Obs", b"caf\xe9 \xff\x80"),
        (b"X-Tab", b"a\tb"),
        (b"COOKIE", b"a=1"),
        (b"cookie", b"b=2"),
    ]
    request = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    scope = scope_of(asgi, b"GET / HTTP/1.1\r\n" + request + b"\r\n")
    assert scope["headers"] == [(name.lower(), value) for name, value in lines]


def test_white_space_around_values_is_not_part_of_them(asgi: ServerProcess) -> None:
    scope = scope_of(asgi, b"GET / HTTP/1.1\r\nHost:a\r\nX-Wide: \t wide \t \r\n\r\n")
    assert scope["headers"] == [(b"host", b"a"), (b"x-wide", b"wide")]


def test_hop_by_hop_headers_are_there_too(asgi: ServerProcess) -> None:
    request = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    names = [name for name, _ in scope_of(asgi, request)["headers"]]
    assert names == [b"host", b"connection", b"transfer-encoding"]


def test_a_thousand_ports_are_told_apart(asgi: ServerProcess) -> None:
    """Address tuples are kept from request to request, and must be those of the connection."""
    for _ in range(400):
        with RawClient(asgi) as raw:
            answer = raw.get("/", "Connection: close").answer()
            scope = ast.literal_eval(answer.body.decode())
            assert scope["client"] == raw.socket.getsockname()
            assert [type(part) for part in scope["client"] + scope["server"]] == [str, int] * 2


def test_state_is_copied_for_each_request_and_shared_below(asgi: ServerProcess) -> None:
    first = ask(asgi, "/do/change-state")
    assert first["mine"] is True
    scope = ask(asgi, "/")
    assert "mine" not in scope["state"]
    assert scope["state"]["shared"] == first["shared"]
    assert len(ask(asgi, "/do/change-state")["shared"]) == len(first["shared"]) + 1


def test_what_an_app_does_to_its_scope_stays_there(asgi: ServerProcess) -> None:
    with RawClient(asgi) as raw:
        before = ast.literal_eval(raw.get("/").answer().body.decode())
        for target in ("/do/change-scope", "/do/change-scope?more"):
            raw.get(target).answer()
        after = ast.literal_eval(raw.get("/").answer().body.decode())
    before["state"] = after["state"]
    assert after == before
    assert Act(asgi, "change-scope").entries() == []


def test_root_path_stands_before_the_path(arm: Arm, start_server: StartServer) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1", "--root-path", "/api/v1")
    scope = scope_of(server, b"GET /items/a%2Fb?x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert scope["root_path"] == "/api/v1"
    assert scope["path"] == "/api/v1/items/a/b"
    assert scope["raw_path"] == b"/api/v1/items/a%2Fb"
    assert scope["query_string"] == b"x"


def test_ipv6_pairs(arm: Arm, start_server: StartServer) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1", "--host", "::1")
    with RawClient(server) as raw:
        scope = ast.literal_eval(raw.get("/").answer().body.decode())
        assert scope["client"] == raw.socket.getsockname()[:2]
    assert scope["server"] == ("::1", server.port)


def test_server_is_the_address_that_the_client_has_connected_to(
    arm: Arm, start_server: StartServer
) -> None:
    """One listener on several addresses: a request must not get the address of the one before."""
    server = start_server("asgi_app:app", *arm.options, "--shards", "1", "--host", "0.0.0.0")
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    addresses = ("127.0.0.1", "127.0.0.2")
    connections = [socket.create_connection((host, server.port)) for host in addresses]
    try:
        for _ in range(3):
            for host, connection in zip(addresses, connections, strict=True):
                connection.sendall(request)
                assert f"'server': ('{host}', {server.port})".encode() in whole_answer(connection)
    finally:
        for connection in connections:
            connection.close()


def whole_answer(connection: socket.socket) -> bytes:
    received = b""
    while not received.rstrip().endswith(b"}"):
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    return received


def test_without_lifespan_there_is_no_state(arm: Arm, start_server: StartServer) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1", "--lifespan", "off")
    assert "state" not in scope_of(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
