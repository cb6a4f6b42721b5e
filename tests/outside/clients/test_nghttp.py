"""nghttp2's client: bodies as they are, a page with what it loads, frames that few others send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.clients_app import ASSETS, pattern
from server_process import ServerProcess
from unpacked_programs import UnpackedPrograms

# Its own line of statistics: id, three times, status, size, target.
_ASSET = re.compile(r"^ *\d+ +\S+ +\S+ +\S+ +(\d+) +\S+ +(/asset/\d+\.js)$", re.MULTILINE)


def said_by(clients: UnpackedPrograms, *arguments: str) -> str:
    run = clients.run("nghttp", "--no-verify-peer", *arguments)
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_bodies_come_as_they_are(clients: UnpackedPrograms, site: ServerProcess) -> None:
    for size in (1, 16_384, 16_385, 400_000):
        assert said_by(clients, f"{site.url}/bytes/{size}") == pattern(size).decode()


def test_a_page_is_loaded_with_all_that_it_names(
    clients: UnpackedPrograms, site: ServerProcess
) -> None:
    said = said_by(clients, "-nas", f"{site.url}/page")
    loaded = dict(reversed(found) for found in _ASSET.findall(said))
    assert loaded == {f"/asset/{number}.js": "200" for number in range(ASSETS)}, said


@pytest.mark.parametrize(
    "options",
    [
        ("--continuation",),
        ("--padding=255",),
        ("--no-dep",),
        ("--trailer=x-sum: 7",),
        ("--no-content-length",),
        ("--expect-continue",),
        ("--header-table-size=0",),
        ("--header-table-size=65536", "--encoder-header-table-size=0"),
        ("--window-bits=8", "--connection-window-bits=16"),
    ],
    ids=lambda options: options[0].strip("-"),
)
def test_an_upload_comes_back(
    clients: UnpackedPrograms, site: ServerProcess, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "body").write_bytes(pattern(100_000))
    said = said_by(clients, *options, "-d", str(tmp_path / "body"), f"{site.url}/echo")
    assert said == pattern(100_000).decode()
