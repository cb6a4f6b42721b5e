"""`--mode process`: what becomes of workers and of their supervisor, whoever ends whom, and how."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import engine_faults
from raw_http import RawClient
from server_process import APPS, ServerProcess, environment
from turbo_shard import App, SettingsError, serve
from waiting import wait_until

ALLOWED = sorted(os.sched_getaffinity(0))
PROCESS = ("--mode", "process")
# The kernel spreads connections by a hash: so many of them do not all meet one of two workers.
CONNECTIONS_MAX = 200


@pytest.fixture
def start(start_server, gates: Path):
    """Starts tests/apps/process_app.py with so many workers."""

    def start(*options: str, workers: int = 2, **settings: Any) -> ServerProcess:
        arguments = ("process_app:app", *PROCESS, "--shards", str(workers), *options)
        settings.setdefault("variables", {"GATE_DIR": str(gates)})
        return start_server(*arguments, **settings)

    return start


def ask(server: ServerProcess, target: str = "/worker") -> dict[str, Any]:
    with RawClient(server) as raw:
        answer: dict[str, Any] = json.loads(raw.get(target).answer().body)
    return answer


def every_worker(server: ServerProcess, count: int = 2) -> dict[int, dict[str, Any]]:
    """What each worker says, by its number."""
    seen: dict[int, dict[str, Any]] = {}
    for _ in range(CONNECTIONS_MAX):
        said = ask(server)
        seen[said["stats"][0]["shard"]] = said
        if len(seen) == count:
            break
    assert len(seen) == count
    return seen


def successor(server: ServerProcess, old: int) -> int:
    """Who answers once the old worker has heard of its end."""

    def answers() -> int | None:
        pid: int = ask(server)["pid"]
        return pid if pid != old else None

    new = wait_until(answers, "the successor to serve")
    assert new is not None
    return new


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ended(server: ServerProcess) -> int:
    """The exit status of a server that does not start."""
    server.launch()
    return server.wait()


# Where things are.


@pytest.mark.parametrize("engine", ["tokio", "glommio"])
def test_each_worker_is_a_pinned_process_whose_main_thread_serves(start, engine: str) -> None:
    if fault := engine_faults().get(engine):
        pytest.skip(f"{engine} does not work here: {fault}")
    server = start("--engine", engine)
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


def test_workers_may_be_left_to_the_scheduler(start) -> None:
    server = start("--no-pin", workers=1)
    said = ask(server)
    assert (said["cores"], said["stats"][0]["core"]) == (ALLOWED, None)
    assert f"1 worker: worker 0 not pinned (pid {said['pid']})" in server.log


def test_workers_are_as_many_as_allowed_cores_by_default(start_server, gates: Path) -> None:
    server = start_server("process_app:app", *PROCESS)
    assert len(server.serving_pids) == len(ALLOWED)


def test_worker_finds_what_one_process_would(start) -> None:
    said = ask(start("--backlog", "64", workers=1))
    assert said["argv"][0] == "process_app:app"
    assert said["path"][0] == str(APPS)
    assert "" not in said["path"], "the working directory is nobody's business"


def test_supervisor_has_one_thread_and_neither_app_nor_asyncio(start) -> None:
    server = start()
    assert len(os.listdir(f"/proc/{server.pid}/task")) == 1
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    # Extension modules that asyncio, which its workers have imported, brings along.
    assert "_asyncio" not in maps
    assert "_ssl" not in maps


# Ends of workers.


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_worker_that_is_killed_is_replaced_and_nobody_is_refused(
    start, number: signal.Signals
) -> None:
    server = start(workers=1)
    first = ask(server)["pid"]
    os.kill(first, number)
    wait_until(lambda: f"worker 0 died ({number.name})" in server.log, "the death to be told")
    # Connections wait in the socket that the successor inherits.
    said = ask(server)
    assert said["pid"] != first
    assert said["stats"][0]["restarts"] == 1
    wait_until(lambda: f"worker 0 serves (pid {said['pid']})" in server.log, "the new worker")


def test_exit_of_a_worker_is_a_death_even_with_status_0(start) -> None:
    server = start(workers=1)
    for status in (7, 0):
        with RawClient(server) as raw:
            assert raw.get(f"/exit/{status}").rest() == b""
        line = f"worker 0 died (exit status {status})"
        wait_until(lambda line=line: line in server.log, "the death to be told")
        assert ask(server)["stats"][0]["requests"] == 1


def test_pauses_before_a_restart_double(start) -> None:
    server = start(workers=1)
    for deaths in range(1, 4):
        os.kill(ask(server)["pid"], signal.SIGKILL)
        wait_until(lambda deaths=deaths: server.log.count("worker 0 died") == deaths, "the death")
    assert re.findall(r"started anew in (\d+) ms", server.log) == ["100", "200", "400"]


def test_other_workers_go_on_while_one_is_replaced(start) -> None:
    server = start()
    workers = every_worker(server)
    os.kill(workers[0]["pid"], signal.SIGKILL)
    wait_until(lambda: "worker 0 died" in server.log, "the death")
    after = every_worker(server)
    assert after[1]["pid"] == workers[1]["pid"]
    assert after[0]["pid"] != workers[0]["pid"]


def test_sigterm_to_one_worker_drains_it_and_replaces_it(start, gates: Path) -> None:
    server = start(workers=1)
    (gates / "slow").unlink(missing_ok=True)
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


def test_second_sigterm_to_one_worker_cuts_what_it_does(start, gates: Path) -> None:
    server = start("--graceful-timeout", "3600", workers=1)
    (gates / "slow").unlink(missing_ok=True)
    old = ask(server)["pid"]
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: "worker 0: stopping" in server.log, "the first signal to work")
        os.kill(old, signal.SIGTERM)
        wait_until(lambda: not is_alive(old), "the old worker's end")
    assert ask(server)["pid"] != old


def test_worker_that_retires_does_not_hold_up_the_end_of_all(start, gates: Path) -> None:
    server = start(workers=1)
    (gates / "slow").unlink(missing_ok=True)
    old = ask(server)["pid"]
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.kill(old, signal.SIGTERM)
        successor(server, old)
        server.signal(signal.SIGTERM)
        wait_until(server.refuses_connections, "the stop")
        # That the others stop too does not cut what it had promised to finish.
        (gates / "slow").touch()
        assert raw.answer().status == 200
    assert server.wait() == 0


def test_restart_that_fails_is_told_with_its_reason_and_tried_again(start, tmp_path: Path) -> None:
    started = tmp_path / "started"
    variables = {"PROCESS_APP": "fails the second time", "STARTED_FILE": str(started)}
    server = start(workers=1, variables=variables)
    os.kill(server.serving_pids[0], signal.SIGKILL)
    reason = "worker 0 could not be started (importing 'process_app' failed: ValueError: no second start)"
    wait_until(lambda: reason in server.log, "the failure to be told")
    assert "Traceback (most recent call last):" in server.log
    started.unlink()
    assert ask(server)["stats"][0]["restarts"] >= 2


# Ends of the supervisor.


def test_ctrl_c_reaches_all_and_is_the_supervisors_to_hear(start, gates: Path) -> None:
    server = start()
    (gates / "slow").unlink(missing_ok=True)
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


def test_second_ctrl_c_stops_at_once(start, gates: Path) -> None:
    server = start("--graceful-timeout", "3600", workers=1)
    (gates / "slow").unlink(missing_ok=True)
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        os.killpg(server.pid, signal.SIGINT)
        wait_until(server.refuses_connections, "the first signal to work")
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait() == 0
    assert server.log.count("shutdown of ") == 1


def test_worker_that_does_not_return_is_left_behind(start) -> None:
    server = start("--graceful-timeout", "0", workers=1)
    (pid,) = server.serving_pids
    with RawClient(server) as raw:
        raw.get("/hold")
        wait_until(lambda: "holding" in server.log, "the handler")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "worker 0: a handler does not return" in server.log
    assert not is_alive(pid)


def test_worker_that_is_stopped_by_the_kernel_is_killed(start) -> None:
    server = start("--graceful-timeout", "0", workers=1)
    (pid,) = server.serving_pids
    os.kill(pid, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "worker 0 does not end; it is killed" in server.log
    assert not is_alive(pid)


def test_no_worker_outlives_its_supervisor(start, gates: Path) -> None:
    server = start()
    (gates / "slow").unlink(missing_ok=True)
    pids = server.serving_pids
    with RawClient(server) as raw:
        raw.get("/slow")
        wait_until(lambda: "slow: called" in server.log, "the request")
        server.signal(signal.SIGKILL)
        server.process.wait(30)
        wait_until(server.refuses_connections, "the workers to stop accepting")
        # What is in flight is finished even so.
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


# Signals of the app's own, and scripts.


def test_python_signal_handlers_run_in_a_worker_that_sleeps(start) -> None:
    server = start(workers=1)
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


def test_a_death_costs_only_the_connections_of_its_worker(start) -> None:
    """Connections that wait in the dead worker's queue are answered by its successor."""
    server = start(workers=1)
    pid = ask(server)["pid"]
    os.kill(pid, signal.SIGSTOP)
    waiting = [RawClient(server).get("/worker") for _ in range(20)]
    # None of them is accepted: the worker is stopped.
    os.kill(pid, signal.SIGKILL)
    pids = {json.loads(raw.answer().body)["pid"] for raw in waiting}
    assert pid not in pids
    assert len(pids) == 1
