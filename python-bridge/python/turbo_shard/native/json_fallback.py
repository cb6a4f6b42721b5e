"""JSON for values that JSON has no words for: the native encoder calls this for them."""

from __future__ import annotations

from typing import Any


def json_fallback(value: Any) -> Any:
    """Something nearer to JSON than `value`; TypeError if there is nothing.

    What it returns may need the fallback again: an Enum's value may be a Decimal.
    """
    from enum import Enum

    if isinstance(value, Enum):
        return value.value
    kind = type(value)
    if (convert := _KNOWN.get((kind.__module__, kind.__qualname__))) is not None:
        return convert(value)
    for base in kind.__mro__[1:-1]:
        if (convert := _KNOWN.get((base.__module__, base.__qualname__))) is not None:
            return convert(value)
    if hasattr(kind, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in _fields(kind)}
    if callable(getattr(kind, "model_dump", None)):  # a pydantic model
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"cannot make JSON of {kind.__module__}.{kind.__qualname__}{_advice(value)}")


def _advice(value: Any) -> str:
    if isinstance(value, BaseException):
        return "; an exception is raised, not returned"
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return "; StreamingResponse sends what an iterator yields, list() makes JSON of it"
    if isinstance(value, type):
        return "; this is the class itself, not an instance"
    return ""


def _decimal(value: Any) -> int | float:
    """A number: 1.10 as FastAPI answers it."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise TypeError(f"cannot make JSON of {value!r}")  # NaN, Infinity
    return int(value) if exponent >= 0 else float(value)


def _fields(kind: type) -> list[str]:
    from dataclasses import fields

    return [field.name for field in fields(kind)]


# By name, so that this imports nothing that the app itself has not imported.
_KNOWN: dict[tuple[str, str], Any] = {
    ("builtins", "str"): lambda value: str.__str__(value),
    ("builtins", "bool"): bool,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "tuple"): list,
    ("builtins", "set"): list,
    ("builtins", "frozenset"): list,
    ("builtins", "bytes"): lambda value: value.decode(),
    ("collections", "deque"): list,
    ("datetime", "datetime"): lambda value: value.isoformat(),
    ("datetime", "date"): lambda value: value.isoformat(),
    ("datetime", "time"): lambda value: value.isoformat(),
    ("datetime", "timedelta"): lambda value: value.total_seconds(),
    ("uuid", "UUID"): str,
    ("decimal", "Decimal"): _decimal,
    ("pathlib", "PurePath"): str,
    ("pathlib._local", "PurePath"): str,
}
