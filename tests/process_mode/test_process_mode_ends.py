"""`--mode process`: the end of all, whichever process gets the signal and how, and starts that fail."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from places import APPS
from raw_http import RawClient
from refused_apps import write
from server_process import ServerProcess
from waiting import wait_until
from worker_processes import ended, is_alive

PROCESS = ("--mode", "process")


# Ends of the supervisor.


def test_ctrl_c_reaches_all_and_is_the_supervisors_to_hear(start_workers, gates: Path) -> None:
    server = start_workers()
    pids = server.serving_pids
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        # As a terminal does.
        os.killpg(server.pid, signal.SIGINT)
        wait_until(server.refuses_connections, "the stop")
        (gates / "slow").touch()
        assert raw.answer().status == 200
    assert server.wait() == 0
    assert server.log.count("shutdown of ") == 2
    assert server.log.count("stopping: ") == 1
    assert "Traceback" not in server.log
    assert not any(map(is_alive, pids))


def test_stop_that_meets_news_of_readiness_is_that_of_a_ready_server(tmp_path: Path) -> None:
    """A client has been answered by then, though the supervisor has not come to hear that its worker serves."""
    source = """
import os, sys, time
print("app: imports", file=sys.stderr, flush=True)
while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.005)
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
"""
    write(tmp_path, "app.py", source)
    gate = tmp_path / "gate"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ServerProcess(
        *("app:app", *PROCESS, "--shards", "1"),
        app_dir=tmp_path,
        port=port,
        variables={"GATE": str(gate)},
    )
    server.launch()
    server.host = "127.0.0.1"
    wait_until(lambda: "app: imports" in server.lines, "the import")
    server.signal(signal.SIGSTOP)
    gate.touch()
    with RawClient(server) as raw:
        assert raw.get("/").answer().status == 204
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGCONT)
    assert server.wait() == 0, server.log


def test_second_ctrl_c_stops_at_once(start_workers, gates: Path) -> None:
    server = start_workers("--graceful-timeout", "3600", workers=1)
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.killpg(server.pid, signal.SIGINT)
        wait_until(server.refuses_connections, "the first signal to work")
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait() == 0
    assert server.log.count("shutdown of ") == 1


def test_worker_that_does_not_return_is_left_behind(start_workers) -> None:
    server = start_workers("--graceful-timeout", "0", workers=1)
    (pid,) = server.serving_pids
    with RawClient(server) as raw:
        raw.get("/hold")
        wait_until(lambda: "holding" in server.log, "the handler")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "worker 0: the app does not return" in server.log
    assert not is_alive(pid)


def test_worker_that_is_stopped_by_the_kernel_is_killed(start_workers) -> None:
    server = start_workers("--graceful-timeout", "0", workers=1)
    (pid,) = server.serving_pids
    os.kill(pid, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "worker 0 does not end; it is killed" in server.log
    assert not is_alive(pid)


def test_no_worker_outlives_its_supervisor(start_workers, gates: Path) -> None:
    server = start_workers()
    pids = server.serving_pids
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        server.signal(signal.SIGKILL)
        server.process.wait(30)
        wait_until(server.refuses_connections, "the workers to stop accepting")
        # Requests in flight are still finished.
        (gates / "slow").touch()
        assert raw.answer().status == 200
    wait_until(lambda: not any(map(is_alive, pids)), "the workers to end")
    server.reader.join(30)
    assert server.log.count("shutdown of ") == 2


def test_worker_amid_its_import_does_not_outlive_its_supervisor() -> None:
    variables = {"PROCESS_APP": "imports for ever"}
    server = ServerProcess("process_app:app", *PROCESS, "--shards", "2", variables=variables)
    server.launch()
    wait_until(lambda: "importing" in server.log, "the import")
    (pid,) = server.serving_pids
    server.signal(signal.SIGKILL)
    server.process.wait(30)
    wait_until(lambda: not is_alive(pid), "the worker to end")


def test_ctrl_c_amid_an_import_leaves_nothing_behind() -> None:
    variables = {"PROCESS_APP": "imports for ever"}
    server = ServerProcess("process_app:app", *PROCESS, "--shards", "2", variables=variables)
    server.launch()
    wait_until(lambda: "importing" in server.log, "the import")
    (pid,) = server.serving_pids
    os.killpg(server.pid, signal.SIGINT)
    assert server.wait() == 130
    assert not is_alive(pid)
    assert "Traceback" not in server.log


# Starts that fail.


def test_app_that_cannot_be_imported_is_told_once(tmp_path: Path) -> None:
    server = ServerProcess(
        "process_app:app", *PROCESS, "--shards", "3", variables={"PROCESS_APP": "fails"}
    )
    assert ended(server) == 2
    assert server.lines[-1] == (
        "turbo-shard: error: importing 'process_app' failed: ValueError: no app today"
    )
    assert server.log.count("Traceback") == server.log.count("no app today\n") == 1


def test_lifespan_that_fails_is_told_once_and_ends_with_3() -> None:
    server = ServerProcess(
        "lifespan_app:app", *PROCESS, "--shards", "3", variables={"LIFESPAN": "fails"}
    )
    assert ended(server) == 3
    reason = "turbo-shard: error: the app's lifespan startup failed: no database here"
    assert server.lines[-1] == reason
    assert server.log.count("no database here") == 1


def test_worker_that_dies_before_it_has_served_ends_the_start() -> None:
    server = ServerProcess("process_app:app", *PROCESS, variables={"PROCESS_APP": "dies"})
    assert ended(server) == 2
    assert server.log == "turbo-shard: error: worker 0 ended while it started (SIGKILL)"


def test_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ServerProcess("process_app:app", *PROCESS, port=taken.getsockname()[1])
        assert ended(server) == 2
    assert "is in use by another process" in server.lines[-1]


def test_second_worker_that_has_no_app_is_told_as_such(tmp_path: Path) -> None:
    """An app that takes a lock, or a port, at its import exists once."""
    source = f"from process_app import app\nopen({str(tmp_path / 'lock')!r}, 'x').close()\n"
    write(tmp_path, "app.py", f"import sys\nsys.path.append({str(APPS)!r})\n{source}")
    server = ServerProcess("app:app", *PROCESS, "--shards", "2", app_dir=tmp_path)
    assert ended(server) == 2
    assert server.lines[-1] == (
        "turbo-shard: error: worker 1, beside worker 0: importing 'app' failed: FileExistsError: "
        f"[Errno 17] File exists: '{tmp_path / 'lock'}'; --shards 1 would serve it"
    )
