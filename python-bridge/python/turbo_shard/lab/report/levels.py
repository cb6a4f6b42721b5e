"""Sorts an arm's runs by the rate that was offered, where several were. Draws and words nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..results import ArmResult, Run, ScenarioResult


@dataclass(frozen=True)
class Level:
    """All rounds of one arm at one rate; `offered` is None in a closed loop."""

    offered: float | None
    runs: Sequence[Run]

    @property
    def achieved(self) -> float:
        return median(run.achieved_per_second for run in self.runs)

    @property
    def has_latency(self) -> bool:
        return any(run.latency_us is not None for run in self.runs)


def levels(arm: ArmResult) -> list[Level]:
    """From the lowest rate to the highest."""
    by_rate: dict[float | None, list[Run]] = {}
    for run in arm.runs:
        by_rate.setdefault(run.offered_per_second, []).append(run)
    return [Level(rate, by_rate[rate]) for rate in sorted(by_rate, key=lambda rate: rate or 0.0)]


def ran(scenario: ScenarioResult) -> list[ArmResult]:
    return [arm for arm in scenario.arms if arm.runs]


def has_several_rates(scenario: ScenarioResult) -> bool:
    return any(len(levels(arm)) > 1 for arm in scenario.arms)


def shown_level(arm: ArmResult) -> Level:
    """What charts of one rate take: the highest that has latencies, since differences show there."""
    found = levels(arm)
    return next((level for level in reversed(found) if level.has_latency), found[-1])


def typical(runs: Sequence[Run]) -> Run:
    """The run in the middle by throughput: an average over rounds would flatten what each of them was like."""
    ordered = sorted(runs, key=lambda run: run.requests_per_second)
    return ordered[(len(ordered) - 1) // 2]
