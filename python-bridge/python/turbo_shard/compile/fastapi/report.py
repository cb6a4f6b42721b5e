"""Which routes of an app are compiled, and why the others are not, for people. Compiles as the server does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute, iter_route_contexts
from starlette.routing import WebSocketRoute

from .adopted import compiled_of
from .compiled_app import CompiledRoute
from .tally import is_page

WEBSOCKETS = (WebSocketRoute, APIWebSocketRoute)


@dataclass(frozen=True, kw_only=True)
class RouteReport:
    """One route of the app; `reason` is empty where it is compiled. A WebSocket has no methods."""

    methods: tuple[str, ...]
    path: str
    endpoint: str
    reason: str
    # A page is added by FastAPI itself, such as /docs.
    kind: Literal["route", "page", "websocket"] = "route"


def report(app: FastAPI) -> list[RouteReport]:
    """All routes in the order in which they are tried, those for HTTP first; none where the app as a whole is not
    compiled."""
    compiled = compiled_of(app)
    if isinstance(compiled, str):
        return []
    contexts = iter_route_contexts(app.router.routes)
    sockets = [one for one in contexts if isinstance(one.original_route, WEBSOCKETS)]
    return [
        *map(route_report, compiled.plans.routes),
        *(context_report(context, (), "a WebSocket", "websocket") for context in sockets),
    ]


def why_not(app: FastAPI) -> str:
    """Why nothing of the app is compiled; empty if it is."""
    compiled = compiled_of(app)
    return compiled if isinstance(compiled, str) else ""


def route_report(route: CompiledRoute) -> RouteReport:
    methods = tuple(sorted(route.entry.methods or ()))
    if is_page(route):
        return context_report(route.entry.context, methods, "a page of FastAPI's own", "page")
    return context_report(route.entry.context, methods, route.reason)


def context_report(
    context: Any,
    methods: tuple[str, ...],
    reason: str,
    kind: Literal["route", "page", "websocket"] = "route",
) -> RouteReport:
    endpoint = context.endpoint
    name = getattr(endpoint, "__qualname__", None) or type(endpoint).__name__
    return RouteReport(
        methods=methods,
        path=context.path or "",
        endpoint=f"{getattr(endpoint, '__module__', '')}.{name}" if endpoint is not None else "",
        reason=reason,
        kind=kind,
    )
