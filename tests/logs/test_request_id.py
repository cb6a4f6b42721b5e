"""Ids of requests: what app, answer and logs are told, by every interface and in every mode."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from access_log_files import lines_of, wait_for_lines
from arms import Arm
from raw_http import Answer, RawClient
from raw_websocket import RawWebSocket
from server_process import ServerProcess, StartServer, run_command
from waiting import wait_until

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = ("X-REQUEST-ID: from-a-peer",)


class Logged(NamedTuple):
    server: ServerProcess
    log: Path


def ids_of(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name.lower() == "x-request-id"]


def records_of(log: Path, *ids: str) -> list[dict[str, Any]]:
    """The records with these ids, in the order of the ids. Lines of earlier tests may still be on their way."""

    def found() -> list[dict[str, Any]] | None:
        known = {
            one["request_id"]: one for one in map(json.loads, lines_of(log)) if "request_id" in one
        }
        return [known[id] for id in ids] if known.keys() >= set(ids) else None

    return wait_until(found, f"records of {ids}") or []


def id_of(answer: Answer) -> str:
    """The id that the app was told, which the answer has once."""
    (told,) = json.loads(answer.body)
    assert ids_of(answer) == [told]
    assert isinstance(told, str)
    return told


INTERFACES = ["asgi", "fastapi", "wsgi", "native", "turboapi"]


@pytest.fixture(scope="module")
def logged(arm: Arm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    log = tmp_path_factory.mktemp("ids") / "access.log"
    options = (*arm.options, "--shards", "1", "--request-id", f"--access-log={log}")
    with ServerProcess("identified_app:asgi", *options, "--access-log-format", "json") as server:
        yield Logged(server, log)


def test_app_answer_and_log_have_one_id(logged: Logged) -> None:
    with RawClient(logged.server) as raw:
        taken = id_of(
            raw.get(
                "/told", "X-REQUEST-ID: of-the-first", f"traceparent: 00-{TRACE}-{16 * 'a'}-01"
            ).answer()
        )
        made = id_of(raw.get("/told").answer())
        later = id_of(raw.request("POST", "/told", "Content-Length: 5", body=b"hello").answer())
    assert taken == "of-the-first"
    assert UUID7.fullmatch(made) and UUID7.fullmatch(later)
    assert made < later
    records = records_of(logged.log, taken, made, later)
    assert records[0]["trace_id"] == TRACE and "trace_id" not in records[1]


@pytest.mark.parametrize("value", ["", "a b", 'a"b', "x" * 129, "é", "a\r\nx-request-id: b"])
def test_what_is_no_id_is_replaced(logged: Logged, value: str) -> None:
    with RawClient(logged.server) as raw:
        assert UUID7.fullmatch(id_of(raw.get("/told", f"x-request-id: {value}").answer()))


def test_an_id_of_the_apps_own_stays_on_its_answer(logged: Logged) -> None:
    with RawClient(logged.server) as raw:
        answer = raw.get("/own", *SENT).answer()
    assert json.loads(answer.body) == ["from-a-peer"]
    assert ids_of(answer) == ["of-the-app"]


def test_a_handshake_is_answered_with_its_id(logged: Logged) -> None:
    for target, sent, expected in (
        ("/told", "of-a-socket", "of-a-socket"),
        ("/own", "of-another", "of-the-app"),
    ):
        with RawWebSocket(logged.server) as raw:
            fields = raw.ask(target, f"x-request-id: {sent}".encode()).accepted()
            assert fields["x-request-id"] == expected
            assert json.loads(raw.frame().payload) == [sent]
            raw.say_goodbye()
    records = records_of(logged.log, "of-a-socket", "of-another")
    assert [(one["path"], one["status"]) for one in records] == [("/told", 101), ("/own", 101)]


def test_an_app_that_fails_is_logged_with_the_id(logged: Logged) -> None:
    with RawClient(logged.server) as raw:
        answer = raw.get("/fails", "x-request-id: of-the-failure").answer()
    assert answer.status == 500
    assert ids_of(answer) == ["of-the-failure"]
    wait_until(lambda: "GET /fails (request of-the-failure)" in logged.server.log, "the line")


def test_a_refusal_within_a_request_has_its_id(logged: Logged) -> None:
    with RawClient(logged.server) as raw:
        raw.send(
            b"POST /told HTTP/1.1\r\nhost: a\r\nx-request-id: refused\r\n"
            b"transfer-encoding: chunked\r\n\r\nnonsense\r\n"
        )
        answer = raw.answer()
    assert (answer.status, ids_of(answer)) == (400, ["refused"])
    wait_until(lambda: "(request refused) was refused" in logged.server.log, "the line")


def test_the_next_answer_has_not_the_id_of_the_one_before(logged: Logged) -> None:
    with RawClient(logged.server) as raw:
        assert id_of(raw.get("/told", *SENT).answer()) == "from-a-peer"
        assert ids_of(raw.send(b"nonsense\r\n\r\n").answer()) == []


@pytest.mark.parametrize("interface", INTERFACES)
def test_apps_of_each_interface_are_told(start_server: StartServer, interface: str) -> None:
    options = ("--request-id", "--forwarded-allow-ips", "127.0.0.1")
    server = start_server(f"identified_app:{interface}", *options)
    with RawClient(server) as raw:
        assert id_of(raw.get("/told", *SENT).answer()) == "from-a-peer"
        forwarded = ("X-Forwarded-Host: example.com", "X-Forwarded-For: 203.0.113.7")
        assert id_of(raw.get("/told", *SENT, *forwarded).answer()) == "from-a-peer"
        assert UUID7.fullmatch(id_of(raw.get("/told").answer()))
        if interface in ("fastapi", "native"):
            body = ("POST", "/told", "content-type: application/json", "content-length: 10")
            assert UUID7.fullmatch(id_of(raw.request(*body, body=b'{"a": "b"}').answer()))
    if interface in ("fastapi", "native"):
        with RawWebSocket(server) as socket:
            id = socket.ask("/told").accepted()["x-request-id"]
            assert UUID7.fullmatch(id)
            assert json.loads(socket.frame().payload) == [id]


def test_a_peer_that_is_not_trusted_gives_no_id(start_server: StartServer) -> None:
    server = start_server(
        "identified_app:asgi", "--request-id", "--forwarded-allow-ips", "192.0.2.1"
    )
    with RawClient(server) as raw:
        assert UUID7.fullmatch(id_of(raw.get("/told", *SENT).answer()))


def test_without_the_option_nothing_is_touched(start_server: StartServer) -> None:
    server = start_server("identified_app:asgi")
    with RawClient(server) as raw:
        answer = raw.get("/told", *SENT).answer()
        assert json.loads(answer.body) == ["from-a-peer"]
        assert ids_of(answer) == []


def test_the_header_may_have_another_name(start_server: StartServer, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    form = "%({request-id}x)s %({x-request-id}i)s %({X-Correlation-ID}i)s %({trace-id}x)s"
    server = start_server(
        *("identified_app:asgi", "--request-id=X-Correlation-ID", f"--access-log={log}"),
        *("--access-log-format", form, "--forwarded-allow-ips", "*"),
    )
    with RawClient(server) as raw:
        fields = ("x-correlation-id: one", *SENT, f"traceparent: 00-{TRACE}-{16 * 'a'}-01")
        answer = raw.get("/told", *fields).answer()
    assert json.loads(answer.body) == ["from-a-peer"]
    assert answer.header("x-correlation-id") == "one"
    assert wait_for_lines(log, 1) == [f"one from-a-peer one {TRACE}"]


def test_ids_of_several_shards_and_processes_differ(start_server: StartServer, arm: Arm) -> None:
    server = start_server("identified_app:asgi", *arm.options, "--shards", "2", "--request-id")

    def asked(_: int) -> list[str]:
        with RawClient(server) as raw:
            return [id_of(raw.get("/told").answer()) for _ in range(50)]

    with ThreadPoolExecutor(8) as threads:
        ids = [one for some in threads.map(asked, range(16)) for one in some]
    assert len(set(ids)) == len(ids) == 800


@pytest.mark.parametrize("name", ["a b", "x.y", "é", "content-length", "Host", "traceparent"])
def test_a_name_that_cannot_be_is_refused_in_one_line(name: str) -> None:
    refused: subprocess.CompletedProcess[str] = run_command(
        "identified_app:asgi", f"--request-id={name}"
    )
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "--request-id" in line and "such as X-Request-ID" in line
