"""Figures with their goals: medians, spreads, and whether a goal is met. Calculates and measures nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

from .arms import (
    FASTAPI,
    FASTAPI_COROUTINE,
    GRANIAN,
    GRANIAN_FREE_THREADED,
    example_arm,
    fixed_arm,
)
from .idleness import Idleness
from .rounds import ArmRuns, Run
from .start import Starts

# Before the name of a peer in a label.
BEST_PEER = "the best peer, "
COMPARE = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Goal:
    """`Goal("≥", 4)` is met by 4."""

    relation: str
    limit: float

    def is_met(self, value: float) -> bool:
        return bool(COMPARE[self.relation](value, self.limit))


@dataclass
class Figure:
    """One row of the table: several measurements of one thing, judged by their median."""

    key: str
    label: str
    unit: str
    goal: Goal | None
    values: list[float] = field(default_factory=list)
    # Digits after the point.
    digits: int = 2
    error: str | None = None
    note: str = ""

    @property
    def middle(self) -> float | None:
        return median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        if self.goal is None or self.middle is None:
            return None
        return self.goal.is_met(self.middle)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "label": self.label,
            "unit": self.unit,
            "goal": f"{self.goal.relation} {self.goal.limit:g}" if self.goal else None,
            "median": self.middle,
            "min": min(self.values, default=None),
            "max": max(self.values, default=None),
            "values": self.values,
            "digits": self.digits,
            "met": self.met,
            "error": self.error,
            "note": self.note,
        }


def rate(run: Run) -> float:
    return run.requests_per_second


def ratio(
    key: str,
    label: str,
    over: ArmRuns | None,
    under: ArmRuns | None,
    goal: Goal | None,
    of: Callable[[Run], float] = rate,
    and_under: ArmRuns | None = None,
) -> Figure:
    """The quotient of two arms, round by round; of one arm and the mean of two, if there is a third."""
    figure = Figure(key, label, "×", goal)
    unders = [under] if and_under is None else [under, and_under]
    for arm in (over, *unders):
        if arm is None:
            figure.error = "not measured"
        elif arm.error and not figure.error:
            figure.error = f"{arm.arm.label}: {arm.error}"
    for run in over.runs if over else []:
        others = [arm.run_in(run.round) if arm else None for arm in unders]
        values = [of(other) for other in others if other]
        if len(values) == len(unders):
            figure.values.append(of(run) / mean(values))
    return figure


def over_the_best(
    key: str, title: str, ours: ArmRuns, rivals: Sequence[ArmRuns], goal: Goal | None
) -> Figure:
    """Ours divided by the peer that had the highest median rate, round by round."""
    able = [one for one in rivals if one.runs]
    best = max(
        able, key=lambda one: median(run.requests_per_second for run in one.runs), default=None
    )
    name = f"{BEST_PEER}{best.arm.label}" if best else "the best peer"
    label = f"{title}: {ours.arm.label} relative to {name}"
    figure = ratio(key, label, ours, best, goal)
    if rivals and best is None:
        figure.error = "; ".join(f"{one.arm.label}: {one.error}" for one in rivals)
    return figure


def throughput_figures(results: Sequence[ArmRuns], engines: Sequence[str]) -> list[Figure]:
    by_key = {result.arm.key: result for result in results}
    figures = []
    for engine in engines:
        ours = by_key.get(example_arm(engine).key)
        rows = [
            ("fixed", "a fixed answer from Rust", fixed_arm(engine), Goal("≥", 0.85)),
            ("granian", GRANIAN.label, GRANIAN, Goal("≥", 4)),
            ("granian_free_threaded", GRANIAN_FREE_THREADED.label, GRANIAN_FREE_THREADED, None),
            ("fastapi", FASTAPI.label, FASTAPI, Goal("≥", 20)),
            ("fastapi_coroutine", FASTAPI_COROUTINE.label, FASTAPI_COROUTINE, None),
        ]
        for key, label, arm, goal in rows:
            text = f"{engine}: rate relative to {label}"
            figures.append(ratio(f"{engine}_over_{key}", text, ours, by_key.get(arm.key), goal))
    return figures


def idle_figures(results: Sequence[Idleness]) -> list[Figure]:
    figures = []
    for result in results:
        name, error = result.engine, result.error
        ticks = Figure(f"{name}_idle_cpu", f"{name}: CPU time while idle", "ticks", Goal("≤", 0))
        ticks.digits, ticks.error = 0, error
        if result.cpu_ticks is not None:
            ticks.values = [float(result.cpu_ticks)]
            ticks.note = (
                f"in {result.seconds:g} s: {result.cpu_us:.0f} µs of CPU time and {result.wake_ups} wake-ups "
                f"of {result.threads} threads"
            )
        rss = Figure(f"{name}_rss", f"{name}: resident memory, two shards", "MB", Goal("≤", 28))
        rss.digits, rss.error = 1, error
        if result.rss is not None:
            rss.values, rss.note = [result.rss / 1e6], f"PSS {result.pss / 1e6:.1f} MB"
        label = f"{name}: process memory per idle connection"
        each = Figure(f"{name}_connection", label, "bytes", Goal("≤", 700), digits=0, error=error)
        if (bytes_each := result.bytes_per_connection) is not None:
            each.values = [bytes_each]
            each.note = (
                f"{result.connections:,} connections: {result.rss_before_connections / 1e6:.1f} MB before, "
                f"{result.rss_with_connections / 1e6:.1f} MB with them"
            )
        figures += [ticks, rss, each]
    return figures


def start_figures(results: Sequence[Starts]) -> list[Figure]:
    figures = []
    for result in results:
        label = f"{result.engine}: start to first answer"
        figure = Figure(f"{result.engine}_start", label, "ms", Goal("<", 300), digits=0)
        figure.values, figure.error = result.milliseconds, result.error
        figures.append(figure)
    return figures
