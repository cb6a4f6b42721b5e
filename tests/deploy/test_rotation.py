"""logrotate with the file of examples/deploy, while a server answers: each request has its line in one of the files."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from proxies import FILES, run_program
from server_process import StartServer
from waiting import wait_until

REQUESTS = 20


def rotate(folder: Path, pid: int) -> None:
    """Runs logrotate as its timer would once a day is over."""
    text = (FILES / "logrotate.conf").read_text()
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    for place, value in {
        "/var/log/turbo-shard": str(folder),
        "create 0640 app adm": f"create 0640 {owner} {group}",
        "systemctl kill --kill-whom=main --signal=SIGUSR1 turbo-shard.service": f"kill -USR1 {pid}",
    }.items():
        assert text.count(place) == 1, f"logrotate.conf has not exactly one {place!r}"
        text = text.replace(place, value)
    rules = folder / "rules"
    rules.write_text(text)
    # logrotate trusts no rules that others could write.
    rules.chmod(0o644)
    run = run_program("logrotate", "--force", "--state", str(folder / "state"), str(rules))
    assert run.returncode == 0, run.stdout


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_each_request_has_a_line_before_or_after_a_rotation(
    start_server: StartServer, tmp_path: Path
) -> None:
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    server = start_server("probe_app:app", f"--access-log={log}")
    with server.client() as client:
        for _ in range(REQUESTS):
            assert client.get("/counts").status_code == 200
        wait_until(lambda: len(lines(log)) == REQUESTS, "the lines before the rotation")
        rotate(tmp_path, server.pid)
        for _ in range(REQUESTS):
            assert client.get("/counts").status_code == 200
        wait_until(
            lambda: len(lines(old)) + len(lines(log)) == 2 * REQUESTS, "a line for each request"
        )
        # The signal has been heard by now, or will be: what comes later is in the new file.
        wait_until(lambda: client.get("/counts").is_success and lines(log), "lines in the new file")
    assert log.stat().st_mode & 0o777 == 0o640
