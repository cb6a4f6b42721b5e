"""Lets a load generator go first on a core that it shares with the server. Knows neither of them.

At equal rank, a generator whose request is due waits until the server's time slice ends, milliseconds later: it sends
late, and would measure itself. In real time it goes at once, in every arm alike, and the servers stay as they are.
Without the privilege for that (CAP_SYS_NICE) the generator reports that it was late.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 1


@contextmanager
def going_first(wanted: bool) -> Iterator[bool]:
    """Processes that are started within inherit it from this thread; False where they do not."""
    if not (wanted and begin()):
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def begin() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True


def may_go_first() -> bool:
    with going_first(True) as granted:
        return granted
