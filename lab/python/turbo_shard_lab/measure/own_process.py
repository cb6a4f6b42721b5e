"""This process while it measures others: where it runs, how it ends, and whether the machine is quiet. Measures nothing
of a server."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable

from .machine import busy_share

EXIT_INTERRUPTED = 130
# Above this, the figures come with a warning.
BUSY_CORES_MAX = 0.1
BUSY_S = 0.5


def prepare() -> None:
    """Servers end on the way out: after Ctrl-C, even if a shell started us with it ignored, and after a stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # Thousands of connections, for every process started from here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def stay_on(cores: Iterable[int]) -> None:
    """Work done here must not take time from the servers, so it runs on the load's cores."""
    os.sched_setaffinity(0, cores)


def busy_warnings() -> list[str]:
    """Before anything of ours is started."""
    if (busy := busy_share(BUSY_S)) <= BUSY_CORES_MAX:
        return []
    return [f"the machine was not quiet: {busy:.1f} cores were busy before the start"]
