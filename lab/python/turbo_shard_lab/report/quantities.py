"""How figures read: units, digits, ranges, and what is shown where there is none. Knows nothing of charts or pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import median

# For a figure that was not measured; never a zero.
ABSENT = "–"


def duration(us: float) -> str:
    """`146 µs`, `1.44 ms`, `2.30 s`: three digits that mean something."""
    if us < 999.5:
        return f"{digits(us)} µs"
    if us < 999_500:
        return f"{digits(us / 1e3)} ms"
    return f"{digits(us / 1e6)} s"


def digits(value: float) -> str:
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def rate(value: float) -> str:
    return f"{value:,.0f}"


def short_rate(value: float) -> str:
    """For axes: `150k`, `1.5k`, `20`."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def short_duration(us: float) -> str:
    """For axes, whose ticks are round."""
    if us < 1e3:
        return f"{us:g} µs"
    if us < 1e6:
        return f"{us / 1e3:g} ms"
    return f"{us / 1e6:g} s"


def share(value: float) -> str:
    return f"{value:.0%}"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def times(value: float) -> str:
    return f"{digits(value)}×"


def finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def middle(values: Iterable[float | None], text: Callable[[float], str]) -> str:
    found = finite(values)
    return text(median(found)) if found else ABSENT


def spread(values: Iterable[float | None], text: Callable[[float], str]) -> str:
    """`146 µs (140–171)`: the median, and the lowest and highest round if there are several."""
    found = finite(values)
    if not found:
        return ABSENT
    shown = text(median(found))
    low, high = text(min(found)), text(max(found))
    if low == high:
        return shown
    # `140–171` needs no unit twice where both have the same.
    unit = shown.lstrip("0123456789.,")
    if unit and low.endswith(unit) and high.endswith(unit):
        low, high = low.removesuffix(unit), high.removesuffix(unit)
    return f"{shown} ({low}–{high})"


def percentile_name(percent: float) -> str:
    return f"{percent:.10g} %"
