"""The answer where no route of an app matches, without looking at each of them again. Knows no plans of routes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import MethodType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.routing import Router

from .compiled_app import CompiledApp
from .failures import fail_outside
from .plan import Plan
from .site import MIDDLEWARE_STACK, Site


def not_found_plan(compiled: CompiledApp) -> Plan | None:
    """The plan for a path that no route has; None where something may still answer it (a frontend, a router's own
    default).
    """
    router: Any = compiled.app.router
    default = router.default
    is_own = isinstance(default, MethodType) and default.__func__ is Router.not_found
    if not is_own or any(each._low_priority_routes for each in [router, *compiled.routers]):
        return None
    site = Site(compiled.app_site)
    follows_inclusion = bool(compiled.routers)

    async def plan(call: Any) -> None:
        scope = site.begin(call)
        scope[MIDDLEWARE_STACK] = AsyncExitStack()
        site.enter_router(scope, follows_inclusion=follows_inclusion)
        await fail_outside(call, site, scope, HTTPException(status_code=404))

    return plan
