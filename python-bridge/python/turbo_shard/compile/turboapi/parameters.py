"""What each parameter of a TurboAPI handler or dependency stands for. Read once at start; knows nothing of requests."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from ...native.errors import InputError, RegistrationError, fault
from ...native.models import is_model
from ...native.params import hints_of
from ...native.plan import MISSING
from ...native.route import label_of
from ...native.structures import (
    Reader,
    UnknownAnnotation,
    bare,
    is_structure,
    members,
    reader_of,
)
from .names import is_kind, is_of

MARKERS = {
    "Query": "query",
    "Header": "header",
    "Cookie": "cookie",
    "Path": "path",
    "Body": "field",
    "Form": "form",
    "File": "file",
}


class Slot(NamedTuple):
    """One parameter."""

    name: str
    source: str
    """path, query, header, cookie, field (of the JSON body), body (all of it), raw, form, file, loose (wherever it is
    found first), depends, request, tasks, scopes, socket"""
    alias: str
    annotation: Any
    default: Any
    read: Reader
    many: bool
    marker: Any
    depends: Any
    positional_only: bool
    keyword_only: bool


class Dialect(NamedTuple):
    """Where the two lines of TurboAPI bind differently."""

    is_first: bool
    """0.3: a wrong body is answered 400, a handler's ValueError too; no headers are bound by name."""


def slots_of(
    function: Callable[..., Any],
    *,
    where: str,
    path_names: Collection[str],
    has_body: bool,
) -> tuple[Slot, ...]:
    """Reads a signature; a refusal calls it `where`."""
    try:
        declared = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise RegistrationError(
            f"{where}: {label_of(function)} has no signature that can be read: {error}"
        ) from None
    hints = _hints_of(function, where)
    found = []
    for one in declared:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue  # TurboAPI passes nothing there
        annotation = hints.get(one.name, one.annotation)
        if annotation is one.empty:
            annotation = MISSING
        slot = _slot(one, annotation, path_names, has_body, where)
        by_place, by_name = one.kind is one.POSITIONAL_ONLY, one.kind is one.KEYWORD_ONLY
        found.append(slot._replace(positional_only=by_place, keyword_only=by_name))
    return tuple(found)


def _hints_of(function: Any, where: str) -> dict[str, Any]:
    """Every annotation must be known: one that is not may be `Annotated[..., Depends(...)]`, and guard the route."""
    try:
        return hints_of(function)
    except NameError as error:
        reason = f"an annotation names {error.name or error}, which its module does not define"
    except SyntaxError as error:
        reason = f"an annotation is no expression: {error.msg}"
    raise RegistrationError(f"{where}: {label_of(function)} cannot be bound: {reason}")


def _slot(
    one: inspect.Parameter,
    annotation: Any,
    path_names: Collection[str],
    has_body: bool,
    where: str,
) -> Slot:
    marker: Any = None
    depends: Any = None
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    default: Any = MISSING if one.default is one.empty else one.default
    for note in (*notes, default):
        if is_of(note, "Depends"):
            depends = note
        elif is_of(note, *MARKERS):
            marker = note
        elif is_of(note, "SecurityBase"):
            raise RegistrationError(
                f"{where}: parameter {one.name!r} has a security scheme that is not in Depends(...); "
                "TurboAPI would never ask it"
            )
    if default is not None and (default is depends or default is marker):
        default = MISSING
    if marker is not None and default is MISSING:
        default = MISSING if marker.default is ... else marker.default
    plain = MISSING if annotation is MISSING else bare(annotation)
    alias = getattr(marker, "alias", None) or one.name
    source = _source(one.name, alias, plain, marker, depends, path_names, has_body)
    if source == "header" and alias == one.name and getattr(marker, "convert_underscores", True):
        alias = alias.replace("_", "-")
    if source == "path" and alias not in path_names:
        raise RegistrationError(
            f"{where}: parameter {one.name!r} comes from the path, which has no {{{alias}}}"
        )
    if source == "depends" and depends.dependency is None:
        depends = plain
        if not isinstance(plain, type):
            raise RegistrationError(
                f"{where}: parameter {one.name!r} is Depends() of nothing; name the function, or annotate a class"
            )
    elif depends is not None:
        if not callable(depends.dependency) and not is_of(depends.dependency, "SecurityBase"):
            raise RegistrationError(
                f"{where}: parameter {one.name!r} depends on {depends.dependency!r}, which cannot be called"
            )
    many = source in ("query", "loose", "form", "header") and _is_list(plain)
    reads_text = source not in ("field", "body")
    read = _reader(one.name, plain, from_text=reads_text)
    return Slot(
        *(one.name, source, alias, plain, default, read, many, marker, depends),
        positional_only=False,
        keyword_only=False,
    )


def _source(
    name: str,
    alias: str,
    plain: Any,
    marker: Any,
    depends: Any,
    path_names: Collection[str],
    has_body: bool,
) -> str:
    if depends is not None:
        return "depends"
    kinds = () if plain is MISSING else members(plain)
    for kind in kinds:
        if is_kind(kind, "TurboRequest"):
            return "request"
        if is_kind(kind, "BackgroundTasks"):
            return "tasks"
        if is_kind(kind, "SecurityScopes"):
            return "scopes"
        if is_kind(kind, "WebSocket"):
            return "socket"
        if is_kind(kind, "UploadFile"):
            return "file"
    if marker is not None:
        kind = next(
            MARKERS[base.__name__] for base in type(marker).__mro__ if base.__name__ in MARKERS
        )
        return "body" if kind == "field" and is_structure(plain) else kind
    if alias in path_names:
        return "path"
    if plain is MISSING:
        return "request" if name == "request" else "loose"
    if any(kind in (bytes, bytearray) for kind in kinds):
        return "raw"
    if not is_structure(plain):
        return "loose"
    items = [get_args(kind) for kind in kinds if get_origin(kind) is list]
    is_plain_list = _is_list(plain) and bool(items) and not is_structure(items[0][0])
    return "loose" if is_plain_list and not has_body else "body"


def _is_list(annotation: Any) -> bool:
    if annotation is MISSING:
        return False
    kinds = [kind for kind in members(annotation) if kind is not types.NoneType]
    return bool(kinds) and all(kind is list or get_origin(kind) is list for kind in kinds)


def _reader(name: str, annotation: Any, *, from_text: bool) -> Reader:
    if annotation is MISSING or isinstance(annotation, str):
        return _as_it_is
    models = [kind for kind in members(annotation) if is_model(kind)]
    if models:
        optional = types.NoneType in members(annotation)
        return _model_reader(models[0], optional)
    try:
        return reader_of(annotation, from_text=from_text)
    except UnknownAnnotation:
        pass
    # TurboAPI makes one from the value, if the annotation is a class.
    return _constructor(annotation) if isinstance(annotation, type) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _constructor(kind: type) -> Reader:
    def read(value: Any) -> Any:
        try:
            return kind(**value) if isinstance(value, dict) else kind(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise fault("value_error", f"Value error, {error}", value) from None

    return read


def _model_reader(model: Any, optional: bool) -> Reader:
    """Validates by the model's own rules: what it raises differs between satya, dhi and pydantic."""

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        try:
            return model.model_validate(value)
        except InputError:
            raise
        except Exception as error:
            raise fault("value_error", str(error), value) from None

    return read
