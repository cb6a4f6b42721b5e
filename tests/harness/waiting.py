"""Waiting for a condition, with a bound: tests sleep as long as needed and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

# Far more than anything here takes; only a hang gets this far.
TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.005


def wait_until[T](
    condition: Callable[[], T],
    what: str,
    timeout_s: float = TIMEOUT_S,
    interval_s: float = POLL_INTERVAL_S,
) -> T:
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(interval_s)
