"""What stands around a FastAPI app's router: FastAPI's own middleware, and the user's between. Changes nothing.

ServerErrorMiddleware -> ExceptionTelemetryMiddleware -> AppBodyLimitMiddleware -> the user's ...
    -> ExceptionMiddleware -> AsyncExitStackMiddleware -> router
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi._body_limit import AppBodyLimitMiddleware
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware

from .inside import Inside
from .refusal import Refused
from .verify import Verifier

# More than any app has; what leads here again and again is a circle.
LAYERS_MAX = 200
OUTSIDE = (ServerErrorMiddleware, ExceptionTelemetryMiddleware, AppBodyLimitMiddleware)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The parts that plans have to do with."""

    exceptions: ExceptionMiddleware
    # Answers errors that nobody else handles; None where there is more than FastAPI's own around `exceptions`.
    server_errors: ServerErrorMiddleware | None
    # The layer that calls `exceptions`, where there is more than FastAPI's own; None otherwise.
    innermost: Any


def stack_of(app: Any) -> Stack:
    """The stack of `app`, which has been built, by FastAPI or by a library that stands in for it. Raises Refused."""
    layers = [app.middleware_stack]
    while type(layers[-1]) is not ExceptionMiddleware:
        if len(layers) > LAYERS_MAX:
            raise Refused(f"it has more than {LAYERS_MAX} layers of middleware")
        layers.append(below(layers[-1]))
        if type(layers[-1]) in (Verifier, Inside):
            # Ours: what stood there before is behind it.
            layers[-1] = below(layers[-1])
    exceptions = layers.pop()
    if type(layers[0]) is Verifier:
        layers[:1] = []
    exit_stacks = exceptions.app
    if type(exit_stacks) is not AsyncExitStackMiddleware or exit_stacks.app is not app.router:
        raise Refused(f"its router is behind {named(exit_stacks)}")
    if tuple(map(type, layers)) == OUTSIDE:
        return Stack(exceptions=exceptions, server_errors=layers[0], innermost=None)
    return Stack(exceptions=exceptions, server_errors=None, innermost=layers[-1])


def below(layer: Any) -> Any:
    """What a layer of middleware calls."""
    called = layer.real if type(layer) is Verifier else getattr(layer, "app", None)
    if called is None:
        raise Refused(
            f"the middleware {named(layer)} does not show what it calls (it has no attribute app)"
        )
    return called


def named(layer: object) -> str:
    kind = type(layer)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
