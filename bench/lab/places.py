"""Where things are, as paths relative to the checkout: what is reported must not name a place on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Relative if it can be, since everything is run from ROOT.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
TURBO_SHARD = Path(".venv/bin/turbo-shard")
PYTHON = Path(".venv/bin/python")
TURBO_LOAD = TARGET / "release" / "turbo-load"
FIXED_ANSWER = TARGET / "release" / "examples" / "fixed_answer"
PEERS = TARGET / "bench-peers"
RESULTS = Path("bench/results")

_URL = re.compile(r"\bhttps?://(?!127\.|localhost)[^\s'\"]+")


def without_traces(text: str) -> str:
    """The text without the checkout's place, the user's home and the hosts that packages come from."""
    text = text.replace(f"{ROOT}/", "").replace(str(ROOT), ".")
    home = str(Path.home())
    if home != "/":
        text = text.replace(home, "~")
    return _URL.sub("(address)", text)


def command_line(command: list[str]) -> str:
    """The command as a person types it in the checkout."""
    return " ".join(without_traces(word) for word in map(quoted, command))


def quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./:=,@%+-]+", word) else "'" + word.replace("'", "'\\''") + "'"
