"""SIGUSR1 opens the access log again, and a target or a form that cannot be is refused before anything else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from access_log_files import lines_of, send, wait_for_lines
from places import APPS
from raw_http import RawClient
from server_process import StartServer, run_command
from waiting import wait_until

MODES = ["shard", "steal", "process"]
REQUEST = b"GET /items/1 HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_was_moved_away_is_opened_again(
    start_server: StartServer, mode: str, tmp_path: Path
) -> None:
    log, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    options = ("--mode", mode, "--shards", "2", f"--access-log={log}")
    server = start_server("logged_app:native", *options)
    for _ in range(10):
        send(server, REQUEST)
    wait_for_lines(log, 10)
    log.rename(moved)
    server.signal(signal.SIGUSR1)
    wait_until(log.exists, "the new file")
    count = 1 if mode != "process" else 2
    wait_until(
        lambda: server.log.count("the access log was opened again") == count, "all to have it"
    )
    for _ in range(10):
        send(server, REQUEST)
    assert server.stop() == 0
    assert (len(lines_of(moved)), len(lines_of(log))) == (10, 10)


def test_workers_share_a_file_and_no_line_is_mixed(
    start_server: StartServer, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    options = ("--mode", "process", "--shards", "3", f"--access-log={log}")
    server = start_server("logged_app:native", *options, "--access-log-format", "%(p)s %(r)s")
    clients = [RawClient(server) for _ in range(12)]
    for client in clients:
        client.send(REQUEST * 100)
    for client in clients:
        for _ in range(100):
            client.answer()
        client.socket.close()
    assert server.stop() == 0
    lines = lines_of(log)
    assert len(lines) == 1200
    assert {line.partition(" ")[2] for line in lines} == {"GET /items/1 HTTP/1.1"}


@pytest.mark.parametrize("mode", MODES)
def test_the_signal_ends_no_server_that_has_no_access_log(
    start_server: StartServer, mode: str
) -> None:
    server = start_server("logged_app:native", "--mode", mode, "--shards", "2")
    for pid in {server.pid, *server.serving_pids}:
        os.kill(pid, signal.SIGUSR1)
    for _ in range(10):
        send(server, REQUEST)
    assert server.stop() == 0


def test_the_signal_is_an_app_s_own_where_nothing_is_to_be_opened_again(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(
        "import faulthandler, signal\n"
        "from turbo_shard import App\n"
        "faulthandler.register(signal.SIGUSR1)\n"
        "app = App()\n"
    )
    server = start_server("app:app", "--shards", "1", app_dir=tmp_path)
    server.signal(signal.SIGUSR1)
    wait_until(lambda: "most recent call first" in server.log, "the stack")
    assert server.stop() == 0
    options = ("--shards", "1", f"--access-log={tmp_path / 'log'}")
    server = start_server("app:app", *options, app_dir=tmp_path)
    server.signal(signal.SIGUSR1)
    wait_until(lambda: "the access log was opened again" in server.log, "the line")
    assert "the app's own handler is set aside" in server.log


def test_a_file_that_cannot_be_opened_again_leaves_the_old_one(
    start_server: StartServer, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log, elsewhere = folder / "access.log", tmp_path / "elsewhere"
    server = start_server("logged_app:native", f"--access-log={log}")
    send(server, REQUEST)
    folder.rename(elsewhere)
    server.signal(signal.SIGUSR1)
    wait_until(lambda: "cannot be opened again" in server.log, "the line")
    send(server, REQUEST)
    wait_for_lines(elsewhere / "access.log", 2)


WRONG = [
    ("--access-log=/nowhere/access.log", "/nowhere/access.log", "No such file"),
    ("--access-log=/", '"/" cannot be written', "Is a directory"),
    ("--access-log-format=apache", "--access-log-format", "'apache' is not uvicorn, combined"),
    ("--access-log-format=%(h)s %(z)s", "--access-log-format", "there is no atom %(z)s"),
    ("--access-log-format=%({a}e)s", "--access-log-format", "there is no atom %({a}e)s"),
    ("--access-log-format=%(h)s %d", "access_log_format", "is no atom"),
    ("--access-log-slow=soon", "--access-log-slow", "is not a number of seconds"),
    ("--access-log-skip=health", "--access-log-skip", "such as /health"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("option", "place", "reason"), WRONG)
def test_what_cannot_be_is_refused_in_one_line(
    mode: str, option: str, place: str, reason: str
) -> None:
    given = ["--access-log"] if "format" in option else []
    run = run_command(
        *(
            "logged_app:native",
            "--app-dir",
            str(APPS),
            "--port",
            "0",
            "--mode",
            mode,
            *given,
            option,
        )
    )
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert place in line and reason in line, line
