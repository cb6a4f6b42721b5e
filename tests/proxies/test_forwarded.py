"""What apps are told of their clients behind a proxy: the protocol's table of cases through servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from arms import Arm
from places import ROOT
from raw_http import RawClient
from raw_websocket import RawWebSocket
from server_process import ServerProcess, StartServer, run_command
from waiting import wait_until

TRUSTED = "127.0.0.0/8,10.0.0.0/8,::1,fd00::/8"
INTERFACES = ["asgi", "fastapi", "wsgi", "native"]


class Case(NamedTuple):
    fact: str
    fields: list[str]
    # What follows, as the table has it: client, scheme, host, port, prefix.
    told: dict[str, str]


def cases() -> Iterator[Case]:
    text = (ROOT / "runtime/protocol/tests/forwarded_cases.txt").read_text()
    for block in text.split("\n\n")[1:]:
        fact, *fields, told = [line.strip() for line in block.splitlines()]
        words = told.removeprefix("=>").split()
        yield Case(fact, fields, dict(word.split("=", 1) for word in words))


CASES = list(cases())


@pytest.fixture(scope="module", params=INTERFACES)
def told_by(arm: Arm, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    options = ("--forwarded-allow-ips", TRUSTED, "--shards", "1")
    with ServerProcess(f"forwarded_app:{request.param}", *arm.options, *options) as server:
        yield server


def ask(raw: RawClient, *fields: str) -> dict[str, Any]:
    answer = raw.get("/told", *fields).answer()
    assert answer.status == 200, (fields, answer)
    told = json.loads(answer.body)
    assert isinstance(told, dict)
    return told


def expected_client(case: Case, own: tuple[str, int]) -> object:
    match case.told.get("client", "own"):
        case "own":
            return list(own)
        case "unknown":
            return None
        case text:
            host, _, port = text.rpartition(":")
            return [host.strip("[]"), int(port)]


def test_cases_of_the_table_hold_for_apps(told_by: ServerProcess) -> None:
    """On one connection, so that nothing of one request may stay for the next."""
    assert len(CASES) > 40
    with RawClient(told_by) as raw:
        own = raw.socket.getsockname()
        for case in CASES:
            told = ask(raw, *case.fields)
            client = expected_client(case, own)
            if client is None and told["client"] is not None:
                client = ["", 0]  # WSGI has a word for everything
            assert told["client"] == client, case
            assert told["scheme"] == case.told.get("scheme", "http"), case
            if "port" not in case.told:
                assert told["host"] == case.told.get("host", "test"), case
            prefix = case.told.get("prefix", "")
            assert told["path"].endswith("/told"), case
            if "%" not in prefix:
                assert (told["prefix"], told["path"]) == (prefix, f"{prefix}/told"), case


def test_a_request_without_such_fields_shows_the_connection(told_by: ServerProcess) -> None:
    with RawClient(told_by) as raw:
        own = list(raw.socket.getsockname())
        told = ask(raw)
    assert (told["client"], told["server"]) == (own, ["127.0.0.1", told_by.port])
    assert (told["scheme"], told["host"], told["prefix"]) == ("http", "test", "")


def test_host_and_port_are_those_that_the_client_asked_for(told_by: ServerProcess) -> None:
    https = "X-Forwarded-Proto: https"
    with RawClient(told_by) as raw:
        for fields, host, server in [
            (["X-Forwarded-Host: a.example"], "a.example", ["a.example", 80]),
            (["X-Forwarded-Host: a.example", https], "a.example", ["a.example", 443]),
            (["X-Forwarded-Host: a.example:81"], "a.example:81", ["a.example", 81]),
            (["X-Forwarded-Port: 443", https], "test", ["test", 443]),
            (["X-Forwarded-Port: 8443", https], "test:8443", ["test", 8443]),
            (["X-Forwarded-Host: [2001:db8::1]:81"], "[2001:db8::1]:81", ["2001:db8::1", 81]),
        ]:
            told = ask(raw, *fields)
            name, port = told["server"]
            assert told["host"] == host, fields
            assert [name.strip("[]"), port] == server, fields


def test_an_escaped_prefix_is_decoded_where_paths_are(told_by: ServerProcess) -> None:
    with RawClient(told_by) as raw:
        told = ask(raw, "X-Forwarded-Prefix: /caf%C3%A9")
    path = told["path"].encode("latin-1").decode() if "Ã" in told["path"] else told["path"]
    assert path in ("/café/told", "/caf%C3%A9/told")
    assert told.get("raw_path", "/caf%C3%A9/told") == "/caf%C3%A9/told"


def test_a_body_that_is_waited_for_changes_nothing(arm: Arm, start_server: StartServer) -> None:
    server = start_server("forwarded_app:native", *arm.options, "--shards", "1")
    fields = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: a.example", "Content-Length: 4")
    with RawClient(server) as raw:
        raw.request("POST", "/told", *fields)
        raw.send(b"bo")
        raw.send(b"dy")
        told = json.loads(raw.answer().body)
        assert (told["client"], told["host"]) == (["203.0.113.7", 0], "a.example")
        assert told["body"] == "body"
        assert ask(raw)["host"] == "test"


def test_websockets_are_secure_where_the_proxy_says_so(arm: Arm, start_server: StartServer) -> None:
    server = start_server("forwarded_app:asgi", *arm.options, "--shards", "1")
    fields = [
        b"X-Forwarded-For: 203.0.113.7",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: a.example",
        b"X-Forwarded-Prefix: /api",
    ]
    with RawWebSocket(server).open("/told", *fields) as socket:
        told = json.loads(socket.frame().payload)
    assert told["client"] == ["203.0.113.7", 0]
    assert (told["scheme"], told["host"]) == ("wss", "a.example")
    assert (told["prefix"], told["path"]) == ("/api", "/api/told")


def test_a_prefix_takes_the_place_of_the_root_path(start_server: StartServer) -> None:
    for interface in ("asgi", "fastapi", "wsgi"):
        server = start_server(f"forwarded_app:{interface}", "--root-path", "/own", "--shards", "1")
        with RawClient(server) as raw:
            assert ask(raw)["path"] == "/own/told"
            told = ask(raw, "X-Forwarded-Prefix: /api")
            assert (told["prefix"], told["path"]) == ("/api", "/api/told")


def test_a_peer_that_is_not_trusted_is_named_once_and_not_heard(
    arm: Arm, start_server: StartServer
) -> None:
    options = ("--forwarded-allow-ips", "10.0.0.0/8", "--shards", "1")
    server = start_server("forwarded_app:asgi", *arm.options, *options)
    with RawClient(server) as raw:
        own = list(raw.socket.getsockname())
        for _ in range(3):
            told = ask(raw, "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")
            assert (told["client"], told["scheme"]) == (own, "http")
    advice = "sends X-Forwarded-For, which is ignored"
    wait_until(lambda: advice in server.log, "the advice")
    server.stop()
    assert server.log.count(advice) == 1
    assert "--forwarded-allow-ips 127.0.0.1" in server.log


def test_fields_reach_the_app_as_they_came(start_server: StartServer) -> None:
    server = start_server("asgi_app:app", "--shards", "1")
    with RawClient(server) as raw:
        answer = raw.get("/", "X-Forwarded-For: 203.0.113.7, 127.0.0.1").answer()
    assert b"(b'x-forwarded-for', b'203.0.113.7, 127.0.0.1')" in answer.body


def test_proxy_headers_can_be_left_alone(start_server: StartServer) -> None:
    server = start_server("forwarded_app:asgi", "--no-proxy-headers", "--shards", "1")
    with RawClient(server) as raw:
        own = list(raw.socket.getsockname())
        assert ask(raw, "X-Forwarded-For: 203.0.113.7")["client"] == own
    server.stop()
    assert "is ignored" not in server.log


@pytest.mark.parametrize(
    ("peers", "fault"),
    [
        ("10.1.2.3/8", "is an address within a network; the network is 10.0.0.0/8"),
        ("127.0.0.1,proxy.local", "'proxy.local' is no address and no network"),
        ("10.0.0.0/33", "the length of the network is 0 to 32"),
        ("2001:db8::/129", "the length of the network is 0 to 128"),
        ("10.0.0.0/255.0.0.0", "the length of the network is 0 to 32"),
        ("fe80::1%eth0", "has no zone"),
    ],
)
def test_a_wrong_peer_is_one_line_and_status_2(peers: str, fault: str) -> None:
    for arguments, variables, label in [
        (["--forwarded-allow-ips", peers], {}, "--forwarded-allow-ips"),
        ([], {"FORWARDED_ALLOW_IPS": peers}, "FORWARDED_ALLOW_IPS"),
    ]:
        ended = run_command("forwarded_app:asgi", *arguments, **variables)
        assert ended.returncode == 2
        assert fault in ended.stderr and label in ended.stderr
        assert len(ended.stderr.splitlines()) == 1, ended.stderr


def test_the_variable_of_uvicorn_is_read(start_server: StartServer) -> None:
    variables = {"FORWARDED_ALLOW_IPS": "*"}
    server = start_server("forwarded_app:asgi", "--shards", "1", variables=variables)
    with RawClient(server) as raw:
        told = ask(raw, "X-Forwarded-For: 203.0.113.7, 198.51.100.1")
    assert told["client"] == ["203.0.113.7", 0]
