"""The limits that a parameter's marker names, such as ge=1, and how a value is checked against them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...native.errors import InputError, fault
from .parameters import Slot


def checked(slot: Slot, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """With the limits that the marker names."""
    limits = limits_of(slot)
    if not limits:
        return read
    checks = [_CHECKS[name](bound) for name, bound in limits.items()]

    def read_and_check(value: Any) -> Any:
        found = read(value)
        for check in checks:
            if found is not None and (wrong := check(found)) is not None:
                raise wrong
        return found

    return read_and_check


def limits_of(slot: Slot) -> dict[str, Any]:
    return {
        name: bound
        for name in ("gt", "ge", "lt", "le", "min_length", "max_length", "regex")
        if (bound := getattr(slot.marker, name, None)) is not None
    }


type Check = Callable[[Any], InputError | None]


def _compared(kind: str, words: str, name: str, holds: Callable[[Any, Any], bool]) -> Any:
    def check_of(bound: Any) -> Check:
        def check(value: Any) -> InputError | None:
            if holds(value, bound):
                return None
            return fault(kind, f"Input should be {words} {bound:g}", value, {name: bound})

        return check

    return check_of


def _sized(kind: str, words: str, name: str, holds: Callable[[int, int], bool]) -> Any:
    def check_of(bound: int) -> Check:
        def check(value: Any) -> InputError | None:
            if holds(len(value), bound):
                return None
            message = f"String should have {words} {bound} character{'' if bound == 1 else 's'}"
            return fault(kind, message, value, {name: bound})

        return check

    return check_of


def _matching(pattern: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any) -> InputError | None:
        if compiled.search(str(value)):
            return None
        message = f"String should match pattern '{pattern}'"
        return fault("string_pattern_mismatch", message, value, {"pattern": pattern})

    return check


_CHECKS: dict[str, Callable[[Any], Check]] = {
    "gt": _compared("greater_than", "greater than", "gt", lambda value, bound: value > bound),
    "ge": _compared(
        "greater_than_equal", "greater than or equal to", "ge", lambda value, bound: value >= bound
    ),
    "lt": _compared("less_than", "less than", "lt", lambda value, bound: value < bound),
    "le": _compared(
        "less_than_equal", "less than or equal to", "le", lambda value, bound: value <= bound
    ),
    "min_length": _sized(
        "string_too_short", "at least", "min_length", lambda length, bound: length >= bound
    ),
    "max_length": _sized(
        "string_too_long", "at most", "max_length", lambda length, bound: length <= bound
    ),
    "regex": _matching,
}
