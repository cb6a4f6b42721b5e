"""`--mode process`: where its workers are, and what becomes of one that ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from arms import engine_faults
from places import APPS
from raw_http import RawClient
from server_process import ServerProcess, environment
from shard_apps import SHARDS, app_of, of_each_shard
from turbo_shard import App, SettingsError, serve
from waiting import wait_until
from worker_processes import ask, every_worker, is_alive, successor

ALLOWED = sorted(os.sched_getaffinity(0))
PROCESS = ("--mode", "process")


# Where things are.


@pytest.mark.parametrize("engine", ["tokio", "glommio"])
def test_each_worker_is_a_pinned_process_whose_main_thread_serves(
    start_workers, engine: str
) -> None:
    if fault := engine_faults().get(engine):
        pytest.skip(f"{engine} does not work here: {fault}")
    server = start_workers("--engine", engine)
    workers = every_worker(server)
    for number, said in workers.items():
        core = ALLOWED[number % len(ALLOWED)]
        assert (said["cores"], said["is_main"]) == ([core], True)
        (row,) = said["stats"]
        assert (row["shard"], row["core"], row["restarts"]) == (number, core, 0)
        assert row["requests"] >= 1
        assert said["parent"] == server.pid
        assert Path(f"/proc/{said['pid']}/comm").read_text() == f"shard-{number}\n"
    pids = {said["pid"] for said in workers.values()}
    assert pids == set(server.serving_pids)
    banner = rf"workers 2 workers: worker 0 on core \d+ \(pid {workers[0]['pid']}\), worker 1"
    assert re.search(banner, server.log)


def test_what_every_worker_notes_is_said_once(tmp_path: Path) -> None:
    app_of(tmp_path, "def answer(path): return os.getpid()\n")
    with ServerProcess("app:app", *PROCESS, *SHARDS, app_dir=tmp_path) as server:
        pids = of_each_shard(server)
    assert len(set(pids)) == 2
    note = "turbo-shard: note: served without lifespan, in which the app raised RuntimeError"
    assert len([line for line in server.lines if line.startswith(note)]) == 1, server.log


def test_workers_may_be_left_to_the_scheduler(start_workers) -> None:
    server = start_workers("--no-pin", workers=1)
    said = ask(server)
    assert (said["cores"], said["stats"][0]["core"]) == (ALLOWED, None)
    assert f"1 worker: worker 0 not pinned (pid {said['pid']})" in server.log


def test_workers_are_as_many_as_allowed_cores_by_default(start_server, gates: Path) -> None:
    server = start_server("process_app:app", *PROCESS)
    assert len(server.serving_pids) == len(ALLOWED)


def test_worker_finds_what_one_process_would(start_workers) -> None:
    said = ask(start_workers("--backlog", "64", workers=1))
    assert said["argv"][0] == "process_app:app"
    assert said["path"][0] == str(APPS)
    assert "" not in said["path"], "the working directory is nobody's business"


def test_supervisor_has_one_thread_beside_the_log_s_and_neither_app_nor_asyncio(
    start_workers,
) -> None:
    server = start_workers()
    threads = [task.read_text().strip() for task in Path(f"/proc/{server.pid}/task").glob("*/comm")]
    assert len(threads) == 2
    assert "log" in threads
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    # Extension modules that come with asyncio, which its workers have imported.
    assert "_asyncio" not in maps
    assert "_ssl" not in maps


# Ends of workers.


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_worker_that_is_killed_is_replaced_and_nobody_is_refused(
    start_workers, number: signal.Signals
) -> None:
    server = start_workers(workers=1)
    first = ask(server)["pid"]
    os.kill(first, number)
    wait_until(lambda: f"worker 0 died ({number.name})" in server.log, "the death to be told")
    # Connections wait in the socket that the successor inherits.
    said = ask(server)
    assert said["pid"] != first
    assert said["stats"][0]["restarts"] == 1
    wait_until(lambda: f"worker 0 serves (pid {said['pid']})" in server.log, "the new worker")


def test_exit_of_a_worker_is_a_death_even_with_status_0(start_workers) -> None:
    server = start_workers(workers=1)
    for status in (7, 0):
        with RawClient(server) as raw:
            assert raw.get(f"/exit/{status}").rest() == b""
        line = f"worker 0 died (exit status {status})"
        wait_until(lambda line=line: line in server.log, "the death to be told")
        said = ask(server)
        assert said["stats"][0]["requests"] == 1
        wait_until(lambda said=said: f"serves (pid {said['pid']})" in server.log, "the successor")


def test_pauses_before_a_restart_double(start_workers) -> None:
    server = start_workers(workers=1)
    for deaths in range(1, 4):
        os.kill(ask(server)["pid"], signal.SIGKILL)
        wait_until(lambda deaths=deaths: server.log.count("worker 0 died") == deaths, "the death")
        wait_until(
            lambda deaths=deaths: server.log.count("worker 0 serves") == deaths, "the successor"
        )
    assert re.findall(r"restarts in (\d+) ms", server.log) == ["100", "200", "400"]


def test_other_workers_go_on_while_one_is_replaced(start_workers) -> None:
    server = start_workers()
    workers = every_worker(server)
    os.kill(workers[0]["pid"], signal.SIGKILL)
    wait_until(lambda: "worker 0 died" in server.log, "the death")
    after = every_worker(server)
    assert after[1]["pid"] == workers[1]["pid"]
    assert after[0]["pid"] != workers[0]["pid"]


def test_sigterm_to_one_worker_drains_it_and_replaces_it(start_workers, gates: Path) -> None:
    server = start_workers(workers=1)
    old = ask(server)["pid"]
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.kill(old, signal.SIGTERM)
        # Its successor serves while it still answers.
        new = successor(server, old)
        assert is_alive(old)
        (gates / "slow").touch()
        answer = raw.answer()
        assert (answer.status, json.loads(answer.body)) == (200, {"pid": old})
    wait_until(lambda: not is_alive(old), "the old worker's end")
    assert f"shutdown of {old}" in server.log
    assert ask(server)["pid"] == new
    assert "died" not in server.log
    assert server.stop() == 0
    assert not is_alive(new)


def test_second_sigterm_to_one_worker_cuts_what_it_does(start_workers, gates: Path) -> None:
    server = start_workers("--graceful-timeout", "3600", workers=1)
    old = ask(server)["pid"]
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: "worker 0: stopping" in server.log, "the first signal to work")
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: not is_alive(old), "the old worker's end")
    assert ask(server)["pid"] != old


def test_worker_that_retires_does_not_hold_up_the_end_of_all(start_workers, gates: Path) -> None:
    server = start_workers(workers=1)
    old = ask(server)["pid"]
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.kill(old, signal.SIGTERM)
        successor(server, old)
        server.signal(signal.SIGTERM)
        wait_until(server.refuses_connections, "the stop")
        # A stop of the others too does not cut what it had promised to finish.
        (gates / "slow").touch()
        assert raw.answer().status == 200
    assert server.wait() == 0


def test_restart_that_fails_is_told_with_its_reason_and_tried_again(
    start_workers, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    variables = {"PROCESS_APP": "fails the second time", "STARTED_FILE": str(started)}
    server = start_workers(workers=1, variables=variables)
    os.kill(server.serving_pids[0], signal.SIGKILL)
    reason = "worker 0 could not be started (importing 'process_app' failed: ValueError: no second start)"
    wait_until(lambda: reason in server.log, "the failure to be told")
    assert "Traceback (most recent call last):" in server.log
    started.unlink()
    assert ask(server)["stats"][0]["restarts"] >= 2


# Signals of the app's own, and scripts.


def test_python_signal_handlers_run_in_a_worker_that_sleeps(start_workers) -> None:
    server = start_workers(workers=1)
    (pid,) = server.serving_pids
    for asked in (1, 2):
        os.kill(pid, signal.SIGUSR2)
        wait_until(lambda asked=asked: server.log.count("heard SIGUSR2") == asked, "the handler")


def test_serve_takes_the_name_of_an_app(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os\nfrom turbo_shard import App\napp = App()\n"
        "@app.get('/')\ndef index(): return os.getppid()\n"
    )
    (tmp_path / "script.py").write_text(
        "import signal\nfrom turbo_shard import serve\n"
        "before = signal.getsignal(signal.SIGINT)\n"
        "serve('mine:app', mode='process', port=0, shards=1)\n"
        "assert signal.getsignal(signal.SIGINT) is before\n"
        "print('the end')\n"
    )
    script = (sys.executable, str(tmp_path / "script.py"))
    with subprocess.Popen(
        script,
        env=environment(),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        try:
            while not (line := process.stderr.readline()).startswith("turbo-shard ready"):
                assert line, process.wait(30)
            port = int(re.search(r":(\d+) ", line)[1])  # type: ignore[index]
            with socket.create_connection(("127.0.0.1", port), 30) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\nHost: t\r\n\r\n")
                answer = b""
                while piece := connection.recv(4096):
                    answer += piece
            assert answer.endswith(str(process.pid).encode())
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
    assert (process.returncode, output) == (0, "the end\n")


def test_serve_refuses_an_object_that_cannot_cross_to_a_worker() -> None:
    with pytest.raises(SettingsError, match="name it as a string"):
        serve(App(), mode="process", port=0)


def test_a_death_costs_only_the_connections_of_its_worker(start_workers) -> None:
    """Connections that wait in the dead worker's queue are answered by its successor."""
    server = start_workers(workers=1)
    pid = ask(server)["pid"]
    os.kill(pid, signal.SIGSTOP)
    waiting = [RawClient(server).get("/worker") for _ in range(20)]
    # None of them is accepted: the worker is stopped.
    os.kill(pid, signal.SIGKILL)
    pids = {json.loads(raw.answer().body)["pid"] for raw in waiting}
    assert pid not in pids
    assert len(pids) == 1
