"""The threads that an event loop has beside its own: what ends them with the loop, and the context of calls on them.

Knows nothing of requests, and only what libraries look for on a loop.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import base_events
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from .anyio_calls import AnyioCalls, adopt

# asyncio marks the task that `run_until_complete` runs with this done callback. A loop that is driven from outside has
# no such task, so a library that needs a task as long-lived as the loop (anyio, for its worker threads) finds none.
_ROOT_MARK: Callable[[asyncio.Task[Any]], object] | None = getattr(
    base_events, "_run_until_complete_cb", None
)


class RootTask:
    """The task that lives as long as its loop, like the one that a program hands to `asyncio.run`.

    It only waits. An app that cancels all tasks ends it like any other, and with it what depends on it; then there is a
    new one, since the loop goes on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ended = False
        self._task = self._start()

    def end(self) -> None:
        """Cancel it for good. What depends on it ends in the loop's next turns."""
        self._ended = True
        self._unmark(self._task)
        self._task.cancel()

    def _start(self) -> asyncio.Task[None]:
        # A context of its own: what a request has set must not live as long as the loop. Eager where the loop runs: a
        # task that is cancelled before its first step never reaches its `finally`.
        task = asyncio.Task(
            self._wait(),
            loop=self._loop,
            name="turbo-shard root",
            context=Context(),
            eager_start=True,
        )
        if _ROOT_MARK is not None:
            task.add_done_callback(_ROOT_MARK, context=Context())
        task.add_done_callback(self._start_again, context=Context())
        return task

    async def _wait(self) -> None:
        try:
            await self._loop.create_future()
        finally:
            # The mark would stop the loop.
            self._unmark(self._task)

    def _unmark(self, task: asyncio.Task[None]) -> None:
        if _ROOT_MARK is not None:
            task.remove_done_callback(_ROOT_MARK)

    def _start_again(self, _task: asyncio.Task[None]) -> None:
        if not self._ended:
            self._task = self._start()


class CallContexts(ThreadPoolExecutor):
    """A loop's default executor: each call runs in a context of its own, so no call finds what another has set.

    Where new threads inherit their starter's context (3.14 and later, free-threaded), that is a copy of the caller's,
    as if each call started its thread; elsewhere it is empty.
    """

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As the base class, in that context."""
        inherits = getattr(sys.flags, "thread_inherit_context", False)
        context = copy_context() if inherits else Context()
        return super().submit(partial(context.run, fn, *args, **kwargs))


class LoopThreads(asyncio.BaseEventLoop):
    """The part of our loops that deals with threads."""

    if TYPE_CHECKING:
        # An attribute of the base class that typeshed lacks.
        _default_executor: ThreadPoolExecutor | None

    _root: RootTask | None = None
    anyio_calls: AnyioCalls | None = None

    def start_root(self) -> None:
        """Start the loop's root task. For the loop's thread, as soon as the loop can have tasks."""
        self._root = RootTask(self)

    def end_root(self) -> None:
        """End it, and with it the threads of libraries that depend on it."""
        if self._root is not None:
            self._root.end()
            self._root = None

    def adopt_anyio(self) -> None:
        """Make anyio's calls on threads go the short way, where the app uses anyio. May be called again."""
        if self.anyio_calls is None and (backend := adopt(_calls_of)) is not None:
            self.anyio_calls = AnyioCalls(self, backend)

    def end_calls(self, deadline: float) -> None:
        """End the threads of anyio's calls; wait for busy ones until `deadline`."""
        if self.anyio_calls is not None:
            self.anyio_calls.threads.end(deadline)

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As the base class; the executor that it makes where there is none is `CallContexts`."""
        if executor is None and self._default_executor is None and not self.is_closed():
            self.set_default_executor(CallContexts(thread_name_prefix="asyncio"))
        return super().run_in_executor(executor, func, *args)


def _calls_of(loop: object) -> AnyioCalls | None:
    return loop.anyio_calls if isinstance(loop, LoopThreads) else None
