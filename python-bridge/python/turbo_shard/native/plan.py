"""The plan of a route: all that the native side needs to know to serve it.

Front ends make plans of an app's routes: this package of the routes of an `App`, `compile/turboapi` by way of one. A
plan says nothing of the app that it was made of, and the native side knows nothing else of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

type Handler = Callable[..., Any]


class ArgumentPlan(NamedTuple):
    """How one argument of a handler's call is made."""

    name: str
    source: str  # path, query, header, cookie, body, request, socket
    alias: str
    kind: str
    many: bool
    keyword_only: bool
    required: bool
    default: Any
    # Makes a fresh default for each call, where a handler could change the default.
    new_default: Callable[[], Any] | None
    read: Callable[..., Any] | None


class RoutePlan(NamedTuple):
    """How one route is served. Each thread has its own plans, so no two threads count references to one."""

    # None: the route takes WebSockets.
    methods: tuple[str, ...]
    path: str
    handler: Handler
    label: str
    is_async: bool
    blocking: bool
    status_code: int | None
    # In the order of the handler's parameters.
    arguments: tuple[ArgumentPlan, ...]
