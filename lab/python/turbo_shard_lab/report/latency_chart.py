"""Draws latency by percentile: a line per arm, with the band between its fastest and its slowest round."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from statistics import median

from ..results import ArmResult, Run
from . import quantities, svg
from .axes import Axis, Frame
from .blocks import Chart, Table
from .levels import shown_level
from .palette import ArmStyle

PERCENTS = (50.0, 90.0, 99.0, 99.9, 99.99)
# Points of a curve per decade of 1/(1-p).
POINTS = 12
LAST = 4.0

type Curve = list[tuple[float, float]]
"""Decades of 1/(1-p), and microseconds."""


def decades(percent: float) -> float:
    return -math.log10(1 - percent / 100)


FIRST = decades(50)
MARKED = tuple(map(decades, PERCENTS))
PLACES = sorted(
    {*MARKED, *(step / POINTS for step in range(round(LAST * POINTS)) if step / POINTS > FIRST)}
)


def curve(run: Run) -> Curve:
    """The points between 50 % and 99.99 %, rising in both coordinates."""
    points: Curve = []
    for percent, us in sorted(run.percentiles):
        if 0 <= percent < 100 and math.isfinite(us) and us > 0:
            place = decades(percent)
            if not points or place > points[-1][0]:
                points.append((place, max(us, points[-1][1]) if points else us))
    return points


def value_at(points: Curve, place: float) -> float | None:
    """Interpolates between two points by logarithm; None where the run had too few answers."""
    if not points or not points[0][0] - 1e-9 <= place <= points[-1][0] + 1e-9:
        return None
    right = bisect.bisect_left(points, place, key=lambda point: point[0])
    if right == 0 or right == len(points):
        return points[min(right, len(points) - 1)][1]
    (x1, y1), (x2, y2) = points[right - 1], points[right]
    return float(y1 * (y2 / y1) ** ((place - x1) / (x2 - x1)))


def band(runs: Sequence[Run]) -> list[tuple[float, float, float, float]]:
    """Place, lowest, median and highest of the rounds, where all of them have a figure."""
    curves = [points for points in map(curve, runs) if points]
    found = []
    for place in PLACES:
        values = quantities.finite(value_at(points, place) for points in curves)
        if curves and len(values) == len(curves):
            found.append((place, min(values), median(values), max(values)))
    return found


def latency_chart(
    identity: str, arms: Sequence[ArmResult], styles: Mapping[str, ArmStyle], title: str
) -> Chart | None:
    """None if no arm has percentiles."""
    bands = {arm.key: band(shown_level(arm).runs) for arm in arms}
    drawn = [arm for arm in arms if len(bands[arm.key]) > 1]
    if not drawn:
        return None
    values = [us for arm in drawn for _, low, _, high in bands[arm.key] for us in (low, high)]
    frame = Frame(
        Axis(
            [],
            "share of the answers that were at least as fast",
            lambda place: quantities.percentile_name(100 - 10 ** (2 - place)),
            ticks=MARKED,
            bounds=(FIRST, LAST),
        ),
        Axis(values, "latency", quantities.short_duration, is_log=True),
    )
    parts = frame.drawn()
    for arm in drawn:
        look = styles[arm.key]
        low = [(frame.x.at(x), frame.y.at(y)) for x, y, _, _ in bands[arm.key]]
        high = [(frame.x.at(x), frame.y.at(y)) for x, _, _, y in bands[arm.key]]
        parts.append(svg.area(low + high[::-1], f"band {look.css_class}"))
    for arm in drawn:
        parts += line_of(bands[arm.key], frame, styles[arm.key])
    missing = [arm.label for arm in arms if arm not in drawn]
    note = (
        "Median of the rounds; the band reaches from the fastest round to the slowest. "
        "Each step to the right leaves a tenth of the answers."
    )
    if missing:
        note += f" Without a line, since without latencies: {', '.join(missing)}."
    described = f"{title}. " + "; ".join(described_arm(arm, bands[arm.key]) for arm in drawn)
    return Chart(
        title,
        note,
        svg.drawing(identity, title, described, frame.height, parts),
        table(drawn, bands),
    )


def line_of(
    points: Sequence[tuple[float, float, float, float]], frame: Frame, look: ArmStyle
) -> list[str]:
    course = [(frame.x.at(x), frame.y.at(y)) for x, _, y, _ in points]
    parts = [svg.path(course, f"line {look.css_class}", dash=look.dash)]
    parts += [
        svg.mark(look.mark, frame.x.at(x), frame.y.at(y), f"mark {look.css_class}")
        for x, _, y, _ in points
        if x in MARKED
    ]
    return parts


def at_percent(points: Sequence[tuple[float, float, float, float]], percent: float) -> str:
    middle = value_at([(x, y) for x, _, y, _ in points], decades(percent))
    return quantities.ABSENT if middle is None else quantities.duration(middle)


def described_arm(arm: ArmResult, points: Sequence[tuple[float, float, float, float]]) -> str:
    return (
        f"{arm.label}: half within {at_percent(points, 50)}, 99 % within {at_percent(points, 99)}"
    )


def table(
    arms: Sequence[ArmResult],
    bands: Mapping[str, Sequence[tuple[float, float, float, float]]],
) -> Table:
    return Table(
        "Latency by percentile, median of the rounds",
        ("arm", *map(quantities.percentile_name, PERCENTS)),
        tuple(
            (arm.label, *(at_percent(bands[arm.key], percent) for percent in PERCENTS))
            for arm in arms
        ),
    )
