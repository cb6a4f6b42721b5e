"""Apps that cannot exist twice in one process: one process per shard, or a refusal that says what helps."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from refused_apps import error_line, refused, write
from server_process import ServerProcess
from shard_apps import SERVE, SHARDS, app_of
from waiting import wait_until

# Fails where it is not on the main thread, as `signal.signal` does.
ONCE = """
if threading.current_thread() is not threading.main_thread():
    raise ValueError("once only")
def answer(path): return os.getpid()
"""
LINE = (
    "turbo-shard: serving with --mode process, since there is no instance of app:app for shard 1: importing 'app' "
    "failed: ValueError: once only; --shards 1 would serve it in one process"
)
BOTH_WAYS = (
    "--mode process (a process of its own for each) and --shards 1 (one for all) serve it as it is"
)
# Rows, and how to stop it.
BANNER_LINES = 9


def pid_and_mode(server: ServerProcess) -> tuple[int, str]:
    with server.client() as client:
        _, pid = json.loads(client.get("/").text)
    return pid, "process" if pid != server.pid else "shard"


def test_app_that_cannot_be_had_twice_is_served_by_processes(tmp_path: Path) -> None:
    app_of(tmp_path, ONCE)
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert pid_and_mode(server)[1] == "process"
    place = server.lines.index(LINE)
    # Nothing is logged about shards that never start; the first one has started.
    assert all(line.startswith("turbo-shard: note: ") for line in server.lines[:place])
    rows = [line for line in server.lines[place + 1 :] if not line.startswith("turbo-shard: note")]
    [version, *banner, ready] = rows[: BANNER_LINES + 2]
    assert re.fullmatch(r"turbo-shard \d+\.\d+\.\d+", version)
    assert all(line.startswith("  ") for line in banner)
    assert "2 workers" in server.log
    assert ready.startswith("turbo-shard ready on")


def test_one_shard_needs_no_second_instance(tmp_path: Path) -> None:
    app_of(tmp_path, ONCE)
    with ServerProcess("app:app", "--shards", "1", app_dir=tmp_path) as server:
        assert pid_and_mode(server)[1] == "shard"


def test_what_the_first_import_began_is_gone(tmp_path: Path) -> None:
    """A thread that the import starts runs once per worker, and not in the supervisor."""
    app_of(
        tmp_path,
        "import time\nprint('import in', os.getpid(), file=sys.stderr, flush=True)\n"
        "def work():\n    while True:\n        time.sleep(60)\n"
        "threading.Thread(target=work, daemon=True, name='of the app').start()\n" + ONCE,
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        names = [
            (task / "comm").read_text().strip()
            for task in Path(f"/proc/{server.pid}/task").iterdir()
        ]
        # The main thread; the one that writes log lines is the server's.
        assert len([name for name in names if name != "log"]) == 1, names
    # Twice before the restart (the second import failed), and once in each worker.
    assert server.log.count("import in") == 4


def test_it_starts_over_as_it_was_started(tmp_path: Path) -> None:
    """In the same directory and with the same variables; the import's functions for the process's end have run."""
    app_of(
        tmp_path,
        "import atexit\nis_first = 'SEEN' not in os.environ\nos.environ['SEEN'] = 'yes'\n"
        f"lock = '{tmp_path}/lock-' + str(os.getpid())\n"
        + ONCE.replace("os.getpid()", "is_first")
        + "open(lock, 'x').close()\natexit.register(os.unlink, lock)\nos.chdir('/')\n",
    )
    here = Path(".")
    with ServerProcess(
        "app:app", *SHARDS, app_dir=here, prepare=lambda: os.chdir(tmp_path)
    ) as server:
        with server.client() as client:
            assert json.loads(client.get("/").text)[1] is True
        locks = {path.name for path in tmp_path.glob("lock-*")}
        assert len(locks) == 2 and f"lock-{server.pid}" not in locks
    assert "serving with --mode process" in server.log


def test_another_kind_of_app_is_told_as_what_it_is(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "def answer(path): return os.getpid()\n"
        "if threading.current_thread() is not threading.main_thread():\n    app = None\n",
    )
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert pid_and_mode(server)[1] == "process"
    assert "for shard 1: app:app is None this time, and was ASGI the first time;" in server.log


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--app-per-shard", "always"), "--app-per-shard always was asked for"),
        (("--mode", "steal"), "--mode steal was asked for"),
        (("--balance", "least"), "--balance least is for shards"),
        (("--rebalance",), "--rebalance is for shards"),
    ],
)
def test_options_that_processes_do_not_have_are_named(
    tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    app_of(tmp_path, ONCE)
    run = refused(tmp_path, "app:app", *SHARDS, *options)
    assert run.stderr.splitlines()[-1] == (
        "turbo-shard: error: no instance of app:app for shard 1: importing 'app' failed: ValueError: once only; "
        f"{BOTH_WAYS} ({why})"
    )
    assert "in <module>" in run.stderr


# A process has its first instance on its main thread.
ON_ANOTHER_THREAD = " and threading.current_thread() is not threading.main_thread()"
STARTS_ONCE = f"""
started = os.environ["STARTED"]
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if os.path.exists(started){ON_ANOTHER_THREAD}:
            await send({{"type": "lifespan.startup.failed", "message": "started already"}})
            return
        open(started, "w").close()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    await respond(scope, receive, send)
def answer(path): return os.getpid()
"""


def test_second_start_that_fails_is_served_by_processes(tmp_path: Path) -> None:
    write(tmp_path, "app.py", SERVE.replace("def app(", "def respond(") + STARTS_ONCE)
    variables = {"STARTED": str(tmp_path / "started")}
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path, variables=variables) as server:
        assert pid_and_mode(server)[1] == "process"
    assert "serving with --mode process, since there is no second start of app:app: " in server.log
    assert server.log.count("  mode ") == 1, server.log


def test_slow_start_that_may_come_to_processes_says_that_it_is_under_way() -> None:
    variables = {"LIFESPAN_ACT": "start-hangs"}
    server = ServerProcess("hostile_lifespan_app:app", *SHARDS, variables=variables)
    server.launch()
    line = f"turbo-shard: hostile_lifespan_app:app starts on 2 shards (pid {server.pid})"
    wait_until(lambda: line in server.lines, "the line")
    server.signal(signal.SIGINT)
    assert server.wait() == 130
    assert "  mode " not in server.log


def test_first_start_that_fails_is_told_as_it_is(tmp_path: Path) -> None:
    starts_never = STARTS_ONCE.replace(ON_ANOTHER_THREAD, "")
    write(tmp_path, "app.py", SERVE.replace("def app(", "def respond(") + starts_never)
    write(tmp_path, "started", "")
    from server_process import run_command

    variables = {"STARTED": str(tmp_path / "started")}
    run = run_command("app:app", "--app-dir", str(tmp_path), "--port", "0", *SHARDS, **variables)
    assert run.returncode == 3
    assert "process" not in run.stderr.splitlines()[-1]


def test_module_without_a_file_is_served_by_processes(tmp_path: Path) -> None:
    app_of(tmp_path, "def answer(path): return os.getpid()\n__file__ = None\n")
    with ServerProcess("app:app", *SHARDS, app_dir=tmp_path) as server:
        assert pid_and_mode(server)[1] == "process"
    assert "since there is one instance of app:app only: module 'app' has no file" in server.log


@pytest.mark.parametrize(
    ("given", "starts"),
    [
        ('"app:app"', "serving with --mode process"),
        ("make", "processes import the app: name it as a string"),
    ],
)
def test_serve_does_the_same(tmp_path: Path, given: str, starts: str) -> None:
    app_of(tmp_path, ONCE)
    factory = given == "make"
    write(
        tmp_path,
        "script.py",
        f"""\
        import sys, threading
        from turbo_shard import serve

        def make():
            if threading.current_thread() is not threading.main_thread():
                raise KeyError("once only")
            from app import app
            return app

        if __name__ == "__main__":
            sys.path.insert(0, {str(tmp_path)!r})
            serve({given}, factory={factory}, port=0, shards=2)
        """,
    )
    server = ServerProcess("", command=(sys.executable, str(tmp_path / "script.py")))
    if factory:
        with pytest.raises(RuntimeError, match="the server ended with 1"):
            server.start()
        assert "KeyError: 'once only'" in server.log
        last = server.lines[-1]
        assert last.startswith("turbo_shard.SettingsError: no instance of the app for shard 1")
        assert BOTH_WAYS in last and starts in last
        return
    with server:
        assert pid_and_mode(server)[1] == "process"
    assert starts in server.log


def test_gil_names_both_ways_and_one_shard_needs_neither(tmp_path: Path) -> None:
    app_of(
        tmp_path,
        "if '_is_gil_enabled' not in vars(sys.modules[__name__]):\n"
        "    sys._is_gil_enabled = lambda: True\n"
        "def answer(path): return os.getpid()\n",
    )
    line = error_line(tmp_path, "app:app", *SHARDS)
    assert line.startswith("the GIL is on")
    for way in ("--mode process", "--shards 1", "--allow-gil"):
        assert way in line
    with ServerProcess("app:app", "--shards", "1", app_dir=tmp_path) as server:
        assert pid_and_mode(server)[1] == "shard"
