"""Where things are, as paths relative to the checkout: reports must not name a place on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from .. import command_text

ROOT = Path(__file__).resolve().parents[4]
# Relative if it can be, since everything is run from ROOT.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
TURBO_SHARD = Path(".venv/bin/turbo-shard")
PYTHON = Path(".venv/bin/python")
TURBO_LOAD = TARGET / "release" / "turbo-load"
FIXED_ANSWER = TARGET / "release" / "examples" / "fixed_answer"
PEERS = TARGET / "bench-peers"
RESULTS = Path("bench/results")


def without_traces(text: str) -> str:
    return command_text.without_traces(text, ROOT)


def command_line(command: list[str]) -> str:
    """The command as a person types it in the checkout."""
    return command_text.command_line(command, ROOT)
