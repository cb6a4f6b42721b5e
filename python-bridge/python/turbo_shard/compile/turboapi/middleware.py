"""Runs an app's middleware: before, after and error hooks, and those that call the next one. CORS is outside all
others, as in TurboAPI's own server, and answers preflight requests.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ...native.errors import RegistrationError
from ...native.response import Response
from .answers import View, to_answer
from .exchange import Exchange
from .names import is_of
from .parameters import Dialect

type Layer = Callable[[Exchange], Awaitable[View]]

HOOKS = ("before_request", "after_request", "on_error")
LOG = logging.getLogger("turbo_shard.turboapi")


class MiddlewareStack:
    """The instances, made once at start."""

    def __init__(self, declared: Iterable[tuple[Any, dict[str, Any]]], dialect: Dialect) -> None:
        self.dialect = dialect
        made = [_made(kind, arguments) for kind, arguments in declared]
        self.cors = [one for one in made if _is_cors(one)]
        self.others = [one for one in made if not _is_cors(one)]
        self.is_async = any(map(_may_wait, made))

    def __bool__(self) -> bool:
        return bool(self.cors or self.others)

    def around(self, innermost: Callable[[Exchange], Awaitable[Any]]) -> Layer:
        """The handler with everything around it."""

        async def layer(exchange: Exchange) -> View:
            return View(await innermost(exchange))

        wrapped: Layer = layer
        for one in (*reversed(self.others), *reversed(self.cors)):
            wrapped = self._called(one, wrapped) if _is_called(one) else self._hooked(one, wrapped)
        return wrapped

    def only_cors(self, answer: Any) -> Callable[[Exchange], Awaitable[Response]]:
        """A fixed answer that only CORS may change: to a preflight request, or of a static route."""

        async def fixed(exchange: Exchange) -> View:
            return View(answer)

        layer: Layer = fixed
        for one in reversed(self.cors):
            layer = self._hooked(one, layer)

        async def serve(exchange: Exchange) -> Response:
            return (await layer(exchange)).answer()

        return serve

    def _hooked(self, middleware: Any, inner: Layer) -> Layer:
        before, after, on_error = (_hook(middleware, name) for name in HOOKS)

        async def layer(exchange: Exchange) -> View:
            request = exchange.request
            if before is not None:
                try:
                    early = await _settled(before(request))
                except Exception as error:
                    return _refusal(error)
                if early is not None:
                    return View(to_answer(early, self.dialect))
            try:
                view = await inner(exchange)
            except Exception as error:
                found = None if on_error is None else await _settled(on_error(request, error))
                if not found:
                    raise
                LOG.error("%s answered an exception", type(middleware).__name__, exc_info=error)
                return self._viewed(found)
            if after is None:
                return view
            return self._viewed(await _settled(after(request, view)) or view)

        return layer

    def _called(self, middleware: Any, inner: Layer) -> Layer:
        async def layer(exchange: Exchange) -> View:
            async def call_next(request: Any) -> View:
                return await inner(exchange)

            return self._viewed(await _settled(middleware(exchange.request, call_next)))

        return layer

    def _viewed(self, found: Any) -> View:
        return found if isinstance(found, View) else View(to_answer(found, self.dialect))


def _made(kind: Any, arguments: dict[str, Any]) -> Any:
    name = getattr(kind, "__name__", repr(kind))
    if not callable(kind):
        raise RegistrationError(f"middleware {name} is no class")
    has_hooks = any(callable(getattr(kind, hook, None)) for hook in HOOKS)
    if not has_hooks and not _has_call_next(kind):
        raise RegistrationError(
            f"middleware {name} has none of before_request, after_request, on_error and "
            "__call__(request, call_next); TurboAPI would never run it, nor can turbo-shard"
        )
    try:
        return kind(**arguments)
    except Exception as error:
        raise RegistrationError(f"middleware {name} cannot be made: {error}") from error


def _has_call_next(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    # Not getattr, which would find how to call the class itself.
    function = next(
        (vars(one)["__call__"] for one in kind.__mro__ if "__call__" in vars(one)), None
    )
    if function is None:
        return False
    names = list(inspect.signature(function).parameters)
    # Three more arguments are an ASGI app's scope, receive and send.
    return len(names) == 3


def _is_called(middleware: Any) -> bool:
    return _has_call_next(type(middleware))


def _is_cors(middleware: Any) -> bool:
    return is_of(middleware, "CORSMiddleware") and not _is_called(middleware)


def _hook(middleware: Any, name: str) -> Any:
    """The hook, unless it is the base class's: that one does nothing, or hides what was raised."""
    found = getattr(middleware, name, None)
    function = getattr(type(middleware), name, None)
    if getattr(function, "__qualname__", "") == f"Middleware.{name}":
        return None
    return found if callable(found) else None


def _may_wait(middleware: Any) -> bool:
    hooks = [_hook(middleware, name) for name in HOOKS]
    if _is_called(middleware):
        hooks.append(type(middleware).__call__)
    return any(map(inspect.iscoroutinefunction, hooks))


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _refusal(error: Exception) -> View:
    """What TurboAPI answers where a before hook raises: a redirect, or the error's text with its status or 500."""
    url = getattr(error, "url", None)
    if url:
        return View(Response(None, 307, {"location": str(url).replace("\r", "").replace("\n", "")}))
    status = getattr(error, "status_code", 500)
    text = str(error) or str(getattr(error, "detail", ""))
    return View(({"error": text}, status))
