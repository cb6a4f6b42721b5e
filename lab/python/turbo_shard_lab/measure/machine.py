"""Where something was measured: the machine and its kernel, the interpreter, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..command_text import without_traces
from . import procfs


def describe() -> dict[str, Any]:
    """What a reader of the figures may ask about the machine."""
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
    }


def versions() -> dict[str, Any]:
    """The versions of ourselves and of the interpreter that runs this."""
    from turbo_shard.native_module import native_module
    from turbo_shard.serving.banner import python_build

    return {
        "turbo_shard": native_module().__version__,
        "python": python_build(),
        "python_in_full": " ".join(sys.version.split()),
    }


def commit_of(directory: Path, *parts: str) -> str | None:
    """The commit that is checked out there, with a + if files of these parts, by default any, differ from it; None if
    there is no repository."""
    git = git_in(directory)
    commit = output_of([*git, "rev-parse", "HEAD"])
    if not commit:
        return None
    changed = output_of([*git, "status", "--porcelain", "--untracked-files=no", "--", *parts])
    return commit + "+" * bool(changed)


def git_in(directory: Path) -> list[str]:
    """The beginning of a command: the checkout may belong to another user."""
    return ["git", "-c", f"safe.directory={directory}", "-C", str(directory)]


def busy_share(seconds: float) -> float:
    """How many cores are busy without us."""
    before, started = procfs.machine_time(), time.monotonic()
    time.sleep(seconds)
    return procfs.machine_time().since(before).busy / (time.monotonic() - started)


def siblings(core: int) -> set[int]:
    """The threads of the physical core, itself included."""
    text = read(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").strip()
    found: set[int] = {core}
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def output_of(command: list[str], directory: Path | None = None) -> str:
    """What a command prints; empty if it cannot."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return without_traces(done.stdout.strip(), directory) if done.returncode == 0 else ""


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
