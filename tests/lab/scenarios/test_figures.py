"""Figures are judged by their median, ratios are taken within rounds, and what failed stays in sight."""

from __future__ import annotations

import pytest

from turbo_shard_lab.scenarios.arms import (
    ENGINES,
    FASTAPI,
    GRANIAN,
    Arm,
    example_arm,
    fixed_arm,
    throughput_arms,
)
from turbo_shard_lab.scenarios.figures import (
    Figure,
    Goal,
    idle_figures,
    over_the_best,
    ratio,
    start_figures,
    throughput_figures,
)
from turbo_shard_lab.scenarios.idleness import Idleness
from turbo_shard_lab.scenarios.rounds import ArmRuns, Run
from turbo_shard_lab.scenarios.start import Starts


def runs_of(arm: Arm, rates: dict[int, float], error: str | None = None) -> ArmRuns:
    runs = [Run(number, rate, {}, 1, 1, 1, 0, 0) for number, rate in rates.items()]
    return ArmRuns(arm, runs=runs, error=error)


@pytest.mark.parametrize(
    ("relation", "limit", "value", "met"),
    [("≥", 4, 4, True), ("≥", 4, 3.99, False), ("<", 300, 300, False), ("≤", 0, 0, True)],
)
def test_a_goal_is_met_by_its_limit_or_not(
    relation: str, limit: float, value: float, met: bool
) -> None:
    assert Goal(relation, limit).is_met(value) is met


def test_the_median_decides_and_the_spread_is_kept() -> None:
    figure = Figure("key", "label", "×", Goal("≥", 1), values=[0.5, 1.2, 1.1]).as_json()
    assert (figure["median"], figure["min"], figure["max"], figure["met"]) == (1.1, 0.5, 1.2, True)


def test_nothing_measured_is_neither_met_nor_missed() -> None:
    figure = Figure("key", "label", "×", Goal("≥", 1)).as_json()
    assert (figure["median"], figure["met"]) == (None, None)


def test_ratios_are_taken_within_rounds() -> None:
    ours = runs_of(example_arm("tokio"), {0: 100, 1: 200, 2: 300})
    theirs = runs_of(GRANIAN, {0: 50, 2: 100})
    assert ratio("key", "label", ours, theirs, None).values == [2, 3]


def test_an_arm_that_failed_is_named_in_its_ratio() -> None:
    ours = runs_of(example_arm("tokio"), {0: 100})
    theirs = runs_of(GRANIAN, {}, error="no wheel")
    figure = ratio("key", "label", ours, theirs, Goal("≥", 4))
    assert figure.error == "granian RSGI: no wheel"
    assert figure.met is None


def test_the_best_peer_is_the_one_with_the_highest_median() -> None:
    ours = runs_of(example_arm("tokio"), {0: 100, 1: 200, 2: 300})
    slow = runs_of(FASTAPI, {0: 1000, 1: 10, 2: 10})
    fast = runs_of(GRANIAN, {0: 50, 1: 100, 2: 100})
    figure = over_the_best("key", "raw", ours, [slow, fast], Goal("≥", 2.0))
    assert figure.label.endswith("relative to the best peer, granian RSGI")
    assert (figure.values, figure.met) == ([2, 2, 3], True)


def test_without_a_peer_that_ran_the_reasons_are_told() -> None:
    ours = runs_of(example_arm("tokio"), {0: 100})
    figure = over_the_best("key", "raw", ours, [runs_of(GRANIAN, {}, "no wheel")], Goal("≥", 2))
    assert (figure.values, figure.error) == ([], "granian RSGI: no wheel")


def test_every_engine_has_every_goal_of_throughput() -> None:
    arms = [runs_of(arm, {0: 1.0}) for arm in throughput_arms(ENGINES, with_peers=True)]
    figures = throughput_figures(arms, ENGINES)
    goals = [(figure.key, figure.goal.limit) for figure in figures if figure.goal]
    wanted = [("fixed", 0.85), ("granian", 4), ("fastapi", 20)]
    assert goals == [(f"{engine}_over_{key}", limit) for engine in ENGINES for key, limit in wanted]
    assert all(figure.values == [1.0] for figure in figures)


def test_arms_that_are_divided_stand_side_by_side() -> None:
    arms = throughput_arms(["glommio"], with_peers=True)
    assert arms[:2] == [example_arm("glommio"), fixed_arm("glommio")]
    assert FASTAPI in arms and all(arm.is_peer for arm in arms[2:])


def test_memory_per_connection_is_the_difference_over_the_count() -> None:
    result = Idleness("tokio", [], cpu_ticks=0, rss=20_000_000, connections=1000)
    result.rss_before_connections, result.rss_with_connections = 20_000_000, 21_000_000
    ticks, rss, each = idle_figures([result])
    assert (ticks.values, rss.values, each.values) == ([0.0], [20.0], [1000.0])


def test_an_engine_that_cannot_start_is_listed() -> None:
    figures = idle_figures([Idleness("glommio", [], error="io_uring is not allowed")])
    figures += start_figures([Starts("glommio", [], error="io_uring is not allowed")])
    assert [figure.error for figure in figures] == ["io_uring is not allowed"] * 4
    assert not any(figure.values for figure in figures)


def test_only_what_not_every_machine_has_may_be_missing() -> None:
    assert GRANIAN.is_excused()
    assert example_arm("glommio").is_excused(2)
    assert not example_arm("glommio").is_excused(1)
    assert not example_arm("tokio").is_excused(2)
