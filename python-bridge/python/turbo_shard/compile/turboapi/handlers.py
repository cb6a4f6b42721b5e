"""Makes the native handler of one TurboAPI route, with no more around the user's function than it needs.

| the route | what is registered |
|---|---|
| plain arguments, and it is certain that it returns a fresh dict or list | the function itself |
| plain arguments | the function in a layer that reads what it returns and raises; arguments are bound natively |
| anything else: bodies, markers, dependencies, middleware, exception handlers | a function of the native Request |
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from ..._native import Request
from ...native.errors import InputError
from ...native.params import MISSING
from ...native.structures import members
from .answers import answer_to_error, to_answer
from .dependencies import Call
from .exchange import Exchange
from .middleware import MiddlewareStack
from .names import is_kind
from .parameters import Dialect, Slot
from .plain_handlers import is_plain

NATIVE_SCALARS = (str, int, float, bool)
LOG = logging.getLogger("turbo_shard.turboapi")


class Surroundings(NamedTuple):
    """What all routes of one app share."""

    dialect: Dialect
    middleware: MiddlewareStack
    exception_handlers: dict[type, Callable[..., Any]]
    dependencies: tuple[Any, ...]


def native_handler_of(
    handler: Callable[..., Any],
    *,
    where: str,
    path_names: Collection[str],
    has_body: bool,
    dependencies: Collection[Any],
    surroundings: Surroundings,
) -> Callable[..., Any]:
    """The function to register natively for this route."""
    dialect = surroundings.dialect
    call = Call(
        handler,
        where=where,
        path_names=path_names,
        has_body=has_body,
        dialect=dialect,
        extra=(*surroundings.dependencies, *dependencies),
    )
    is_simple = (
        not surroundings.middleware
        and not surroundings.exception_handlers
        and not call.before
        and all(_is_native(slot, has_body, dialect) for slot in call.slots)
        and set(path_names) <= {slot.alias for slot in call.slots}
        and call.kind in ("plain", "async")
    )
    if not is_simple:
        return _full(call, surroundings)
    return handler if is_plain(handler) else _guarded(handler, dialect, call.kind == "async")


def _is_native(slot: Slot, has_body: bool, dialect: Dialect) -> bool:
    """Whether the native side binds this parameter as TurboAPI would."""
    if slot.marker is not None:
        return False
    kinds = [] if slot.annotation is MISSING else [*members(slot.annotation)]
    if slot.source == "path":
        return slot.default is MISSING and all(kind in NATIVE_SCALARS for kind in kinds)
    if slot.source != "loose" or has_body:
        return False
    takes_header = not dialect.is_first and slot.default is not MISSING
    if takes_header and (not kinds or str in kinds):
        return False
    return all(kind in (*NATIVE_SCALARS, type(None)) for kind in kinds)


def _guarded(handler: Any, dialect: Dialect, is_async: bool) -> Callable[..., Any]:
    if is_async:

        @functools.wraps(handler)
        async def guarded_async(*arguments: Any, **named: Any) -> Any:
            try:
                result = await handler(*arguments, **named)
            except Exception as error:
                return _answered(error, dialect)
            return to_answer(result, dialect)

        return guarded_async

    @functools.wraps(handler)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            result = handler(*arguments, **named)
        except Exception as error:
            return _answered(error, dialect)
        return to_answer(result, dialect)

    return guarded


def _answered(error: Exception, dialect: Dialect) -> Any:
    answer = answer_to_error(error, dialect)
    if answer is None:
        raise error
    return answer


def _full(call: Call, surroundings: Surroundings) -> Callable[..., Any]:
    middleware = surroundings.middleware
    innermost = _innermost(call, surroundings)
    layers = middleware.around(innermost) if middleware else None

    async def serve(source: Any) -> Any:
        exchange = Exchange(source)
        answer = await innermost(exchange) if layers is None else (await layers(exchange)).answer()
        if exchange.tasks:
            # In the loop's next round: the answer is on its way by then.
            asyncio.get_running_loop().call_soon(_start_tasks, exchange.tasks)
        return answer

    waits = middleware.is_async or any(
        inspect.iscoroutinefunction(one) for one in surroundings.exception_handlers.values()
    )
    for one in call.everything():
        waits = waits or one.kind.startswith("async")
        waits = waits or any(slot.source == "tasks" for slot in one.slots)
        waits = waits or inspect.iscoroutinefunction(getattr(one.function, "__call__", None))  # noqa: B004
    return native_handler(serve, waits=waits, named_after=call.function)


def _innermost(call: Call, surroundings: Surroundings) -> Callable[[Exchange], Awaitable[Any]]:
    """The handler with its dependencies and exception handlers, but without middleware."""
    dialect = surroundings.dialect
    handlers = surroundings.exception_handlers
    needs_cleanup = any("generator" in one.kind for one in call.everything())

    async def called(exchange: Exchange) -> Any:
        if not needs_cleanup:
            return await call.result(exchange, _NO_STACK, {})
        result: Any = MISSING
        async with AsyncExitStack() as stack:
            result = await call.result(exchange, stack, {})
        if result is MISSING:
            raise RuntimeError("a dependency kept what was raised to itself; it must raise again")
        return result

    async def innermost(exchange: Exchange) -> Any:
        try:
            return to_answer(await called(exchange), dialect)
        except Exception as error:
            handled = await _handled(error, exchange, handlers)
            if handled is not MISSING:
                return to_answer(handled, dialect)
            answer = answer_to_error(error, dialect)
            if answer is None:
                raise
            return answer

    return innermost


# Never entered: calls without generators leave it alone.
_NO_STACK = AsyncExitStack()


async def _handled(
    error: Exception, exchange: Exchange, handlers: dict[type, Callable[..., Any]]
) -> Any:
    """What the app's own handler makes of it; MISSING if there is none."""
    for kind, handler in handlers.items():
        raised = error
        if isinstance(error, InputError) and is_kind(kind, "RequestValidationError"):
            raised = kind(error.errors, body=exchange.body)
        if isinstance(raised, kind):
            found = handler(exchange.request, raised)
            return await found if inspect.isawaitable(found) else found
    return MISSING


def native_handler(
    serve: Callable[[Any], Any], *, waits: bool, named_after: Any
) -> Callable[..., Any]:
    """A native handler around what serves a request; logs name the user's function."""
    made: Any = _async_handler(serve) if waits else _sync_handler(serve)
    # The signature stays ours, so there is no `__wrapped__`.
    name = getattr(named_after, "__qualname__", None) or type(named_after).__qualname__
    made.__qualname__ = name
    made.__module__ = getattr(named_after, "__module__", None) or "?"
    return made  # type: ignore[no-any-return]


def _sync_handler(serve: Callable[[Any], Any]) -> Callable[..., Any]:
    """Runs code that is written once, as a coroutine, without a loop: nothing in it waits."""

    def handler(request: Request) -> Any:
        try:
            serve(request).send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("a function that is not async has returned something that waits")

    return handler


def _async_handler(serve: Callable[[Any], Any]) -> Callable[..., Any]:
    async def handler(request: Request) -> Any:
        return await serve(request)

    return handler


_running: set[asyncio.Task[None]] = set()


def _start_tasks(collections: list[Any]) -> None:
    task = asyncio.get_running_loop().create_task(_run_tasks(collections))
    # The loop itself holds tasks weakly.
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _run_tasks(collections: list[Any]) -> None:
    """In their order; those that are not async run on a thread, since the shard has others to serve."""
    for collection in collections:
        for function, arguments, named in collection.tasks:
            try:
                if inspect.iscoroutinefunction(function):
                    await function(*arguments, **named)
                else:
                    await asyncio.to_thread(function, *arguments, **named)
            except Exception as error:
                LOG.error("a background task failed", exc_info=error)
