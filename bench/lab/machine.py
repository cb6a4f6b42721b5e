"""Where and with what a benchmark ran: machine, kernel, interpreters, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab import procfs
from lab.places import PEERS, PYTHON, ROOT, without_traces

PACKAGES = {
    "gil": ("granian", "fastapi", "pydantic", "uvicorn", "uvloop", "httptools", "websockets"),
    "free-threaded": ("granian", "fastapi", "pydantic", "uvicorn", "h11", "websockets"),
}


def describe() -> dict[str, Any]:
    """Everything that a reader of the figures may ask for."""
    return {
        "cpu": field_of("/proc/cpuinfo", "model name"),
        "cores_allowed": sorted(os.sched_getaffinity(0)),
        "virtual": " hypervisor" in read("/proc/cpuinfo"),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
        or "unknown",
        "memory_gib": round(int(field_of("/proc/meminfo", "MemTotal").split()[0] or 0) / 2**20, 1),
        "kernel": platform.release(),
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control").strip(),
        "somaxconn": read("/proc/sys/net/core/somaxconn").strip(),
        "load_average": read("/proc/loadavg").split()[:3],
        "rustc": output_of(["rustc", "--version"]),
        "turbo_shard": output_of([str(PYTHON), "-I", "-c", version_script(["turbo-shard"])]),
        "python": python_of(PYTHON),
        "peers": {venv: peer_versions(venv) for venv in PACKAGES},
        "commit": output_of(["git", "-c", f"safe.directory={ROOT}", "rev-parse", "HEAD"]),
        "commit_is_exact": not output_of(
            [
                "git",
                "-c",
                f"safe.directory={ROOT}",
                "status",
                "--porcelain",
                "--",
                "runtime",
                "python-bridge",
            ]
        ),
    }


def busy_share(seconds: float) -> float:
    """How many cores are at work without us."""
    before, started = procfs.machine_time(), time.monotonic()
    time.sleep(seconds)
    return procfs.machine_time().since(before).busy / (time.monotonic() - started)


def choose_cores() -> tuple[int, int]:
    """One core for the server and one for the load: no two threads of one physical core, if that can be had."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("bench: two cores are needed, one for the server and one for the load")
    server = allowed[0]
    apart = [core for core in allowed[1:] if core not in siblings(server)]
    return server, (apart or allowed[1:])[0]


def cores_for_servers(allowed: Iterable[int], server_core: int, load_core: int) -> list[int]:
    """In the order in which a server gets them: the load's own comes last."""
    others = sorted(set(allowed) - {server_core, load_core})
    return [server_core, *others, load_core]


def siblings(core: int) -> set[int]:
    text = read(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").strip()
    found: set[int] = {core}
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


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
    """What a command prints; empty if it cannot."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return without_traces(done.stdout.strip()) if done.returncode == 0 else ""


def field_of(path: str, name: str) -> str:
    for line in read(path).splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
