"""docs/simulation.md and the report say what was recorded, and the long tables stay out of the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from turbo_shard_lab.report.pages import markers
from turbo_shard_lab.scenarios.places import RESULTS
from turbo_shard_lab.simulate import validation_report

FOLDER = RESULTS / "simulation"
PAGE = Path("docs/simulation.md").read_text()
RECORDED: dict[str, Any] = json.loads((FOLDER / "results.json").read_text())


def error(value: float | None) -> dict[str, Any]:
    return {"p99": {"error": value}}


@pytest.mark.parametrize("part", ["validation", "outlook"])
def test_page_has_what_was_recorded(part: str) -> None:
    begin, end = markers(f"simulation-{part}")
    written = PAGE.partition(begin)[2].partition(end)[0]
    assert written.strip() == getattr(validation_report, part)(RECORDED).strip()


def test_report_has_what_was_recorded() -> None:
    written = (FOLDER / "report.md").read_text()
    assert written.partition("\n")[2].strip() == validation_report.document(RECORDED).strip()


def test_page_links_the_report() -> None:
    assert f"](../{RESULTS}/simulation/report.md)" in PAGE


def test_errors_are_shown_from_the_lowest_to_the_highest() -> None:
    rows = [error(0.11), error(-0.5), error(None), error(0.02), {}]
    assert validation_report.worst_errors(rows, "p99") == "-50% to +11%"
    assert validation_report.worst_errors([error(-0.5)], "p99") == "-50%"
    assert validation_report.worst_errors([error(0.0)], "p99") == "in range"
    assert validation_report.worst_errors([{}], "p99") == "–"


def test_scenario_whose_runs_were_all_refused_has_no_load() -> None:
    row = {
        "case": {"title": "2 cores", "mode": "shard", "load": 0.3, "cores": 2},
        "runs": [{"latency_us": None}],
        "requests_per_second": {"error": 0.0},
        "refused": "the generator was the bottleneck",
    }
    shown = validation_report.validation(RECORDED | {"cases": [row]})
    assert "| 2 cores | shard | – | – | – |" in shown
    assert "- turbo-load refused the latencies of 1 of 1 runs" in shown
