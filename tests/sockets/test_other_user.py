"""Servers that are started by root and become nobody: low ports, Unix sockets and the access log, before and after."""

from __future__ import annotations

import os
import pwd
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from unix_clients import client_of

from other_user import as_root, public_python, served_as_nobody
from server_process import ServerProcess
from turbo_shard.serving.privileges import Identity, LogFile
from turbo_shard.settings import settings_from
from waiting import wait_until

NOBODY = pwd.getpwnam("nobody")
APP = """
import os
from turbo_shard import App
imported_by = os.getuid()
app = App()

@app.get('/{page}')
def who(page: str) -> list:
    return [imported_by, os.getuid(), os.getgid(), sorted(os.getgroups())]
"""
GROUPS = sorted(os.getgrouplist("nobody", NOBODY.pw_gid))
WHO = [NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_gid, GROUPS]

pytestmark = as_root


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    with public_python() as home:
        (home / "who_app.py").write_text(APP)
        yield home


@pytest.fixture
def own() -> Iterator[Path]:
    """A directory of nobody's."""
    with TemporaryDirectory(prefix="ts-") as path:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        yield Path(path)


def served(public: Path, *options: str) -> ServerProcess:
    return served_as_nobody(public, "who_app:app", *options)


def low_port() -> int:
    """One that only root may bind."""
    for port in range(1023, 511, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("all ports are taken")


def owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


def users(pid: int) -> set[int]:
    """Of all its threads: real, effective, saved and of the file system."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        [line] = [one for one in lines if one.startswith("Uid:")]
        found |= set(map(int, line.split()[1:]))
    return found


@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_the_app_is_served_by_nobody_who_opens_its_log_again(
    mode: str, public: Path, own: Path
) -> None:
    log, path, port = own / "access.log", own / "app.sock", low_port()
    binds = ("--bind", f"127.0.0.1:{port}", "--bind", f"unix:{path}")
    with served(public, "--mode", mode, f"--access-log={log}", *binds) as server:
        nobody = NOBODY.pw_uid, NOBODY.pw_gid
        assert server.port == port
        assert (owner(path), owner(log)) == (nobody, nobody)
        with server.client() as client, client_of(str(path)) as near:
            assert client.get("/first").json() == near.get("/first").json() == WHO
        for pid in (server.pid, *server.serving_pids):
            assert users(pid) == {NOBODY.pw_uid}
        wait_until(lambda: log.read_text().count("/first") == 2, "the first lines")
        moved = log.rename(own / "access.old")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.log.count("opened again") == len(server.serving_pids), "the log")
        with server.client() as client:
            assert client.get("/second").json() == WHO
        wait_until(lambda: "/second" in log.read_text(), "the line")
        assert owner(log) == nobody
        assert "/second" not in moved.read_text()
    assert not path.exists()


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_a_log_that_nobody_may_not_write_is_refused(mode: str, public: Path, own: Path) -> None:
    log = own / "access.log"
    log.touch(0o644)
    server = served(public, "--mode", mode, f"--access-log={log}", "--bind", "127.0.0.1:0")
    server.launch()
    assert server.wait() == 2
    assert server.log == (
        f"turbo-shard: error: access_log: nobody may not write {log}, and has to when it is opened again (SIGUSR1); "
        "give the file to that user"
    )
    assert owner(log) == (0, 0)


def test_a_log_behind_a_link_is_not_given_away(own: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (own / "access.log").symlink_to(target)
    settings = settings_from({"user": "nobody", "access_log": str(own / "access.log")})
    file = LogFile(settings, Identity(settings))
    file.give()
    assert not target.exists()
    target.touch()
    file.give()
    assert owner(target) == (0, 0)


def test_a_worker_that_dies_has_a_successor_which_is_nobody(public: Path) -> None:
    with served(public, "--mode", "process", "--bind", "127.0.0.1:0") as server:
        before = set(server.serving_pids)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(set(server.serving_pids) - before) == 1, "the successor")
        wait_until(lambda: len(server.serving_pids) == 2, "two workers")
        with server.client() as client:
            assert client.get("/").json() == {"detail": "Not Found"}
        for pid in server.serving_pids:
            assert users(pid) == {NOBODY.pw_uid}
