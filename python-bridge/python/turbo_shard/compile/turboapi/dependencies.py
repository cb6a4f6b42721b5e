"""A handler's dependencies: found once at start, as a tree; called per request, each once. Also the call of the handler
itself, since it is the root of the tree.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from ...native.errors import RegistrationError
from ...native.route import label_of
from .binding import Binder
from .exchange import Exchange
from .names import is_kind, is_of
from .parameters import Dialect, Slot, slots_of

DEPTH_MAX = 32
"""Deepest chain of dependencies: a longer one goes round in circles."""


class Call:
    """A handler or dependency with what it needs."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        where: str,
        path_names: Collection[str],
        has_body: bool,
        dialect: Dialect,
        scopes: tuple[str, ...] = (),
        extra: Collection[Any] = (),
        is_socket: bool = False,
        depth: int = 0,
    ) -> None:
        if depth > DEPTH_MAX:
            raise RegistrationError(f"{where}: {label_of(function)} depends on itself")
        self.function = function
        self.scopes = scopes
        self.kind = kind_of(function)
        self.use_cache = True
        self.is_scheme = is_of(function, "SecurityBase")
        slots = () if self.is_scheme else _slots(function, where, path_names, has_body)
        if is_socket:
            slots = _with_socket(slots)
        self.slots = slots
        self.binder = Binder(slots, dialect, has_body=has_body)
        self.scope_slots = [slot for slot in slots if slot.source == "scopes"]
        self.positional = [slot.name for slot in slots if slot.positional_only]

        def needed(depends: Any) -> Call:
            dependency, inner = _dependency(depends, where)
            call = Call(
                dependency,
                where=where,
                path_names=path_names,
                has_body=has_body,
                dialect=dialect,
                scopes=(*scopes, *inner),
                depth=depth + 1,
            )
            call.use_cache = getattr(depends, "use_cache", True)
            return call

        # The dependencies of the router and the app: their values go nowhere, but they may refuse.
        self.before = [needed(one) for one in extra]
        self.needs = [(one.name, needed(one.depends)) for one in slots if one.source == "depends"]
        if self.is_scheme:
            self.scheme_argument = _scheme_argument(function, where)

    def everything(self) -> list[Call]:
        """This call and all below it."""
        below = [*self.before, *(call for _, call in self.needs)]
        return [self, *(one for call in below for one in call.everything())]

    async def result(self, exchange: Exchange, stack: AsyncExitStack, known: dict[Any, Any]) -> Any:
        """Calls the dependencies first, then the function."""
        for call in self.before:
            await call.value(exchange, stack, known)
        if self.is_scheme:
            return await _awaited(self.function(*self._scheme_value(exchange)))
        arguments = self.binder.bind(exchange)
        for name, call in self.needs:
            arguments[name] = await call.value(exchange, stack, known)
        for slot in self.scope_slots:
            arguments[slot.name] = slot.annotation(scopes=list(self.scopes))
        positional = [arguments.pop(name) for name in self.positional]
        return await self._run(positional, arguments, stack)

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


def _slots(
    function: Any, where: str, path_names: Collection[str], has_body: bool
) -> tuple[Slot, ...]:
    slots = slots_of(function, where=where, path_names=path_names, has_body=has_body)
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
