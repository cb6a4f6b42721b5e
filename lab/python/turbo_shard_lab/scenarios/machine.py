"""Where a benchmark of this repository ran, and with what: the machine, the peers, the commit, and the cores."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..measure import machine
from ..measure.machine import busy_share, siblings
from .places import PEERS, PYTHON, ROOT

__all__ = ["busy_share", "choose_cores", "cores_for_servers", "describe"]

PACKAGES = {
    "gil": ("granian", "fastapi", "pydantic", "uvicorn", "uvloop", "httptools", "websockets"),
    "free-threaded": ("granian", "fastapi", "pydantic", "uvicorn", "h11", "websockets"),
}
GIT = ("git", "-c", f"safe.directory={ROOT}")


def describe() -> dict[str, Any]:
    """Everything that a reader of the figures may ask about."""
    changed = output_of([*GIT, "status", "--porcelain", "--", "runtime", "python-bridge"])
    return machine.describe() | {
        "rustc": output_of(["rustc", "--version"]),
        "turbo_shard": output_of([str(PYTHON), "-I", "-c", version_script(["turbo-shard"])]),
        "python": python_of(PYTHON),
        "peers": {venv: peer_versions(venv) for venv in PACKAGES},
        "commit": output_of([*GIT, "rev-parse", "HEAD"]),
        "commit_is_exact": not changed,
    }


def choose_cores() -> tuple[int, int]:
    """One core for the server and one for the load: not two threads of one physical core, if that is possible."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("bench: two cores are needed, one for the server and one for the load")
    server = allowed[0]
    apart = [core for core in allowed[1:] if core not in siblings(server)]
    return server, (apart or allowed[1:])[0]


def cores_for_servers(allowed: Iterable[int], server_core: int, load_core: int) -> list[int]:
    """The cores in the order in which a server gets them: the load's own comes last."""
    others = sorted(set(allowed) - {server_core, load_core})
    return [server_core, *others, load_core]


def peer_versions(venv: str) -> dict[str, str]:
    python = PEERS / venv / "bin" / "python"
    if not (ROOT / python).exists():
        return {"error": "not installed"}
    versions = output_of([str(python), "-I", "-c", version_script(PACKAGES[venv])])
    return {"python": python_of(python), "packages": versions}


def python_of(python: Path) -> str:
    script = "import sys, platform; print(platform.python_implementation(), sys.version)"
    return " ".join(output_of([str(python), "-I", "-c", script]).split())


def version_script(packages: Iterable[str]) -> str:
    names = list(packages)
    return (
        "from importlib.metadata import version\n"
        f"print(*(f'{{name}} {{version(name)}}' for name in {names!r}), sep=', ')"
    )


def output_of(command: list[str]) -> str:
    """What a command prints in the checkout; empty if it cannot."""
    return machine.output_of(command, ROOT)
