"""Servers under test: started, found ready, and gone afterwards with everything that they started."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from turbo_shard_lab.measure import procfs
from turbo_shard_lab.measure.server import PORT, Server, ServerFailed

CORES = os.sched_getaffinity(0)
LISTEN = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(f"small ready on http://127.0.0.1:{server.getsockname()[1]} (pid {os.getpid()})", flush=True)
"""


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


def is_gone(group: int) -> bool:
    # A process killed with its parent may take a moment to be reaped.
    deadline = time.monotonic() + 10
    while procfs.group_members(group) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not procfs.group_members(group)


# The sign of readiness of a server without a ready line.
ANSWER = """
while True:
    asking = server.accept()[0]
    asking.recv(1000)
    asking.sendall(b"HTTP/1.1 404 Not Found\\r\\n\\r\\n")
    asking.close()
"""


@pytest.mark.parametrize(("port", "then"), [("0", "time.sleep(60)"), (PORT, ANSWER)])
def test_the_port_is_read_or_chosen(port: str, then: str) -> None:
    with Server(python(LISTEN + then, port), CORES) as server:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        assert server.pids == [server.process.pid]
        group = server.process.pid
    assert is_gone(group)
    assert server.exit_status == -signal.SIGTERM


def test_a_server_stays_on_its_cores() -> None:
    core = max(CORES)
    with Server(python(LISTEN + "time.sleep(60)", "0"), [core]) as server:
        assert os.sched_getaffinity(server.process.pid) == {core}


def test_children_that_outlive_the_server_are_ended() -> None:
    forking = "import os, time\nif os.fork() == 0: time.sleep(60)\n" + LISTEN + "time.sleep(60)"
    with Server(python(forking, "0"), CORES) as server:
        group = server.process.pid
        assert len(server.pids) == 2
    assert is_gone(group)


def test_a_server_is_ready_when_its_worker_answers_and_not_when_its_parent_listens() -> None:
    late = "time.sleep(0.3)\nif os.fork(): time.sleep(60)\n" + ANSWER
    with Server(python(LISTEN + late, PORT), CORES) as server:
        assert len(server.pids) == 2


def test_a_failure_inside_of_the_block_ends_the_server_too() -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Server(python(LISTEN + "time.sleep(60)", "0"), CORES) as server,
    ):
        group = server.process.pid
        raise KeyboardInterrupt
    assert is_gone(group)


def test_a_server_that_ends_at_once_tells_why() -> None:
    script = "import sys; print('this engine is not available', file=sys.stderr); sys.exit(2)"
    with pytest.raises(ServerFailed, match="this engine is not available") as caught:
        Server(python(script), CORES).__enter__()
    assert caught.value.exit_status == 2


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ServerFailed, match="no-such-server does not exist"):
        Server(["target/no-such-server"], CORES).__enter__()


def test_memory_and_threads_of_a_process_are_read() -> None:
    pids = [os.getpid()]
    memory = procfs.memory(pids)
    assert memory.rss >= memory.pss > 1_000_000
    assert procfs.thread_count(pids) >= 1
    assert procfs.run_time_us(pids) > 0


def test_a_process_that_is_gone_counts_nothing() -> None:
    gone = [int(Path("/proc/sys/kernel/pid_max").read_text()) + 1]
    assert (procfs.cpu_ticks(gone), procfs.wake_ups(gone), procfs.thread_count(gone)) == (0, 0, 0)
    with pytest.raises(RuntimeError):
        procfs.memory(gone)
