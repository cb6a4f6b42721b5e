"""The user and group that a server becomes once its sockets are bound."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from other_user import as_root
from server_process import ServerProcess, run_command
from turbo_shard.serving.privileges import Identity
from turbo_shard.settings import SettingsError, settings_from

NOBODY = pwd.getpwnam("nobody")
DAEMON = grp.getgrnam("daemon").gr_gid
APP = """
import os
from turbo_shard import App
imported_by = os.getgid()
app = App()

@app.get('/')
def who() -> list:
    return [imported_by, os.getgid(), sorted(os.getgroups())]
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ts-") as path:
        # The other user must find the app.
        os.chmod(path, 0o755)
        (Path(path) / "who_app.py").write_text(APP)
        yield Path(path)


@as_root
@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_the_app_is_imported_and_served_with_the_group(mode: str, directory: Path) -> None:
    options = ("--mode", mode, "--shards", "2", "--group", "daemon", "--bind", "127.0.0.1:0")
    with ServerProcess("who_app:app", *options, app_dir=directory) as server:
        with server.client() as client:
            assert client.get("/").json() == [DAEMON, DAEMON, [DAEMON]]
        for pid in (server.pid, *server.serving_pids):
            for task in Path(f"/proc/{pid}/task").iterdir():
                assert ids_of(task, "Gid:") == {DAEMON}


@as_root
def test_a_unix_socket_is_the_groups_unless_its_bind_says_otherwise(directory: Path) -> None:
    path, other = directory / "app.sock", directory / "other.sock"
    binds = ("--bind", f"unix:{path}", "--bind", f"unix:{other},owner=nobody,group=0")
    options = ("--shards", "1", "--group", "daemon", *binds)
    with ServerProcess("who_app:app", *options, app_dir=directory):
        assert (path.stat().st_uid, path.stat().st_gid) == (0, DAEMON)
        assert (other.stat().st_uid, other.stat().st_gid) == (NOBODY.pw_uid, 0)


@as_root
def test_every_thread_becomes_the_user_with_all_its_groups(directory: Path) -> None:
    # All that it needs is imported before: that user may not be able to read this Python.
    script = """
import os, sys, threading
from unittest import mock
from turbo_shard.serving.privileges import Identity
from turbo_shard.settings import settings_from
over = threading.Event()
threading.Thread(target=over.wait, daemon=True).start()
with mock.patch("os.access", return_value=True):
    Identity(settings_from({"user": "nobody"})).take()
seen = {line for task in os.listdir("/proc/self/task")
    for line in open(f"/proc/self/task/{task}/status") if line.startswith(("Uid:", "Gid:"))}
print([line.split() for line in sorted(seen)], sorted(os.getgroups()))
over.set()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    uid, gid = str(NOBODY.pw_uid), str(NOBODY.pw_gid)
    groups = sorted(os.getgrouplist("nobody", NOBODY.pw_gid))
    assert run.stdout.strip() == f"{[['Gid:', *[gid] * 4], ['Uid:', *[uid] * 4]]} {groups}"


def test_a_user_who_may_not_read_this_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("initgroups", "setresuid", "setresgid"):
        monkeypatch.setattr(os, name, lambda *_: None)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY.pw_uid + 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SettingsError, match="nobody may not read this Python"):
        Identity(settings_from({"user": "nobody"})).take()


def ids_of(task: Path, word: str) -> set[int]:
    [line] = [line for line in (task / "status").read_text().splitlines() if line.startswith(word)]
    return set(map(int, line.split()[1:]))


def test_who_does_not_exist_is_refused_in_one_line() -> None:
    for option in ("--user", "--group"):
        run = run_command(
            "asgi_app:app", "--app-dir", "tests/apps", option, "nobody-here", "--port", "0"
        )
        assert run.returncode == 2
        name = option.removeprefix("--")
        assert run.stderr == (
            f"turbo-shard: error: {name}: there is no {name} 'nobody-here' on this machine\n"
        )


def test_without_the_right_to_it_a_change_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*numbers: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "initgroups", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY.pw_uid + 1)
    with pytest.raises(SettingsError, match="only root may become another user"):
        Identity(settings_from({"user": "nobody"})).take()


def test_becoming_who_one_is_needs_no_right() -> None:
    Identity(settings_from({"user": str(os.geteuid()), "group": str(os.getegid())})).take()
