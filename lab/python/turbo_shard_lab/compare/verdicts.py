"""Says in words what a comparison shows, or that it shows nothing. Calculates and measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics import METRICS
from ..results import Comparison
from .statistics import ROUNDS_MIN, Interval

# From this ratio on, a factor reads better than a percentage: 4.2 times as high, not 320 % higher.
TIMES_FROM = 2.0


def comparison_text(metric: str, arm: str, baseline: str, interval: Interval) -> str:
    """`p99 18 % lower in shard mode than in steal mode, 95 % CI 11–24 %`."""
    if interval.shown:
        return f"{metric} {difference(interval, place(arm), place(baseline))}"
    about = f"in {metric} between {arm} and {baseline}"
    if interval.rounds < ROUNDS_MIN:
        rounds = "1 round is" if interval.rounds == 1 else f"{interval.rounds} rounds are"
        return (
            f"no difference shown {about}: {rounds} too few to show one "
            f"(measured: {change(interval.ratio)}; {ROUNDS_MIN} are needed)"
        )
    return (
        f"no difference shown {about} (95 % CI {change(interval.low)} to {change(interval.high)})"
    )


def summary(arm: str, baseline: str, compared: Sequence[Comparison]) -> list[str]:
    """All comparisons of two arms: a line for each difference that is shown, one for the rest."""
    lines = [one.text for one in compared if one.shown]
    enough = [one for one in compared if not one.shown and one.rounds >= ROUNDS_MIN]
    if enough:
        found = ", ".join(
            f"{words(one)} ({change(one.low)} to {change(one.high)})" for one in enough
        )
        lines.append(f"no difference shown between {arm} and {baseline} in {found}")
    for rounds in sorted({one.rounds for one in compared if one.rounds < ROUNDS_MIN}):
        few = [one for one in compared if one.rounds == rounds]
        found = ", ".join(f"{words(one)} {change(one.ratio)}" for one in few)
        are = "1 round is" if rounds == 1 else f"{rounds} rounds are"
        lines.append(
            f"{arm} against {baseline}: no difference shown, {are} too few (measured: {found})"
        )
    return lines


def words(comparison: Comparison) -> str:
    return METRICS[comparison.metric].words


def difference(interval: Interval, arm: str, baseline: str) -> str:
    if interval.ratio >= TIMES_FROM:
        return (
            f"{interval.ratio:.2g} times as high {arm} as {baseline}, "
            f"95 % CI {interval.low:.2g}–{interval.high:.2g} times"
        )
    if interval.ratio > 1:
        word, bounds = "higher", (interval.low - 1, interval.high - 1)
    else:
        word, bounds = "lower", (1 - interval.high, 1 - interval.low)
    size = percent(abs(interval.ratio - 1))
    low, high = (percent(bound) for bound in bounds)
    return f"{size} % {word} {arm} than {baseline}, 95 % CI {low}–{high} %"


def place(label: str) -> str:
    """`in shard mode`, `with granian RSGI`."""
    return f"in {label}" if " mode" in label else f"with {label}"


def change(ratio: float) -> str:
    """`+4 %`, `-3 %`; from twice on `3.1 times`."""
    if ratio >= TIMES_FROM:
        return f"{ratio:.2g} times"
    number = percent(abs(ratio - 1))
    sign = "" if float(number) == 0 else "+" if ratio > 1 else "-"
    return f"{sign}{number} %"


def percent(share: float) -> str:
    """Whole from ten on; one digit more below, where the first one may be all there is."""
    value = share * 100
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
