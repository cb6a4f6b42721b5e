"""Puts the plans of a FastAPI app before it: on the shard, straight from the request's bytes, or inside the user's middleware."""

from __future__ import annotations

import threading
import weakref
from contextlib import AsyncExitStack
from typing import Any

from fastapi import FastAPI
from starlette._utils import get_route_path
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY

from ... import _native
from .compiled_app import CompiledApp, CompiledRoute
from .not_found import not_found_plan
from .refusal import Refused
from .scope_call import ScopeCall
from .site import FUNCTION_STACK, MIDDLEWARE_STACK, REQUEST_STACK

# Keys of a scope that say that somebody around the app counts on FastAPI's own steps.
WATCHED = ("fastapi.telemetry", MAX_BODY_SIZE_SCOPE_KEY)

_adopting = threading.Lock()
_known: weakref.WeakKeyDictionary[FastAPI, Compiled | str] = weakref.WeakKeyDictionary()


class Compiled:
    """One app with its plans and their table."""

    def __init__(self, app: FastAPI) -> None:
        self.plans = CompiledApp(app)
        # By the path below which the server has the app.
        self.fronts: dict[str, _native.CompiledFront] = {}
        self.sites: dict[int, CompiledRoute] = {}
        self.table = self.front("")
        self.plans.listeners.append(self.fill)
        self.inside: Inside | None = None
        innermost = self.plans.stack.innermost
        if innermost is not None:
            self.inside = Inside(self)
            innermost.app = self.inside

    def front(self, root_path: str) -> _native.CompiledFront:
        """What answers requests to the app, which the server has below `root_path`."""
        found = self.fronts.get(root_path)
        if found is None:
            found = self.fronts[root_path] = _native.CompiledFront(
                self.plans.is_current, self.plans.app.root_path or root_path
            )
            self.fill(self.plans.routes)
        return found

    def fill(self, routes: list[CompiledRoute]) -> None:
        entries = [(route.entry.segments, route.entry.methods, route.plan) for route in routes]
        for front in self.fronts.values():
            front.replace(entries, not_found_plan(self.plans), self.plans.app.router.redirect_slashes)
        self.sites = {id(route.plan): route for route in routes if route.plan is not None}

    async def serve(self, scope: dict[str, Any], receive: Any, send: Any, otherwise: Any) -> None:
        """By a plan where there is one for this request; by `otherwise`, an ASGI app."""
        if scope["type"] == "http" and not any(key in scope for key in WATCHED) and self.plans.is_current():
            found = self.table.find(scope["method"], get_route_path(scope))
            if found is not None:
                plan, params = found
                call = ScopeCall(scope, receive, send, params)
                route = self.sites.get(id(plan))
                if route is not None and route.site is not None:
                    route.site.prepare(scope, params)
                await plan(call)
                return
        await otherwise(scope, receive, send)


class Inside:
    """Stands where `ExceptionMiddleware` stood, behind the user's middleware."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.app = compiled.plans.stack.exceptions

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self.compiled.serve(scope, receive, send, self.app)


class CompiledAsgi:
    """An app with its plans as an ASGI app: what tests and `--fastapi verify` compare with the app itself."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.compiled: Compiled | str | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if self.compiled is None:
            self.compiled = compiled_of(self.app)
        if isinstance(self.compiled, str) or self.compiled.inside is not None:
            await self.app(scope, receive, send)
            return
        await self.compiled.serve(self.opened(scope), receive, send, self.app)

    def opened(self, scope: dict[str, Any]) -> dict[str, Any]:
        """What the app's own `__call__` does first."""
        if scope["type"] == "http":
            if self.app.root_path:
                scope["root_path"] = self.app.root_path
            scope["app"] = self.app
        return scope


def compiled_app(app: FastAPI) -> CompiledAsgi:
    """`app` with its plans, as an ASGI app; compiled at the first request."""
    return CompiledAsgi(app)


def adopt(app: object, *, root_path: str = "", how: str = "compiled") -> _native.CompiledFront | None:
    """Compile `app`, whose startup is over.

    Returns what answers its requests before the app is asked; None where there is nothing of the kind: another app, or
    one whose plans stand inside its middleware.
    """
    if how == "asgi" or not isinstance(app, FastAPI):
        return None
    compiled = compiled_of(app)
    if isinstance(compiled, str) or compiled.inside is not None:
        return None
    with _adopting:
        return compiled.front(root_path)


def compiled_of(app: FastAPI) -> Compiled | str:
    """The plans of `app`, made at the first call; the reason where there are none."""
    with _adopting:
        known = _known.get(app)
        if known is None:
            try:
                known = Compiled(app)
            except Refused as refused:
                known = str(refused)
            _known[app] = known
        return known
