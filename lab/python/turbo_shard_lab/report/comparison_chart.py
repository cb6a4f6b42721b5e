"""Draws ratios with their confidence intervals, scenario by scenario: wins and losses at one glance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..results import Comparison, ScenarioResult
from . import quantities, scale, svg
from .axes import x_labels
from .blocks import Chart, Table
from .markup import escaped
from .palette import ArmStyle

ROW, TITLE, GAP, TOP, FOOT = 18.0, 20.0, 6.0, 20.0, 40.0
RIGHT = 12.0
LABEL_MAX = 172.0
# Beyond this a ratio is drawn at the border.
RATIO_MAX = 1000.0
# Up to here round ratios are marked, from here on powers.
LINEAR_UP_TO = 3.0


@dataclass(frozen=True)
class Row:
    """One comparison; `of` and `against` are the labels of its arms."""

    comparison: Comparison
    of: str
    against: str


def comparison_chart(
    identity: str,
    title: str,
    rows: Sequence[tuple[ScenarioResult, Sequence[Row]]],
    styles: Mapping[str, ArmStyle],
    *,
    is_less_better: bool,
) -> Chart | None:
    """All rows compare the same arm by the same metric; None if there are none."""
    found = [(scenario, [row for row in own if is_drawable(row)]) for scenario, own in rows]
    found = [(scenario, own) for scenario, own in found if own]
    if not found:
        return None
    flat = [row for _, own in found for row in own]
    labels = [f"vs {row.against}" for row in flat]
    left = min(max(map(svg.width_of, labels)), LABEL_MAX) + 12
    placed = ratio_scale([row.comparison for row in flat], left, svg.WIDTH - RIGHT)
    height = TOP + sum(TITLE + len(own) * ROW + GAP for _, own in found) + FOOT
    one = placed.at(1.0)
    better = (left, one) if is_less_better else (one, placed.end)
    marked = ratio_ticks(placed)
    parts = []
    y = TOP
    for scenario, own in found:
        heading = svg.cut(scenario.title, svg.WIDTH - 6, svg.BOLD_PX)
        parts.append(svg.text(0, y + 14, heading, css_class="lane-heading", whole=scenario.title))
        y += TITLE
        end = y + len(own) * ROW
        parts.append(svg.rectangle(left, y, placed.end - left, end - y, "lane"))
        parts.append(svg.rectangle(better[0], y, better[1] - better[0], end - y, "better"))
        parts += [svg.line(at, y, at, end, "grid") for at in map(placed.at, marked)]
        parts.append(svg.line(one, y, one, end, "one"))
        for row in own:
            parts += drawn_row(row, y, left, placed, styles[row.comparison.baseline])
            y += ROW
        y += GAP
    parts.append(svg.line(left, y, placed.end, y, "axis"))
    parts += sides(flat[0].of, placed, one, is_less_better)
    parts += x_labels(placed, marked, lambda ratio: f"{ratio:g}×", y + 15)
    axis = f"{flat[0].of} over the other arm"
    axis = svg.cut(axis, svg.WIDTH - left)
    parts.append(
        svg.text((left + placed.end) / 2, height - 5, axis, anchor="middle", css_class="name")
    )
    note = (
        "Ratio with its 95 % confidence interval. Filled: a difference is shown; hollow: none is. The side on which "
        f"{flat[0].of} is better is shaded."
    )
    described = f"{title}. " + "; ".join(
        f"{scenario.title}: {row.comparison.text}" for scenario, own in found for row in own
    )
    return Chart(
        title, note, svg.drawing(identity, title, described, height, parts), table(title, found)
    )


def is_drawable(row: Row) -> bool:
    values = (row.comparison.low, row.comparison.ratio, row.comparison.high)
    return all(math.isfinite(value) and value > 0 for value in values)


def ratio_scale(comparisons: Sequence[Comparison], start: float, end: float) -> scale.Scale:
    """Both sides of 1 are visible, whatever the ratios."""
    low = max(min(0.9, *(one.low for one in comparisons)), 1 / RATIO_MAX)
    high = min(max(1.1, *(one.high for one in comparisons)), RATIO_MAX)
    room = (high / low) ** 0.04
    return scale.Scale(low / room, high * room, start, end, is_log=True)


def ratio_ticks(placed: scale.Scale) -> list[float]:
    if placed.high / placed.low > LINEAR_UP_TO:
        return scale.log_ticks(placed.low, placed.high)
    step = scale.round_step((placed.high - placed.low) / 6)
    first, last = math.ceil(placed.low / step), math.floor(placed.high / step)
    return [scale.tidy(number * step) for number in range(first, last + 1)]


def drawn_row(row: Row, y: float, left: float, placed: scale.Scale, look: ArmStyle) -> list[str]:
    found, middle = row.comparison, y + ROW / 2
    label = f"vs {row.against}"
    shown = "shown" if found.shown else "hollow"
    low, high, at = placed.at(found.low), placed.at(found.high), placed.at(found.ratio)
    hint = svg.element("title", escaped(found.text))
    inner = [
        hint,
        svg.line(low, middle, high, middle, f"interval {look.css_class}"),
        svg.line(low, middle - 3.5, low, middle + 3.5, f"interval {look.css_class}"),
        svg.line(high, middle - 3.5, high, middle + 3.5, f"interval {look.css_class}"),
        svg.mark(look.mark, at, middle, f"mark {shown} {look.css_class}", 4.2),
    ]
    cut = svg.cut(label, left - 12)
    return [
        svg.text(left - 8, middle + 4, cut, anchor="end", css_class="tick", whole=label),
        svg.element("g", "".join(inner)),
    ]


def sides(of: str, placed: scale.Scale, one: float, is_less_better: bool) -> list[str]:
    """What each side of the line at 1 means, where there is room for it."""
    better, worse = "better", "worse"
    left, right = (better, worse) if is_less_better else (worse, better)
    parts = []
    if one - placed.start >= svg.width_of(f"← {left}"):
        parts.append(svg.text(one - 7, 13, f"← {left}", anchor="end", css_class="side"))
    if placed.end - one >= svg.width_of(f"{right} →"):
        parts.append(svg.text(one + 7, 13, f"{right} →", css_class="side"))
    return parts


def table(title: str, found: Sequence[tuple[ScenarioResult, Sequence[Row]]]) -> Table:
    rows = []
    for scenario, own in found:
        for row in own:
            one = row.comparison
            interval = f"{quantities.digits(one.low)} – {quantities.digits(one.high)}"
            rows.append(
                (
                    scenario.title,
                    row.against,
                    quantities.times(one.ratio),
                    interval,
                    str(one.rounds),
                    "yes" if one.shown else "no",
                )
            )
    return Table(
        f"{title}: ratios and intervals",
        ("scenario", "against", "ratio", "95 % interval", "rounds", "difference shown"),
        tuple(rows),
    )
