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

    server_errors: ServerErrorMiddleware
    exceptions: ExceptionMiddleware
    # The user's innermost middleware, which calls `exceptions`; None where the user has none.
    innermost: Any


def stack_of(app: Any) -> Stack:
    """The stack of `app`, which has been built. Raises Refused."""
    layer: Any = app.middleware_stack
    if type(layer) is Verifier:
        layer = layer.real
    outer: list[Any] = []
    for kind in OUTSIDE:
        if type(layer) is not kind:
            raise Refused(
                f"its middleware stack begins with {named(layer)}, where FastAPI has {kind.__name__}"
            )
        outer.append(layer)
        layer = layer.app
    innermost = None
    for _ in range(LAYERS_MAX):
        if type(layer) is Verifier:
            layer = layer.real
        if type(layer) is Inside:
            layer = layer.app
        if type(layer) is ExceptionMiddleware:
            break
        innermost, layer = layer, getattr(layer, "app", None)
        if layer is None:
            raise Refused(
                f"the middleware {named(innermost)} does not show what it calls (it has no attribute app)"
            )
    else:
        raise Refused(f"it has more than {LAYERS_MAX} layers of middleware")
    exit_stacks = layer.app
    if type(exit_stacks) is not AsyncExitStackMiddleware or exit_stacks.app is not app.router:
        raise Refused(f"its router is behind {named(exit_stacks)}")
    return Stack(server_errors=outer[0], exceptions=layer, innermost=innermost)


def named(layer: object) -> str:
    kind = type(layer)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
