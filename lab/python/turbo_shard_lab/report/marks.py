"""The entries of a legend: each arm's line, dash and mark as it is drawn in the charts. Knows no figures."""

from __future__ import annotations

from . import svg
from .blocks import Key
from .palette import ArmStyle

WIDE, TALL = 30.0, 14.0


def key(label: str, look: ArmStyle) -> Key:
    line = svg.path([(1, TALL / 2), (WIDE - 1, TALL / 2)], f"line {look.css_class}", dash=look.dash)
    mark = svg.mark(look.mark, WIDE / 2, TALL / 2, f"mark {look.css_class}")
    size = f'viewBox="0 0 {WIDE:g} {TALL:g}" width="{WIDE:g}" height="{TALL:g}"'
    swatch = f'<svg {size} aria-hidden="true">{line}{mark}</svg>'
    return Key(label, swatch)
