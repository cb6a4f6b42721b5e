"""Sorts comparisons into what an arm wins, what it loses and what shows no difference. Draws nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..metrics import METRICS
from ..results import Comparison, Results, ScenarioResult

type Outcome = Literal["win", "loss", "same"]


@dataclass(frozen=True)
class Finding:
    scenario: ScenarioResult
    comparison: Comparison
    against_peer: bool

    @property
    def outcome(self) -> Outcome:
        return outcome(self.comparison)


def outcome(comparison: Comparison) -> Outcome:
    """For `arm`, not for its baseline."""
    if not comparison.shown or comparison.ratio == 1:
        return "same"
    return "win" if (comparison.ratio < 1) == is_less_better(comparison.metric) else "loss"


def is_less_better(metric: str) -> bool:
    """For a metric that this version does not know, its name decides."""
    known = METRICS.get(metric)
    return known.is_less_better if known else not metric.endswith("_per_second")


def metric_words(metric: str) -> str:
    known = METRICS.get(metric)
    words = known.words if known else metric.replace("_", " ")
    return f"{words} latency" if re.fullmatch(r"p[0-9.]+", words) else words


def findings(results: Results) -> list[Finding]:
    return [
        Finding(scenario, comparison, is_peer(scenario, comparison.baseline))
        for scenario in results.scenarios
        for comparison in scenario.comparisons
    ]


def is_peer(scenario: ScenarioResult, key: str) -> bool:
    return any(arm.is_peer for arm in scenario.arms if arm.key == key)


def labels(results: Results) -> dict[str, str]:
    """Each arm's name; the first one that a scenario gives it."""
    found: dict[str, str] = {}
    for scenario in results.scenarios:
        for arm in scenario.arms:
            found.setdefault(arm.key, arm.label)
    return found


def subjects(found: Sequence[Finding]) -> list[str]:
    """The arms that were compared with others, in their order."""
    return list(dict.fromkeys(finding.comparison.arm for finding in found))


def by_scenario(found: Sequence[Finding]) -> Iterator[tuple[ScenarioResult, list[Finding]]]:
    for key in dict.fromkeys(finding.scenario.key for finding in found):
        own = [finding for finding in found if finding.scenario.key == key]
        yield own[0].scenario, own


def counted(found: Sequence[Finding], subject: str, others: str) -> str:
    """`Of 12 comparisons with other modes, shard mode is better in 5 and worse in 2; in 5 no difference is shown.`"""
    number = {
        name: sum(finding.outcome == name for finding in found) for name in ("win", "loss", "same")
    }
    return (
        f"Of {len(found)} comparison{'s' * (len(found) != 1)} with {others}, {subject} is better in {number['win']} "
        f"and worse in {number['loss']}; in {number['same']} no difference is shown."
    )
