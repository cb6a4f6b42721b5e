"""Makes the native route of one TurboAPI route, with no more around the user's function than it needs.

| the route | its plan |
|---|---|
| none of the following | the function itself, with the plans of its arguments |
| dependencies of its own, BackgroundTasks | these plans, and a function that calls what the user's depends on first |
| exception handlers, more parameters than a plan may have | a function of the exchange: it has the arguments made |
| middleware, dependencies of app or router | the same, after what comes first |
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from ...native.errors import InputError
from ...native.params import PARAMETERS_MAX
from ...native.plan import MISSING, ArgumentPlan, RoutePlan
from ...native.route import Route, route_of
from ...native.structures import members
from .answers import answer_to_error, to_answer, to_any_answer
from .binding import NATIVE_KINDS, Site
from .dependencies import Call
from .exchange import Exchange
from .middleware import MiddlewareStack
from .names import is_kind
from .parameters import Dialect, Slot
from .plain_handlers import is_plain

LOG = logging.getLogger("turbo_shard.turboapi")


class Surroundings(NamedTuple):
    """What all routes of one app share."""

    dialect: Dialect
    middleware: MiddlewareStack
    exception_handlers: dict[type, Callable[..., Any]]
    dependencies: tuple[Any, ...]


def native_route(
    handler: Callable[..., Any],
    method: str,
    site: Site,
    *,
    dependencies: Collection[Any],
    surroundings: Surroundings,
) -> Route:
    """The route to add to a native app."""
    before = (*surroundings.dependencies, *dependencies)
    site = site._replace(is_preceded=bool(surroundings.middleware))
    call = Call(handler, site, extra=before)
    # With one more for the exchange.
    has_room = len(call.slots) < PARAMETERS_MAX
    if surroundings.middleware or surroundings.exception_handlers or call.before or not has_room:
        call.read_arguments()
        serve = _full(call, surroundings)
        made = native_handler(serve, waits=_waits(call, surroundings), named_after=handler)
        return _routed(made, method, site, lambda route: _plan(route, (EXCHANGE,)))
    if call.needs or _has_tasks(call) or call.kind not in ("plain", "async"):
        waits = _waits(call, surroundings)
        made = native_handler(_completing(call), waits=waits, named_after=handler)
        return _routed(made, method, site, lambda route: _completing_plan(route, call))
    return _routed(handler, method, site, lambda route: _direct_plan(route, call))


def _routed(handler: Any, method: str, site: Site, plan: Callable[[Route], RoutePlan]) -> Route:
    return route_of((method,), site.path, handler, False, None)._replace(plan=plan)


EXCHANGE = ArgumentPlan(
    *("exchange", 0, "request", "exchange", ("request",), "other"),
    many=False,
    keyword_only=False,
    required=True,
    default=None,
    new_default=None,
    read=None,
)
"""The argument that is the exchange itself."""


def _plan(route: Route, arguments: tuple[ArgumentPlan, ...]) -> RoutePlan:
    # TurboAPI reads the body first, and lists what is wrong with all of a request.
    return RoutePlan(*route[:-1], arguments, refuses_early=False, view=Exchange)


def with_exchange(arguments: tuple[ArgumentPlan, ...]) -> tuple[ArgumentPlan, ...]:
    """The exchange, and behind it what a function that completes a call is given by position."""
    own = (one._replace(slot=one.slot + 1, keyword_only=False) for one in arguments)
    return EXCHANGE, *own


def _translated_plan(
    route: Route, call: Call, arguments: tuple[ArgumentPlan, ...], to_answer: Callable[..., Any]
) -> RoutePlan:
    dialect = call.site.dialect
    return _plan(route, arguments)._replace(
        to_answer=functools.partial(to_answer, dialect=dialect),
        answer_to_error=functools.partial(answer_to_error, dialect=dialect),
    )


def _completing_plan(route: Route, call: Call) -> RoutePlan:
    return _translated_plan(route, call, with_exchange(call.argument_plans()), to_any_answer)


def _direct_plan(route: Route, call: Call) -> RoutePlan:
    arguments = call.argument_plans()
    is_simple = _is_simple(call)
    # A wrapper is given names, unless TurboAPI itself would not give it any.
    if call.is_wrapper and not is_simple:
        taken = zip(arguments, call.slots, strict=True)
        arguments = tuple(
            one._replace(keyword_only=not slot.positional_only) for one, slot in taken
        )
    plan = _translated_plan(route, call, arguments, to_answer if is_simple else to_any_answer)
    return plan._replace(to_answer=None) if is_plain(call.function) else plan


def _is_simple(call: Call) -> bool:
    """Whether the function takes nothing but scalars from the path and the query: there, what making the answer raises
    is no answer but the app's fault."""
    takes_all = set(call.site.path_names) <= {slot.alias for slot in call.slots}
    return takes_all and all(_is_scalar(slot, call.site) for slot in call.slots)


def _is_scalar(slot: Slot, site: Site) -> bool:
    if slot.marker is not None:
        return False
    kinds = [] if slot.annotation is MISSING else [*members(slot.annotation)]
    if slot.source == "path":
        return slot.default is MISSING and all(kind in NATIVE_KINDS for kind in kinds)
    if slot.source != "loose" or site.has_body:
        return False
    takes_header = not site.dialect.is_first and slot.default is not MISSING
    if takes_header and (not kinds or str in kinds):
        return False
    return all(kind in (*NATIVE_KINDS, type(None)) for kind in kinds)


def _has_tasks(call: Call) -> bool:
    return any(slot.source == "tasks" for slot in call.slots)


def _waits(call: Call, surroundings: Surroundings) -> bool:
    waits = surroundings.middleware.is_async or any(
        inspect.iscoroutinefunction(one) for one in surroundings.exception_handlers.values()
    )
    for one in call.everything():
        waits = waits or one.kind.startswith("async") or _has_tasks(one)
        waits = waits or inspect.iscoroutinefunction(getattr(one.function, "__call__", None))  # noqa: B004
    return waits


def _completing(call: Call) -> Callable[..., Awaitable[Any]]:
    """Calls what the function depends on, then the function with that and the arguments that it is given."""
    called = _called(call)
    dialect = call.site.dialect

    async def serve(exchange: Exchange, *values: Any) -> Any:
        try:
            result = await called(exchange, [*values])
            if not exchange.tasks:
                return result
            answer = to_answer(result, dialect)
        except Exception as error:
            answer = answer_to_error(error, dialect)
            # The tasks run after the answer, be it one to an error: where there can be none, none of them runs.
            if answer is None:
                raise
        _start_tasks_of(exchange)
        return answer

    return serve


def _full(call: Call, surroundings: Surroundings) -> Callable[..., Awaitable[Any]]:
    middleware = surroundings.middleware
    innermost = _innermost(call, surroundings)
    layers = middleware.around(innermost) if middleware else None

    async def serve(exchange: Exchange) -> Any:
        answer = await innermost(exchange) if layers is None else (await layers(exchange)).answer()
        _start_tasks_of(exchange)
        return answer

    return serve


def _called(call: Call) -> Callable[[Exchange, list[Any] | None], Awaitable[Any]]:
    """The call with its dependencies, which are cleaned up after it; values of None are made here."""
    needs_cleanup = any("generator" in one.kind for one in call.everything())

    def begun(exchange: Exchange, values: list[Any] | None, stack: AsyncExitStack) -> Any:
        if values is None:
            return call.result(exchange, stack, {})
        return call.completed(values, exchange, stack, {})

    async def called(exchange: Exchange, values: list[Any] | None) -> Any:
        if not needs_cleanup:
            return await begun(exchange, values, _NO_STACK)
        result: Any = MISSING
        async with AsyncExitStack() as stack:
            result = await begun(exchange, values, stack)
        if result is MISSING:
            raise RuntimeError("a dependency kept what was raised to itself; it must raise again")
        return result

    return called


def _innermost(call: Call, surroundings: Surroundings) -> Callable[[Exchange], Awaitable[Any]]:
    """The handler with its dependencies and exception handlers, but without middleware."""
    dialect = surroundings.dialect
    handlers = surroundings.exception_handlers
    called = _called(call)

    async def innermost(exchange: Exchange) -> Any:
        try:
            return to_answer(await called(exchange, None), dialect)
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
    serve: Callable[..., Awaitable[Any]], *, waits: bool, named_after: Any
) -> Callable[..., Any]:
    """What serves a request as a handler; logs name the user's function."""
    made: Any = serve if waits else _without_a_loop(serve)
    # The signature stays ours, so there is no `__wrapped__`.
    name = getattr(named_after, "__qualname__", None) or type(named_after).__qualname__
    made.__qualname__ = name
    made.__module__ = getattr(named_after, "__module__", None) or "?"
    return made  # type: ignore[no-any-return]


def _without_a_loop(serve: Callable[..., Any]) -> Callable[..., Any]:
    """Runs code that is written once, as a coroutine, without a loop: nothing in it waits."""

    def handler(exchange: Exchange, *values: Any) -> Any:
        try:
            serve(exchange, *values).send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("a function that is not async has returned something that waits")

    return handler


def fixed_route(
    path: str, method: str, serve: Any, surroundings: Surroundings, named: Any
) -> Route:
    """A route that answers without a handler of the app."""
    made = native_handler(serve, waits=surroundings.middleware.is_async, named_after=named)
    site = Site(path, path, (), has_body=False, dialect=surroundings.dialect)
    return _routed(made, method, site, lambda route: _plan(route, (EXCHANGE,)))


_running: set[asyncio.Task[None]] = set()


def _start_tasks_of(exchange: Exchange) -> None:
    if exchange.tasks:
        # In the loop's next round: the answer is on its way by then.
        asyncio.get_running_loop().call_soon(_start_tasks, exchange.tasks)


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
