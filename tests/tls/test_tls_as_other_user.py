"""Keys that only root may read, at a server that becomes nobody: its start, and what it says of a renewal."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from certificates import Certificate, self_signed
from other_user import as_root, public_python, served_as_nobody
from server_process import ServerProcess
from waiting import TIMEOUT_S, wait_until

APP = """
import os
from turbo_shard import App
app = App()

@app.get('/')
def who() -> int:
    return os.getuid()
"""

pytestmark = as_root


@pytest.fixture(scope="module")
def public() -> Iterator[Path]:
    with public_python() as home:
        (home / "who_app.py").write_text(APP)
        yield home


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that everybody may look into."""
    with TemporaryDirectory(prefix="ts-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


def certificate(folder: Path, name: str) -> Certificate:
    made = self_signed(folder, name, "DNS:localhost", "IP:127.0.0.1")
    made.key.chmod(0o600)
    made.pem.chmod(0o644)
    return made


def shown_by(server: ServerProcess) -> str:
    return ssl.get_server_certificate((server.host, server.port), timeout=TIMEOUT_S)


def answer_of(server: ServerProcess, own: Certificate) -> bytes:
    trusting = ssl.create_default_context(cafile=str(own.pem))
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    with trusting.wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := client.recv(65_536):
            received += piece
    return received.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_a_key_that_only_root_may_read_is_read_at_the_start_and_not_again(
    public: Path, folder: Path, mode: str
) -> None:
    own = certificate(folder, "own")
    nobody = str(pwd.getpwnam("nobody").pw_uid).encode()
    with served_as_nobody(public, "who_app:app", "--mode", mode, *own.options) as server:
        assert answer_of(server, own) == nobody
        told = f"this user may not read {own.key}, so certificates that are renewed are not taken"
        wait_until(lambda: told in server.log, "the warning")
        assert server.log.count("this user may not read") == 1
        shown = shown_by(server)
        second = certificate(folder, "second")
        for new, old in ((second.key, own.key), (second.pem, own.pem)):
            shutil.copy(new, old)
        why = f"the old ones stay: ssl_keyfile: {own.key}: this user may not read it"
        workers = len(server.serving_pids)
        wait_until(lambda: server.log.count(why) == workers, "the log lines")
        assert shown_by(server) == shown != second.pem.read_text()


def test_a_directory_that_only_root_may_enter_is_told_at_the_start(
    public: Path, folder: Path
) -> None:
    own = certificate(folder, "own")
    folder.chmod(0o700)
    with served_as_nobody(public, "who_app:app", *own.options) as server:
        told = f"this user may not read {own.pem}, so certificates that are renewed are not taken"
        wait_until(lambda: told in server.log, "the warning")
        assert shown_by(server) == own.pem.read_text()


def test_a_key_that_the_user_may_read_is_read_again(public: Path, folder: Path) -> None:
    own = certificate(folder, "own")
    own.key.chmod(0o640)
    shutil.chown(own.key, group="nogroup")
    with served_as_nobody(public, "who_app:app", *own.options) as server:
        second = certificate(folder, "second")
        for new, old in ((second.key, own.key), (second.pem, own.pem)):
            # As `install` does it: the old file's owner and mode stay.
            old.write_bytes(new.read_bytes())
        wait_until(lambda: shown_by(server) == second.pem.read_text(), "the new certificate")
        assert "may not read" not in server.log
