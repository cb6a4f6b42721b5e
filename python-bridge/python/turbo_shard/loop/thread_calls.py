"""Calls of plain functions on threads beside an event loop, handed over in batches. Does not know what they are for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any

from .. import _native

# anyio's own name for such threads.
THREAD_NAME = "AnyIO worker thread"

# As anyio's own.
IDLE_SECONDS = 10.0

# A thread that another thread of its core wakes waits its turn; what it starts is scheduled as usual.
_SCHEDULING = getattr(os, "SCHED_BATCH", 0) | getattr(os, "SCHED_RESET_ON_FORK", 0)


class ThreadCall:
    """One call; `future` belongs to the loop."""

    __slots__ = ("args", "context", "error", "function", "future", "place", "result")

    def __init__(
        self,
        future: asyncio.Future[Any],
        context: Context,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        place: object,
    ) -> None:
        self.future = future
        self.context = context
        self.function = function
        self.args = args
        # What the caller's library wants to know on the thread.
        self.place = place
        self.result: Any = None
        self.error: BaseException | None = None


class ThreadCalls:
    """The threads of one loop. They start when needed, are used again, and end when they have been idle for a while.

    `on_thread` is entered on each for its whole life; `run` runs a call there, and leaves the result in it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_thread: Callable[[], AbstractContextManager[object]],
        run: Callable[[ThreadCall], None],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._loop = loop
        self._on_thread = on_thread
        self._run = run
        self._queue = _native.CallQueue(idle_seconds)
        self._threads: set[threading.Thread] = set()

    def put(self, call: ThreadCall) -> None:
        """Let `call` run; its future is resolved on the loop. For the loop's thread."""
        self._queue.put(call, self._start_thread)

    def end(self, deadline: float) -> int:
        """End the threads; returns how many are still busy at `deadline`."""
        self._queue.end()
        threads = list(self._threads)
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return sum(thread.is_alive() for thread in threads)

    def _start_thread(self) -> None:
        # A daemon: the loop's end waits for it, and not for ever.
        thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)
        self._threads.add(thread)
        try:
            # Nothing of the request that happens to need it: each call brings its own context.
            Context().run(thread.start)
        except BaseException:
            self._threads.discard(thread)
            raise

    def _work(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, _SCHEDULING, os.sched_param(0))
        try:
            with self._on_thread():
                self._queue.work(self._run, self._tell, self._start_thread)
        finally:
            self._threads.discard(threading.current_thread())

    def _tell(self) -> None:
        # A closed loop takes no news.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        for call in self._queue.fetch():
            future = call.future
            if future.done():
                continue
            error = call.error
            if error is None:
                future.set_result(call.result)
            else:
                if isinstance(error, StopIteration):
                    # A future cannot hold it.
                    stopped = RuntimeError("the function raised StopIteration")
                    stopped.__cause__ = error
                    error = stopped
                future.set_exception(error)
