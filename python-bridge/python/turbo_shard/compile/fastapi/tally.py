"""How many routes of an app that has been compiled have plans. Compiles nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from .adopted import PLANS, Compiled
from .compiled_app import CompiledRoute


class Tally(NamedTuple):
    """`why_not` says why the app as a whole is not compiled; empty if it is."""

    compiled: int
    routes: int
    why_not: str = ""


def tally(app: object) -> Tally | None:
    """None for an app that nobody has tried to compile, as one that is no FastAPI app."""
    known: Compiled | str | None = getattr(app, "__dict__", {}).get(PLANS)
    if known is None:
        return None
    if isinstance(known, str):
        return Tally(0, 0, known)
    routes = [route for route in known.plans.routes if not is_page(route)]
    return Tally(sum(route.plan is not None for route in routes), len(routes))


def is_page(route: CompiledRoute) -> bool:
    """Whether it is a page that FastAPI adds to every app, such as /docs: no route of the app's author."""
    context: Any = route.entry.context
    return getattr(context.endpoint, "__module__", "") == "fastapi.applications"
