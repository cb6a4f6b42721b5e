"""Which routes of an app are compiled, and why the others are not, for people. Compiles as the server does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from .adopted import compiled_of
from .compiled_app import CompiledRoute


@dataclass(frozen=True, kw_only=True)
class RouteReport:
    """One route of the app; `reason` is empty where it is compiled."""

    methods: tuple[str, ...]
    path: str
    endpoint: str
    reason: str


def report(app: FastAPI) -> list[RouteReport]:
    """All routes for HTTP in the order in which they are tried; none where the app as a whole is not compiled."""
    compiled = compiled_of(app)
    return (
        []
        if isinstance(compiled, str)
        else [route_report(route) for route in compiled.plans.routes]
    )


def why_not(app: FastAPI) -> str:
    """Why nothing of the app is compiled; empty if it is."""
    compiled = compiled_of(app)
    return compiled if isinstance(compiled, str) else ""


def route_report(route: CompiledRoute) -> RouteReport:
    context: Any = route.entry.context
    endpoint = context.endpoint
    name = getattr(endpoint, "__qualname__", None) or type(endpoint).__name__
    return RouteReport(
        methods=tuple(sorted(route.entry.methods or ())),
        path=context.path or "",
        endpoint=f"{getattr(endpoint, '__module__', '')}.{name}" if endpoint is not None else "",
        reason=route.reason,
    )
