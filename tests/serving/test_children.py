"""Children that an app forks or starts: they keep no connection and no listener of the server, on every arm."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arms import Arm
from raw_http import RawClient
from raw_websocket import TEXT, frame, open_websocket
from server_process import ServerProcess, StartServer
from waiting import TIMEOUT_S, wait_until

KINDS = ["/fork", "/os-fork", "/popen", "/popen-open"]


@contextmanager
def child_of(client: RawClient, kind: str) -> Iterator[int]:
    pid = int(client.get(kind).answer().body)
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tcp_sockets(pid: int, port: int) -> list[str]:
    """The process's sockets that have the server's port on their own side."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(entry))
    return [link for link in links if link in inodes]


def started(start_server: StartServer, arm: Arm, *options: str) -> ServerProcess:
    return start_server("edge_app:app", *arm.options, *options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_ends_for_its_client_though_a_child_lives(
    arm: Arm, start_server: StartServer, kind: str
) -> None:
    server = started(start_server, arm, "--shards", "1")
    with (
        RawClient(server) as held,
        RawClient(server) as client,
        open_websocket(server, "/") as websocket,
    ):
        assert held.get("/").answer().status == 200
        with child_of(client, kind) as pid:
            wait_until(lambda: tcp_sockets(pid, server.port) == [], "the child has none of ours")
            assert client.get("/", "Connection: close").answer().status == 200
            assert client.rest() == b""
            assert websocket.say_goodbye() == 1000
            assert held.get("/").answer().body == b"0", "those that go on do"
            # A client that comes now is served, and not led to the child.
            for _ in range(20):
                with RawClient(server) as fresh:
                    assert fresh.get("/", "Connection: close").answer().body == b"0"


def test_a_websocket_that_was_open_when_a_child_was_forked_ends(
    arm: Arm, start_server: StartServer
) -> None:
    server = started(start_server, arm, "--shards", "1")
    with open_websocket(server, "/") as websocket:
        websocket.send(frame(TEXT, b"fork"))
        pid = int(websocket.frame().payload)
        try:
            assert websocket.say_goodbye() == 1000
        finally:
            os.kill(pid, signal.SIGKILL)


# multiprocessing itself waits at the server's exit for its own children.
def test_a_port_is_free_again_though_a_child_lives(arm: Arm, start_server: StartServer) -> None:
    server = started(start_server, arm, "--shards", "2")
    with RawClient(server) as client, child_of(client, "/os-fork"):
        client.get("/", "Connection: close").answer()
        # Not until its output ends, which the child has too.
        server.signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == 0
        successor = start_server("edge_app:app", *arm.options, "--shards", "2", port=server.port)
        for _ in range(20):
            with RawClient(successor) as fresh:
                assert fresh.get("/", "Connection: close").answer().body == b"0"


def test_a_child_that_comes_back_into_the_server_ends(arm: Arm, start_server: StartServer) -> None:
    server = started(start_server, arm, "--shards", "1")
    with RawClient(server) as client:
        pid = int(client.get("/comes-back").answer().body)
        assert pid > 0, "the parent's answer, and nothing of the child's"
        wait_until(
            lambda: client.get(f"/has-gone?{pid}").answer().body == b"True", "the child has ended"
        )
        assert client.get("/").answer().body == b"0"
    line = "a child that the app forked came back into the server"
    wait_until(lambda: line in server.log, "the log to say so")
