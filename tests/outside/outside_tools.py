"""What scripts/install_outside.sh has made or installed: httpwg's cases, sslyze, Python clients, Debian's programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from places import ROOT
from server_process import environment

FOLDER = ROOT / "target/outside"
PYTHON = FOLDER / "venv/bin/python"
# A scan of TLS by shell scripts takes minutes on a busy machine.
RUN_TIMEOUT_S = 900.0


def tool(name: str) -> str:
    """The path of one of them."""
    for place in (FOLDER / "bin" / name, FOLDER / "venv/bin" / name):
        if place.exists():
            return str(place)
    found = shutil.which(name)
    assert found, f"{name} is missing: scripts/install_outside.sh (make test-outside) installs it"
    return found


def run_tool(
    name: str, *arguments: str, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs one of them to its end, with both outputs in stdout."""
    return subprocess.run(
        [tool(name), *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
