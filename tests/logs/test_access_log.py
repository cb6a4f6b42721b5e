"""A line for each request, in every mode, by every interface, for answers of each kind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access_log_files import lines_of, records_of, send, wait_for_lines
from arms import Arm
from raw_http import RawClient
from raw_websocket import TEXT, RawWebSocket, close_frame, frame
from server_process import ServerProcess, StartServer
from turbo_shard.metrics.client import read_answer
from waiting import wait_until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def logging_to(log: Path, form: str = "json") -> tuple[str, ...]:
    return (f"--access-log={log}", "--access-log-format", form)


@pytest.mark.parametrize("interface", ["native", "asgi", "wsgi"])
def test_every_answer_has_its_line(
    start_server: StartServer, arm: Arm, interface: str, log: Path
) -> None:
    options = ("--interface", interface, *arm.options, "--shards", "1", *logging_to(log))
    server = start_server(f"logged_app:{interface}", *options)
    with RawClient(server) as raw:
        assert raw.get("/items/7?a=b", "User-Agent: test").answer().body == b"item 7"
        raw.request("POST", "/echo", "Content-Length: 5", body=b"hello").answer()
        assert raw.get("/empty").answer().status == 204
        assert raw.get("/nothing/here").answer().status == 404
        assert raw.get("/pieces").answer().body == b"x" * 3000
        assert raw.get("/fails").answer().status == 500
    with RawClient(server) as raw:
        for _ in range(3):
            raw.get("/items/7")
        for _ in range(3):
            raw.answer()
        missing = raw.request("HEAD", "/nothing").answer("HEAD")
    records = records_of(log, 10)
    told = [(one["method"], one["path"], one["status"]) for one in records]
    assert told == [
        ("GET", "/items/7", 200),
        ("POST", "/echo", 200),
        ("GET", "/empty", 204),
        ("GET", "/nothing/here", 404),
        ("GET", "/pieces", 200),
        ("GET", "/fails", 500),
        *[("GET", "/items/7", 200)] * 3,
        ("HEAD", "/nothing", missing.status),
    ]
    sizes = [one["bytes"] for one in records]
    assert (sizes[0], sizes[1], sizes[2], sizes[4], sizes[9]) == (6, 5, 0, 3000, 0)
    first = records[0]
    assert (first["query"], first["user_agent"]) == ("a=b", "test")
    assert (first["client"], first["protocol"], first["shard"]) == ("127.0.0.1", "HTTP/1.1", 0)
    assert all("complete" not in one and one["duration_ms"] >= 0 for one in records)


def test_what_is_refused_has_a_line(start_server: StartServer, arm: Arm, log: Path) -> None:
    options = (*arm.options, "--shards", "1", "--body-max", "10", "--head-timeout", "200ms")
    server = start_server("logged_app:native", *options, *logging_to(log))
    send(server, b'NONSENSE "\x1b[2J\r\n\r\n')
    send(server, b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n")
    send(server, b"GET /a HTTP/1.1\r\nhost: a\r\nx: %s\r\n\r\n" % (b"x" * 100_000))
    send(server, b"GET /begun HTTP/1.1\r\nhost: a")
    records = records_of(log, 4)
    assert [one["status"] for one in records] == [400, 413, 431, 408]
    assert [one.get("path") or one["request"] for one in records] == [
        'NONSENSE "\x1b[2J',
        "/echo",
        "GET /a HTTP/1.1",
        "GET /begun HTTP/1.1",
    ]


def test_a_client_that_leaves_before_its_answer_is_told_with_499(
    start_server: StartServer, arm: Arm, log: Path, gates: Path
) -> None:
    (gates / "logged").unlink(missing_ok=True)
    server = start_server("logged_app:native", *arm.options, "--shards", "1", *logging_to(log))
    raw = RawClient(server).get("/gated")
    with RawClient(server) as other:
        other.get("/items/1").answer()
    raw.reset()
    (lost,) = [one for one in records_of(log, 2) if one["path"] == "/gated"]
    assert (lost["status"], lost["complete"]) == (499, False)
    (gates / "logged").touch()


def test_a_websocket_has_one_line_when_it_ends(
    start_server: StartServer, arm: Arm, log: Path
) -> None:
    server = start_server("logged_app:native", *arm.options, "--shards", "1", *logging_to(log))
    with RawWebSocket(server) as socket:
        socket.ask("/socket?a=1").accepted()
        socket.send(frame(TEXT, b"hello"))
        socket.frame()
        assert lines_of(log) == []
        socket.send(close_frame(1000))
    (record,) = records_of(log, 1)
    assert (record["status"], record["path"], record["method"]) == (101, "/socket", "GET")


def test_the_last_lines_are_there_when_the_server_has_ended(
    start_server: StartServer, arm: Arm, log: Path
) -> None:
    server = start_server("logged_app:native", *arm.options, "--shards", "2", *logging_to(log))
    with RawClient(server) as raw:
        for number in range(200):
            raw.get(f"/items/{number}")
        for _ in range(200):
            raw.answer()
        assert server.stop() == 0
    paths = [json.loads(line)["path"] for line in lines_of(log)]
    if arm.mode == "steal":
        # The connection went from thread to thread, each of which has its own ring.
        paths.sort(key=lambda path: int(path.rpartition("/")[2]))
    assert paths == [f"/items/{number}" for number in range(200)]


def test_no_line_is_lost_without_being_counted(
    start_server: StartServer, arm: Arm, log: Path, tmp_path: Path
) -> None:
    stats = tmp_path / "stats"
    options = (*arm.options, "--shards", "2", *logging_to(log), "--stats-socket", str(stats))
    server = start_server("logged_app:native", *options)
    rounds, burst = 40, 500
    request = b"GET /items/1 HTTP/1.1\r\nhost: a\r\nuser-agent: %s\r\n\r\n" % (b"u" * 300)
    for _ in range(rounds):
        with RawClient(server) as raw:
            raw.send(request * burst)
            for _ in range(burst):
                raw.answer()

    def told() -> bool:
        lost = sum(int(row["access_lines_lost"]) for row in read_answer(str(stats))["shards"])
        return len(lines_of(log)) + lost == rounds * burst

    wait_until(told, "every request to be in the log, or among the lost")


def test_a_full_disk_loses_lines_and_no_request(start_server: StartServer, arm: Arm) -> None:
    server = start_server("logged_app:native", *arm.options, *logging_to(Path("/dev/full")))
    with RawClient(server) as raw:
        for _ in range(50):
            assert raw.get("/items/1").answer().status == 200
        wait_until(lambda: "of the access log lost: No space left" in server.log, "the warning")
        assert raw.get("/items/1").answer().status == 200
    assert server.stop() == 0


def test_standard_output_that_nobody_reads_holds_up_no_request(
    start_server: StartServer, arm: Arm
) -> None:
    reader, writer = os.pipe()
    try:
        options = (*arm.options, "--shards", "1", "--access-log", "--access-log-format", "json")
        server = start_server(
            "logged_app:native", *options, prepare=lambda: os.dup2(writer, 1) and None
        )
        # More than the pipe and a ring hold together.
        request = b"GET /items/1 HTTP/1.1\r\nhost: a\r\nuser-agent: %s\r\n\r\n" % (b"u" * 1000)
        with RawClient(server) as raw:
            for _ in range(20):
                raw.send(request * 100)
                for _ in range(100):
                    assert raw.answer().status == 200
        assert server.stop() == 0
    finally:
        os.close(writer)
        os.close(reader)


def test_the_flag_alone_means_standard_output(start_server: StartServer, log: Path) -> None:
    with log.open("wb") as file:
        server = start_server(
            "logged_app:native", "--access-log", prepare=lambda: os.dup2(file.fileno(), 1) and None
        )
        send(server, b"GET /items/1?a HTTP/1.1\r\nhost: a\r\n\r\n")
        (line,) = wait_for_lines(log, 1)
    assert line.startswith("INFO:     127.0.0.1:")
    assert line.endswith(' - "GET /items/1?a HTTP/1.1" 200 OK')


def test_paths_that_are_skipped_and_requests_that_are_quick_have_no_line(
    start_server: StartServer, arm: Arm, log: Path
) -> None:
    skipped = ("--access-log-skip", "/empty", "--access-log-skip", "/items/*")
    server = start_server("logged_app:native", *arm.options, *skipped, *logging_to(log))
    with RawClient(server) as raw:
        for path in ("/empty", "/items/1", "/items/1?a", "/nothing"):
            raw.get(path).answer()
    assert [one["path"] for one in records_of(log, 1)] == ["/nothing"]
    assert server.stop() == 0
    log.unlink()
    server = start_server(
        "logged_app:native", *arm.options, *logging_to(log), "--access-log-slow", "100ms"
    )
    with RawClient(server) as raw:
        for path in ("/empty", "/slow", "/items/1"):
            raw.get(path).answer()
    assert server.stop() == 0
    (slow,) = records_of(log, 1)
    assert slow["path"] == "/slow" and slow["duration_ms"] >= 100


@pytest.fixture(scope="module")
def one_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Path]]:
    folder = tmp_path_factory.mktemp("one_log")
    (folder / "gates").mkdir()
    log = folder / "access.log"
    variables = {"GATE_DIR": str(folder / "gates")}
    with ServerProcess("logged_app:native", *logging_to(log), variables=variables) as server:
        yield server, log


VALUES = st.lists(st.sampled_from([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)]), max_size=50)


@settings(max_examples=40, deadline=None)
@given(value=VALUES.map(bytes) | st.text("é\u2028\u0085\u202ex", max_size=9).map(str.encode))
def test_no_bytes_of_a_peer_forge_or_break_a_line(
    one_log: tuple[ServerProcess, Path], value: bytes
) -> None:
    server, log = one_log
    before = len(log.read_bytes())
    send(server, b"GET /items/1 HTTP/1.1\r\nhost: a\r\nuser-agent: %s\r\n\r\n" % value)
    line = wait_until(lambda: log.read_bytes()[before:], "the line")
    assert line.index(b"\n") == len(line) - 1
    text = line.decode()
    assert len(text.splitlines()) == 1
    agent = json.loads(text)["user_agent"]
    try:
        assert agent == value.strip(b" \t").decode()
    except UnicodeDecodeError:
        assert "\\x" in agent
