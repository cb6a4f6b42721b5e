"""What docs/shard-or-steal.md claims is what was recorded, and a run that turns a claim around is noticed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from turbo_shard_lab.compare.comparisons import compare_all
from turbo_shard_lab.measure.placement import Placement
from turbo_shard_lab.results import (
    ArmResult,
    ContextSwitches,
    Latency,
    Results,
    Run,
    ScenarioResult,
    read,
)
from turbo_shard_lab.scenarios import advice, files, peers
from turbo_shard_lab.scenarios.advice import AdviceError, Claim, Load
from turbo_shard_lab.scenarios.arms import Surroundings, candidates
from turbo_shard_lab.scenarios.places import RESULTS
from turbo_shard_lab.scenarios.scenario import Scenario

SOURCE = Path("bench/advice.toml")
PAGE = Path("docs/shard-or-steal.md")
RECORDED = RESULTS / "scenarios" / "results.json"
NOT_RECORDED = "No run is recorded yet."
LOADS = advice.read(SOURCE)
SCENARIOS = {scenario.key: scenario for scenario in files.read_all()}
CLAIMS = list(advice.claims_of(LOADS))
EVERY = tuple(dict.fromkeys(claim.scenario for claim in CLAIMS))


TWO = Placement((0, 1), (1,))


def made_run(number: int, factor: float) -> Run:
    """Every figure of it is larger by the factor."""
    us = factor * (1 + number / 1000)
    return Run(
        round=number,
        offered_per_second=None,
        achieved_per_second=1e5 * factor,
        requests_per_second=1e5 * us,
        answers_checked=1000,
        latency_us=Latency(100 * us, 200 * us, 300 * us, 400 * us, 500 * us, 150 * us),
        latency_refused=None,
        percentiles=[],
        cpu_us_per_request=5 * us,
        server_cpu_share=1.0,
        cpu_per_core=[],
        context_switches_per_request=ContextSwitches(us, us),
        rss_mb=30 * us,
        pss_mb=20 * us,
        bytes_per_connection=1000 * us,
        threads=4,
        shards=[],
        balance_max_over_mean=1.2,
        gc=None,
        generator_cpu_share=0.5,
        send_lag_us=None,
        other_cpu_share=0.0,
        stolen_share=0.0,
    )


def made_scenario(scenario: Scenario, factors: dict[str, float]) -> ScenarioResult:
    """Arms as the file has them; those that are not named have the factor 1."""
    found = candidates(scenario, TWO, peers.catalogue(), Surroundings([0, 1]))
    arms = [
        ArmResult(
            one.arm.key,
            one.arm.label,
            "",
            False,
            None,
            [made_run(n, factors.get(one.name, 1.0)) for n in range(5)],
        )
        for one in found
    ]
    made = ScenarioResult(scenario.key, scenario.title, scenario.question, {}, [0], [1], arms)
    names = {one.name: one.arm.key for one in found}
    first = names[scenario.baseline] if scenario.baseline else None
    made.comparisons = compare_all(arms, scenario.metrics, 1, first)
    return made


def made_results(factors: dict[str, float], keys: Iterable[str] = ("short",)) -> Results:
    scenarios = [made_scenario(SCENARIOS[key], factors) for key in keys]
    return Results(
        "made", "2026-01-02", "c0ffee", 1, 1.0, "", {"cores_allowed": [0, 1]}, {}, scenarios
    )


def test_recorded_run_bears_out_what_the_page_says() -> None:
    text = PAGE.read_text()
    if not RECORDED.exists():
        assert NOT_RECORDED in text
        assert all(claim.recorded == advice.OPEN for claim in CLAIMS)
        return
    results = read(RECORDED)
    assert advice.turned(LOADS, results) == [], "see bench/advice.py"
    between = text.partition("<!-- bench-advice:begin -->")[2].partition(
        "<!-- bench-advice:end -->"
    )
    assert between[0].strip() == advice.page(LOADS, results).strip()
    assert "{{" not in text


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.name for claim in CLAIMS])
def test_claim_is_about_what_its_scenario_measures(claim: Claim) -> None:
    scenario = SCENARIOS[claim.scenario]
    assert claim.metric in scenario.metrics
    names = (
        {one.name for one in candidates(scenario, TWO, {}, Surroundings([0, 1]))}
        if not scenario.peers
        else set()
    )
    assert not names or {claim.arm, claim.baseline} <= names | {"shard"}
    assert all("{comparison}" in sentence for sentence in claim.sentences.values())


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_every_reference_is_resolved_whatever_comes_out(factor: float) -> None:
    results = made_results({"shard": factor}, EVERY)
    text = advice.page(LOADS, results)
    assert "{" not in text
    for load in LOADS:
        assert f"## {load.title}" in text
    # Every paragraph but the introduction carries a figure.
    for claim in CLAIMS:
        assert re.search(r"\d", advice.sentence(claim, results))


def simple(recorded: str, metric: str = "p99_us") -> Claim:
    sentences = {
        "lower": "low: {comparison}",
        "higher": "high: {comparison}",
        "same": "{comparison}",
    }
    return Claim("short", "shard", "steal", metric, recorded, sentences)


@pytest.mark.parametrize(("factor", "found"), [(0.5, "lower"), (2.0, "higher"), (1.0, "same")])
def test_a_run_that_turns_a_claim_is_told(factor: float, found: str) -> None:
    results = made_results({"shard": factor})
    assert advice.turned([Load("x", (simple(found),), "")], results) == []
    for other in {"lower", "higher", "same"} - {found}:
        [line] = advice.turned([Load("x", (simple(other),), "")], results)
        assert (
            line
            == f"short: p99_us of shard against steal: {other} is written, {found} was measured"
        )


def test_a_comparison_counts_also_the_other_way_round() -> None:
    results = made_results({"shard": 0.5})
    claim = Claim("short", "steal", "shard", "p99_us", "higher", simple("").sentences)
    assert advice.turned([Load("x", (claim,), "")], results) == []
    assert advice.sentence(claim, results).startswith("high: p99 50 % lower in shard mode")


def test_an_arm_that_did_not_run_is_told_and_not_guessed() -> None:
    results = made_results({})
    short = advice.scenario_of("short", results)
    steal = advice.arm_of("steal", short)
    steal.runs, steal.error = [], "it broke"
    short.comparisons = []
    claim = simple("unmeasured")
    assert advice.turned([Load("x", (claim,), "")], results) == []
    assert advice.sentence(claim, results) == "Not measured: steal mode did not run (it broke)."


@pytest.mark.parametrize(
    "reference",
    [
        "{{short:shard}}",
        "{{nothing:shard:p99_us}}",
        "{{short:nobody:p99_us}}",
        "{{short:shard:x}}",
        "{{",
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    with pytest.raises(AdviceError):
        advice.filled(reference, made_results({}))


def test_figures_have_their_units() -> None:
    results = made_results({})
    text = advice.filled("{{short:shard:p99_us}}, {{short:steal:requests_per_second}}", results)
    assert text == "301 µs, 100,200"
    assert advice.filled("{{short:shard:rss_mb}}", results) == "30.1 MB"


def test_accepting_changes_what_is_recorded_and_nothing_else(tmp_path: Path) -> None:
    results = made_results({"shard": 0.5}, EVERY)
    outcomes = [advice.outcome(claim, results) for claim in CLAIMS]
    text = advice.accepted(SOURCE.read_text(), outcomes)
    file = tmp_path / "advice.toml"
    file.write_text(text)
    loads = advice.read(file)
    assert advice.turned(loads, results) == []
    assert re.sub(r'recorded = ".*"', "", text) == re.sub(
        r'recorded = ".*"', "", SOURCE.read_text()
    )
