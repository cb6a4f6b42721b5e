"""Threads that the app has left running when the server has stopped: the server waits as long as documented, then
leaves them with a line. Also the exit statuses, and what a stop logs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arms import Arm
from places import APPS
from raw_http import RawClient
from server_process import READY_LINE, ServerProcess, environment, without_times
from shard_apps import SHARDS, app_of
from waiting import wait_until

# More than a test waits.
NEVER_S = 3600


@pytest.fixture
def start(arm: Arm, tmp_path: Path, start_server):
    """Starts the app on one shard; it reports on stderr what it does."""

    def started(graceful_timeout_s: float = NEVER_S, act: str = "") -> ServerProcess:
        options = (*arm.options, "--shards", "1", "--graceful-timeout", str(graceful_timeout_s))
        variables = {"GATE_DIR": str(tmp_path), "LEAVING_ACT": act}
        return start_server("leaving_app:app", *options, variables=variables)

    return started


def launch(arm: Arm, act: str, gates: Path, graceful_timeout_s: float = NEVER_S) -> ServerProcess:
    """As `start`, for a server that does not become ready."""
    options = (*arm.options, "--shards", "1", "--graceful-timeout", str(graceful_timeout_s))
    variables = {"GATE_DIR": str(gates), "LEAVING_ACT": act}
    server = ServerProcess("leaving_app:app", *options, variables=variables)
    server.launch()
    return server


def work(server: ServerProcess, target: str) -> None:
    """Makes the app begin to work on a thread of its own."""
    with RawClient(server) as raw:
        assert raw.get(target, "Connection: close").answer().body == b"done"
    wait_until(lambda: "app: works" in server.lines, "the thread")


@pytest.mark.parametrize(("target", "name"), [("/pool", "own-pool_0"), ("/thread", "own-thread")])
def test_thread_that_works_on_is_left_when_the_time_is_over(start, target: str, name: str) -> None:
    server = start(0.2)
    work(server, target)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert f"the process ends without waiting for thread '{name}'" in server.log
    assert server.lines.count("app: exits") == 1
    assert "app: has worked" not in server.log


@pytest.mark.parametrize("target", ["/pool", "/thread"])
def test_thread_has_the_time_of_the_stop_to_finish(start, tmp_path: Path, target: str) -> None:
    server = start()
    work(server, target)
    server.signal(signal.SIGTERM)
    wait_until(server.refuses_connections, "the stop")
    wait_until(lambda: "app: stops" in server.lines, "the shutdown")
    assert server.process.poll() is None
    (tmp_path / "work").touch()
    assert server.wait() == 0
    assert server.lines.count("app: has worked") == 1
    assert server.lines.count("app: exits") == 1
    assert "without waiting" not in server.log


def test_second_signal_waits_for_no_thread(start) -> None:
    server = start()
    work(server, "/thread")
    server.signal(signal.SIGTERM)
    wait_until(lambda: "app: stops" in server.lines, "the shutdown")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "app: exits" in server.lines
    assert "killed" not in server.log


def test_call_that_holds_its_loop_is_left_when_the_time_is_over(arm: Arm, start) -> None:
    server = start(0.2)
    with RawClient(server) as raw:
        raw.get("/hold")
        wait_until(lambda: "app: works" in server.lines, "the call")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    if arm.mode != "process":
        assert "the process ends without waiting for 1 call of the app" in server.log
    assert server.lines.count("app: exits") == 1
    assert "app: has worked" not in server.log


def test_shutdown_that_hangs_is_left(start) -> None:
    server = start(0.2, "stop-hangs")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "app: stops" in server.lines
    assert "app: exits" in server.lines


def test_exit_function_that_hangs_is_left(start) -> None:
    server = start(0.2, "exit-hangs")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "the app's exit functions do not return" in server.log


def test_stop_says_what_is_in_flight_and_its_end(start, tmp_path: Path) -> None:
    server = start()
    with RawClient(server) as idle, RawClient(server) as waiting:
        idle.get("/").answer()
        waiting.get("/wait")
        wait_until(lambda: "app: waits" in server.lines, "the request")
        server.signal(signal.SIGTERM)
        wait_until(lambda: "INFO stopping: 1 request in flight, given 3600 s" in server.log, "it")
        (tmp_path / "work").touch()
        assert waiting.answer().status == 200
    assert server.wait() == 0
    lines = [without_times(line) for line in server.lines]
    assert lines[-2:] == ["turbo-shard INFO stopped", "app: exits"] or (
        lines[-1] == "turbo-shard INFO stopped"
    )


def test_stop_says_that_nothing_is_in_flight(start) -> None:
    server = start()
    with RawClient(server) as idle:
        idle.get("/").answer()
        server.signal(signal.SIGINT)
        assert server.wait() == 0
    assert "INFO stopping: nothing is in flight" in server.log


def test_stop_that_cuts_says_how_much(start) -> None:
    server = start(0.1)
    with RawClient(server) as waiting:
        waiting.get("/wait")
        wait_until(lambda: "app: waits" in server.lines, "the request")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "the graceful time is over: 1 request in flight, cut now" in server.log


# Before it is ready.

STATUSES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "status"), STATUSES)
def test_signal_amid_the_import_has_its_status(
    arm: Arm, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    server = launch(arm, "import-hangs", tmp_path)
    wait_until(lambda: "app: imports" in server.lines, "the import")
    server.signal(number)
    assert server.wait() == status, server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(("number", "status"), STATUSES)
def test_signal_while_a_shard_starts_has_its_status(
    arm: Arm, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    options = (*arm.options, "--shards", "1")
    variables = {"LIFESPAN_ACT": "start-hangs"}
    server = ServerProcess("hostile_lifespan_app:app", *options, variables=variables)
    server.launch()
    wait_until(lambda: "app: starts" in server.lines, "the app's start")
    server.signal(number)
    assert server.wait() == status, server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(("number", "status"), STATUSES)
@pytest.mark.parametrize("mode", ["shard", "steal"])
@pytest.mark.parametrize("step_s", [0.01, 3600])
def test_signal_amid_another_import_ends_it_like_the_first(
    tmp_path: Path, step_s: float, mode: str, number: signal.Signals, status: int
) -> None:
    """Where the import never comes back to Python code, the server ends without it."""
    app_of(
        tmp_path,
        "import time\n"
        "if threading.current_thread() is not threading.main_thread():\n"
        "    print('app: imports again', file=sys.stderr, flush=True)\n"
        f"    while True:\n        time.sleep({step_s})\n",
    )
    server = ServerProcess("app:app", *SHARDS, "--mode", mode, app_dir=tmp_path)
    server.launch()
    wait_until(lambda: "app: imports again" in server.lines, "the second import")
    server.signal(number)
    assert server.wait() == status, server.log
    stopping = "turbo-shard INFO stopping: nothing is in flight"
    lines = [without_times(line) for line in server.lines]
    assert lines[lines.index(stopping) :] == [stopping, "turbo-shard INFO stopped"]


@pytest.mark.parametrize(("act", "status"), [("import-fails", 2), ("start-fails", 3)])
def test_start_that_fails_is_not_held_by_what_it_started(
    arm: Arm, tmp_path: Path, act: str, status: int
) -> None:
    server = launch(arm, act, tmp_path)
    assert server.wait() == status, server.log
    assert "on purpose" in server.log
    assert "without waiting for thread" in server.log


# A script that serves.


def run_script(tmp_path: Path, after: str) -> subprocess.Popen[str]:
    """Serves from a script that has a thread of its own, and goes on after it."""
    (tmp_path / "script.py").write_text(
        "import sys, threading\n"
        f"sys.path.insert(0, {str(APPS)!r})\n"
        "from turbo_shard import serve\n"
        "from leaving_app import app\n"
        "own = threading.Event()\n"
        "threading.Thread(target=own.wait).start()\n"
        "serve(app, port=0, shards=1, graceful_timeout=0.2)\n"
        f"{after}\n"
    )
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env=environment(GATE_DIR=str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(("after", "status"), [("own.set()", 0), ("own.set(); raise OSError", 1)])
def test_script_is_not_held_by_its_apps_threads(tmp_path: Path, after: str, status: int) -> None:
    process = run_script(tmp_path, after)
    try:
        assert process.stderr is not None
        while not (ready := READY_LINE.match(line := process.stderr.readline().rstrip("\n"))):
            assert line or process.poll() is None
        server = ServerProcess("")
        server.host, server.port = "127.0.0.1", int(ready["port"])
        with RawClient(server) as raw:
            assert raw.get("/pool", "Connection: close").answer().body == b"done"
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == status, errors
    assert "without waiting for thread 'own-pool_0'" in errors
    assert errors.count("app: exits") == 1
