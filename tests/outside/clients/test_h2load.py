"""nghttp2's load generator: every answer is a 2xx, with as many bytes as its body has."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from server_process import ServerProcess
from unpacked_programs import UnpackedPrograms

_DONE = re.compile(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
_STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_DATA = re.compile(r"\((\d+)\) data")
HELLO_BYTES = len("hello\n")


def load(
    clients: UnpackedPrograms,
    server: ServerProcess,
    target: str,
    *options: str,
    requests: int,
    body_bytes: int = HELLO_BYTES,
) -> str:
    """Returns what h2load says; each of the requests was answered 2xx with a body of this size."""
    run = clients.run("h2load", "-n", str(requests), *options, f"{server.url}{target}")
    said = run.stdout
    done, statuses, data = (pattern.search(said) for pattern in (_DONE, _STATUSES, _DATA))
    assert done and statuses and data, said
    assert [int(count) for count in done.groups()] == [requests, requests, 0, 0, 0], said
    assert [int(count) for count in statuses.groups()] == [requests, 0, 0, 0], said
    assert int(data[1]) == requests * body_bytes, said
    return said


def test_a_hundred_streams_a_connection(clients: UnpackedPrograms, site: ServerProcess) -> None:
    said = load(clients, site, "/", "-c", "8", "-m", "100", requests=8000)
    expected = "Application protocol: h2" + ("" if site.url.startswith("https") else "c")
    assert expected in said.splitlines(), said
    if site.url.startswith("https"):
        assert "TLS Protocol: TLSv1.3" in said


def test_many_connections(clients: UnpackedPrograms, site: ServerProcess) -> None:
    load(clients, site, "/", "-c", "300", "-m", "2", requests=1500)


@pytest.mark.parametrize("window_bits", [14, 16, 30])
def test_large_bodies_through_windows_of_any_size(
    clients: UnpackedPrograms, site: ServerProcess, window_bits: int
) -> None:
    options = ("-c", "3", "-m", "5", "-w", str(window_bits), "-W", str(max(16, window_bits)))
    load(clients, site, "/bytes/3000000", *options, requests=15, body_bytes=3_000_000)


@pytest.mark.parametrize("size", [1, 70_000, 1_500_000])
def test_uploads_come_whole(
    clients: UnpackedPrograms, site: ServerProcess, tmp_path: Path, size: int
) -> None:
    body = (b"%08d" % size) * (size // 8) + b"x" * (size % 8)
    (tmp_path / "body").write_bytes(body)
    options = ("-c", "4", "-m", "10", "-d", str(tmp_path / "body"))
    load(clients, site, f"/sha256/{hashlib.sha256(body).hexdigest()}", *options, requests=40)


def test_http1_on_the_same_port(clients: UnpackedPrograms, site: ServerProcess) -> None:
    said = load(clients, site, "/", "--h1", "-c", "20", requests=2000)
    assert "Application protocol: http/1.1" in said
