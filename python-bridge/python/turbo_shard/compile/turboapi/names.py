"""Recognises TurboAPI's own classes by where they come from and what they are called. Knows nothing of routes.

They are not imported: the app chooses which line of TurboAPI it uses, and 1.x needs Python 3.14.
"""

from __future__ import annotations

import sys
from typing import Any

PACKAGE = "turboapi"


def is_kind(kind: Any, *names: str) -> bool:
    """Whether it is one of TurboAPI's classes of these names, or a class made from one."""
    return isinstance(kind, type) and any(
        base.__name__ in names and base.__module__.partition(".")[0] == PACKAGE
        for base in kind.__mro__
    )


def is_of(value: object, *names: str) -> bool:
    """Whether it is an instance of one of TurboAPI's classes of these names."""
    return is_kind(type(value), *names)


def is_turboapi(app: object) -> bool:
    """Whether it is a TurboAPI app, of 0.3 or 1.x: the one criterion.

    A class of that name from elsewhere is one too if it keeps its routes as TurboAPI does: a fork, or a stand-in.
    """
    kind = next((base for base in type(app).__mro__ if base.__name__ == "TurboAPI"), None)
    if kind is None:
        return False
    return is_kind(kind, "TurboAPI") or callable(
        getattr(getattr(app, "registry", None), "get_routes", None)
    )


def class_beside(kind: type, name: str) -> type | None:
    """The class of that name in the module of TurboAPI that `kind` comes from."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == PACKAGE:
            found = getattr(sys.modules.get(base.__module__), name, None)
            if isinstance(found, type):
                return found
    return None


def loaded_class(module: str, name: str) -> type | None:
    """A class of a module of TurboAPI, if the app has imported that module."""
    found = getattr(sys.modules.get(f"{PACKAGE}.{module}"), name, None)
    return found if isinstance(found, type) else None
