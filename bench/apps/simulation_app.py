"""The app that validates the simulation: handlers that use a core for a known time and do nothing else."""

from __future__ import annotations

import random
import time

from turbo_shard import App

app = App()

SHORT_US = 100
LONG_US = 20_000
LONG_SHARE = 0.01


def use_core(us: int) -> None:
    """So much CPU time of this thread; waiting for a core does not count."""
    until_ns = time.thread_time_ns() + us * 1000
    while time.thread_time_ns() < until_ns:
        pass


@app.get("/spin/{us}")
def spin(us: int) -> dict[str, bool]:
    use_core(us)
    return {"done": True}


@app.get("/bimodal")
def bimodal() -> dict[str, bool]:
    use_core(LONG_US if random.random() < LONG_SHARE else SHORT_US)
    return {"done": True}
