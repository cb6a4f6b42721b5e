"""Path templates of Starlette as segments, which the route table understands. Knows no requests."""

from __future__ import annotations

import re

from starlette.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
)

# A literal, or what may stand in its place: see `_native.CompiledFront`.
Segment = str | tuple[str]

KINDS: dict[type, str] = {
    StringConvertor: "str",
    IntegerConvertor: "int",
    FloatConvertor: "float",
    UUIDConvertor: "uuid",
    PathConvertor: "path",
}
# Whether FastAPI's own convertors still match what the table believes.
REGEXES = {
    StringConvertor: "[^/]+",
    IntegerConvertor: "[0-9]+",
    FloatConvertor: r"[0-9]+(\.[0-9]+)?",
    UUIDConvertor: "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
    PathConvertor: ".*",
}
PARAMETER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_][a-zA-Z0-9_]*)?}")
# Whatever is below.
ANY: tuple[str] = ("any",)


def segments_of(path: str, convertors: dict[str, Convertor[object]]) -> tuple[Segment, ...]:
    """The segments of a route's path. They end with `ANY` where only the route's own regular expression can tell."""
    if not path.startswith("/"):
        return (ANY,)
    found: list[Segment] = []
    parts = path[1:].split("/")
    for index, part in enumerate(parts):
        if "{" not in part and "}" not in part:
            found.append(part)
            continue
        match = PARAMETER.fullmatch(part)
        kind = kind_of(convertors.get(match[1])) if match else ""
        if not kind or (kind == "path" and index < len(parts) - 1):
            found.append(ANY)
            break
        found.append((kind,))
    return tuple(found)


def kind_of(convertor: Convertor[object] | None) -> str:
    """The kind of parameter; empty for a convertor that is not Starlette's own."""
    kind = type(convertor)
    if REGEXES.get(kind) != getattr(convertor, "regex", None):
        return ""
    return KINDS.get(kind, "")


def segments_below(path: str) -> tuple[Segment, ...]:
    """What a mount at `path` may match."""
    literal: list[Segment] = []
    for part in path.strip("/").split("/"):
        if "{" in part or not part:
            break
        literal.append(part)
    return (*literal, ANY)
