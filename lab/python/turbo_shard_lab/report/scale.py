"""Maps values to coordinates, and finds round ticks. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Of an axis in decades: beyond these spans fewer of 1, 2, 5 are marked.
SPARSE_DECADES = 2.2
# Axes are clamped to this, so no pair of odd values makes coordinates that are not numbers.
TINY, HUGE = 1e-12, 1e15


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` lie between the coordinates `start` and `end`; what is outside lies on the border."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        if self.is_log:
            part = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            part = (inside - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * part


def linear(values: Sequence[float], start: float, end: float, count: int = 5) -> Scale:
    """From zero to a round number above all values."""
    highest = min(max((value for value in values if math.isfinite(value)), default=1.0), HUGE)
    step = round_step(max(highest, TINY) / count)
    return Scale(0.0, step * math.ceil(max(highest, TINY) / step - 1e-9), start, end)


def logarithmic(values: Sequence[float], start: float, end: float) -> Scale:
    """Around all values above zero, some room left at both ends."""
    found = [min(max(value, TINY), HUGE) for value in values if math.isfinite(value) and value > 0]
    low, high = (min(found), max(found)) if found else (1.0, 10.0)
    # At least half a decade, or a flat line would look like a mountain.
    room = max(1.12, math.sqrt(10**0.5 / (high / low)))
    return Scale(low / room, high * room, start, end, is_log=True)


def ticks(scale: Scale, count: int = 5) -> list[float]:
    return log_ticks(scale.low, scale.high) if scale.is_log else linear_ticks(scale, count)


def linear_ticks(scale: Scale, count: int) -> list[float]:
    step = round_step((scale.high - scale.low) / count)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [tidy(number * step) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    steps: tuple[int, ...] = (1, 2, 5) if decades <= SPARSE_DECADES else (1,)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil(decades / 6))
    found = [
        tidy(step * 10.0**power)
        for power in range(first, last + 1)
        if power % every == 0
        for step in steps
    ]
    return [value for value in found if low <= value <= high]


def round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    for factor in (1, 2, 5, 10):
        if factor * power >= step * (1 - 1e-9):
            return factor * power
    return 10 * power


def tidy(value: float) -> float:
    """Without the dust of binary fractions."""
    return float(f"{value:.12g}")
