"""Where the repository, the apps of the tests, the examples and the command are."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "tests/apps"
EXAMPLES = ROOT / "examples"
# Next to the interpreter that runs the tests: .venv/bin.
COMMAND = Path(sys.executable).parent / "turbo-shard"
