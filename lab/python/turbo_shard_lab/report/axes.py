"""The frame of a chart with two axes: grid, ticks, titles. Does not know what is drawn in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import scale, svg
from .scale import Scale

TOP, BOTTOM, RIGHT = 26.0, 42.0, 14.0
HEIGHT = 286.0
# Between tick labels that would otherwise read as one.
GAP = 7.0


@dataclass(frozen=True)
class Axis:
    """One axis as requested; the frame decides its place."""

    values: Sequence[float]
    title: str
    label: Callable[[float], str]
    is_log: bool = False
    # Instead of round values.
    ticks: Sequence[float] | None = None
    # Instead of the range of the values.
    bounds: tuple[float, float] | None = None

    def scale(self, start: float, end: float) -> Scale:
        if self.bounds is not None:
            return Scale(*self.bounds, start, end, self.is_log)
        make = scale.logarithmic if self.is_log else scale.linear
        return make(self.values, start, end)

    def marked(self, placed: Scale) -> list[float]:
        if self.ticks is None:
            return scale.ticks(placed)
        return [tick for tick in self.ticks if placed.low <= tick <= placed.high]


class Frame:
    """Axes with their place; `x` and `y` say where a value lies."""

    def __init__(self, x: Axis, y: Axis, *, height: float = HEIGHT) -> None:
        self.height = height
        self.x_axis, self.y_axis = x, y
        self.top, self.bottom, self.right = TOP, height - BOTTOM, svg.WIDTH - RIGHT
        self.y = y.scale(self.bottom, self.top)
        labels = [y.label(tick) for tick in y.marked(self.y)]
        self.left = max(map(svg.width_of, labels), default=20.0) + 10
        self.x = x.scale(self.left, self.right)

    def drawn(self) -> list[str]:
        """Everything behind the data."""
        parts = []
        for tick in self.y_axis.marked(self.y):
            at = self.y.at(tick)
            parts.append(svg.line(self.left, at, self.right, at, "grid"))
            label = self.y_axis.label(tick)
            parts.append(svg.text(self.left - 6, at + 4, label, anchor="end", css_class="tick"))
        parts += [
            svg.line(at, self.top, at, self.bottom, "grid")
            for at in map(self.x.at, self.x_axis.marked(self.x))
        ]
        parts.append(svg.line(self.left, self.bottom, self.right, self.bottom, "axis"))
        parts += x_labels(self.x, self.x_axis.marked(self.x), self.x_axis.label, self.bottom + 16)
        middle = (self.left + self.right) / 2
        parts.append(svg.text(4, 13, self.y_axis.title, css_class="name"))
        parts.append(
            svg.text(middle, self.height - 7, self.x_axis.title, anchor="middle", css_class="name")
        )
        return parts


def x_labels(
    placed: Scale, marked: Sequence[float], label: Callable[[float], str], y: float
) -> list[str]:
    """The labels that do not touch the one before; all of them inside the drawing."""
    parts = []
    taken = 0.0
    for tick in marked:
        words = label(tick)
        wide = svg.width_of(words)
        middle = min(max(placed.at(tick), wide / 2 + 1), svg.WIDTH - wide / 2 - 1)
        if middle - wide / 2 >= taken:
            parts.append(svg.text(middle, y, words, anchor="middle", css_class="tick"))
            taken = middle + wide / 2 + GAP
    return parts
