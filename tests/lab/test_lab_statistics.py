"""Intervals of paired ratios: known data, seeds, how often they hold the true value, and their wording."""

from __future__ import annotations

import random

import pytest

from lab_runs import run_with
from turbo_shard_lab.compare.comparisons import compare_all, not_compared
from turbo_shard_lab.compare.statistics import (
    ROUNDS_MIN,
    Interval,
    mean_interval,
    paired_ratio,
    quantile,
    t_quantile,
)
from turbo_shard_lab.compare.verdicts import change, comparison_text, percent, summary
from turbo_shard_lab.results import ArmResult


def interval_of(arm: list[float], baseline: list[float], seed: str = "1") -> Interval:
    found = paired_ratio(arm, baseline, seed)
    assert found is not None
    return found


def test_a_ratio_that_is_the_same_in_every_round_is_certain() -> None:
    baseline = [100.0, 250.0, 80.0, 120.0, 95.0]
    found = interval_of([value * 0.8 for value in baseline], baseline)
    assert found.ratio == pytest.approx(0.8)
    assert (found.low, found.high) == (pytest.approx(0.8), pytest.approx(0.8))
    assert found.shown and found.rounds == 5


def test_the_estimate_is_the_geometric_mean_of_the_rounds() -> None:
    assert interval_of([2.0, 8.0], [1.0, 1.0]).ratio == pytest.approx(4.0)


def test_what_moves_both_arms_of_a_round_does_not_matter() -> None:
    arm, baseline = [9.0, 11.0, 10.0, 10.0, 9.5], [10.0, 10.0, 10.0, 11.0, 10.0]
    slower = [1.0, 5.0, 2.0, 9.0, 3.0]
    found = interval_of(
        [one * by for one, by in zip(arm, slower, strict=True)],
        [one * by for one, by in zip(baseline, slower, strict=True)],
    )
    plain = interval_of(arm, baseline)
    assert (found.low, found.high) == (pytest.approx(plain.low), pytest.approx(plain.high))


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly_the_same() -> None:
    values = [0.1, -0.2, 0.3, 0.05, 0.12, -0.01, 0.2]
    assert mean_interval(values, "1") == mean_interval(values, "1")
    one, other = mean_interval(values, "1"), mean_interval(values, "2")
    assert one != other
    assert one == pytest.approx(other, abs=0.03)


def test_an_interval_on_both_sides_of_1_shows_nothing() -> None:
    found = interval_of([1.1, 0.9, 1.05, 0.97, 1.0], [1.0] * 5)
    assert found.low < 1 < found.high
    assert not found.shown


def test_fewer_rounds_than_needed_show_nothing_however_clear_they_are() -> None:
    few = ROUNDS_MIN - 1
    assert not interval_of([1.0] * few, [2.0] * few).shown
    assert interval_of([1.0] * ROUNDS_MIN, [2.0] * ROUNDS_MIN).shown


def test_one_round_has_an_interval_of_one_point() -> None:
    found = interval_of([3.0], [2.0])
    assert found.low == found.ratio == found.high == pytest.approx(1.5)


@pytest.mark.parametrize(("arm", "baseline"), [([], []), ([1.0, 0.0], [1.0, 1.0]), ([1.0], [0.0])])
def test_a_ratio_that_is_not_defined_is_none(arm: list[float], baseline: list[float]) -> None:
    assert paired_ratio(arm, baseline, "1") is None


def test_rounds_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        paired_ratio([1.0, 2.0], [1.0], "1")


@pytest.mark.parametrize("rounds", [5, 9])
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer resamples than in real use: this needs 200 intervals.
    monkeypatch.setattr("turbo_shard_lab.compare.statistics.RESAMPLES", 1000)
    draw = random.Random(7)
    held = 0
    for trial in range(200):
        low, high = mean_interval([draw.gauss(0, 1) for _ in range(rounds)], str(trial))
        held += low <= 0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_quantiles_are_interpolated() -> None:
    assert quantile([1.0, 2.0, 4.0], 0) == 1
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3
    assert quantile([1.0, 2.0, 4.0], 1) == 4


@pytest.mark.parametrize(("freedom", "known"), [(4, 2.776), (20, 2.086), (30, 2.042), (100, 1.984)])
def test_quantiles_of_t_are_those_of_the_tables(freedom: int, known: float) -> None:
    assert t_quantile(freedom) == pytest.approx(known, abs=0.005)


def text(ratio: float, low: float, high: float, rounds: int = 5, metric: str = "p99") -> str:
    return comparison_text(metric, "shard mode", "steal mode", Interval(ratio, low, high, rounds))


def test_a_difference_is_said_with_its_interval() -> None:
    assert text(0.82, 0.76, 0.89) == (
        "p99 18 % lower in shard mode than in steal mode, 95 % CI 11–24 %"
    )
    assert text(1.25, 1.1, 1.4, metric="throughput") == (
        "throughput 25 % higher in shard mode than in steal mode, 95 % CI 10–40 %"
    )


def test_what_is_many_times_as_high_is_not_said_in_percent() -> None:
    assert text(4.2, 3.9, 4.8) == (
        "p99 4.2 times as high in shard mode as in steal mode, 95 % CI 3.9–4.8 times"
    )


def test_no_difference_is_said_too() -> None:
    assert text(1.005, 0.97, 1.04, metric="throughput") == (
        "no difference shown in throughput between shard mode and steal mode (95 % CI -3.0 % to +4.0 %)"
    )


def test_too_few_rounds_are_named() -> None:
    assert "3 rounds are too few" in text(0.5, 0.4, 0.6, rounds=3)
    assert "1 round is too few" in text(0.5, 0.5, 0.5, rounds=1)


def test_peers_are_served_with_rather_than_in() -> None:
    found = comparison_text("p99", "shard mode", "granian RSGI", Interval(0.5, 0.4, 0.6, 5))
    assert "in shard mode than with granian RSGI" in found


def test_small_changes_keep_a_digit() -> None:
    assert (change(1.004), change(0.997), change(1.0), change(3.14)) == (
        *("+0.4 %", "-0.3 %", "0.0 %"),
        "3.1 times",
    )
    assert (percent(0.0994), percent(0.0996)) == ("9.9", "10")


def test_arms_are_compared_over_the_rounds_that_both_have() -> None:
    shard = ArmResult("shard-tokio", "shard mode", "", False)
    steal = ArmResult("steal", "steal mode", "", False)
    broken = ArmResult("process", "process mode", "", False, error="does not run")
    shard.runs = [run_with(number, rate=900.0) for number in range(6)]
    steal.runs = [run_with(number, rate=1000.0) for number in range(1, 6)]
    (found,) = compare_all([shard, steal, broken], ["requests_per_second"], seed=1)
    assert (found.arm, found.baseline, found.rounds) == ("shard-tokio", "steal", 5)
    assert found.ratio == pytest.approx(0.9) and found.shown
    assert compare_all([broken, shard], ["requests_per_second"], seed=1) == []


def test_a_latency_that_was_refused_is_not_compared() -> None:
    arms = [ArmResult(key, f"{key} mode", "", False) for key in ("shard", "steal")]
    for arm in arms:
        arm.runs = [run_with(number, p99=None) for number in range(5)]
    assert compare_all(arms, ["p99_us"], seed=1) == []
    (line,) = not_compared(arms, ["p99_us", "p50_us"], [])
    assert line.startswith("p99, p50 of shard mode and steal mode could not be compared")


def test_what_shows_nothing_is_one_line() -> None:
    arms = [ArmResult(key, f"{key} mode", "", False) for key in ("shard", "steal")]
    for arm, rate in zip(arms, (1000.0, 1001.0), strict=True):
        arm.runs = [
            run_with(number, rate=rate + 20 * (-1) ** (number + int(rate))) for number in range(5)
        ]
    found = compare_all(arms, ["requests_per_second", "p99_us"], seed=1)
    assert not any(one.shown for one in found)
    (line,) = summary("shard mode", "steal mode", found)
    assert line.startswith("no difference shown between shard mode and steal mode in throughput (")
    assert "p99 (0.0 % to 0.0 %)" in line


def test_figures_of_fewer_rounds_are_told_apart_from_the_others() -> None:
    arms = [ArmResult(key, f"{key} mode", "", False) for key in ("shard", "steal")]
    for arm in arms:
        arm.runs = [run_with(number, p99=400.0 if number < 2 else None) for number in range(5)]
    found = compare_all(arms, ["requests_per_second", "p99_us"], seed=1)
    enough, few = summary("shard mode", "steal mode", found)
    assert enough.endswith("in throughput (0.0 % to 0.0 %)")
    assert few.endswith("2 rounds are too few (measured: p99 0.0 %)")
