"""docs/benchmarks.md has short tables of the records, is readable for a person, and loses no figure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_framework_report import MACHINE, MEASURED, OURS, PEER, RUN

from turbo_shard_lab import results
from turbo_shard_lab.report import markdown
from turbo_shard_lab.scenarios import cost_report, framework_report, page, report, scenario_docs
from turbo_shard_lab.scenarios.places import RESULTS, ROOT

DOCS = ROOT / "docs" / "benchmarks.md"
PAGE = DOCS.read_text()
LINES_MAX = 300
Found = dict[str, Any]
# The text between the markers that have the name of a results folder.
RECORDED: dict[str, Callable[[Found], str]] = {
    "smoke": page.smoke,
    "frameworks": page.frameworks,
    "frameworks-3.14t": page.frameworks,
    "frameworks-gil": page.frameworks,
    "asgi-cost": page.asgi_cost,
}
SCENARIOS = ("engines", "scenarios")


def folder(name: str) -> Path:
    return ROOT / RESULTS / name


def block(name: str) -> str:
    begin, end = report.markers(name)
    return PAGE.partition(begin)[2].partition(end)[0].strip()


def recorded(name: str) -> Found:
    return dict(json.loads((folder(name) / "results.json").read_text()))


@pytest.mark.parametrize("name", RECORDED)
def test_page_has_what_was_recorded(name: str) -> None:
    assert block(name) == RECORDED[name](recorded(name))


@pytest.mark.parametrize("name", RECORDED)
def test_report_has_every_arm_and_every_figure(name: str) -> None:
    found = recorded(name)
    if name == "smoke":
        rows = [*report.arm_rows(found), *report.figure_rows(found)]
    else:
        arms = [arm for one in found.get("scenarios", [found]) for arm in one["arms"]]
        costs = [*found.get("steps", []), *found.get("extras", [])]
        rows = [list(framework_report.arm_row(arm)) for arm in arms]
        rows += [list(cost_report.step_row(cost)) for cost in costs]
        rows += report.figure_rows({"figures": found.get("figures", [])})
    text = (folder(name) / "report.md").read_text()
    lines = [f"| {' | '.join(row)} |" for row in rows]
    assert lines and not [line for line in lines if line not in text]


@pytest.mark.parametrize("name", SCENARIOS)
def test_page_and_report_have_what_the_scenarios_recorded(name: str) -> None:
    found = results.read(folder(name) / "results.json")
    assert block(name) == scenario_docs.documentation(found)
    assert (folder(name) / "report.md").read_text() == markdown(found)


def test_a_person_can_read_the_page() -> None:
    assert len(PAGE.splitlines()) < LINES_MAX


def test_page_links_what_there_is() -> None:
    links = re.findall(r"\]\(([^)#]+)", PAGE)
    assert links and not [link for link in links if not (DOCS.parent / link).exists()]


def test_all_results_that_are_kept_are_cited() -> None:
    pages = "".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))
    kept = [one.name for one in (ROOT / RESULTS).iterdir() if (one / "results.json").exists()]
    assert [name for name in kept if f"](../{RESULTS}/{name}/" not in pages] == []


def frameworks(figure: Found, arms: list[Found]) -> str:
    settings = {"connections": 32, "rounds": 2, "seconds": 0.5, "engines": ["tokio"]}
    scenario = {"title": "raw", "arms": arms, "measured": MEASURED}
    return page.frameworks(
        {
            **{"name": "frameworks-9", "started": "2026-01-02T03:04:05+00:00", "machine": MACHINE},
            **{"settings": settings | {"command": "bench/frameworks.py --quick"}},
            **{"scenarios": [scenario], "figures": [figure]},
        }
    )


def figure(key: str, label: str, values: list[float]) -> Found:
    return {
        **{"key": key, "label": label, "unit": "×", "goal": "≥ 2", "digits": 2, "met": False},
        **{"values": values, "median": values[0] if values else None},
        **{"min": min(values, default=None), "max": max(values, default=None)},
    }


def test_a_work_has_ours_the_best_peer_the_ratio_and_the_goal() -> None:
    best = {**PEER, "runs": [{**RUN, "requests_per_second": rate} for rate in (500, 700)]}
    ratio = figure(
        "raw_tokio_over_best", "raw: turbo-shard, tokio relative to the best peer, a peer", [1.7]
    )
    text = frameworks(ratio, [OURS, best])
    assert (
        "| raw | 1,000 (1,000 – 1,000) | a peer | 600 (500 – 700) | 1.70 × (one measurement) | ≥ 2 × | not met |"
        in text
    )
    assert "turbo-shard on `tokio`" in text and "by `bench/frameworks.py --quick`" in text
    assert "[bench/results/frameworks-9/report.md](../bench/results/frameworks-9/report.md)" in text


def test_shards_are_held_against_one_by_what_the_figure_says() -> None:
    one = {**OURS, "key": "two_one", "label": "1 shard"}
    two = {**OURS, "key": "two_always", "label": "2 shards"}
    ratio = figure(
        "two_always_over_two_one_by_capacity",
        "raw: 2 shards relative to 1 shard, by capacity",
        [1, 2],
    )
    row = "| 1 shard | 1,000 (1,000 – 1,000) | 1.00 × (1.00 – 2.00), by capacity |"
    assert row in frameworks(ratio, [one, two])


def test_a_work_that_no_peer_did_is_told() -> None:
    ratio = figure("raw_tokio_over_best", "raw: turbo-shard, tokio relative to the best peer", [])
    assert "| – | – | – | ≥ 2 × | not measured |" in frameworks(ratio, [OURS, PEER])
