"""The access log's file of a test's server, and what the tests read in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for_lines(path: Path, count: int) -> list[str]:
    wait_until(lambda: len(lines_of(path)) >= count, f"{count} lines of the access log")
    lines = lines_of(path)
    assert len(lines) == count, lines
    return lines


def records_of(path: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in wait_for_lines(path, count)]


def send(server: ServerProcess, request: bytes) -> None:
    """Sends bytes that are answered, on a connection of their own."""
    with RawClient(server) as raw:
        raw.send(request).answer()
