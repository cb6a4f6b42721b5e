"""Turns annotations into functions that read a value: they check, convert, and raise pydantic's faults.

`reader_of` is called when routes are registered and once per thread when they are bound; what it returns is called for
each request.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .errors import FAULTS_MAX, InputError, fault
from .models import is_model, model_reader
from .scalars import read_bool, read_float, read_int, read_str, read_uuid

type Reader = Callable[[Any], Any]

SCALARS: dict[Any, Reader] = {
    str: read_str,
    int: read_int,
    float: read_float,
    bool: read_bool,
}
LATE_SCALARS = ("UUID", "datetime", "date")
"""Scalars whose modules most apps do without: they are imported for an annotation that names one."""

CONTAINERS = (list, tuple, set, frozenset, dict)


class UnknownAnnotation(Exception):
    """No rule says how to read such a value; the text names the annotation."""


def scalar_reader(annotation: Any) -> Reader | None:
    """The function that reads such a scalar. TypeError where the annotation is not hashable, and so not a type."""
    if (reader := SCALARS.get(annotation)) is not None:
        return reader
    module = getattr(annotation, "__module__", None)
    if module == "uuid":
        from uuid import UUID

        return read_uuid if annotation is UUID else None
    if module == "datetime":
        from . import timestamps

        return timestamps.READERS.get(annotation)
    return None


def bare(annotation: Any) -> Any:
    """The annotation without its names and notes: aliases, NewTypes and Annotated are looked through."""
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union; of anything else, itself."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for member in get_args(annotation) for inner in members(member))
    return (annotation,)


def is_dataclass(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "__dataclass_fields__")


def is_structure(annotation: Any) -> bool:
    """Whether no single text can hold it: FastAPI looks for such values in the body."""
    return any(
        member in CONTAINERS
        or get_origin(member) in CONTAINERS
        or is_dataclass(member)
        or is_model(member)
        for member in members(annotation)
    )


def name_of(annotation: Any) -> str:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    return repr(annotation).replace("typing.", "")


def reader_of(annotation: Any, *, from_text: bool = False) -> Reader:
    """The function that reads such a value: from JSON, or from one text of a query, path, header or cookie."""
    return _Readers(from_text=from_text).reader(annotation)


class _Readers:
    def __init__(self, *, from_text: bool) -> None:
        self.from_text = from_text
        # A dataclass may hold itself.
        self.dataclasses: dict[type, Reader] = {}

    def reader(self, annotation: Any) -> Reader:
        alternatives = members(annotation)
        if len(alternatives) > 1:
            return self.union(alternatives)
        annotation = alternatives[0]
        if annotation in (Any, object):
            return lambda value: value
        if annotation in (None, types.NoneType):
            return _read_none
        try:
            scalar = scalar_reader(annotation)
        except TypeError:  # not hashable, so no type
            raise UnknownAnnotation(repr(annotation)) from None
        if scalar is not None:
            return scalar
        origin = get_origin(annotation) or annotation
        if origin is Literal:
            known = {word: word for word in get_args(annotation)}
            return _one_of("literal_error", known, from_text=self.from_text)
        if origin in CONTAINERS:
            return self.container(origin, get_args(annotation))
        if is_dataclass(annotation):
            return self.dataclass(annotation)
        if is_model(annotation):
            return model_reader(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return self.enum(annotation)
        raise UnknownAnnotation(name_of(annotation))

    def union(self, alternatives: tuple[Any, ...]) -> Reader:
        optional = types.NoneType in alternatives
        others = [other for other in alternatives if other is not types.NoneType]
        readers = [(name_of(other), self.reader(other)) for other in others]
        # The member of exactly its type reads a text, number or boolean.
        exact = {
            other: read
            for other, (_, read) in zip(others, readers, strict=True)
            if scalar_reader(other) is not None
        }

        def read(value: Any) -> Any:
            if value is None and optional:
                return None
            if len(readers) == 1:
                return readers[0][1](value)
            errors: list[dict[str, Any]] = []
            if (own := exact.get(type(value))) is not None:
                try:
                    return own(value)
                except InputError:
                    pass
            for name, read_member in readers:
                try:
                    return read_member(value)
                except InputError as error:
                    errors += error.under(name).errors
            raise InputError(errors[:FAULTS_MAX])

        return read

    def container(self, origin: Any, arguments: tuple[Any, ...]) -> Reader:
        if origin is dict:
            return self.mapping(arguments)
        if origin is tuple and arguments and arguments[-1:] != (...,):
            return self.fixed_tuple(arguments)
        item = (
            self.reader(arguments[0]) if arguments and arguments[0] not in (Any, object) else None
        )
        name = origin.__name__
        message = f"Input should be a valid {name}"

        def read(value: Any) -> Any:
            if not isinstance(value, list):
                raise fault(f"{_type_name(name)}_type", message, value)
            items = value if item is None else _items(item, value)
            if origin is list:
                return items
            try:
                return origin(items)
            except TypeError:
                raise fault(
                    "set_item_not_hashable", "Set items should be hashable", value
                ) from None

        return read

    def fixed_tuple(self, arguments: tuple[Any, ...]) -> Reader:
        readers = [self.reader(argument) for argument in arguments if argument != ()]
        most = len(readers)

        def read(value: Any) -> tuple[Any, ...]:
            if not isinstance(value, list):
                raise fault("tuple_type", "Input should be a valid tuple", value)
            if len(value) > most:
                plural = "item" if most == 1 else "items"
                message = (
                    f"Tuple should have at most {most} {plural} after validation, not {len(value)}"
                )
                context = {"field_type": "Tuple", "max_length": most, "actual_length": len(value)}
                raise fault("too_long", message, value, context)
            pairs = zip(readers, value, strict=False)
            lacking = range(len(value), most)
            read_all = [*((index, one, item) for index, (one, item) in enumerate(pairs))]
            return tuple(_gather(read_all, lacking, value).values())

        return read

    def mapping(self, arguments: tuple[Any, ...]) -> Reader:
        # JSON's keys are str already.
        plain = (Any, object, str)
        key = self.reader(arguments[0]) if arguments and arguments[0] not in plain else None
        item = (
            self.reader(arguments[1]) if arguments and arguments[1] not in (Any, object) else None
        )
        read_key, read_item = _key_reader(key) if key else _as_it_is, item or _as_it_is

        def read(value: Any) -> dict[Any, Any]:
            if not isinstance(value, dict):
                raise fault("dict_type", "Input should be a valid dictionary", value)
            if key is None and item is None:
                return value
            # A key is read together with its value, so that the faults of both are reported.
            found: dict[Any, Any] = {}
            errors: list[dict[str, Any]] = []
            for name, one in value.items():
                read_name, read_one = name, one
                try:
                    read_name = read_key(name)
                except InputError as error:
                    errors += error.under(name).errors
                try:
                    read_one = read_item(one)
                except InputError as error:
                    errors += error.under(name).errors
                if len(errors) >= FAULTS_MAX:
                    break
                found[read_name] = read_one
            if errors:
                raise InputError(errors[:FAULTS_MAX])
            return found

        return read

    def enum(self, annotation: type[Enum]) -> Reader:
        known = {member.value: member for member in annotation if _is_hashable(member.value)}
        lax = next((kind for kind in (int, float) if issubclass(annotation, kind)), None)
        search = _one_of("enum", known, from_text=self.from_text or lax is not None)

        def read(value: Any) -> Any:
            if type(value) is annotation:
                return value
            try:
                return search(value)
            except InputError:
                # The class may know other spellings.
                try:
                    return annotation(value)
                except ValueError:
                    pass
                raise

        return read

    def dataclass(self, annotation: Any) -> Reader:
        if (known := self.dataclasses.get(annotation)) is not None:
            return known
        fields: list[tuple[str, Reader, bool]] = []
        context = {"class_name": annotation.__name__}
        message = f"Input should be a dictionary or an instance of {annotation.__name__}"

        def read(value: Any) -> Any:
            if isinstance(value, annotation):
                return value
            if not isinstance(value, dict):
                raise fault("dataclass_type", message, value, context)
            present = ((name, one, value[name]) for name, one, _ in fields if name in value)
            lacking = (name for name, _, required in fields if required and name not in value)
            arguments = _gather(present, lacking, value, order=[name for name, _, _ in fields])
            try:
                return annotation(**arguments)
            except InputError:
                raise
            except ValueError as error:
                raise fault("value_error", f"Value error, {error}", value, {"error": {}}) from error
            except AssertionError as error:
                text = f"Assertion failed, {error}"
                raise fault("assertion_error", text, value, {"error": {}}) from error

        self.dataclasses[annotation] = read
        fields += self.fields_of(annotation)
        return read

    def fields_of(self, annotation: Any) -> Iterable[tuple[str, Reader, bool]]:
        from dataclasses import MISSING, fields
        from inspect import signature

        own = {field.name: field for field in fields(annotation) if field.init}
        accepted = signature(annotation).parameters
        for name, parameter in accepted.items():
            if name not in own and parameter.default is parameter.empty:
                raise UnknownAnnotation(
                    f"{annotation.__name__}, whose argument {name!r} is no field"
                )
        hints = get_type_hints(annotation, include_extras=True)
        for name, field in own.items():
            if name not in accepted:
                continue
            try:
                read = self.reader(hints[name])
            except UnknownAnnotation as unknown:
                raise UnknownAnnotation(f"{unknown} (of {annotation.__name__}.{name})") from None
            yield name, read, field.default is MISSING and field.default_factory is MISSING


def _gather(
    present: Iterable[tuple[Any, Reader, Any]],
    lacking: Iterable[str | int],
    whole: Any,
    *,
    order: list[str] | None = None,
) -> dict[Any, Any]:
    """The value of each item, by its key; or all their faults, in the order of their fields."""
    found: dict[Any, Any] = {}
    errors: list[dict[str, Any]] = []
    for name, read, item in present:
        try:
            found[name] = read(item)
        except InputError as error:
            errors += error.under(name).errors
            if len(errors) >= FAULTS_MAX:
                break
    for name in lacking:
        errors += fault("missing", "Field required", whole).under(name).errors
    if errors:
        if order is not None:
            errors.sort(key=lambda error: order.index(error["loc"][0]))
        raise InputError(errors[:FAULTS_MAX])
    return found


def _items(read: Reader, values: list[Any]) -> list[Any]:
    try:
        return [read(value) for value in values]
    except InputError:
        # Again, with all the faults.
        return list(
            _gather(((index, read, one) for index, one in enumerate(values)), (), values).values()
        )


def _as_it_is(value: Any) -> Any:
    return value


def _key_reader(read: Reader) -> Reader:
    def read_key(value: Any) -> Any:
        try:
            return read(value)
        except InputError as error:
            raise error.under("[key]") from None

    return read_key


def _one_of(kind: str, known: dict[Any, Any], *, from_text: bool) -> Reader:
    """Looks a value up. A text also stands for the int of its digits, where there are only texts."""
    words = [repr(word) for word in known]
    expected = " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "nothing"
    numbers = {word: found for word, found in known.items() if isinstance(word, int | float)}

    def read(value: Any) -> Any:
        if _is_hashable(value) and value in known:
            return known[value]
        if from_text and numbers and isinstance(value, str):
            try:
                number = read_float(value)
            except InputError:
                pass
            else:
                if number in numbers:
                    return numbers[number]
        raise fault(kind, f"Input should be {expected}", value, {"expected": expected})

    return read


def _read_none(value: Any) -> None:
    if value is not None:
        raise fault("none_required", "Input should be None", value)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _type_name(container: str) -> str:
    return {"frozenset": "frozen_set"}.get(container, container)
