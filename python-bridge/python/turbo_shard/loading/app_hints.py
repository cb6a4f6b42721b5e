"""Hints for a user who named a module without an app in it, or one that is not installed. Knows nothing of importing
apps or of serving.
"""

from __future__ import annotations

import os
import sys
from types import FunctionType, ModuleType

# Usual names, in the documentation of frameworks, of a function that makes the app.
FACTORY_NAMES = ("create_app", "make_app", "get_app", "build_app", "app_factory", "create_asgi_app")
# The modules of a Django project that hold its apps.
PROJECT_MODULES = ("asgi", "wsgi")
# The last release with a wheel for 3.13t; requirements/frameworks.txt has the reason.
PYDANTIC_FOR_3_13T = "pydantic==2.12.3"
NEEDS_PYDANTIC = frozenset({"fastapi", "pydantic", "sqlmodel", "litestar", "ninja"})


def factory_hint(module: ModuleType, module_name: str) -> str:
    """`; it has the function create_app …`, for a module of the user's that has one."""
    for name in FACTORY_NAMES:
        made_by = vars(module).get(name)
        if isinstance(made_by, FunctionType):
            return (
                f"; it has the function {name}, which seems to make the app: "
                f"turbo-shard {module_name}:{name} --factory"
            )
    return ""


def project_hint(module: ModuleType, module_name: str) -> str:
    """`; name its module asgi …`, for the package of a Django project, whose app lies one module deeper."""
    for place in getattr(module, "__path__", ()):
        for name in PROJECT_MODULES:
            if os.path.isfile(os.path.join(place, f"{name}.py")):
                return f"; the app of a Django project is in its module {name}: {module_name}.{name}:application"
    return ""


def install_hint(missing: str | None) -> str:
    """How to install what the user's app imports, where pip alone would fail after a long compilation."""
    package = (missing or "").partition(".")[0]
    if package not in NEEDS_PYDANTIC or not is_3_13t():
        return ""
    wanted = (
        f"'{PYDANTIC_FOR_3_13T}'" if package == "pydantic" else f"{package} '{PYDANTIC_FOR_3_13T}'"
    )
    return f"; in {sys.prefix}, whose Python 3.13t has no wheel of a newer pydantic: pip install {wanted}"


def is_3_13t() -> bool:
    from ..user_code.gil_watch import is_free_threaded

    return sys.version_info[:2] == (3, 13) and is_free_threaded()
