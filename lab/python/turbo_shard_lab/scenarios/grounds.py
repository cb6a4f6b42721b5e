"""The interpreter on which bench/frameworks.py compares servers: which peers it has, and how ours gets there.

Knows no questions and no figures. Each interpreter has environments, pins and results of its own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import peers
from .commands import ALONE, BESIDE_FRAMEWORKS
from .machine import output_of
from .peers import Peer
from .places import PEERS, PYTHON, ROOT, TARGET

# The word that --python takes instead of a path.
GIL_BUILD = "gil"
WHEELS = TARGET / "wheels"
# The oldest Python that turbo-shard supports.
VERSION_MIN = (3, 13)
ABOUT = "import sys, sysconfig; print(*sys.version_info[:2], int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))"


@dataclass(frozen=True)
class Ground:
    """`version` and `python` belong to an interpreter that was named; without them it is the one of .venv."""

    kind: str = "free-threaded"
    version: str = ""
    python: Path | None = None
    # The name of the results.
    name: str = "frameworks"

    @property
    def label(self) -> str:
        return f"CPython {self.version or version_of(ROOT / PYTHON)[0]}"

    @property
    def has_gil(self) -> bool:
        return self.kind == "gil"

    @property
    def folder(self) -> Path:
        """The environment of the frameworks, which has turbo_shard too."""
        return PEERS / (self.version or self.kind)

    def program(self, *, framework: bool) -> tuple[str, ...]:
        """How to start turbo-shard there."""
        if not self.version:
            return BESIDE_FRAMEWORKS if framework else ALONE
        return (str(self.folder / "bin" / "python"), "-m", "turbo_shard")

    @property
    def options(self) -> tuple[str, ...]:
        """Threads share a GIL, so a shard is a process there."""
        return ("--mode", "process") if self.has_gil else ()

    def rivals(self, known: Mapping[str, Peer]) -> list[Peer]:
        """Every peer of this kind of interpreter that serves any app."""
        return [
            peer.on(self.version)
            for peer in known.values()
            if peer.kind == self.kind and peer.serves
        ]

    def put_turbo_shard(self) -> None:
        """Builds the present sources for a named interpreter, beside the frameworks; takes minutes the first time."""
        if self.python is None:
            return
        if error := peers.run_installer(self.version, python=self.python):
            raise SystemExit(f"bench: the frameworks for {self.label} {error}")
        home = ROOT / WHEELS / self.version
        home.mkdir(parents=True, exist_ok=True)
        # By the same name each time, or PyO3 is built again.
        wheel = printed(["scripts/build_wheel_for.sh", str(self.python), str(home)])
        pip = [
            str(self.folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        printed([*pip, "--no-index", "--no-deps", "--force-reinstall", wheel])


def ground_of(text: str | None) -> Ground:
    """None is .venv's own interpreter, `gil` the build that make test-gil uses, anything else the path of a Python."""
    if text is None:
        return Ground()
    if text == GIL_BUILD:
        path = Path(printed(["scripts/build_cpython.sh", "--with-gil"]))
    elif "/" in text and not Path(text).is_file():
        raise SystemExit(f"bench: --python: there is no {text}")
    else:
        path = Path(text)
    version, kind = version_of(path)
    name = GIL_BUILD if text == GIL_BUILD else version
    return Ground(kind, version, path, f"frameworks-{name}")


def version_of(python: Path) -> tuple[str, str]:
    """`3.14t` and its kind."""
    found = re.fullmatch(r"(\d+) (\d+) ([01])", output_of([str(python), "-I", "-c", ABOUT]))
    if found is None:
        raise SystemExit(f"bench: --python: {python} does not start as a Python")
    major, minor, free = int(found[1]), int(found[2]), found[3] == "1"
    if (major, minor) < VERSION_MIN:
        raise SystemExit(f"bench: --python: {python} is {major}.{minor}; turbo-shard needs 3.13")
    return f"{major}.{minor}{'t' if free else ''}", "free-threaded" if free else "gil"


def printed(command: list[str]) -> str:
    """The output of a script of ours; its messages are shown meanwhile."""
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"bench: {command[0]} failed, see above")
    return done.stdout.strip()
