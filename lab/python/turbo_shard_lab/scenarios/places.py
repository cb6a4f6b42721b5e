"""Where things are in a checkout, as paths relative to it: the scripts of bench/ run there.

Reports must not name a place on this machine.
"""

from __future__ import annotations

import os
from pathlib import Path

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
PYTHON = Path(".venv/bin/python")
TURBO_SHARD = Path(".venv/bin/turbo-shard")
TURBO_LOAD = TARGET / "release" / "turbo-load"
FIXED_ANSWER = TARGET / "release" / "examples" / "fixed_answer"
PEERS = TARGET / "bench-peers"
WHEELS = TARGET / "wheels"
RESULTS = Path("bench/results")
SCENARIOS = Path("bench/scenarios")
