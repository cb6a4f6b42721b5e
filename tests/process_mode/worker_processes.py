"""What tests of `--mode process` ask worker processes, and how they see the end of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from raw_http import RawClient
from server_process import ServerProcess
from waiting import wait_until

# The kernel spreads connections by a hash: so many of them do not all meet one of two workers.
CONNECTIONS_MAX = 200


def ask(server: ServerProcess, target: str = "/worker") -> dict[str, Any]:
    with RawClient(server) as raw:
        answer: dict[str, Any] = json.loads(raw.get(target).answer().body)
    return answer


def every_worker(server: ServerProcess, count: int = 2) -> dict[int, dict[str, Any]]:
    """What each worker says, by its number."""
    seen: dict[int, dict[str, Any]] = {}
    for _ in range(CONNECTIONS_MAX):
        said = ask(server)
        seen[said["stats"][0]["shard"]] = said
        if len(seen) == count:
            break
    assert len(seen) == count
    return seen


def successor(server: ServerProcess, old: int) -> int:
    """The workers that answer once the old one has heard of its end."""

    def answers() -> int | None:
        pid: int = ask(server)["pid"]
        return pid if pid != old else None

    new = wait_until(answers, "the successor to serve")
    assert new is not None
    return new


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ended(server: ServerProcess) -> int:
    """The exit status of a server that does not start."""
    server.launch()
    return server.wait()
