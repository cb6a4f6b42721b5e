"""Whether a validator or serializer of pydantic runs code of the app. Reads core schemas, runs nothing.

Pydantic-core alone has no side effects, so it does not matter when and on which thread it works. Code of the app may
read ContextVars, count or wait: it must run exactly where FastAPI would run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Keys of a core schema (pydantic-core's `core_schema.py`) that hold functions of the app, or what calls them.
CALLS = frozenset(
    {
        "computed_fields",
        "default_factory",
        "post_init",
        "custom_init",
        "discriminator_function",
        "generic_origin_function",
    }
)
# Values that hold a lot and no functions.
OPAQUE = frozenset({"metadata", "ref", "cls", "config"})


def is_pure(schema: Any) -> bool:
    """Whether nothing of the app runs when this core schema validates or serializes."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if not is_pure_node(part):
                return False
            waiting.extend(value for key, value in part.items() if key not in OPAQUE)
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, Mapping):
            # A schema that is made when it is first needed: what is in it is not known yet.
            return False
        elif callable(part) and not isinstance(part, type) and not is_of_pydantic(part):
            return False
    return True


def is_pure_node(node: dict[Any, Any]) -> bool:
    kind = node.get("type")
    if isinstance(kind, str) and kind.startswith("function"):
        function = node.get("function")
        called = function.get("function") if isinstance(function, dict) else function
        return is_of_pydantic(called)
    if not getattr(node.get("cls"), "__pydantic_complete__", True):
        return False
    return not any(node.get(name) for name in CALLS)


def is_of_pydantic(function: object) -> bool:
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and module.split(".")[0] in ("pydantic", "pydantic_core")
