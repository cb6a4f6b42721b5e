"""All routes of a FastAPI app in the order in which it tries them, each as FastAPI would serve it. Compiles nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import (
    APIRoute,
    APIRouter,
    APIWebSocketRoute,
    RouteContext,
    _IncludedRouter,
    iter_route_contexts,
)
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from .templates import ANY, Segment, segments_below, segments_of


@dataclass(frozen=True, kw_only=True)
class EffectiveRoute:
    """One entry of the table.

    `context` has what counts for an APIRoute (its prefix, its dependencies with those of its routers);
    `included` is the inclusion that it came by, None where the app has it directly.
    """

    context: RouteContext
    segments: tuple[Segment, ...]
    methods: frozenset[str] | None
    # Its template, as the app's author wrote it, below the prefixes of its routers.
    path: str
    included: Any = None
    # Whether a router has been included before it: FastAPI then leaves a trace in the scope.
    follows_inclusion: bool = False
    # An APIRoute of exactly this class, which could be compiled.
    is_api_route: bool = False
    # In words, where it is not an APIRoute.
    kind: str = ""


@dataclass
class Inclusions:
    """Which inclusion each effective context came by, and all routers."""

    of_context: dict[int, Any] = field(default_factory=dict)
    routers: list[APIRouter] = field(default_factory=list)

    def walk(self, routes: Sequence[BaseRoute]) -> None:
        for route in routes:
            if isinstance(route, _IncludedRouter):
                self.enter(route)

    def enter(self, included: Any) -> None:
        if all(router is not included.original_router for router in self.routers):
            self.routers.append(included.original_router)
        for candidate in included.effective_candidates():
            if isinstance(candidate, _IncludedRouter):
                self.enter(candidate)
            else:
                self.of_context[id(candidate)] = included


def effective_routes(router: APIRouter, inclusions: Inclusions) -> Iterator[EffectiveRoute]:
    """The routes for HTTP in order."""
    follows = False
    for route in router.routes:
        follows = follows or isinstance(route, _IncludedRouter)
        for context in iter_route_contexts([route]):
            included = inclusions.of_context.get(id(context._route_context))
            found = entry_of(context, included, follows)
            if found is not None:
                yield found


def entry_of(context: RouteContext, included: Any, follows: bool) -> EffectiveRoute | None:
    """How this route stands in the table; None for one that never takes an HTTP request."""
    original = context.original_route
    effective: Any = context._effective_route
    if isinstance(original, (WebSocketRoute, APIWebSocketRoute)):
        return None
    segments: tuple[Segment, ...] = (ANY,)
    methods: frozenset[str] | None = None
    kind = f"a {type(original).__name__} of its own rules"
    if type(original) is APIRoute or type(original) is Route:
        segments = segments_of(effective.path, effective.param_convertors)
        methods = frozenset(effective.methods) if effective.methods else None
        kind = "" if type(original) is APIRoute else "a route of Starlette"
    elif isinstance(original, APIRoute):
        kind = f"a route class of its own ({type(original).__name__})"
        if type(original).matches is APIRoute.matches:
            segments = segments_of(effective.path, effective.param_convertors)
            methods = frozenset(effective.methods) if effective.methods else None
    elif type(original) is Mount:
        segments = segments_below(effective.path)
        kind = "a mounted app"
    return EffectiveRoute(
        context=context,
        segments=segments,
        methods=methods,
        path=str(getattr(effective, "path", "")),
        included=included,
        follows_inclusion=follows,
        is_api_route=type(original) is APIRoute,
        kind=kind,
    )
