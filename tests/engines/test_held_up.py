"""A server that was held up, by a handler or by SIGSTOP: what clients sent in time counts as in time, on every arm."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import CLOSE, PING, PONG, TEXT, RawWebSocket, frame, open_websocket
from server_process import ServerProcess, StartServer
from waiting import wait_until

TIMEOUT_S = 1.0
OPTIONS = (
    *("--keep-alive-timeout", str(TIMEOUT_S)),
    *("--head-timeout", str(TIMEOUT_S)),
    *("--body-timeout", str(TIMEOUT_S)),
    *("--write-timeout", str(TIMEOUT_S)),
    *("--ws-ping-interval", str(TIMEOUT_S)),
    *("--ws-ping-timeout", str(TIMEOUT_S)),
)
BIG = 8 << 20

type HoldUp = Callable[[ServerProcess, Path], AbstractContextManager[None]]


def pass_time_outs() -> None:
    """What this test waits for: every time-out."""
    threading.Event().wait(2.5 * TIMEOUT_S)


@contextmanager
def stopped(server: ServerProcess, gates: Path) -> Iterator[None]:
    pids = server.serving_pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
        pass_time_outs()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def blocked(server: ServerProcess, gates: Path) -> Iterator[None]:
    (gates / "holds").unlink(missing_ok=True)
    (gates / "go on").unlink(missing_ok=True)
    with RawClient(server) as client:
        client.get("/hold")
        wait_until((gates / "holds").exists, "a handler holds the shard")
        try:
            yield
            pass_time_outs()
        finally:
            (gates / "go on").touch()
        assert client.answer().body == b"held"


class Ponger(threading.Thread):
    """Answers pings as a browser does, and keeps the rest."""

    def __init__(self, websocket: RawWebSocket) -> None:
        super().__init__(daemon=True)
        self.websocket = websocket
        self.messages: list[bytes] = []
        self.end: object = None
        self.pings = 0

    def run(self) -> None:
        try:
            while True:
                found = self.websocket.frame()
                if found.opcode == PING:
                    self.pings += 1
                    self.websocket.send(frame(PONG, found.payload))
                elif found.opcode == CLOSE:
                    self.end = found
                    return
                else:
                    self.messages.append(found.payload)
        except OSError as error:
            self.end = error


@pytest.mark.parametrize("held_up", [stopped, blocked])
def test_what_came_meanwhile_came_in_time(
    arm: Arm, start_server: StartServer, gates: Path, held_up: HoldUp
) -> None:
    server = start_server("edge_app:app", *arm.options, "--shards", "1", *OPTIONS)
    with (
        RawClient(server) as fresh,
        RawClient(server) as head,
        RawClient(server) as body,
        RawClient(server) as big,
        open_websocket(server, "/") as websocket,
    ):
        ponger = Ponger(websocket)
        ponger.start()
        big.get("/big")
        assert big.head()[1] == 200
        head.send(b"GET / HTTP/1.1\r\nHo")
        body.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n01234")
        with RawClient(server) as idle:
            assert idle.get("/").answer().status == 200
            with held_up(server, gates):
                idle.get("/")
                fresh.get("/")
                head.send(b"st: test\r\n\r\n")
                body.send(b"56789")
                websocket.send(frame(TEXT, b"hello"))
                reader = threading.Thread(target=big.take, args=(BIG,), daemon=True)
                reader.start()
            for name, client, expected in (
                ("idle", idle, b"0"),
                ("fresh", fresh, b"0"),
                ("the rest of a head", head, b"0"),
                ("the rest of a body", body, b"10"),
            ):
                found = client.answer()
                assert (found.status, found.body) == (200, expected), name
        wait_until(lambda: not reader.is_alive(), "the answer that was being read is complete")
        wait_until(lambda: b"hello" in ponger.messages, "the message is echoed")
        pings = ponger.pings
        wait_until(lambda: ponger.pings > pings, "a ping after it all")
        assert ponger.end is None
        websocket.send(frame(TEXT, b"return"))
        wait_until(lambda: ponger.end is not None, "the app's end is told")
    assert "error" not in server.log.lower()


def test_who_said_nothing_is_still_told_so(
    arm: Arm, start_server: StartServer, gates: Path
) -> None:
    server = start_server("edge_app:app", *arm.options, "--shards", "1", *OPTIONS)
    with RawClient(server) as head, RawClient(server) as idle:
        assert idle.get("/").answer().status == 200
        head.send(b"GET / HTTP/1.1\r\nHo")
        with blocked(server, gates):
            pass
        assert head.answer().status == 408
        assert idle.rest() == b""


def test_an_answer_after_a_long_call_has_its_whole_time(
    arm: Arm, start_server: StartServer, gates: Path
) -> None:
    """A keep-alive or write time-out that is shorter than the call must not have expired when its answer is out."""
    server = start_server("edge_app:app", *arm.options, "--shards", "1", *OPTIONS)
    (gates / "holds").unlink(missing_ok=True)
    (gates / "go on").unlink(missing_ok=True)
    with RawClient(server) as client:
        client.get("/hold")
        wait_until((gates / "holds").exists, "the handler holds the shard")
        pass_time_outs()
        (gates / "go on").touch()
        assert client.answer().body == b"held"
        since = time.monotonic()
        assert client.rest() == b""
        assert time.monotonic() - since > TIMEOUT_S / 2
