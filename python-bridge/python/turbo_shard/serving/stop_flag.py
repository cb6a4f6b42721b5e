"""Where an endless stream looks to learn that the server stops: `should_exit` of the object whose method handles
SIGTERM, as with uvicorn. Does not know how a stop goes.

ASGI has no message for it: `http.disconnect` would say that the client has left, and `lifespan.shutdown` comes after
the last request. sse-starlette looks here, and other libraries may too.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class StopFlag:
    """Stands in Python's table of handlers while the native side has the signal itself."""

    def __init__(self, is_stopping: Callable[[], bool], before: Any) -> None:
        self._is_stopping = is_stopping
        self._before = before

    @property
    def should_exit(self) -> bool:
        return self._is_stopping()

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """A signal that comes when the native side does not have it yet, or no longer, goes to the former handler."""
        if callable(self._before):
            self._before(number, frame)
        elif self._before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


@contextlib.contextmanager
def offered(is_stopping: Callable[[], bool]) -> Iterator[None]:
    """While a server runs. For the main thread."""
    before = signal.getsignal(signal.SIGTERM)
    if before is None:
        # A handler that is not Python's; it could not be given back.
        yield
        return
    signal.signal(signal.SIGTERM, StopFlag(is_stopping, before).pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
