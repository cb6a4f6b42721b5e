"""Handlers that hold their shard, in the order in which they are called."""

from __future__ import annotations

import os
import time
from pathlib import Path

from turbo_shard import App

# Longer than a turn of one connection may last.
HELD_S = 0.025

app = App()
calls: list[str] = []


@app.get("/held/{name}")
def held(name: str) -> dict[str, str]:
    """Holds the shard: the first one until the test has opened the gate."""
    calls.append(name)
    gate = Path(os.environ["GATE_DIR"]) / "turns"
    while not gate.exists():
        time.sleep(0.001)
    time.sleep(HELD_S)
    return {"name": name}


@app.get("/quick/{name}")
def quick(name: str) -> dict[str, str]:
    calls.append(name)
    return {"name": name}


@app.get("/calls")
def all_calls() -> list[str]:
    return calls
