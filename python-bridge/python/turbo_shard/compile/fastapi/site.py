"""Where a compiled route stands: its app, router and handlers, and the scope that FastAPI would have made for it
there.

A `RouteSite` belongs to one route. What is the same for all routes of an app is its `AppSite`.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi.routing import _extract_endpoint_context
from starlette.requests import Request

from .effective_routes import EffectiveRoute
from .scope_call import ScopeCall

# The names of FastAPI's exit stacks in the scope, the outermost first.
MIDDLEWARE_STACK = "fastapi_middleware_astack"
REQUEST_STACK = "fastapi_inner_astack"
FUNCTION_STACK = "fastapi_function_astack"


@dataclass(frozen=True, kw_only=True)
class AppSite:
    """What is around all routes: FastAPI's own middleware, whose work is done here."""

    app: Any
    router: Any
    # `ExceptionMiddleware`, whose handlers are looked up when an error comes.
    exceptions: Any
    # `ServerErrorMiddleware`; None where it is outside, around the user's middleware.
    server_errors: Any


class Site:
    """Somewhere in an app: around its router there is FastAPI's own middleware."""

    def __init__(self, app_site: AppSite) -> None:
        self.app_site = app_site

    def begin(self, call: Any) -> dict[str, Any]:
        """The scope up to the exception handlers, as the middleware of FastAPI leaves it."""
        scope: dict[str, Any] = call.scope()
        if not isinstance(call, ScopeCall):
            site = self.app_site
            if site.app.root_path:
                scope["root_path"] = site.app.root_path
            scope["app"] = site.app
        self.note_handlers(scope)
        return scope

    def note_handlers(self, scope: dict[str, Any]) -> None:
        exceptions = self.app_site.exceptions
        scope["starlette.exception_handlers"] = (
            exceptions._exception_handlers,
            exceptions._status_handlers,
        )

    def enter_router(self, scope: dict[str, Any], *, follows_inclusion: bool) -> None:
        """What the app's router leaves in the scope while it looks for a route."""
        if "router" not in scope:
            scope["router"] = self.app_site.router
        if follows_inclusion:
            scope.setdefault("fastapi", {})


class RouteSite(Site):
    """One route. Fills in the scope as FastAPI has it when the endpoint runs."""

    def __init__(self, app_site: AppSite, entry: EffectiveRoute, dependant: Any) -> None:
        super().__init__(app_site)
        self.entry = entry
        self.dependant = dependant
        context: Any = entry.context
        self.route = context.original_route
        self.endpoint = context.endpoint
        effective: Any = context._effective_route
        self.convertors = list(effective.param_convertors.items())
        # What FastAPI calls for the route: a library may put something else there at any time.
        self.owner = effective
        self.own_app = effective.app
        self.attributes = vars(self.route)

    def is_replaced(self) -> bool:
        """Whether the route has been given another app, `handle` or `matches` since it was compiled."""
        if self.owner.app is not self.own_app:
            return True
        return "handle" in self.attributes or "matches" in self.attributes

    async def serve_by_fastapi(self, call: Any) -> None:
        """The whole app for a call that a plan has been given, and has not touched."""
        await self.app_site.app(call.scope(), call.receive, call.send)

    def enter(self, scope: dict[str, Any], params: tuple[str, ...]) -> None:
        """What routing adds, in its order."""
        entry = self.entry
        self.enter_router(scope, follows_inclusion=entry.follows_inclusion)
        if entry.included is not None:
            scope["fastapi"]["included_router"] = entry.included
        scope["endpoint"] = self.endpoint
        path_params = dict(scope.get("path_params", {}))
        for (name, convertor), text in zip(self.convertors, params, strict=True):
            path_params[name] = convertor.convert(text)
        scope["path_params"] = path_params
        scope["route"] = self.route
        if entry.included is not None:
            scope["fastapi"]["effective_route_context"] = entry.context._route_context

    def prepare(self, scope: dict[str, Any], params: tuple[str, ...]) -> None:
        """The whole scope for a call inside the user's middleware, which sees it afterwards."""
        self.note_handlers(scope)
        scope[MIDDLEWARE_STACK] = AsyncExitStack()
        self.enter(scope, params)
        scope[REQUEST_STACK] = AsyncExitStack()
        scope[FUNCTION_STACK] = AsyncExitStack()

    def outer_params(self, call: Any) -> dict[str, Any]:
        """Parameters of the path that somebody around the app has put into the scope."""
        if not isinstance(call, ScopeCall):
            return {}
        params: dict[str, Any] = call.scope().get("path_params", {})
        return params

    def scope_of(self, call: Any) -> dict[str, Any]:
        """The whole scope for a call that had none. Its exit stacks have nothing to close."""
        if isinstance(call, ScopeCall):
            return call.scope()
        scope = self.begin(call)
        scope[MIDDLEWARE_STACK] = AsyncExitStack()
        self.enter(scope, call.params)
        scope[REQUEST_STACK] = AsyncExitStack()
        scope[FUNCTION_STACK] = AsyncExitStack()
        return scope

    def request_of(self, call: Any) -> Request:
        return Request(self.scope_of(call), call.receive, call.send)

    def context(self, call: Any) -> Any:
        """What FastAPI's errors say of the endpoint."""
        return self.context_in(self.scope_of(call))

    def context_in(self, scope: MutableMapping[str, Any]) -> Any:
        context = _extract_endpoint_context(self.dependant.call)
        if self.dependant.path:
            mount_path = scope.get("root_path", "").rstrip("/")
            context["path"] = f"{scope['method']} {mount_path}{self.dependant.path}"
        return context
