"""How calls of an ASGI app end: slow readers, failures, clients that leave, work that outlives its answer, files."""

from __future__ import annotations

import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arms import Arm
from asgi_journal import Act
from raw_http import CutShort, RawClient
from server_process import ServerProcess, StartServer
from waiting import wait_until

FLOOD_BYTES = 2048 * 64 * 1024

both_ways = pytest.mark.parametrize("wait", [{}, {"wait": 1}], ids=["at-once", "after-a-wait"])


def reset(raw: RawClient) -> None:
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()


def stands_still(act: Act) -> list[Any]:
    """The journal, once nothing has come to it for ten looks in a row."""
    looks: list[int] = []

    def still() -> bool:
        looks.append(len(act.entries()))
        return looks[-1] > 0 and len(looks) > 10 and len(set(looks[-10:])) == 1

    wait_until(still, "the app to stand still", interval_s=0.02)
    return act.entries()


def test_send_waits_for_a_client_that_does_not_read(asgi: ServerProcess) -> None:
    act = Act(asgi, "flood")
    with RawClient(asgi) as raw:
        raw.get(act.target)
        sent = sum(stands_still(act))
        assert sent < FLOOD_BYTES, "everything went into buffers"
        raw.head()
        received = 0
        while (piece := raw.chunk()) is not None:
            received += len(piece)
        assert received == FLOOD_BYTES
        assert sum(act.entries()) == FLOOD_BYTES
        assert raw.get("/do/echo").answer().status == 200


def test_server_keeps_little_of_what_is_not_read(arm: Arm, start_server: StartServer) -> None:
    """With small socket buffers, nearly all that the app has sent would have to be in the server."""
    server = start_server("asgi_app:app", *arm.options, "--shards", "1")
    act = Act(server, "flood")
    (pid,) = server.serving_pids
    before = resident_bytes(pid)
    clients = [RawClient(server).get(act.target) for _ in range(20)]
    stands_still(act)
    grown = resident_bytes(pid) - before
    for client in clients:
        client.socket.close()
    # Per connection: what may be queued, the output buffer, and allocators' slack.
    assert grown < 20 * 1024 * 1024


def resident_bytes(pid: int) -> int:
    [line] = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("how", ["close", "reset"])
def test_send_that_waits_raises_when_the_client_leaves(asgi: ServerProcess, how: str) -> None:
    act = Act(asgi, "flood")
    before = asgi.log.count("Traceback")
    with RawClient(asgi) as raw:
        raw.get(act.target)
        stands_still(act)
        if how == "reset":
            reset(raw)
    act.wait_for(("OSError", "the client has disconnected"))
    assert asgi.log.count("Traceback") == before, "a client that leaves is nobody's fault"


@both_ways
def test_exception_before_the_head_gets_500_and_is_logged(asgi: ServerProcess, wait: Any) -> None:
    act = Act(asgi, "fail", after="nothing", **wait)
    before = asgi.log.count("LookupError: on purpose")
    with RawClient(asgi) as raw:
        answer = raw.get(act.target).answer()
        assert (answer.status, b"purpose" in answer.body) == (500, False)
        assert raw.get("/do/echo").answer().status == 200
    wait_until(lambda: asgi.log.count("LookupError: on purpose") > before, "the traceback")
    assert "asgi_app.py" in asgi.log
    assert "Traceback (most recent call last)" in asgi.log


def test_exception_between_head_and_body_gets_500(asgi: ServerProcess) -> None:
    """The head waits for the first piece of the body, so nothing has gone out yet."""
    with RawClient(asgi) as raw:
        assert raw.get("/do/fail?after=head").answer().status == 500
        assert raw.get("/do/fail?after=head&wait=1").answer().status == 500


@both_ways
def test_exception_in_the_body_cuts_the_connection(asgi: ServerProcess, wait: Any) -> None:
    before = asgi.log.count("LookupError: on purpose")
    act = Act(asgi, "fail", after="piece", **wait)
    with RawClient(asgi) as raw, pytest.raises((CutShort, ConnectionResetError)):
        raw.get(act.target).answer()
    wait_until(lambda: asgi.log.count("LookupError: on purpose") > before, "the traceback")


@both_ways
def test_exception_after_the_answer_is_logged_only(asgi: ServerProcess, wait: Any) -> None:
    before = asgi.log.count("LookupError: on purpose")
    act = Act(asgi, "fail", after="all", **wait)
    with RawClient(asgi) as raw:
        assert raw.get(act.target).answer().body == b"all of it"
        assert raw.get("/do/echo").answer().status == 200
    wait_until(lambda: asgi.log.count("LookupError: on purpose") > before, "the traceback")


@both_ways
def test_return_without_a_response_gets_500(asgi: ServerProcess, wait: Any) -> None:
    reason = "the ASGI app returned without a response"
    before = asgi.log.count(reason)
    with RawClient(asgi) as raw:
        assert raw.get(Act(asgi, "leave-early", **wait).target).answer().status == 500
        assert raw.get("/do/echo").answer().status == 200
    wait_until(lambda: asgi.log.count(reason) > before, "the reason in the log")


@both_ways
def test_return_in_the_middle_of_a_response_cuts_it(asgi: ServerProcess, wait: Any) -> None:
    reason = "the ASGI app returned before its response was complete"
    before = asgi.log.count(reason)
    act = Act(asgi, "leave-early", started=1, **wait)
    with RawClient(asgi) as raw, pytest.raises((CutShort, ConnectionResetError)):
        raw.get(act.target).answer()
    wait_until(lambda: asgi.log.count(reason) > before, "the reason in the log")


@both_ways
def test_work_after_the_answer_holds_up_nobody(asgi: ServerProcess, wait: Any) -> None:
    act = Act(asgi, "background", **wait)
    with RawClient(asgi) as raw:
        assert raw.get(act.target).answer().body == b"answered"
        for _ in range(3):
            assert raw.get("/do/echo").answer().status == 200
        assert act.entries() == ["answered"]
    act.open_gate()
    act.wait_for("done")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_waits_for_work_after_the_answer(
    arm: Arm, start_server: StartServer, number: signal.Signals
) -> None:
    server = start_server("asgi_app:app", *arm.options, "--shards", "1")
    act = Act(server, "background", wait=1)
    with RawClient(server) as raw, RawClient(server) as last:
        assert raw.get(act.target).answer().body == b"answered"
        act.wait_for("answered")
        # The request that opens the gate has begun to arrive, so the stop waits for it.
        last.send(f"GET /open?key={act.key} HTTP/1.1\r\nHost: a\r\n".encode())
        server.signal(number)
        wait_until(server.refuses_connections, "the listener to be closed")
        assert "the background work is done" not in server.log
        assert last.send(b"\r\n").answer().status == 200
        wait_until(lambda: "the background work is done" in server.log, "the work's end")
    assert server.wait() == 0
    assert "Traceback" not in server.log


def test_graceful_timeout_ends_work_that_does_not(arm: Arm, start_server: StartServer) -> None:
    server = start_server(
        "asgi_app:app", *arm.options, "--shards", "1", "--graceful-timeout", "0.2"
    )
    act = Act(server, "background")
    with RawClient(server) as raw:
        assert raw.get(act.target).answer().body == b"answered"
    assert server.stop() == 0
    assert "the background work is done" not in server.log


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("files") / "large"
    path.write_bytes(b"".join(bytes([number]) * 1_000_003 for number in range(8)))
    yield path


@both_ways
def test_file_is_sent(asgi: ServerProcess, wait: Any, large_file: Path) -> None:
    act = Act(asgi, "pathsend", path=large_file, **wait)
    with RawClient(asgi) as raw:
        answer = raw.get(act.target).answer()
        assert answer.body == large_file.read_bytes()
        assert answer.header("content-length") == str(large_file.stat().st_size)
        assert answer.header("x-by") == "app"
        assert raw.get("/do/echo").answer().status == 200
    act.wait_for("sent")


@both_ways
def test_empty_file_is_sent(asgi: ServerProcess, wait: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with RawClient(asgi) as raw:
        answer = raw.get(Act(asgi, "pathsend", path=tmp_path / "empty", **wait).target).answer()
        assert (answer.status, answer.body) == (200, b"")


@both_ways
def test_file_is_not_sent_to_head(asgi: ServerProcess, wait: Any, large_file: Path) -> None:
    act = Act(asgi, "pathsend", path=large_file, **wait)
    with RawClient(asgi) as raw:
        answer = raw.request("HEAD", act.target).answer("HEAD")
        assert answer.header("content-length") == str(large_file.stat().st_size)
        assert raw.get("/do/echo").answer().status == 200


@both_ways
@pytest.mark.parametrize(
    ("name", "kind"), [("missing", "FileNotFoundError"), ("", "OSError"), ("a%00b", "OSError")]
)
def test_file_that_cannot_be_read_raises_oserror(
    asgi: ServerProcess, wait: Any, tmp_path: Path, name: str, kind: str
) -> None:
    act = Act(asgi, "pathsend", path=f"{tmp_path}/{name}", **wait)
    with RawClient(asgi) as raw:
        answer = raw.get(act.target).answer()
        assert (answer.status, answer.body) == (200, b"no file")
        assert raw.get("/do/echo").answer().status == 200
    [(raised, is_oserror)] = act.entries()
    assert is_oserror
    assert kind in (raised, "OSError")


@both_ways
def test_client_that_leaves_in_the_middle_of_a_file(
    asgi: ServerProcess, wait: Any, tmp_path: Path
) -> None:
    with (tmp_path / "huge").open("wb") as file:
        # All holes, and far more than the buffers on the way take.
        file.truncate(1024 * 1024 * 1024)
    act = Act(asgi, "pathsend", path=tmp_path / "huge", **wait)
    with RawClient(asgi) as raw:
        raw.get(act.target).head()
        reset(raw)
    act.wait_for(("ClientDisconnected", True))
