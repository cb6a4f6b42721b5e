"""The interpreter on which servers are compared: which peers it has, and how ours gets there.

Knows no questions and no figures. Each interpreter has environments, pins and results of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import peers
from .interpreter import FREE_THREADED, GIL, packages_of, python_of, version_of
from .peers import Peer
from .places import PEERS, PYTHON, TURBO_SHARD, WHEELS

# The word that --python takes instead of a path.
GIL_BUILD = "gil"
# The oldest Python that turbo-shard supports.
VERSION_MIN = (3, 13)


@dataclass(frozen=True)
class Ground:
    """`version` and `python` belong to an interpreter that was named; without them it is the one of .venv."""

    kind: str = FREE_THREADED
    version: str = ""
    python: Path | None = None
    # Follows the name of the results.
    suffix: str = ""

    @property
    def label(self) -> str:
        found = version_of(PYTHON)
        return f"CPython {self.version or (found[0] if found else 'unknown')}"

    @property
    def is_own(self) -> bool:
        """Whether it is .venv's."""
        return not self.version

    @property
    def has_gil(self) -> bool:
        return self.kind == GIL

    @property
    def folder(self) -> Path:
        """The environment of the frameworks, which has turbo_shard too."""
        return PEERS / (self.version or self.kind)

    def program(self, *, framework: bool) -> tuple[str, ...]:
        """How to start turbo-shard there. Beside the frameworks it is found too; see bench/peers/install.sh."""
        if framework or self.version:
            return (str(self.folder / "bin" / "python"), "-m", "turbo_shard")
        return (str(TURBO_SHARD),)

    def rivals(self, known: Mapping[str, Peer]) -> list[Peer]:
        """Every peer of this kind of interpreter that serves any app."""
        return [
            peer.on(self.version)
            for peer in known.values()
            if peer.kind == self.kind and peer.serves
        ]

    def versions(self) -> dict[str, Any]:
        """What stands in the results instead of .venv's own."""
        if not self.version:
            return {}
        python = self.folder / "bin" / "python"
        return {"turbo_shard": packages_of(python, ["turbo-shard"]), "python": python_of(python)}

    def put_frameworks(self) -> list[str]:
        """Makes the environments of the frameworks. A failure is a warning, and the arms report it themselves."""
        if self.version:
            return []
        errors = {kind: peers.run_installer(kind) for kind in peers.KINDS}
        return [f"the {kind} peers {error}" for kind, error in errors.items() if error]

    def put_turbo_shard(self) -> None:
        """Builds the present sources for a named interpreter, beside the frameworks; takes minutes the first time."""
        if self.python is None:
            return
        if error := peers.run_installer(self.version, python=self.python):
            raise SystemExit(f"bench: the frameworks for {self.label} {error}")
        home = WHEELS / self.version
        home.mkdir(parents=True, exist_ok=True)
        # By the same name each time, or PyO3 is built again.
        wheel = printed(["scripts/build_wheel_for.sh", str(self.python), str(home)])
        pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--no-index", "--no-deps", "--force-reinstall"]
        printed([*pip, wheel])


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
    found = version_of(path)
    if found is None:
        raise SystemExit(f"bench: --python: {path} does not start as a Python")
    version, kind = found
    if tuple(map(int, version.rstrip("t").split("."))) < VERSION_MIN:
        raise SystemExit(f"bench: --python: {path} is {version}; turbo-shard needs 3.13")
    return Ground(kind, version, path, f"-{GIL_BUILD if text == GIL_BUILD else version}")


def printed(command: list[str]) -> str:
    """The output of a script of ours; its messages are shown meanwhile."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {command[0]} failed, see above")
    return done.stdout.strip()
