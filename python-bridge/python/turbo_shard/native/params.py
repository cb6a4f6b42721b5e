"""What a handler's parameters stand for: markers, and the reading of signatures. Knows nothing of requests.

A parameter comes from the path if the route's path names it, from the body if it is a structure (dict, list, bytes, a
dataclass or model), and from the query otherwise; a marker says something else:

    def search(q: str, limit: int = 10, user_agent: Annotated[str | None, Header()] = None): ...
"""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from .._native import Request
from .errors import RegistrationError
from .plan import MISSING
from .structures import (
    LATE_SCALARS,
    SCALARS,
    Reader,
    UnknownAnnotation,
    bare,
    is_structure,
    members,
    name_of,
    reader_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PARAMETERS_MAX = 32
"""Most parameters of one handler."""

METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


class Marker(NamedTuple):
    """Where a parameter comes from, under which name, and its default."""

    source: str
    default: Any = MISSING
    alias: str | None = None
    convert_underscores: bool = True

    # Each stands for itself. typing keeps one `Annotated[...]` for all whose parts compare equal, and `bool | int`
    # equals `int | bool`: with markers that compared equal too, a parameter would get the union of another handler.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)


# Any: a marker stands where a default of the parameter's own type would.


def Path(*, alias: str | None = None) -> Any:
    """Takes the parameter from the path; `alias` names the path's parameter."""
    return Marker("path", alias=alias)


def Query(default: Any = MISSING, *, alias: str | None = None) -> Any:
    """Takes the parameter from the query; one annotated as a list takes all of that name."""
    return Marker("query", default, alias)


def Header(
    default: Any = MISSING, *, alias: str | None = None, convert_underscores: bool = True
) -> Any:
    """Takes the parameter from the headers; `x_token` stands for the field `x-token`."""
    return Marker("header", default, alias, convert_underscores)


def Cookie(default: Any = MISSING, *, alias: str | None = None) -> Any:
    """Takes the parameter from the cookies."""
    return Marker("cookie", default, alias)


def Body(default: Any = MISSING) -> Any:
    """Takes the parameter from the body: JSON, or for `str` and `bytes` the body as it is."""
    return Marker("body", default)


_MARKERS: dict[Any, Callable[[], Any]] = {
    marker: marker for marker in (Path, Query, Header, Cookie, Body)
}


class Parameter(NamedTuple):
    """One parameter of a handler."""

    name: str
    source: str  # path, query, header, cookie, body, request, socket
    alias: str
    annotation: Any
    default: Any
    many: bool  # takes all values of its name, as a list
    keyword_only: bool

    @property
    def kind(self) -> str:
        """How the native side may read it: it gives kinds that it does not know to `reader`."""
        kinds = [member for member in members(self.annotation) if member is not types.NoneType]
        if self.source == "body":
            raw = {bytes: "bytes", str: "text"}
            return raw.get(kinds[0], "json") if len(kinds) == 1 and _is_type(kinds[0]) else "json"
        plain = {str: "str", int: "int", float: "float", bool: "bool"}
        if self.many or len(kinds) != 1 or not _is_type(kinds[0]):
            return "other"
        return plain.get(kinds[0], "other")

    def reader(self) -> Reader:
        """A new reader, for one thread alone."""
        return reader_of(self.annotation, from_text=self.source != "body")


def parameters_of(
    handler: Callable[..., Any],
    *,
    label: str,
    path_names: Iterable[str],
    methods: Iterable[str],
    socket: str | None = None,
) -> tuple[Parameter, ...]:
    """Reads the handler's signature; raises RegistrationError for a parameter that cannot be bound.

    `socket` names the parameter that takes the WebSocket, which knows the path's parameters too: the handler need not
    have them, and its `**rest` takes those that it does not name.

    A NameError goes through: the annotation may name something that is defined further down in the module.
    """
    from inspect import signature

    try:
        declared = signature(handler).parameters.values()
    except (TypeError, ValueError) as error:
        lacks_self = isinstance(handler, types.MethodType)
        reason = "it is a method without self" if lacks_self else str(error)
        raise RegistrationError(
            f"handler {label} has no signature that can be read: {reason}"
        ) from None
    hints = hints_of(handler)
    path = set(path_names)
    may_have_body = not METHODS_WITH_BODY.isdisjoint(methods)
    found: list[Parameter] = []
    takes_rest = False
    for one in declared:
        where = f"parameter {one.name!r} of handler {label}"
        by_name = one.kind is one.KEYWORD_ONLY
        if one.name == socket:
            found.append(_plain_parameter(one.name, "socket", by_name))
            continue
        if one.kind is one.VAR_KEYWORD and socket is not None:
            takes_rest = True
            continue
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            stars = "*" if one.kind is one.VAR_POSITIONAL else "**"
            raise RegistrationError(
                f"{where}: {stars}{one.name} cannot be bound; name the parameters"
            )
        default = MISSING if one.default is one.empty else one.default
        annotation = hints.get(one.name, MISSING)
        parameter = _read(one.name, annotation, default, path, may_have_body, where)
        if socket is not None and parameter.source in ("body", "request"):
            raise RegistrationError(
                f"{where}: a WebSocket has no {parameter.source}; "
                "the WebSocket itself has what its handshake said"
            )
        found.append(parameter._replace(keyword_only=by_name))
    if takes_rest:
        bound = {one.alias for one in found if one.source == "path"}
        found += [_plain_parameter(name, "path", True) for name in sorted(path - bound)]
    _check_together(found, path, label, must_bind_path=socket is None)
    return tuple(found)


def _plain_parameter(name: str, source: str, by_name: bool) -> Parameter:
    return Parameter(name, source, name, str, MISSING, False, by_name)


def hints_of(handler: Any) -> dict[str, Any]:
    """The annotations of the function whose parameters `inspect.signature` reports."""
    import functools

    while True:
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif hasattr(handler, "__wrapped__"):  # functools.wraps, functools.cache
            handler = handler.__wrapped__
        else:
            break
    if isinstance(handler, type):
        handler = handler.__init__  # type: ignore[misc]
    elif not isinstance(handler, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        handler = type(handler).__call__
    annotations = {
        name: note
        for name, note in getattr(handler, "__annotations__", {}).items()
        # The return annotation is not needed; it may be a name that only a type checker imports.
        if name != "return"
    }
    holder = types.SimpleNamespace(
        __annotations__=annotations, __type_params__=getattr(handler, "__type_params__", ())
    )
    names = getattr(handler, "__globals__", {})
    return get_type_hints(holder, globalns=names, include_extras=True)


def _read(
    name: str, annotation: Any, default: Any, path: set[str], may_have_body: bool, where: str
) -> Parameter:
    marker: Marker | None = None
    for note in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        # Annotated[int, Query] means Query().
        note = (
            _MARKERS[note]() if isinstance(note, types.FunctionType) and note in _MARKERS else note
        )
        if isinstance(note, Marker):
            marker = note
    if isinstance(default, Marker):
        if marker is not None:
            raise RegistrationError(f"{where} has two markers")
        marker, default = default, MISSING
    if marker is not None and marker.default is not MISSING:
        if default is not MISSING:
            raise RegistrationError(f"{where} has two defaults")
        default = marker.default
    if annotation is MISSING and name in ("self", "cls"):
        raise RegistrationError(
            f"{where}: register the method of an instance, app.get(path)(instance.method), not the one in its class"
        )
    if annotation is MISSING:
        annotation = Request if name == "request" and marker is None and name not in path else str
    plain = bare(annotation)
    if [member for member in members(plain) if member is not types.NoneType] == [Request]:
        return Parameter(name, "request", name, Request, default, False, False)

    alias = (marker.alias if marker else None) or name
    source = marker.source if marker else _source_of(plain, alias in path, may_have_body)
    if source == "header" and marker is not None and marker.alias is None:
        alias = name.replace("_", "-") if marker.convert_underscores else name
    many = source in ("query", "header") and _is_list(plain)
    parameter = Parameter(name, source, alias, annotation, default, many, False)
    _check(parameter, path, where)
    return parameter


def _source_of(annotation: Any, in_path: bool, may_have_body: bool) -> str:
    if in_path:
        return "path"
    if bytes in members(annotation):
        return "body"
    if not is_structure(annotation):
        return "query"
    # A query can hold a list of scalars; where there may be a body, it is JSON.
    items = [get_args(member) for member in members(annotation) if get_origin(member) is list]
    is_plain_list = bool(items) and _is_list(annotation) and not is_structure(items[0][0])
    return "query" if is_plain_list and not may_have_body else "body"


def _is_list(annotation: Any) -> bool:
    kinds = [member for member in members(annotation) if member is not types.NoneType]
    return len(kinds) == 1 and (kinds[0] is list or get_origin(kinds[0]) is list)


def _is_type(annotation: Any) -> bool:
    return isinstance(annotation, type) and get_origin(annotation) is None


def _check(parameter: Parameter, path: set[str], where: str) -> None:
    source, alias = parameter.source, parameter.alias
    if source == "path" and alias not in path:
        raise RegistrationError(f"{where} comes from the path, which has no {{{alias}}}")
    if source == "path" and parameter.default is not MISSING:
        raise RegistrationError(f"{where} comes from the path, so that a default has no use")
    if source != "path" and parameter.name in path and alias == parameter.name:
        raise RegistrationError(f"{where} is named in the path, but its marker says {source}")
    if source == "header" and not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", alias):
        raise RegistrationError(f"{where}: {alias!r} cannot be the name of a header")
    if source != "body" and is_structure(parameter.annotation) and not parameter.many:
        kind = name_of(bare(parameter.annotation))
        raise RegistrationError(f"{where} is a {kind}, which a {source} cannot hold")
    if parameter.many and any(map(is_structure, _item_of(parameter.annotation))):
        raise RegistrationError(f"{where} is a list of what a {source} cannot hold")
    if parameter.kind in ("json", "other"):
        try:
            parameter.reader()
        except UnknownAnnotation as unknown:
            known = ", ".join((*(kind.__name__ for kind in SCALARS), *LATE_SCALARS))
            raise RegistrationError(
                f"{where} is annotated as {unknown}, which cannot be bound; there are {known}, Enum, Literal, lists of "
                "these, dict, bytes, dataclasses and Request"
            ) from None


def _item_of(annotation: Any) -> tuple[Any, ...]:
    lists = [member for member in members(annotation) if get_origin(member) is list]
    return get_args(lists[0]) if lists else ()


def _check_together(
    found: list[Parameter], path: set[str], label: str, *, must_bind_path: bool
) -> None:
    if len(found) > PARAMETERS_MAX:
        raise RegistrationError(f"handler {label} has more than {PARAMETERS_MAX} parameters")
    bodies = [one.name for one in found if one.source == "body"]
    if len(bodies) > 1:
        raise RegistrationError(
            f"handler {label} takes the body twice, as {' and '.join(map(repr, bodies))}; "
            "one dataclass can hold both, and a marker such as Query() says where else one comes from"
        )
    bound = {one.alias for one in found if one.source == "path"}
    takes_request = any(one.source == "request" for one in found)
    for name in sorted(path - bound):
        if must_bind_path and not takes_request:
            raise RegistrationError(f"handler {label} has no parameter for {{{name}}} in its path")
