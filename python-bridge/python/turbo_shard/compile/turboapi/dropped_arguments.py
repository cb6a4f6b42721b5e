"""Finds dependencies that TurboAPI throws away before we can see them, by reading the app's source.

`include_router(..., dependencies=...)`, `@app.get(..., dependencies=...)` and `TurboAPI(dependencies=...)` are accepted
by all of its versions and kept by none. The author of one of them believes that a route is guarded.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from inspect import getattr_static
from types import ModuleType
from typing import Any

from ...native.errors import RegistrationError

_DECORATORS = frozenset(("get", "post", "put", "delete", "patch", "head", "options"))
SOURCE_BYTES_MAX = 2 * 1024**2
"""A larger module is generated; it has no decorators written by hand."""


def refuse_dropped_dependencies(app: Any) -> None:
    """RegistrationError for the first place in the app's modules that names lost dependencies."""
    for module in _modules_of(app):
        for call in _calls_of(module):
            what = _dropped(call)
            if what:
                raise RegistrationError(
                    f"{module.__name__}, line {call.lineno}: TurboAPI ignores the dependencies of {what}, "
                    "so that they guard nothing; put them into the handlers"
                    + (
                        " or into the router, APIRouter(dependencies=...)"
                        if _keeps_those_of_routers(app)
                        else ""
                    )
                )


def _keeps_those_of_routers(app: Any) -> bool:
    return hasattr(app, "dependencies")


def _modules_of(app: Any) -> Iterator[ModuleType]:
    """The modules that define a handler, and those that hold the app or a router with one of its handlers."""
    handlers = [route.handler for route in app.registry.get_routes()]
    names = {getattr(handler, "__module__", None) for handler in handlers}
    known = set(map(id, handlers))

    def is_part(value: object) -> bool:
        # Not isinstance, and static: a module may hold objects that answer any question about their class and
        # attributes, or refuse to (Django's lazy ones).
        if value is app or issubclass(type(value), type):
            return value is app
        registry = getattr_static(value, "registry", None)
        routes_of = getattr(registry, "get_routes", None)
        return callable(routes_of) and any(id(route.handler) in known for route in routes_of())

    package = type(app).__module__.partition(".")[0]
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or name.partition(".")[0] in (package, "turbo_shard"):
            continue
        if name in names or any(map(is_part, list(vars(module).values()))):
            yield module


def _calls_of(module: ModuleType) -> Iterator[ast.Call]:
    path = getattr(module, "__file__", None)
    if not path or not path.endswith(".py"):
        return
    try:
        with open(path, "rb") as file:
            source = file.read(SOURCE_BYTES_MAX)
        # Parsing takes far longer than reading.
        tree = ast.parse(source if b"dependencies" in source else b"")
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node


def _dropped(call: ast.Call) -> str:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    given = named.get("dependencies")
    if given is None and len(call.args) > 3 and _name_of(call.func) == "include_router":
        given = call.args[3]
    if given is None or _is_nothing(given):
        return ""
    name = _name_of(call.func)
    if name == "include_router":
        return "include_router"
    if isinstance(call.func, ast.Attribute) and name in _DECORATORS:
        return f"a route's decorator ({name})"
    return "the app" if name in ("TurboAPI", "FastAPI") else ""


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_nothing(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    return isinstance(value, ast.List | ast.Tuple) and not value.elts
