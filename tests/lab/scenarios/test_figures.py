"""Figures are judged by their median, ratios are taken within rounds, and what failed stays in sight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab_runs import arm_with, run_with
from turbo_shard_lab.compare.arms import Arm
from turbo_shard_lab.metrics import capacity, work
from turbo_shard_lab.results import ArmResult, Figure
from turbo_shard_lab.scenarios.arms import EARLIER, Candidate
from turbo_shard_lab.scenarios.figures import Arms, cost_of, figures_of, unloaded_figures
from turbo_shard_lab.scenarios.files import read_all
from turbo_shard_lab.scenarios.idleness import Idleness
from turbo_shard_lab.scenarios.scenario import BEST_PEER, Goal, Scenario, Step

RATE = "requests_per_second"
(ANY,) = (one for one in read_all(Path("bench/scenarios/smoke")) if one.key == "throughput")


def scenario(*goals: Goal) -> Scenario:
    return replace(ANY, arms=("ours",), goals=goals)


def named(*arms: ArmResult, rivals: tuple[str, ...] = (), engines: bool = False) -> Arms:
    """Each arm by its key; with `engines` the name is what is before the dash, and the rest the engine."""
    candidates = []
    for one in arms:
        name, _, engine = one.key.partition("-") if engines else (one.key, "", "")
        arm = Arm(one.key, one.label, (), is_peer=one.is_peer)
        candidates.append(Candidate(name, arm, engine=engine, is_rival=one.key in rivals))
    return Arms(candidates, arms)


def figures(goal: Goal, arms: Arms, *, own_interpreter: bool = True) -> list[Figure]:
    return figures_of(scenario(goal), arms, own_interpreter=own_interpreter)


@pytest.mark.parametrize(
    ("relation", "limit", "value", "met"),
    [("≥", 4, 4, True), ("≥", 4, 3.99, False), ("<", 300, 300, False), ("≤", 0, 0, True)],
)
def test_a_goal_is_met_by_its_limit_or_not(
    relation: str, limit: float, value: float, met: bool
) -> None:
    assert Goal((), (), RATE, relation, limit).is_met(value) is met


def test_ratios_are_taken_within_rounds_and_judged_by_their_median() -> None:
    ours = arm_with("ours", {0: 100, 1: 200, 2: 300})
    theirs = arm_with("theirs", {0: 50, 2: 100})
    (found,) = figures(Goal((), ("theirs",), RATE, "≥", 2.5), named(ours, theirs))
    assert (found.values, found.middle, found.met) == ([2, 3], 2.5, True)
    assert (found.arm, found.against, found.goal) == ("ours", ["theirs"], "≥ 2.5")
    assert found.label == "rate relative to theirs"


def test_without_a_limit_a_figure_is_only_shown() -> None:
    arms = named(arm_with("ours", {0: 1}), arm_with("theirs", {0: 1}))
    (found,) = figures(Goal((), ("theirs",), RATE), arms)
    assert (found.values, found.goal, found.met) == ([1], None, None)


def test_an_arm_that_failed_is_named_in_its_ratio() -> None:
    arms = named(arm_with("ours", {0: 100}), arm_with("theirs", label="T", error="no wheel"))
    (found,) = figures(Goal((), ("theirs",), RATE, "≥", 4), arms)
    assert (found.values, found.met, found.error) == ([], None, "T: no wheel")


def test_every_engine_is_divided_by_its_own() -> None:
    arms = named(
        *(arm_with("ours-uring", {0: 30}), arm_with("fixed-uring", {0: 10})),
        *(arm_with("ours-tokio", {0: 40}), arm_with("fixed-tokio", {0: 20})),
        engines=True,
    )
    found = figures(Goal(("ours",), ("fixed",), RATE), arms)
    assert [(one.arm, one.values) for one in found] == [("ours-uring", [3]), ("ours-tokio", [2])]


def test_the_best_peer_is_the_one_with_the_highest_median() -> None:
    ours = arm_with("ours", {0: 100, 1: 200, 2: 300})
    slow = arm_with("slow", {0: 1000, 1: 10, 2: 10}, is_peer=True)
    fast = arm_with("fast", {0: 50, 1: 100, 2: 100}, label="granian", is_peer=True)
    other = arm_with("other", {0: 9000, 1: 9000, 2: 9000}, is_peer=True)
    arms = named(ours, slow, fast, other, rivals=("slow", "fast"))
    (found,) = figures(Goal((), (BEST_PEER,), RATE, "≥", 2), arms)
    assert found.label == "rate relative to the best peer, granian"
    assert (found.values, found.met, found.against) == ([2, 2, 3], True, ["fast"])


def test_without_a_peer_that_ran_the_reasons_are_told() -> None:
    peer = arm_with("peer", label="granian", error="no wheel", is_peer=True)
    arms = named(arm_with("ours", {0: 100}), peer, rivals=("peer",))
    (found,) = figures(Goal((), (BEST_PEER,), RATE, "≥", 2), arms)
    assert (found.values, found.error) == ([], "granian: no wheel")


def test_a_goal_against_what_is_left_out_is_left_out() -> None:
    arms = named(arm_with("ours", {0: 100}))
    assert figures(Goal((), (BEST_PEER,), RATE, "≥", 2), arms) == []
    assert figures(Goal((), ("granian-rsgi-gil",), RATE, "≥", 2), arms) == []


def test_a_goal_of_our_own_interpreter_is_not_one_elsewhere() -> None:
    arms = named(arm_with("ours", {0: 100}), arm_with("theirs", {0: 1}))
    goal = Goal((), ("theirs",), RATE, "≥", 2, own_interpreter=True)
    assert len(figures(goal, arms)) == 1
    assert figures(goal, arms, own_interpreter=False) == []


def test_an_earlier_build_is_compared_with_the_first_arm() -> None:
    arms = named(arm_with("ours", {0: 300}), arm_with(EARLIER, {0: 100}))
    (found,) = figures_of(scenario(), arms, own_interpreter=True)
    assert (found.arm, found.against, found.values) == ("ours", [EARLIER], [3])


def test_two_shards_are_held_against_the_mean_of_both_places() -> None:
    one, beside, two = arm_with("one"), arm_with("beside", label="B"), arm_with("two")
    one.runs = [run_with(0, rate=1000, shared_share=0.0, server_cores=1)]
    beside.runs = [run_with(0, rate=960, shared_share=0.2, server_cores=1)]
    two.runs = [run_with(0, rate=1980, shared_share=0.2, server_cores=2)]
    goal = Goal(("two",), ("one", "beside"), "capacity", "≥", 1.9)
    (found,) = figures(goal, named(one, beside, two))
    assert (found.values, found.met) == ([2], True)
    assert found.label == "capacity relative to one"
    beside.runs, beside.error = [], "no"
    (found,) = figures(goal, named(one, beside, two))
    assert (found.values, found.error) == ([], "B: no")


def test_the_generators_time_on_the_servers_cores_is_taken_out() -> None:
    assert capacity(run_with(0, rate=1000, shared_share=0.0, server_cores=1)) == 1000
    assert capacity(run_with(0, rate=1800, shared_share=0.2, server_cores=2)) == 2000
    assert capacity(run_with(0, rate=1800)) is None


def test_cpu_time_per_answer_counts_on_as_many_cores_as_there_are() -> None:
    assert work(run_with(0, cpu_us_per_request=100.0, server_cores=2)) == 20_000


def test_memory_per_connection_is_the_difference_over_the_count() -> None:
    one = Idleness(cpu_ticks=0, rss=20_000_000, connections=1000)
    one.rss_before_connections, one.rss_with_connections = 20_000_000, 21_000_000
    assert one.values() == {
        "cpu_ticks": [0.0],
        "rss_mb": [20.0],
        "bytes_per_connection": [1000.0],
    }
    assert "1,000 connections: 20.0 MB before, 21.0 MB with them" in one.notes().values()


def test_an_arm_that_cannot_start_is_listed() -> None:
    arms = named(arm_with("ours", error="io_uring is not allowed"))
    wanted = replace(scenario(Goal((), (), "start_ms", "<", 300)), measures="start")
    (found,) = unloaded_figures(wanted, arms, {"ours": {"start_ms": []}}, {})
    assert (found.values, found.met, found.error) == ([], None, "io_uring is not allowed")
    (found,) = unloaded_figures(wanted, named(arm_with("ours")), {"ours": {"start_ms": [80]}}, {})
    assert (found.values, found.met, found.unit) == ([80], True, "ms")


def test_a_start_is_divided_by_anothers_of_the_same_round() -> None:
    wanted = scenario(Goal((), ("theirs", "left-out"), "start_ms", "≤", 1.2))
    times = {"ours": {"start_ms": [90.0, 120.0]}, "theirs": {"start_ms": [100.0, 100.0]}}
    arms = named(arm_with("ours"), arm_with("theirs"))
    (found,) = unloaded_figures(wanted, arms, times, {})
    assert (found.values, found.unit, found.met) == ([0.9, 1.2], "×", True)
    assert (found.label, found.against) == (
        "start to first answer relative to theirs",
        ["theirs"],
    )
    broken = arm_with("theirs")
    broken.error = "no wheel"
    (found,) = unloaded_figures(wanted, named(arm_with("ours"), broken), times, {})
    assert (found.values, found.met, found.error) == ([], None, "theirs: no wheel")


def test_a_cost_is_a_sum_within_rounds() -> None:
    whole, base = arm_with("whole"), arm_with("base")
    whole.runs = [run_with(0, cpu_us_per_request=5.0, kernel_us_per_request=3.0)]
    base.runs = [run_with(0, cpu_us_per_request=3.5, kernel_us_per_request=2.0)]
    step = Step("label", "how", (("whole", 1.0), ("base", -1.0)), is_part=True)
    cost = cost_of(step, named(whole, base))
    assert (cost.values, cost.in_kernel, cost.error) == ([1.5], [1.0], None)
    base.runs, base.error = [], "not here"
    cost = cost_of(step, named(whole, base))
    assert (cost.values, cost.error) == ([], "base: not here")
