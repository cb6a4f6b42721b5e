"""results.json is read back as it was written; foreign fields, or another schema, are refused with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab_runs import run_with
from turbo_shard_lab import results
from turbo_shard_lab.results import (
    ArmResult,
    Comparison,
    Results,
    ResultsError,
    RouteLatency,
    ScenarioResult,
)


@pytest.fixture
def found() -> Results:
    arm = ArmResult("shard-tokio", "shard mode", "turbo-shard app:app", False)
    arm.runs = [run_with(0), run_with(1, p99=None, latency_refused="the generator was late")]
    arm.runs[0].by_route = [RouteLatency("/users/1", 10, arm.runs[0].latency_us)]
    failed = ArmResult("process", "process mode", "turbo-shard app:app", False, "does not run")
    comparison = Comparison("p99_us", "steal", "shard-tokio", 0.8, 0.7, 0.9, 0.95, 5, True, "text")
    scenario = ScenarioResult(
        "half-load",
        "title",
        "question?",
        {"loop": "open", "rate": 100.0},
        [0],
        [1],
        [arm, failed],
        [comparison],
        ["a doubt"],
    )
    return Results(
        "name", "2026-01-02T03:04:05+00:00", None, 1, 2.5, "turbo-shard ab", {"cpu": "A"}, {},
        [scenario], ["a warning"],
    )  # fmt: skip


def changed(found: Results, **changes: Any) -> str:
    return json.dumps(json.loads(results.as_text(found)) | changes)


def test_what_was_written_is_read_back(found: Results, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.write(found, file)
    assert results.read(file) == found
    assert json.loads(file.read_text())["schema"] == 1
    assert found.scenarios[0].cores == [0, 1]


def test_runs_of_before_the_generator_had_a_choice_were_over_epoll(
    found: Results, tmp_path: Path
) -> None:
    file, text = tmp_path / "results.json", results.as_text(found)
    found.scenarios[0].arms[0].runs[0].generator_io = "uring"
    assert '"generator_io":"uring"' in results.as_text(found)
    stored = json.loads(text)
    for run in stored["scenarios"][0]["arms"][0]["runs"]:
        del run["generator_io"]
    file.write_text(json.dumps(stored))
    runs = results.read(file).scenarios[0].arms[0].runs
    assert {run.generator_io for run in runs} == {"epoll"}


@pytest.mark.parametrize("schema", [2, None, "1"])
def test_another_schema_is_refused(found: Results, schema: object) -> None:
    with pytest.raises(ResultsError, match="schema"):
        results.from_text(changed(found, schema=schema))


def test_a_missing_field_is_named_with_its_place(found: Results) -> None:
    value = json.loads(results.as_text(found))
    del value["scenarios"][0]["arms"][0]["runs"][1]["threads"]
    with pytest.raises(
        ResultsError, match=r"scenarios\[0\].arms\[0\].runs\[1\].threads is missing"
    ):
        results.from_text(json.dumps(value))


def test_a_field_of_another_kind_is_named(found: Results) -> None:
    with pytest.raises(ResultsError, match="seed is 'one', not int"):
        results.from_text(changed(found, seed="one"))


def test_an_unknown_field_is_named(found: Results) -> None:
    with pytest.raises(ResultsError, match="surprise is not known"):
        results.from_text(changed(found, surprise=1))


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"'])
def test_what_is_no_results_is_refused(text: str) -> None:
    with pytest.raises(ResultsError):
        results.from_text(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nothing\.json"):
        results.read(tmp_path / "nothing.json")


def test_figures_that_json_has_no_word_for_are_not_written(found: Results) -> None:
    found.duration_s = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.as_text(found)
