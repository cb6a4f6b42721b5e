"""The template of the route that an ASGI app has found, as routers leave it in the scope: those of Starlette, FastAPI
and Litestar do. Imports no framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def template_of(scope: Mapping[str, Any]) -> str:
    """As it is written in the app, below what it is mounted at; empty where nothing is known."""
    mounted_at = mount_of(scope)
    route = route_of(scope)
    if route is None:
        return f"{mounted_at}/{{path}}" if mounted_at else scope.get("path_template") or ""
    own = getattr(route, "path", None)
    if not isinstance(own, str):
        return ""
    if is_mount(route):
        # No route of the app that is mounted was found, or it has none. What it is mounted at ends with its own path.
        return f"{mounted_at or own}/{{path}}"
    return without_values(mounted_at, own, scope.get("path_params")) + own


def route_of(scope: Mapping[str, Any]) -> Any:
    """What has a `path`, or None."""
    route = scope.get("route")
    context = context_of(scope)
    # FastAPI tells a route from what becomes of it where its router is included, which has the whole path.
    if context is not None and (route in (None, context.original_route) or is_mount(route)):
        return context.starlette_route or context
    return route or plain_route(scope)


def context_of(scope: Mapping[str, Any]) -> Any:
    fastapi = scope.get("fastapi")
    context = fastapi.get("effective_route_context") if isinstance(fastapi, Mapping) else None
    return context if hasattr(context, "starlette_route") else None


def plain_route(scope: Mapping[str, Any]) -> Any:
    """FastAPI does not name a route that is Starlette's own, such as /docs; nor did earlier Starlettes."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    routes = getattr(scope.get("router"), "routes", ())
    return next((it for it in routes if getattr(it, "endpoint", None) is endpoint), None)


def mount_of(scope: Mapping[str, Any]) -> str:
    """The path below which Starlette has mounted the app that answers."""
    server_root, root = scope.get("app_root_path"), scope.get("root_path", "")
    if server_root is None or not root.startswith(server_root):
        return ""
    return str(root[len(server_root) :])


def is_mount(route: Any) -> bool:
    return hasattr(route, "routes") and not hasattr(route, "endpoint")


def without_values(mounted_at: str, own: str, params: Mapping[str, Any] | None) -> str:
    """What a mount's parameters have stood for, as their names again: a template has no values."""
    if not mounted_at or not params:
        return mounted_at
    names = {
        str(value): f"{{{name}}}"
        for name, value in params.items()
        if f"{{{name}}}" not in own and f"{{{name}:" not in own
    }
    return "/".join(names.get(segment, segment) for segment in mounted_at.split("/"))
