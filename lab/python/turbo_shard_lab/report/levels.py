"""Sorts an arm's runs by the offered rate, where there were several. Draws and words nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..results import ArmResult, Run, ScenarioResult

# Rates that are no further apart are one rate.
SAME_SHARE = 0.05
# Standard deviations of a Poisson count that pass for chance.
CHANCE_DEVIATIONS = 5


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
    """From the lowest rate to the highest. The offered rate differs by chance a little from round to round."""
    found: list[list[Run]] = []
    for run in sorted(arm.runs, key=rate_of):
        if not found or not is_same_rate(found[-1][-1], run):
            found.append([])
        found[-1].append(run)
    return [Level(offered(runs), runs) for runs in found]


def rate_of(run: Run) -> float:
    return run.offered_per_second or 0.0


def is_same_rate(one: Run, next_higher: Run) -> bool:
    if (one.offered_per_second is None) != (next_higher.offered_per_second is None):
        return False
    lower, higher = rate_of(one), rate_of(next_higher)
    chance = CHANCE_DEVIATIONS / math.sqrt(
        max(1, min(one.answers_checked, next_higher.answers_checked))
    )
    return higher <= lower * (1 + max(SAME_SHARE, chance))


def offered(runs: Sequence[Run]) -> float | None:
    rates = [run.offered_per_second for run in runs if run.offered_per_second is not None]
    return median(rates) if rates else None


def ran(scenario: ScenarioResult) -> list[ArmResult]:
    return [arm for arm in scenario.arms if arm.runs]


def has_several_rates(scenario: ScenarioResult) -> bool:
    return any(len(levels(arm)) > 1 for arm in scenario.arms)


def shown_level(arm: ArmResult) -> Level:
    """The level for charts of one rate: the highest that has latencies, since differences show there."""
    found = levels(arm)
    return next((level for level in reversed(found) if level.has_latency), found[-1])


def typical(runs: Sequence[Run]) -> Run:
    """The run in the middle by throughput: an average over rounds would flatten each of them."""
    ordered = sorted(runs, key=lambda run: run.requests_per_second)
    return ordered[(len(ordered) - 1) // 2]
