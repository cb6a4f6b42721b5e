"""A scope as text, so that those of two instances of an app can be compared. Knows keys only as far as they need it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from journal import note

PLAIN = (str, bytes, int, float, bool, type(None))


def scope_dump(scope: Mapping[str, Any]) -> list[str]:
    """One line for each key, in their order."""
    return [f"{key}: {shown(value)}" for key, value in scope.items()]


def note_scope(scope: Mapping[str, Any]) -> None:
    """For the endpoint that has seen it."""
    for line in scope_dump(scope):
        note(line)


def shown(value: Any, depth: int = 0) -> str:
    """Plain values as they are; of an object its type, and the name by which its author would know it."""
    if isinstance(value, PLAIN):
        return repr(value)
    if depth > 6:
        return type(value).__name__
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{shown(key, depth + 1)}: {shown(item, depth + 1)}" for key, item in value.items()
        )
        return f"{type(value).__name__} {{{inner}}}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"{type(value).__name__}({', '.join(shown(item, depth + 1) for item in value)})"
    if isinstance(value, AsyncExitStack):
        return f"{type(value).__name__} of {len(value._exit_callbacks)}"
    names = [
        f" {name}={found}"
        for name in ("path", "__qualname__", "title")
        if isinstance(found := getattr(value, name, None), str)
    ]
    return type(value).__name__ + "".join(names)
