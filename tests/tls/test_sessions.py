"""Sessions that are resumed on any shard and at any worker, and certificates that change while a server runs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Certificate, localhost, self_signed
from server_process import ServerProcess, StartServer
from waiting import TIMEOUT_S, wait_until

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
# So many that each of two shards gets some.
CONNECTIONS = 24


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return localhost(tmp_path_factory.mktemp("certificates"))


def connection(
    server: ServerProcess, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    plain = socket.create_connection((server.host, server.port), timeout=TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def read_all(client: ssl.SSLSocket) -> bytes:
    client.sendall(REQUEST)
    received = b""
    while piece := client.recv(65_536):
        received += piece
    return received


def with_session(server: ServerProcess, context: ssl.SSLContext) -> ssl.SSLSession:
    with connection(server, context) as client:
        # With TLS 1.3 tickets come behind the handshake.
        read_all(client)
        assert not client.session_reused
        assert client.session is not None
        return client.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mode", ["shard", "steal", "process"])
def test_a_client_resumes_wherever_the_kernel_takes_it(
    start_server: StartServer, certificate: Certificate, mode: str, version: ssl.TLSVersion
) -> None:
    server = start_server("asgi_app:app", "--mode", mode, "--shards", "2", *certificate.options)
    context = ssl.create_default_context(cafile=str(certificate.pem))
    context.minimum_version = context.maximum_version = version
    session = with_session(server, context)
    for _ in range(CONNECTIONS):
        with connection(server, context, session) as client:
            assert client.session_reused
            assert read_all(client).startswith(b"HTTP/1.1 200")


@pytest.fixture
def renewed(
    start_server: StartServer, tmp_path: Path
) -> Iterator[tuple[ServerProcess, Certificate]]:
    """A server and its certificate, whose files may change."""
    own = self_signed(tmp_path, "first", "DNS:localhost")
    yield start_server("asgi_app:app", "--shards", "1", *own.options), own


def shown_by(server: ServerProcess) -> str:
    """The certificate that clients are shown now."""
    return ssl.get_server_certificate((server.host, server.port), timeout=TIMEOUT_S)


def test_a_certificate_that_changes_is_taken_and_a_broken_one_is_not(
    renewed: tuple[ServerProcess, Certificate], tmp_path: Path
) -> None:
    server, own = renewed
    trusting = ssl.create_default_context(cafile=str(own.pem))
    with connection(server, trusting) as client:
        second = self_signed(tmp_path, "second", "DNS:localhost")
        # The key alone does not fit, and is not taken.
        shutil.copy(second.key, own.key)
        told = "certificates have changed, the old ones stay: ssl_keyfile: "
        wait_until(lambda: told in server.log, "the log line")
        assert shown_by(server) != second.pem.read_text()
        shutil.copy(second.pem, own.pem)
        wait_until(lambda: shown_by(server) == second.pem.read_text(), "the new certificate")
        taken = "certificates have changed: localhost until "
        wait_until(lambda: taken in server.log, "the log line of the new one")
        # A connection that was there goes on.
        assert read_all(client).startswith(b"HTTP/1.1 200")


def test_a_certificate_for_this_machine_is_made_at_the_start(start_server: StartServer) -> None:
    server = start_server("asgi_app:app", "--shards", "1", "--ssl-self-signed")
    shown = shown_by(server)
    trusting = ssl.create_default_context(cadata=shown)
    with connection(server, trusting) as client:
        assert read_all(client).startswith(b"HTTP/1.1 200")


class ServersClock:
    """The wall clock of servers that are started with `variables`: it is put ahead."""

    def __init__(self, folder: Path) -> None:
        library, self.file = folder / "clock_ahead.so", folder / "ahead"
        source = Path(__file__).with_name("clock_ahead.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self.file.write_bytes(bytes(8))
        self.variables = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(self.file)}

    def put_ahead(self, seconds: int) -> None:
        with self.file.open("r+b") as file:
            file.write(seconds.to_bytes(8, "little"))


KEY_LASTS_S = 6 * 60 * 60


def resumes(server: ServerProcess, context: ssl.SSLContext, session: ssl.SSLSession) -> set[bool]:
    """Whether connections do that which begin with this session, at whichever shard."""
    reused = set()
    for _ in range(CONNECTIONS):
        with connection(server, context, session) as client:
            reused.add(client.session_reused is True)
            assert read_all(client).startswith(b"HTTP/1.1 200")
    return reused


@pytest.mark.parametrize("mode", ["shard", "process"])
def test_keys_rotate_on_all_shards_and_one_that_was_replaced_lasts_as_long_again(
    start_server: StartServer, tmp_path: Path, mode: str
) -> None:
    clock = ServersClock(tmp_path)
    own = self_signed(tmp_path, "first", "DNS:localhost", "IP:127.0.0.1")
    options = ("--mode", mode, "--shards", "2", *own.options)
    server = start_server("asgi_app:app", *options, variables=clock.variables)
    context = ssl.create_default_context(cafile=str(own.pem))
    first = with_session(server, context)
    clock.put_ahead(KEY_LASTS_S)
    assert resumes(server, context, first) == {True}
    second = with_session(server, context)
    # A renewal takes the keys along, that of before included.
    renewal = self_signed(tmp_path, "second", "DNS:localhost", "IP:127.0.0.1")
    shutil.copy(renewal.key, own.key)
    shutil.copy(renewal.pem, own.pem)
    context.load_verify_locations(str(renewal.pem))
    workers = len(server.serving_pids)
    told = "certificates have changed: localhost until "
    wait_until(lambda: server.log.count(told) == workers, "the renewal")
    assert resumes(server, context, first) == {True}
    assert resumes(server, context, second) == {True}
    if mode == "process":
        # So does a worker that is started now.
        before = set(server.serving_pids)
        os.kill(min(before), signal.SIGKILL)
        wait_until(lambda: len(set(server.serving_pids) - before) == 1, "the next worker")
        assert resumes(server, context, first) == {True}
    clock.put_ahead(2 * KEY_LASTS_S)
    assert resumes(server, context, second) == {True}
    assert resumes(server, context, first) == {False}
