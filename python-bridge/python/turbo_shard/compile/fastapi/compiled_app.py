"""A FastAPI app and the plans of its routes: which there are, and whether they still hold. Serves nothing itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI

from ...logs.error_stream import write_line
from .effective_routes import EffectiveRoute, Inclusions, effective_routes
from .handlers import handler_of
from .known_code import check_functions, check_versions
from .middleware_stack import Stack, stack_of
from .plan import Plan, plan_of
from .refusal import Refused
from .site import AppSite, RouteSite
from .templates import ANY
from .word import state_word


@dataclass(frozen=True, kw_only=True)
class CompiledRoute:
    """A route with its plan, or with the reason why FastAPI serves it."""

    entry: EffectiveRoute
    plan: Plan | None
    reason: str
    site: RouteSite | None


class CompiledApp:
    """The plans of one app; made again when its routes change. Any thread may ask."""

    def __init__(self, app: FastAPI) -> None:
        check_versions()
        check_functions()
        self.app = app
        self.root_path = app.root_path
        self.stack: Stack = built_stack(app)
        if app.debug:
            raise Refused("debug=True shows tracebacks of FastAPI's own frames")
        self.changing = threading.Lock()
        self.listeners: list[Callable[[], None]] = []
        self.routes: list[CompiledRoute] = []
        self.is_unchanged: Callable[[], bool] = never
        self.is_given_up = False
        self.compile()

    def compile(self) -> None:
        """Make all plans. Until they are in place everywhere, no thread is told that any are current."""
        app = self.app
        app_site = AppSite(
            app=app,
            router=app.router,
            exceptions=self.stack.exceptions,
            server_errors=None if self.stack.innermost is not None else self.stack.server_errors,
        )
        version = None
        while version != app.router._get_routes_version():
            # Another thread may add routes while these are read.
            version = app.router._get_routes_version()
            inclusions = Inclusions()
            inclusions.walk(app.router.routes)
            check_routers([app.router, *inclusions.routers])
            entries = list(effective_routes(app.router, inclusions))
            providers = providers_of(entries)
            word = state_word(app, inclusions.routers, providers)
        self.providers = providers
        self.routers = inclusions.routers
        self.app_site = app_site
        self.routes = [compile_route(entry, app_site) for entry in entries]
        for listener in self.listeners:
            listener()
        self.is_unchanged = word

    def is_current(self) -> bool:
        """Whether the plans may serve the next request. Makes them again if the routes have changed."""
        if self.is_unchanged():
            return True
        if self.is_given_up or any(provider.dependency_overrides for provider in self.providers):
            return False
        return self.renew()

    def renew(self) -> bool:
        """Compile again, unless something has changed that plans cannot follow: then FastAPI serves from now on."""
        with self.changing:
            if self.is_unchanged():
                return True
            try:
                check_functions()
                if built_stack(self.app) != self.stack:
                    raise Refused("its middleware has changed")
                if self.app.root_path != self.root_path:
                    raise Refused("its root_path has changed")
                self.compile()
            except Refused as refused:
                self.give_up(str(refused))
            except Exception as error:
                self.give_up(in_one_line(error))
            return self.is_unchanged()

    def give_up(self, reason: str) -> None:
        self.is_given_up = True
        self.is_unchanged = never
        write_line(sys.stderr, f"turbo-shard: fastapi: served as ASGI from now on: {reason}")


def never() -> bool:
    return False


def in_one_line(error: Exception) -> str:
    """Why something could not be compiled that nobody thought of."""
    return f"it could not be compiled: {type(error).__name__}: {error}".splitlines()[0]


# What a router does for a request; a class of its own may do anything else.
ROUTING = (
    *("__call__", "app", "handle", "matches", "not_found", "routes", "middleware_stack"),
    *("_get_routes_version", "_iter_low_priority_routes", "_match_low_priority"),
)


def check_routers(routers: list[Any]) -> None:
    """Whether all routers route as FastAPI's do. Raises Refused."""
    for router in routers:
        named = router.prefix or "of the app"
        kind = type(router)
        for name in ROUTING:
            if getattr(kind, name, None) is not getattr(APIRouter, name, None):
                raise Refused(f"the router {named} has a {name} of its class {kind.__name__}")
        replaced = {"app", "handle", "matches"} & vars(router).keys()
        if replaced:
            raise Refused(f"{replaced.pop()} of the router {named} has been replaced")
    if routers[0].middleware_stack != routers[0].app:
        raise Refused("its router has middleware of its own")


def providers_of(entries: list[EffectiveRoute]) -> list[Any]:
    """The objects that may have overrides of dependencies: the app, and others whose routers it took over."""
    found: list[Any] = []
    for entry in entries:
        provider = getattr(entry.context._effective_route, "dependency_overrides_provider", None)
        if provider is not None and all(provider is not known for known in found):
            found.append(provider)
    return found


def compile_route(entry: EffectiveRoute, app_site: AppSite) -> CompiledRoute:
    """The plan for one entry of the table, or why there is none."""
    plan, site, reason = None, None, entry.kind
    if entry.is_api_route:
        try:
            if ANY in entry.segments:
                raise Refused("its path needs a regular expression")
            effective: Any = entry.context._effective_route
            check_attributes(entry)
            handler = handler_of(effective)
            site = RouteSite(app_site, entry, handler.dependant)
            plan = plan_of(handler, site)
        except Refused as refused:
            reason = str(refused)
        except Exception as error:
            # Models that are not complete yet, say: FastAPI may get along with them, or tell of it at a request.
            reason = in_one_line(error)
    return CompiledRoute(entry=entry, plan=plan, reason=reason, site=site)


def check_attributes(entry: EffectiveRoute) -> None:
    """Whether nothing on the route is a stranger's, which may be there to be called."""
    original: Any = entry.context.original_route
    own = vars(original).keys()
    for name in ("matches", "handle", "get_route_handler", "url_path_for"):
        if name in own:
            raise Refused(f"its {name} has been replaced")
    router_limits = getattr(entry.included, "include_context", None)
    if getattr(router_limits, "form_limits", None):
        raise Refused("its router has form_limits")


def built_stack(app: FastAPI) -> Stack:
    """The middleware around the app, which is built for the first request. Raises Refused."""
    if type(app).__call__ is not FastAPI.__call__:
        raise Refused(f"{type(app).__name__} has a __call__ of its own")
    if app.router.form_limits:
        raise Refused("it has form_limits")
    if is_watched(app):
        raise Refused("FastAPI's telemetry is on")
    if app.middleware_stack is None:
        app.middleware_stack = app.build_middleware_stack()
    return stack_of(app)


def is_watched(app: FastAPI) -> bool:
    """Whether FastAPI's own telemetry would look at requests."""
    return bool(app._native_telemetry.enabled())
