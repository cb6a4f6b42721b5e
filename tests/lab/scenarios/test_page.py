"""docs/benchmarks.md and docs/fastapi-speed.md have short tables of the records, are readable for a person, and lose no
figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab_runs import arm_with, run_with
from turbo_shard_lab import results
from turbo_shard_lab.report import goals, markdown
from turbo_shard_lab.report.markdown_page import table
from turbo_shard_lab.report.pages import markers
from turbo_shard_lab.report.scenario_tables import scenario_tables
from turbo_shard_lab.results import ArmResult, Figure, Measured, Results, ScenarioResult
from turbo_shard_lab.scenarios import page
from turbo_shard_lab.scenarios.places import RESULTS

DOCS = page.DOCS
PAGE = DOCS.read_text()
README = Path("README.md").read_text()
LINES_MAX = 300
# That of the simulation has a page of its own.
RECORDED = sorted(one.name for one in RESULTS.iterdir() if one.name != "simulation")
SMOKE = results.read(RESULTS / "smoke" / "results.json")


def block(name: str, text: str = PAGE) -> str:
    begin, end = markers(name)
    return text.partition(begin)[2].partition(end)[0].strip()


@pytest.mark.parametrize("name", RECORDED)
def test_page_and_report_have_what_was_recorded(name: str) -> None:
    found = results.read(RESULTS / name / "results.json")
    assert block(name, page.docs_of(found).read_text()) == page.documentation(found)
    assert (RESULTS / name / "report.md").read_text() == markdown(found)


@pytest.mark.parametrize("name", RECORDED)
def test_report_has_every_arm_every_figure_and_every_cost(name: str) -> None:
    found = results.read(RESULTS / name / "results.json")
    text = (RESULTS / name / "report.md").read_text()
    whole = goals.goal_table(found)
    tables = [whole] if whole else []
    for scenario in found.scenarios:
        tables += goals.cost_tables(scenario)
        tables += scenario_tables(scenario) if scenario.has_load else []
    assert tables and not [one.caption for one in tables if table(one) not in text]


def test_the_readme_has_what_the_smoke_test_recorded() -> None:
    assert block("smoke", README) == page.summary(SMOKE)


def test_the_readme_has_what_was_recorded_of_compiled_routes() -> None:
    found = results.read(RESULTS / "fastapi" / "results.json")
    assert block("fastapi", README) == page.compiled_summary(found)


def test_a_person_can_read_the_page() -> None:
    assert len(PAGE.splitlines()) < LINES_MAX


def test_page_links_what_there_is() -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGE)
    assert links and not [link for link in links if not (DOCS.parent / link).exists()]


def test_all_results_that_are_kept_are_cited() -> None:
    pages = "".join(file.read_text() for file in Path("docs").glob("*.md"))
    kept = [one for one in RESULTS.rglob("*") if one.is_file()]
    assert kept
    uncited = [
        str(one)
        for one in kept
        if f"](../{RESULTS}/{one.parent.name}/" not in pages
        or (one.suffix == ".html" and f"](../{one})" not in pages)
    ]
    assert uncited == []


def frameworks(figure: Figure, arms: list[ArmResult]) -> str:
    load = {"loop": "closed", "connections": 32, "seconds": 0.5}
    scenario = ScenarioResult("raw", "raw", "Is it so?", load, [0], [1], arms, figures=[figure])
    scenario.measured = Measured("2026-01-02T03:04:05+00:00", 1.0, "0123456789abcdef", "")
    command = "bench/run.py --suite frameworks --quick"
    machine = {"cpu": "A CPU", "cores_allowed": [0, 1], "kernel": "6.1"}
    found = Results(
        *("frameworks-9", "2026-01-02T03:04:05+00:00", None, 1, 1.0, command, machine, {}),
        scenarios=[scenario],
        settings={"suite": "frameworks"},
    )
    return page.documentation(found)


def figure(label: str, values: list[float], *against: str) -> Figure:
    return Figure(
        "shard-uring",
        label,
        "×",
        "≥ 2",
        values,
        against=list(against),
        met=False if values else None,
    )


OURS = arm_with("shard-uring", {0: 1000.0}, label="turbo-shard, uring")
PEER = arm_with("peer", {0: 500.0, 1: 700.0}, label="a peer", is_peer=True)


def test_a_work_has_ours_the_best_peer_the_ratio_and_the_goal() -> None:
    ratio = figure("rate relative to the best peer, a peer", [1.7], "peer")
    text = frameworks(ratio, [OURS, PEER])
    assert (
        "| raw | 1,000 (1,000 – 1,000) | a peer | 600 (500 – 700) | 1.70 × (one measurement) | ≥ 2 × | not met |"
        in text
    )
    assert "turbo-shard on `uring`, 32 connections, median of 2 interleaved rounds of 0.5 s" in text
    assert "commit 0123456789ab on" in text and "by `bench/run.py --suite frameworks" in text
    assert "[bench/results/frameworks-9/report.md](../bench/results/frameworks-9/report.md)" in text


def test_shards_are_held_against_one_by_what_the_figure_says() -> None:
    one = arm_with("shard-uring-one", {0: 1000.0}, label="1 shard")
    ratio = figure("capacity relative to 1 shard", [1, 2], one.key)
    row = "| 1 shard | 1,000 (1,000 – 1,000) | 1.50 × (1.00 – 2.00), by capacity |"
    assert row in frameworks(ratio, [OURS, one])


def test_a_work_that_no_peer_did_is_told() -> None:
    ratio = figure("rate relative to the best peer", [])
    assert "| – | – | – | ≥ 2 × | not measured |" in frameworks(ratio, [OURS, PEER])


def test_readme_has_what_compiled_routes_are_first_held_against() -> None:
    scenario = ScenarioResult(
        "path", "a path", "Is it so?", {"loop": "closed"}, [0], [1], [OURS, PEER]
    )
    ratio = figure("rate relative to the best peer, a peer", [8.64], "peer")
    processor = figure("CPU time relative to the best peer, a peer", [0.1], "peer")
    scenario.figures = [ratio, processor]
    found = Results(
        *("fastapi", "2026-01-02T03:04:05+00:00", None, 1, 1.0, "bench/run.py", {}, {}),
        scenarios=[scenario],
        settings={"suite": "fastapi"},
    )
    assert page.compiled_summary(found).splitlines()[2:] == ["| a path | 1,000 | a peer | 8.6× |"]


def test_steps_have_their_costs_or_say_that_they_have_none() -> None:
    cost = results.Cost("parse", "a − b", [3.4, 3.456, 3.5], [2.9, 2.9, 2.9], True)
    assert goals.cost_row(cost) == ("parse", "3.46", "2.9", "3.40 – 3.50", "a − b")
    missing = results.Cost("scope", "a − b", [], [], True, "not here")
    assert goals.cost_row(missing) == ("scope", "not measured", "–", "–", "a − b")


def test_a_latency_that_was_refused_once_is_told() -> None:
    arm = arm_with("shard-uring")
    arm.runs = [run_with(0), run_with(1, p99=None, latency_refused="late")]
    scenario = ScenarioResult("raw", "raw", "Is it so?", {"loop": "closed"}, [0], [1], [arm])
    assert "(1 of 2 refused)" in table(scenario_tables(scenario)[0])
