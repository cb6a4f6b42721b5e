"""A route as it is registered: a function and what leads to it. Knows nothing of the function's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._native import route_template
from .errors import RegistrationError, is_status
from .plan import Handler, RoutePlan

_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
# Flask's parameters: such a route would serve that very text.
_FOREIGN_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(NamedTuple):
    """One decorated function."""

    # None: it takes WebSockets.
    methods: tuple[str, ...]
    path: str
    handler: Handler
    label: str
    is_async: bool = True
    blocking: bool = False
    status_code: int | None = None
    # Makes its plan, for one thread; None: its handler's signature says all.
    plan: Callable[[Route], RoutePlan] | None = None

    @property
    def is_websocket(self) -> bool:
        return not self.methods

    def template(self) -> PathTemplate:
        """Reads the path; raises RegistrationError for one that the route table cannot hold."""
        return PathTemplate.of(self.path, f"handler {self.label}")


class PathTemplate(NamedTuple):
    """A route's path, read by the route table's own rules."""

    # Of its parameters, in their order.
    names: tuple[str, ...]
    # The path without those names: paths that differ only in them are the same to a request.
    shape: str

    @classmethod
    def of(cls, path: str, where: str) -> PathTemplate:
        try:
            return cls(*route_template(path))
        except ValueError as error:
            raise RegistrationError(f"{where}: the path {path!r} {error}") from None


def route_of(
    methods: tuple[str, ...], path: str, handler: Any, blocking: bool, status_code: int | None
) -> Route:
    """Checks the function and the options of its decorator."""
    label = label_of(handler)
    if isinstance(handler, staticmethod):
        handler = handler.__func__
    if not callable(handler):
        raise RegistrationError(f"{label} is to serve {path!r}, but it cannot be called")
    is_async = _is_async(handler, label)
    if is_async and blocking:
        raise RegistrationError(
            f"handler {label} is async: blocking=True is for functions that are not"
        )
    if status_code is not None and not is_status(status_code):
        raise RegistrationError(f"handler {label}: status_code is 200 to 599, not {status_code!r}")
    # An IntEnum such as HTTPStatus becomes what it stands for.
    status = None if status_code is None else int(status_code)
    return Route(methods, path, handler, label, is_async, blocking, status)


def websocket_route_of(path: str, handler: Any) -> Route:
    from inspect import iscoroutinefunction

    label = label_of(handler)
    if not any(map(iscoroutinefunction, _bodies(handler))):
        raise RegistrationError(f"handler {label} serves a WebSocket, so it must be an async def")
    return Route((), path, handler, label)


def _is_async(handler: Any, label: str) -> bool:
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    bodies = _bodies(handler)
    if any(map(isasyncgenfunction, bodies)) or any(map(isgeneratorfunction, bodies)):
        raise RegistrationError(
            f"handler {label} yields; return StreamingResponse(...) of such a function instead"
        )
    return any(map(iscoroutinefunction, bodies))


def _bodies(handler: Any) -> tuple[Any, Any]:
    """What may run when it is called."""
    return handler, getattr(type(handler), "__call__", None)  # noqa: B004


def label_of(handler: Any) -> str:
    """How messages and logs name a function: with its module."""
    while hasattr(handler, "func"):
        handler = handler.func
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return f"{getattr(handler, '__module__', None) or '?'}.{name}"


def check_path(path: Any) -> None:
    if not isinstance(path, str):
        if callable(path):
            raise RegistrationError(
                f"handler {label_of(path)} stands where its path should: write @app.get(path), with a path"
            )
        raise RegistrationError(f"a route's path is a str, not {path!r}")
    if foreign := _FOREIGN_PARAMETER.search(path):
        raise RegistrationError(
            f"the path {path!r} has no parameter in it: write {{{foreign[1]}}}, and its type in the function"
        )


def checked_prefix(prefix: str) -> str:
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise RegistrationError(
            f"a prefix begins with a slash and does not end with one, unlike {prefix!r}"
        )
    return prefix


def checked_methods(methods: Iterable[str], path: str) -> tuple[str, ...]:
    names = (methods,) if isinstance(methods, str) else tuple(methods or ())
    if not names:
        raise RegistrationError(f"the route {path!r} has no methods")
    for name in names:
        if not isinstance(name, str) or not _METHOD.fullmatch(name.upper()):
            raise RegistrationError(f"the route {path!r} has the method {name!r}, which is not one")
    return tuple(dict.fromkeys(name.upper() for name in names))
