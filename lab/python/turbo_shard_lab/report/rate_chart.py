"""Draws latency against throughput, for scenarios that offer several rates: a line per arm, rate by rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from ..results import ArmResult
from . import quantities, svg
from .axes import Axis, Frame
from .blocks import Chart, Table
from .levels import Level, levels
from .palette import ArmStyle


class Point(NamedTuple):
    level: Level
    p50: float
    p99: float
    lowest: float
    highest: float


def points_of(arm: ArmResult) -> list[Point]:
    """Only where there are latencies; the table has the rest."""
    found = []
    for level in levels(arm):
        latencies = [run.latency_us for run in level.runs if run.latency_us is not None]
        tails = [one.p99 for one in latencies if math.isfinite(one.p99) and one.p99 > 0]
        if tails and math.isfinite(level.achieved):
            p50 = median(one.p50 for one in latencies)
            found.append(Point(level, p50, median(tails), min(tails), max(tails)))
    return found


def rate_chart(
    identity: str, arms: Sequence[ArmResult], styles: Mapping[str, ArmStyle]
) -> Chart | None:
    """None if nothing was measured at two rates."""
    points = {arm.key: points_of(arm) for arm in arms}
    drawn = [arm for arm in arms if points[arm.key]]
    if not any(len(points[arm.key]) > 1 for arm in drawn):
        return None
    flat = [point for arm in drawn for point in points[arm.key]]
    frame = Frame(
        Axis(
            [max(0.0, point.level.achieved) for point in flat],
            "answers per second",
            quantities.short_rate,
        ),
        Axis(
            [us for point in flat for us in (point.lowest, point.highest)],
            "p99 latency",
            quantities.short_duration,
            is_log=True,
        ),
    )
    parts = frame.drawn()
    for arm in drawn:
        look = styles[arm.key]
        course = []
        for point in points[arm.key]:
            x = frame.x.at(point.level.achieved)
            low, high = frame.y.at(point.lowest), frame.y.at(point.highest)
            parts.append(svg.line(x, low, x, high, f"whisker {look.css_class}"))
            course.append((x, frame.y.at(point.p99)))
        if len(course) > 1:
            parts.append(svg.path(course, f"line {look.css_class}", dash=look.dash))
        parts += [svg.mark(look.mark, x, y, f"mark {look.css_class}") for x, y in course]
    title = "Latency against throughput"
    note = (
        "p99 at what each arm answered per second, median of the rounds, fastest and slowest round as whiskers. "
        "Where a line turns upwards, requests begin to queue."
    )
    described = f"{title}. " + "; ".join(
        f"{arm.label}: p99 {quantities.duration(last.p99)} at {quantities.rate(last.level.achieved)} answers per second"
        for arm in drawn
        for last in points[arm.key][-1:]
    )
    return Chart(
        title, note, svg.drawing(identity, title, described, frame.height, parts), table(arms)
    )


def table(arms: Sequence[ArmResult]) -> Table:
    rows = []
    for arm in arms:
        for level in levels(arm):
            latencies = [run.latency_us for run in level.runs if run.latency_us is not None]
            offered = quantities.middle([level.offered], quantities.rate)
            achieved = quantities.spread(
                (run.achieved_per_second for run in level.runs), quantities.rate
            )
            cells = [
                quantities.spread(values, quantities.duration)
                for values in (
                    [one.p50 for one in latencies],
                    [one.p99 for one in latencies],
                    [one.p99_9 for one in latencies],
                )
            ]
            if not level.has_latency:
                cells = ["refused"] * len(cells)
            rows.append((arm.label, offered, achieved, *cells))
    return Table(
        "Rate by rate",
        ("arm", "offered per second", "answered per second", "p50", "p99", "p99.9"),
        tuple(rows),
    )
