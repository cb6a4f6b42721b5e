"""Programs that a script has made sure of: unpacked below target/ from Debian, or on this machine already."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from places import ROOT
from server_process import environment
from waiting import TIMEOUT_S


class UnpackedPrograms:
    """Those below target/NAME/root, where scripts/debian_programs.sh puts them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = ROOT / "target" / name / "root"

    def path(self, program: str) -> str:
        folders = [self.root / "usr/sbin", self.root / "usr/bin", self.root / "bin"]
        path = os.pathsep.join([*map(str, folders), os.environ["PATH"], "/usr/sbin"])
        found = shutil.which(program, path=path)
        script = f"scripts/install_{self.name}.sh (make test-{self.name})"
        assert found, f"{program} is missing: {script} fetches it"
        return found

    def environment(self, **variables: str) -> dict[str, str]:
        """Ours, and where unpacked programs have the libraries that came with them."""
        libraries = sorted({str(path.parent) for path in self.root.glob("**/*.so*")})
        inherited = os.environ.get("LD_LIBRARY_PATH", "")
        path = os.pathsep.join(filter(None, [*libraries, inherited]))
        return environment(**({"LD_LIBRARY_PATH": path} if path else {}), **variables)

    def run(
        self, program: str, *arguments: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of them to its end, with both outputs in stdout."""
        return subprocess.run(
            [self.path(program), *arguments],
            cwd=cwd,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
