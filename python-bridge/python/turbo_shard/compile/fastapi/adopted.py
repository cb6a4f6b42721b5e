"""Puts the plans of a FastAPI app before it: on the shard, straight from the request's bytes, or inside the user's
middleware.
"""

from __future__ import annotations

import threading
from typing import Any

from fastapi import FastAPI
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY

from ... import _native
from . import http_middleware
from .compiled_app import CompiledApp, in_one_line
from .inside import Inside
from .not_found import not_found_plan
from .plan import Plan, site_of
from .refusal import Refused
from .scope_call import ScopeCall
from .verify import Verifier

# Keys of a scope that say that somebody around the app counts on FastAPI's own steps.
WATCHED = ("fastapi.telemetry", MAX_BODY_SIZE_SCOPE_KEY)

_adopting = threading.Lock()
# Where an app has its plans, so that they live as long as it does.
PLANS = "_turbo_shard_plans"


class Compiled:
    """One app with its plans and their table."""

    def __init__(self, app: FastAPI) -> None:
        self.plans = CompiledApp(app)
        # By the root path in the scopes of their requests.
        self.fronts: dict[str, _native.CompiledFront] = {}
        self.filling = threading.Lock()
        # Asked with the root path of each scope.
        self.table = self.front("")
        self.plans.listeners.append(self.fill)
        self.inside: Inside | None = None
        self.verifier: Verifier | None = None
        # Middleware of the user's that runs in another way.
        self.direct: list[Any] = []
        innermost = self.plans.stack.innermost
        if innermost is not None:
            self.inside = Inside(self.plans.stack.exceptions, self.serve)
            put_inside(innermost, self.inside)
            self.direct = http_middleware.take_over(app.middleware_stack, innermost)

    def verify(self) -> None:
        """From here on FastAPI answers, and plans are only compared."""
        if self.verifier is not None:
            return
        http_middleware.give_back(self.direct)
        stack = self.plans.stack
        if self.inside is not None:
            around: Any = stack.exceptions
            self.verifier = Verifier(around, self.inside, self.route_of)
            put_inside(stack.innermost, self.verifier)
            return
        app: Any = self.plans.app
        around = app.middleware_stack

        async def planned(scope: Any, receive: Any, send: Any) -> None:
            await self.serve(scope, receive, send, around)

        self.verifier = app.middleware_stack = Verifier(around, planned, self.route_of)
        self.plans.compile()

    def route_of(self, scope: dict[str, Any]) -> str:
        """The route whose plan would serve this request; empty where there is none."""
        found = self.found(scope)
        if found is None:
            return ""
        site = site_of(found[0])
        path = site.entry.context.path if site is not None else "(no route)"
        return f"{scope['method']} {path}"

    def found(self, scope: dict[str, Any]) -> tuple[Plan, tuple[str, ...]] | None:
        """The plan for an HTTP request, and the texts of the path's parameters."""
        if any(key in scope for key in WATCHED) or not self.plans.is_current():
            return None
        found = self.table.find(scope["method"], scope["path"], scope.get("root_path", ""))
        site = site_of(found[0]) if found is not None else None
        return None if site is not None and site.is_replaced() else found

    def front(self, root_path: str) -> _native.CompiledFront:
        """What answers requests whose scopes have this `root_path`."""
        with self.filling:
            found = self.fronts.get(root_path)
            if found is None:
                found = _native.CompiledFront(self.plans.is_current, root_path)
                self.fill_one(found)
                self.fronts[root_path] = found
            return found

    def fill(self) -> None:
        """Put the newest plans into every table."""
        with self.filling:
            for front in self.fronts.values():
                self.fill_one(front)

    def fill_one(self, front: _native.CompiledFront) -> None:
        # Read under the lock: a thread that has compiled earlier must not put older plans over newer ones.
        routes = self.plans.routes
        entries = [
            (route.entry.segments, route.entry.methods, route.plan, route.entry.path)
            for route in routes
        ]
        front.replace(entries, not_found_plan(self.plans), self.plans.app.router.redirect_slashes)

    async def serve(self, scope: dict[str, Any], receive: Any, send: Any, otherwise: Any) -> None:
        """By a plan where there is one for this request; by `otherwise`, an ASGI app."""
        found = self.found(scope) if scope["type"] == "http" else None
        if found is not None:
            plan, params = found
            site = site_of(plan)
            if site is not None:
                site.prepare(scope, params)
            await plan(ScopeCall(scope, receive, send, params))
            return
        await otherwise(scope, receive, send)


def put_inside(innermost: Any, inside: Any) -> None:
    """Let the user's innermost middleware call this. Raises Refused."""
    try:
        innermost.app = inside
    except AttributeError:
        raise Refused(
            f"the middleware {type(innermost).__name__} does not let its app be replaced"
        ) from None


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


def adopt(
    app: object, *, root_path: str = "", how: str = "compiled"
) -> _native.CompiledFront | None:
    """Compile `app`, whose startup is over.

    Returns what answers its requests before the app is asked; None where there is nothing of the kind: another app, or
    one whose plans stand inside its middleware.
    """
    if how == "asgi" or not isinstance(app, FastAPI):
        return None
    compiled = compiled_of(app)
    if isinstance(compiled, str):
        return None
    if how == "verify":
        with _adopting:
            compiled.verify()
    if how == "verify" or compiled.inside is not None:
        return None
    return compiled.front(compiled.plans.root_path or root_path)


def compiled_of(app: FastAPI) -> Compiled | str:
    """The plans of `app`, made at the first call; the reason where there are none."""
    with _adopting:
        known: Compiled | str | None = vars(app).get(PLANS)
        # A copy of an app has the attributes of the first.
        if known is None or (isinstance(known, Compiled) and known.plans.app is not app):
            try:
                known = Compiled(app)
            except Refused as refused:
                known = str(refused)
            except Exception as error:
                known = in_one_line(error)
            setattr(app, PLANS, known)
        return known
