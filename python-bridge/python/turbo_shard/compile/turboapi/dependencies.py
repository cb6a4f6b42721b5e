"""A handler's dependencies: found once at start, as a tree; called per request, each once. Also the call of the handler
itself, since it is the root of the tree.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import FunctionType, MethodType
from typing import Any

from ..._native import Arguments
from ...native.errors import RegistrationError
from ...native.plan import ArgumentPlan
from ...native.route import label_of
from .binding import Site, arguments_of
from .exchange import Exchange
from .names import is_kind, is_of
from .parameters import Slot, slots_of

DEPTH_MAX = 32
"""Deepest chain of dependencies: a longer one goes round in circles."""

LATE = frozenset(("depends", "socket"))
"""Sources of arguments that are not made of the request alone; they are put between those that are."""


class Call:
    """A handler or dependency with what it needs."""

    def __init__(
        self,
        function: Callable[..., Any],
        site: Site,
        *,
        scopes: tuple[str, ...] = (),
        extra: Collection[Any] = (),
        is_socket: bool = False,
        depth: int = 0,
    ) -> None:
        if depth > DEPTH_MAX:
            raise RegistrationError(f"{site.where}: {label_of(function)} depends on itself")
        self.function = function
        self.site = site
        self.scopes = scopes
        self.kind = kind_of(function)
        self.use_cache = True
        self.is_scheme = is_of(function, "SecurityBase")
        slots = () if self.is_scheme else _slots(function, site)
        if is_socket:
            slots = _with_socket(slots)
        self.slots = slots
        # A decorator's wrapper may look for an argument by its name.
        self.is_wrapper = (
            not isinstance(function, FunctionType | MethodType)
            or hasattr(function, "__wrapped__")
            or hasattr(function, "__signature__")
        )
        needs_names = self.is_wrapper or any(slot.keyword_only for slot in slots)
        self.by_place = sum(slot.positional_only or not needs_names for slot in slots)
        self.names = [slot.name for slot in slots[self.by_place :]]

        # They are made in the order in which they are called.
        site_of_next = site

        def needed(depends: Any) -> Call:
            nonlocal site_of_next
            dependency, inner = _dependency(depends, site.where)
            call = Call(dependency, site_of_next, scopes=(*scopes, *inner), depth=depth + 1)
            call.use_cache = getattr(depends, "use_cache", True)
            call.read_arguments()
            if any(one.gets_the_request for one in call.everything()):
                site_of_next = site_of_next._replace(is_preceded=True)
            return call

        # The dependencies of the router and the app: their values go nowhere, but they may refuse.
        self.before = [needed(one) for one in extra]
        self.site = site_of_next
        # By their place among the arguments; None is the socket.
        self.needs = [
            (place, None if one.source == "socket" else needed(one.depends))
            for place, one in enumerate(slots)
            if one.source in LATE
        ]
        self.scheme_argument = _scheme_argument(function, site.where) if self.is_scheme else ""
        self.is_dependency = depth > 0

    def read_arguments(self) -> None:
        """For a call whose arguments are not those of a route's plan: it has them made itself."""
        self.arguments = Arguments(self.site.path, self.argument_plans())

    def argument_plans(self) -> tuple[ArgumentPlan, ...]:
        """The arguments that are made of the request alone: new plans each time, for a thread to have its own."""
        own = tuple(slot for slot in self.slots if slot.source not in LATE)
        shares_json = self.is_dependency or any(one.reads_json for one in self.everything()[1:])
        return arguments_of(own, self.site, self.scopes, shares_json=shares_json)

    @property
    def gets_the_request(self) -> bool:
        """Whether it may change what those find that are called after it: the request, or mappings of it."""
        return self.scheme_argument in ("headers", "cookies") or any(
            slot.source == "request" for slot in self.slots
        )

    @property
    def reads_json(self) -> bool:
        return self.site.has_body and any(
            slot.source in ("loose", "field", "body") for slot in self.slots
        )

    def everything(self) -> list[Call]:
        """This call and all below it."""
        below = [*self.before, *(call for _, call in self.needs if call is not None)]
        return [self, *(one for call in below for one in call.everything())]

    async def result(self, exchange: Exchange, stack: AsyncExitStack, known: dict[Any, Any]) -> Any:
        """Calls the dependencies first, then the function."""
        for call in self.before:
            await call.value(exchange, stack, known)
        if self.is_scheme:
            return await _awaited(self.function(*self._scheme_value(exchange)))
        values = self.arguments.bind(exchange.source, exchange)
        return await self.completed(values, exchange, stack, known)

    async def completed(
        self, values: list[Any], exchange: Exchange, stack: AsyncExitStack, known: dict[Any, Any]
    ) -> Any:
        """The rest, where the arguments that are made of the request are there."""
        for place, call in self.needs:
            found = exchange.socket if call is None else await call.value(exchange, stack, known)
            values.insert(place, found)
        if not self.names:
            return await self._run(values, {}, stack)
        named = dict(zip(self.names, values[self.by_place :], strict=True))
        return await self._run(values[: self.by_place], named, stack)

    async def value(self, exchange: Exchange, stack: AsyncExitStack, known: dict[Any, Any]) -> Any:
        """The result, which other dependencies of the same request may already have asked for."""
        # The scopes are part of the question.
        key = (id(self.function), self.scopes)
        if self.use_cache and key in known:
            return known[key]
        found = await self.result(exchange, stack, known)
        if self.use_cache:
            known[key] = found
        return found

    async def _run(
        self, positional: list[Any], named: dict[str, Any], stack: AsyncExitStack
    ) -> Any:
        if self.kind == "generator":
            return stack.enter_context(contextmanager(self.function)(*positional, **named))
        if self.kind == "async generator":
            manager = asynccontextmanager(self.function)(*positional, **named)
            return await stack.enter_async_context(manager)
        return await _awaited(self.function(*positional, **named))

    def _scheme_value(self, exchange: Exchange) -> tuple[Any, ...]:
        if self.scheme_argument == "headers":
            return (exchange.headers,)
        if self.scheme_argument == "query_params":
            return ({name: values[0] for name, values in exchange.query.items()},)
        if self.scheme_argument == "cookies":
            return (exchange.cookies,)
        return (exchange.headers.get("authorization"),)


def kind_of(function: Any) -> str:
    """How it is called: plain, async, generator or async generator."""
    bodies = (function, getattr(type(function), "__call__", None))  # noqa: B004
    if any(map(inspect.isasyncgenfunction, bodies)):
        return "async generator"
    if any(map(inspect.isgeneratorfunction, bodies)):
        return "generator"
    return "async" if any(map(inspect.iscoroutinefunction, bodies)) else "plain"


# Handlers mostly return these: a check whether they can be awaited takes longer than all else here.
_READY = frozenset((dict, list, tuple, str, int, type(None)))


async def _awaited(value: Any) -> Any:
    if type(value) in _READY or not inspect.isawaitable(value):
        return value
    return await value


def _slots(function: Any, site: Site) -> tuple[Slot, ...]:
    slots = slots_of(function, where=site.where, path_names=site.path_names, has_body=site.has_body)
    if is_kind(function, "OAuth2PasswordRequestForm"):
        # A dataclass whose fields are those of the form that OAuth2 defines.
        return tuple(slot._replace(source="form") for slot in slots)
    return slots


def _with_socket(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """A WebSocket handler's first parameter is its socket, if no annotation says which one is."""
    if not slots or any(slot.source == "socket" for slot in slots):
        return slots
    return (slots[0]._replace(source="socket"), *slots[1:])


def _dependency(depends: Any, where: str) -> tuple[Any, tuple[str, ...]]:
    function = getattr(depends, "dependency", depends)
    if not callable(function) and not is_of(function, "SecurityBase"):
        raise RegistrationError(f"{where}: the dependency {function!r} cannot be called")
    return function, tuple(getattr(depends, "scopes", ()) or ())


def _scheme_argument(scheme: Any, where: str) -> str:
    """Which part of the request a security scheme looks at, by the name of its argument, as TurboAPI decides it."""
    if not callable(scheme):
        raise RegistrationError(
            f"{where}: the security scheme {type(scheme).__name__} does not check anything; TurboAPI has no code for it"
        )
    names = list(inspect.signature(scheme).parameters)
    for known in ("headers", "query_params", "cookies"):
        if known in names:
            return known
    return "authorization"
