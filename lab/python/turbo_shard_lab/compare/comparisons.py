"""Compares the arms of a scenario with each other, metric by metric. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics import METRICS, Metric
from ..results import CONFIDENCE, ArmResult, Comparison
from . import statistics, verdicts


def compare(arm: ArmResult, baseline: ArmResult, metric: Metric, seed: int) -> Comparison | None:
    """Over the rounds in which both have the figure; None if there is none or it is not above zero."""
    pairs = []
    for run in arm.runs:
        other = baseline.run_in(run.round)
        ours, theirs = metric.of(run), metric.of(other) if other else None
        if ours is not None and theirs is not None:
            pairs.append((ours, theirs))
    # A new arm or metric leaves the other intervals as they were.
    own_seed = f"{seed} {metric.key} {arm.key} {baseline.key}"
    interval = statistics.paired_ratio(
        [ours for ours, _ in pairs], [theirs for _, theirs in pairs], own_seed
    )
    if interval is None:
        return None
    return Comparison(
        metric=metric.key,
        baseline=baseline.key,
        arm=arm.key,
        ratio=interval.ratio,
        low=interval.low,
        high=interval.high,
        confidence=CONFIDENCE,
        rounds=interval.rounds,
        shown=interval.shown,
        text=verdicts.comparison_text(metric.words, arm.label, baseline.label, interval),
    )


def not_compared(
    arms: Sequence[ArmResult], metrics: Sequence[str], comparisons: Sequence[Comparison]
) -> list[str]:
    """What no round could show about two arms that ran, in words."""
    done = {(one.baseline, one.metric) for one in comparisons}
    ran = [arm for arm in arms if arm.runs]
    lines = []
    for other in ran[1:]:
        missing = [METRICS[key].words for key in metrics if (other.key, key) not in done]
        if missing:
            lines.append(
                f"{', '.join(missing)} of {ran[0].label} and {other.label} could not be compared: "
                "there is no round in which both have it"
            )
    return lines


def compare_all(
    arms: Sequence[ArmResult], metrics: Sequence[str], seed: int, first: str | None = None
) -> list[Comparison]:
    """The arm with the key `first`, by default the first one, against each of the others."""
    ran = [arm for arm in arms if arm.runs]
    chosen = next((arm for arm in ran if first in (None, arm.key)), None)
    if chosen is None:
        return []
    found = [
        compare(chosen, other, METRICS[key], seed)
        for other in ran
        if other is not chosen
        for key in metrics
    ]
    return [comparison for comparison in found if comparison is not None]
