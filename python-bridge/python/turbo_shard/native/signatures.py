"""The front end of our own apps: makes a route's plan from the signature of its handler. Knows nothing of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_type_hints

from .errors import RegistrationError
from .params import Parameter, parameters_of
from .plan import MISSING, ArgumentPlan, RoutePlan

if TYPE_CHECKING:
    from inspect import Parameter as Declared

    from .route import Route


def read_signature(route: Route, *, is_last_call: bool) -> tuple[Parameter, ...] | None:
    """The parameters of the route's handler; RegistrationError if one cannot be bound.

    None if an annotation names what may be defined further down in the module: there is another call later.
    """
    handler, label = route.handler, route.label
    try:
        return parameters_of(
            handler,
            label=label,
            path_names=route.template().names,
            methods=route.methods,
            socket=_socket_parameter(handler, label) if route.is_websocket else None,
        )
    except SyntaxError as error:
        raise RegistrationError(
            f"handler {label}: an annotation is no expression: {error.msg}"
        ) from None
    except NameError as error:
        if not is_last_call:
            return None
        raise RegistrationError(
            f"handler {label}: an annotation names {error.name or error}, which its module does not define"
        ) from None


def plan_of(route: Route, parameters: tuple[Parameter, ...]) -> RoutePlan:
    """A new plan, for one thread alone."""
    arguments = [_argument(slot, one) for slot, one in enumerate(parameters)]
    # What can be refused without the body comes first.
    arguments.sort(key=lambda argument: _ORDER.index(argument.source))
    return RoutePlan(*route[:-1], tuple(arguments))


# A socket is never wrong.
_ORDER = ("socket", "path", "query", "header", "cookie", "body", "request")


def _argument(slot: int, parameter: Parameter) -> ArgumentPlan:
    kind = parameter.kind
    read: Callable[..., Any] | None = None
    if kind == "json":
        from .body import json_reader

        read = json_reader(parameter.reader())
    elif parameter.source not in ("request", "socket", "body"):
        read = parameter.reader()
    required = parameter.default is MISSING
    default = None if required else parameter.default
    name, source, alias = parameter.name, parameter.source, parameter.alias
    place = (source,) if source == "body" else (source, alias)
    return ArgumentPlan(
        *(name, slot, source, alias, place, kind),
        *(parameter.many, parameter.keyword_only, required, default),
        new_default=_copier(default),
        read=read,
    )


def _copier(default: Any) -> Callable[[], Any] | None:
    """Copies a default for each request: what one handler appends to it must not reach the next request."""
    if not isinstance(default, list | dict | set | bytearray):
        fields = getattr(type(default), "__dataclass_params__", None)
        if fields is None or fields.frozen:
            return None
    from copy import deepcopy
    from functools import partial

    return partial(deepcopy, default)


def _socket_parameter(handler: Any, label: str) -> str:
    """The parameter that takes the WebSocket: the one annotated as one, else the first one."""
    from inspect import signature

    from .websocket import WebSocket

    try:
        hints = get_type_hints(handler)
    except Exception:
        hints = {}
    declared: list[Declared] = list(signature(handler).parameters.values())
    for one in declared:
        if hints.get(one.name) is WebSocket or one.annotation in ("WebSocket", WebSocket):
            return one.name
    named = [one for one in declared if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    if not named or named[0].annotation is not named[0].empty:
        raise RegistrationError(
            f"handler {label} has no parameter for its WebSocket: write `socket: WebSocket` first"
        )
    return named[0].name
