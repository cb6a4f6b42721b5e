"""Makes dataclasses of what json.loads returned, by their annotations. Knows no class by name."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, cast, get_args, get_origin, get_type_hints


class TypedJsonError(Exception):
    """A value of another kind than its annotation says; the text names its place."""


def from_json[T](kind: type[T], value: object, place: str = "") -> T:
    """An instance of the dataclass `kind`."""
    if not isinstance(value, dict):
        raise TypedJsonError(f"{place or 'all of it'} is not an object")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(cast(Any, kind))}
    if unknown := sorted(value.keys() - known.keys()):
        raise TypedJsonError(f"{inside(place, unknown[0])} is not known")
    given = {}
    for name, one in known.items():
        if name in value:
            given[name] = typed(hints[name], value[name], inside(place, name))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise TypedJsonError(f"{inside(place, name)} is missing")
    return kind(**given)


def typed(hint: Any, value: object, place: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (other,) = (each for each in arguments if each is not type(None))
        return typed(other, value, place)
    if is_dataclass(hint):
        return from_json(cast(type, hint), value, place)
    if origin is list and isinstance(value, list):
        return [typed(arguments[0], each, f"{place}[{n}]") for n, each in enumerate(value)]
    if origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        pairs = zip(arguments, value, strict=True)
        return tuple(typed(one, each, f"{place}[{n}]") for n, (one, each) in enumerate(pairs))
    if origin is dict and isinstance(value, dict):
        return value
    if hint is float and type(value) in (int, float):
        return float(cast(float, value))
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise TypedJsonError(f"{place} is {value!r}"[:200] + f", not {in_words(hint)}")


def inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def in_words(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
