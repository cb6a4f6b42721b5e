"""An unread stderr, and closed standard streams: neither holds a shard nor ends a server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from arms import Arm
from places import APPS, COMMAND
from raw_http import RawClient
from server_process import ServerProcess, environment
from waiting import TIMEOUT_S, wait_until

# A pipe holds 64 KiB, the queue before it 1 MiB, and each traceback is over 4 KiB.
FAILURES = 600


class Unread(ServerProcess):
    """A server whose stderr is read until it is ready, and again when the test asks for that."""

    def __init__(self, *arguments: str, **settings: object) -> None:
        super().__init__(*arguments, **settings)  # type: ignore[arg-type]
        self.reads_on = threading.Event()
        self.reads_on.set()

    def collect(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            self.reads_on.wait()


@pytest.mark.parametrize("logging", ["", "1"])
def test_every_request_is_answered_though_nobody_reads_stderr(
    arm: Arm, gates: Path, logging: str
) -> None:
    variables = {"GATE_DIR": str(gates), "LOGGING": logging}
    with (
        Unread("edge_app:app", *arm.options, "--shards", "1", variables=variables) as server,
        RawClient(server) as client,
    ):
        server.reads_on.clear()
        for _ in range(FAILURES):
            assert client.get("/raise").answer().status == 500
        # Rust's own lines.
        for _ in range(50):
            with RawClient(server) as wrong:
                assert wrong.send(b"NONSENSE\r\n\r\n").answer().status == 400
        assert client.get("/").answer().status == 200
        server.reads_on.set()
        wait_until(lambda: "log lines were lost: nobody read stderr" in server.log, "the count")
    assert "RuntimeError: xxx" in server.log


def test_a_wsgi_app_s_errors_do_not_wait_for_a_reader(arm: Arm, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "def app(environ, start_response):\n"
        "    environ['wsgi.errors'].write('x' * 5000 + '\\n')\n"
        "    start_response('200 OK', [('content-length', '2')])\n"
        "    return [b'ok']\n"
    )
    options = ("--interface", "wsgi", *arm.options, "--shards", "1")
    with Unread("app:app", *options, app_dir=tmp_path) as server, RawClient(server) as client:
        server.reads_on.clear()
        for _ in range(FAILURES):
            assert client.get("/").answer().body == b"ok"
        server.reads_on.set()


def test_a_stop_does_not_wait_for_a_reader(arm: Arm, gates: Path) -> None:
    variables = {"GATE_DIR": str(gates)}
    server = Unread("edge_app:app", *arm.options, "--shards", "1", variables=variables).start()
    server.reads_on.clear()
    with RawClient(server) as client:
        for _ in range(FAILURES):
            client.get("/raise").answer()
    server.process.terminate()
    assert server.process.wait(TIMEOUT_S) == 0
    server.reads_on.set()
    server.reader.join(TIMEOUT_S)


def closing(*fds: int) -> Callable[[], None]:
    return lambda: [os.close(fd) for fd in fds] and None


@pytest.mark.parametrize("fds", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_a_server_without_standard_streams_serves_and_no_socket_takes_their_place(
    arm: Arm, tmp_path: Path, gates: Path, fds: tuple[int, ...]
) -> None:
    # The address comes from a socket of the test's own, since stderr may not be there.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ServerProcess(
        "edge_app:app",
        *arm.options,
        *("--shards", "1"),
        port=port,
        variables={"GATE_DIR": str(gates)},
        prepare=closing(*fds),
    )
    server.launch()
    server.host = "127.0.0.1"
    try:

        def is_up() -> bool:
            assert server.process.poll() is None, server.log
            try:
                server.connect().close()
            except OSError:
                return False
            return True

        wait_until(is_up, "the server takes connections")
        with RawClient(server) as client, RawClient(server) as other:
            other.get("/")
            assert client.get("/raise").answer().status == 500
            places = client.get("/streams").answer().body.decode().splitlines()
            assert all(places[fd] == "/dev/null" for fd in fds), places
            assert not any("socket" in place or "anon_inode" in place for place in places), places
            assert other.answer().body == b"0", "nothing foreign is written to a client"
    finally:
        status = server.stop()
    assert status == 0


def test_a_refusal_is_written_before_the_process_ends() -> None:
    run = subprocess.run(
        [sys.executable, str(COMMAND), "edge_app:nothing", "--app-dir", str(APPS)],
        env=environment(GATE_DIR="."),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert run.returncode == 2
    assert "has no attribute 'nothing'" in run.stderr
