"""A scenario's result has what was measured, even if arms fail; a wrong answer of ours leaves no figure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab_runs import run_with
from turbo_shard_lab.compare.arms import Arm
from turbo_shard_lab.compare.rounds import RunTrial
from turbo_shard_lab.compare.trial import Outcome, Trial
from turbo_shard_lab.load.generator import BrokenRun, WrongAnswer
from turbo_shard_lab.progress import Progress
from turbo_shard_lab.report import markdown
from turbo_shard_lab.results import Results, Run
from turbo_shard_lab.scenarios import peers
from turbo_shard_lab.scenarios.arms import Surroundings
from turbo_shard_lab.scenarios.files import read_all
from turbo_shard_lab.scenarios.overview import documentation
from turbo_shard_lab.scenarios.plan import PlannedScenario, planned
from turbo_shard_lab.scenarios.run import ScenarioRun
from turbo_shard_lab.scenarios.scenario import Scenario

SHIPPED = {one.key: one for one in read_all()}
QUIET = Progress(1, quiet=True)
AT_MOST = 1000.0


def a_run(number: int, rate: float | None, p99: float = 500) -> Run:
    return run_with(
        number,
        rate=rate or AT_MOST,
        p99=p99,
        offered_per_second=rate,
        cpu_us_per_request=10.0,
        shards=[],
    )


def fine(arm: Arm, trial: Trial, number: int) -> Outcome:
    return Outcome(a_run(number, trial.load.rate), 0, False)


def plan(scenario: Scenario, rounds: int = 5) -> PlannedScenario:
    (found,) = planned([scenario], Surroundings([0, 1]), peers.catalogue(), seed=1, rounds=rounds)
    return found


def measured(scenario: Scenario, run: RunTrial = fine, rounds: int = 5) -> ScenarioRun:
    one = ScenarioRun(plan(scenario, rounds), QUIET, run)
    one.measure()
    return one


def test_arms_are_compared_with_the_first() -> None:
    one = measured(replace(SHIPPED["short"], arms=("shard", "steal")))
    result = one.result
    assert not one.is_broken
    assert [len(arm.runs) for arm in result.arms] == [5, 5]
    assert {one.arm for one in result.comparisons} == {result.arms[0].key}
    assert {one.baseline for one in result.comparisons} == {"steal"}
    assert result.load["loop"] == "open"
    assert result.load["routes"] == ["GET /short/{n}"]


def test_the_baseline_is_named_as_the_file_has_it() -> None:
    one = measured(replace(SHIPPED["shared-objects"], arms=()))
    assert {found.arm for found in one.result.comparisons} == {one.result.arms[0].key}
    assert one.result.arms[0].key.endswith("-one-app")


def test_shares_are_of_what_each_arm_served_at_most() -> None:
    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        outcome = fine(arm, trial, number)
        factor = 2 if trial.load.rate is None and arm.key == "steal" else 1
        run = replace(outcome.run, requests_per_second=outcome.run.requests_per_second * factor)
        return replace(outcome, run=run)

    scenario = replace(SHIPPED["saturation"], arms=("shard", "steal"))
    result = measured(scenario, run, rounds=2).result
    rates = {
        arm.key: sorted({run.offered_per_second or 0 for run in arm.runs}) for arm in result.arms
    }
    shares = scenario.load.shares
    assert rates["steal"] == [pytest.approx(2 * AT_MOST * share) for share in shares]
    assert rates[result.arms[0].key] == [pytest.approx(AT_MOST * share) for share in shares]
    assert all(len(arm.runs) == 2 * len(shares) for arm in result.arms)
    assert result.load["saturation_per_second"]["steal"] == 2 * AT_MOST
    assert result.comparisons == []


def test_a_wrong_answer_of_ours_leaves_no_figure() -> None:
    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        if number == 1 and arm.key == "steal":
            raise WrongAnswer("bodies differ")
        return fine(arm, trial, number)

    one = measured(replace(SHIPPED["short"], arms=("shard", "steal")), run)
    assert one.is_broken
    assert [arm.runs for arm in one.result.arms] == [[], []]
    assert one.result.comparisons == []
    assert (
        "wrong answer, so no figure counts: steal mode, round 2: bodies differ" in one.result.doubts
    )


def test_a_wrong_answer_of_a_peer_is_its_own_error() -> None:
    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        if arm.is_peer and number == 2:
            raise WrongAnswer("bodies differ")
        return fine(arm, trial, number)

    scenario = replace(SHIPPED["peers"], peers=("robyn-gil",))
    one = measured(scenario, run)
    ours, peer = one.result.arms
    assert not one.is_broken
    assert len(ours.runs) == 5
    assert (peer.runs, peer.error) == ([], "answered wrongly: bodies differ")


def test_what_is_not_installed_is_listed_and_not_started() -> None:
    started: list[str] = []

    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        started.append(arm.key)
        return fine(arm, trial, number)

    planned = plan(replace(SHIPPED["peers"], peers=("robyn-gil",)))
    planned = planned.with_candidates(
        [
            replace(one, error="could not be installed: no wheel" if one.arm.is_peer else None)
            for one in planned.candidates
        ]
    )
    one = ScenarioRun(planned, QUIET, run)
    one.measure()
    assert "robyn-gil" not in started
    assert one.result.arms[1].error == "could not be installed: no wheel"
    assert not one.is_broken
    assert "could not be installed: no wheel" in markdown(results_of(one))
    assert "robyn" not in documentation(results_of(one))


def test_an_arm_of_ours_that_breaks_is_told_by_the_status() -> None:
    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        if arm.key == "steal":
            raise BrokenRun("connection reset")
        return fine(arm, trial, number)

    one = measured(replace(SHIPPED["short"], arms=("shard", "steal")), run)
    assert one.is_broken
    assert one.result.arms[1].error == "round 1: connection reset"


def test_the_docs_have_a_row_for_each_scenario() -> None:
    one = measured(replace(SHIPPED["hot-connection"], arms=("shard", "steal")))
    row = "1,000 offered | 100 / 100 / – | 500 / 500 / – | 10.0 / 10.0 / – | 30 / 30 / – | – |"
    text = documentation(results_of(one))
    assert f"| One hot pipelined connection beside calm ones | {row}" in text
    assert "](../bench/results/scenarios/report.md)" in text


def test_the_docs_say_which_differences_are_shown() -> None:
    def run(arm: Arm, trial: Trial, number: int) -> Outcome:
        p99 = 250 + number if arm.key == "steal" else 500 + 2 * number
        return Outcome(a_run(number, trial.load.rate, p99), 0, False)

    one = measured(replace(SHIPPED["short"], arms=("shard", "steal")), run)
    assert "| p99 2.00 |" in documentation(results_of(one))


def test_a_form_that_one_mode_has_alone_is_left_to_the_report() -> None:
    arms = ("shard", "shard-least", "steal")
    text = documentation(results_of(measured(replace(SHIPPED["few-connections"], arms=arms))))
    assert "Few connections: two for each shard |" in text
    assert "balanced by least" not in text


def test_what_all_modes_have_in_several_forms_has_a_row_for_each() -> None:
    text = documentation(results_of(measured(SHIPPED["shared-objects"])))
    for form in ("", ", one app for all shards", ", an app for each shard"):
        assert f"| A handler that uses shared objects 256 times{form} |" in text


def test_engines_have_a_column_each() -> None:
    arms = ("shard-uring", "shard-tokio", "steal")
    one = measured(replace(SHIPPED["engines-half-load"], arms=arms))
    text = documentation(results_of(one))
    assert "| shown against tokio |" in text and "| 100 / 100 / – / 100 |" in text


def test_other_servers_are_told_in_one_sentence() -> None:
    one = measured(replace(SHIPPED["peers"], peers=("uvicorn-gil", "uvicorn-free-threaded")))
    assert "free-threaded CPython: uvicorn, ASGI 1,000 / 1,000." in documentation(results_of(one))


def results_of(one: ScenarioRun) -> Results:
    return Results(
        name="scenarios",
        date="2026-01-01T00:00:00+00:00",
        commit=None,
        seed=1,
        duration_s=60,
        command="bench/run.py",
        machine={"cores_allowed": [0, 1]},
        versions={},
        scenarios=[one.result],
    )
