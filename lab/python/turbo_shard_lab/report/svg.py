"""Writes SVG elements: escaped text, rounded coordinates, marks. Does not know what they mean.

Colours are classes, so the page's light and dark style sheets decide about them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .markup import escaped

# Every drawing is this wide in its own units; the page scales it, also down to a phone.
WIDTH = 440.0
FONT_PX = 11.5
# Bold letters are as wide as plain ones of this size.
BOLD_PX = 13.0
# From the widest of the usual sans-serif fonts, in parts of their size: better too much room than words cut off.
WIDE_CHARACTER, CHARACTER, NARROW_CHARACTER = 0.98, 0.64, 0.4
WIDE, NARROW = frozenset("mwMW@%—…→←"), frozenset("iljtfrI.,:;'|!()[] ")


def number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no coordinate")
    # The zero takes the sign off values that round to nothing.
    return f"{round(value, 1) + 0.0:.10g}"


def element(name: str, content: str = "", **attributes: float | str | None) -> str:
    """`css_class` is class; other underscores are hyphens; what is None or empty is left out."""
    written = "".join(
        f' {attribute(key)}="{number(value) if isinstance(value, float | int) else escaped(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def attribute(key: str) -> str:
    return "class" if key == "css_class" else key.rstrip("_").replace("_", "-")


def drawing(
    identity: str, title: str, description: str, height: float, parts: Iterable[str]
) -> str:
    """A whole image; a screen reader reads its title and description."""
    words = (
        f'<title id="{escaped(identity)}-t">{escaped(title)}</title>'
        f'<desc id="{escaped(identity)}-d">{escaped(description)}</desc>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(WIDTH)} {number(height)}" role="img" '
        f'aria-labelledby="{escaped(identity)}-t {escaped(identity)}-d">{words}{"".join(parts)}</svg>'
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", css_class: str = "", whole: str = ""
) -> str:
    """`whole` is shown when the pointer rests on words that were cut."""
    hint = f"<title>{escaped(whole)}</title>" if whole and whole != words else ""
    return element(
        "text",
        hint + escaped(words),
        x=x,
        y=y,
        text_anchor=anchor if anchor != "start" else None,
        css_class=css_class,
    )


def line(x1: float, y1: float, x2: float, y2: float, css_class: str) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, css_class=css_class)


def rectangle(x: float, y: float, width: float, height: float, css_class: str) -> str:
    return element(
        "rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), css_class=css_class
    )


def path(points: Iterable[tuple[float, float]], css_class: str, *, dash: str = "") -> str:
    return element("path", d=course(points), css_class=css_class, stroke_dasharray=dash)


def area(points: Iterable[tuple[float, float]], css_class: str) -> str:
    return element("path", d=course(points) + "Z", css_class=css_class)


def course(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def mark(kind: str, x: float, y: float, css_class: str, size: float = 3.6) -> str:
    if kind == "square":
        return rectangle(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8, css_class)
    if kind == "triangle":
        corners = [
            (x, y - size * 1.2),
            (x + size * 1.1, y + size * 0.9),
            (x - size * 1.1, y + size * 0.9),
        ]
        return area(corners, css_class)
    if kind == "diamond":
        far = size * 1.25
        return area([(x, y - far), (x + far, y), (x, y + far), (x - far, y)], css_class)
    return element("circle", cx=x, cy=y, r=size, css_class=css_class)


def width_of(words: str, font_px: float = FONT_PX) -> float:
    parts = (
        WIDE_CHARACTER if one in WIDE else NARROW_CHARACTER if one in NARROW else CHARACTER
        for one in words
    )
    return sum(parts) * font_px


def cut(words: str, room: float, font_px: float = FONT_PX) -> str:
    """As much of the words as fits, with an ellipsis if that is not all."""
    if width_of(words, font_px) <= room:
        return words
    kept = words
    while kept and width_of(kept + "…", font_px) > room:
        kept = kept[:-1]
    return kept.rstrip(" ,") + "…"
