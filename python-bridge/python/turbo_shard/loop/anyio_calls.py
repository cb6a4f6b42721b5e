"""anyio's `to_thread.run_sync` on our loops: the same call with fewer turns of the loop and fewer threads woken.

FastAPI and Starlette use it for plain functions, files and uploads. anyio has no place for another implementation, so a
method of its backend is replaced, once for the process; on every other loop the new one calls the old one. Where anyio
is not as this module knows it, nothing is replaced, and anyio's own threads serve.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from asyncio import current_task
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any

from .thread_calls import ThreadCall, ThreadCalls

# The names in anyio's module that are used here, and the parameters of the method that is replaced.
_NAMES = (
    "AsyncIOBackend",
    "CancelScope",
    "WouldBlock",
    "claim_worker_thread",
    "set_current_async_library",
    "threadlocals",
)
_PARAMETERS = ["func", "args", "abandon_on_cancel", "limiter"]

_adopting = threading.Lock()


class AnyioCalls:
    """anyio's calls on threads of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, backend: Any) -> None:
        self._backend = backend.AsyncIOBackend
        self._scope = backend.CancelScope
        self._would_block = backend.WouldBlock
        self._set_library = backend.set_current_async_library
        self._locals = backend.threadlocals
        self._loop = loop
        on_thread = partial(backend.claim_worker_thread, self._backend, loop)
        self.threads = ThreadCalls(loop, on_thread, self._run)

    async def call(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        """As anyio's method, except that a call that need not wait is handed over at once."""
        backend = self._backend
        task = current_task()
        if task is not None and task.cancelling():
            await backend.checkpoint()
        else:
            await backend.checkpoint_if_cancelled()
        if limiter is None:
            limiter = backend.current_default_thread_limiter()
        try:
            limiter.acquire_nowait()
        except self._would_block:
            await limiter.acquire()
        try:
            with self._scope(shield=not abandon_on_cancel) as scope:
                context = copy_context()
                context.run(self._set_library, None)
                parent = scope._parent_scope
                place = scope if abandon_on_cancel or parent is None else parent
                future = self._loop.create_future()
                self.threads.put(ThreadCall(future, context, func, args, place))
                return await future
        finally:
            limiter.release()

    def _run(self, call: ThreadCall) -> None:
        if call.future.cancelled():
            return
        self._locals.current_cancel_scope = call.place
        try:
            call.result = call.context.run(call.function, *call.args)
        except BaseException as error:
            call.error = error
        finally:
            del self._locals.current_cancel_scope


def adopt(calls_of: Callable[[Any], AnyioCalls | None]) -> Any | None:
    """Replace anyio's method; returns its backend's module, or None where that cannot be done.

    `calls_of` tells the calls of a loop, None for one that is not ours.
    """
    if "anyio" not in sys.modules:
        return None
    try:
        from anyio._backends import _asyncio as module
    except ImportError:
        return None
    backend: Any = module
    with _adopting:
        if not hasattr(backend, "_turbo_shard"):
            backend._turbo_shard = _replace(backend, calls_of)
    return backend if backend._turbo_shard else None


def _replace(backend: Any, calls_of: Callable[[Any], AnyioCalls | None]) -> bool:
    if not all(hasattr(backend, name) for name in _NAMES):
        return False
    original = getattr(backend.AsyncIOBackend, "run_sync_in_worker_thread", None)
    if original is None or list(inspect.signature(original).parameters) != _PARAMETERS:
        return False
    if "_parent_scope" not in getattr(backend.CancelScope, "__slots__", ()):
        return False

    def run_sync_in_worker_thread(
        _cls: type,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Coroutine[Any, Any, Any]:
        calls = calls_of(asyncio.get_running_loop())
        call = original if calls is None else calls.call
        coroutine: Coroutine[Any, Any, Any] = call(func, args, abandon_on_cancel, limiter)
        return coroutine

    backend.AsyncIOBackend.run_sync_in_worker_thread = classmethod(run_sync_in_worker_thread)
    return True
