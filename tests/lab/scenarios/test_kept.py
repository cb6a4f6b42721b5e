"""Results are kept scenario by scenario: older figures stay, and are told from new ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lab_runs import arm_with
from turbo_shard_lab import results
from turbo_shard_lab.results import Results, ScenarioResult
from turbo_shard_lab.scenarios import kept as kept_module
from turbo_shard_lab.scenarios.kept import Kept, measured_apart

SETTINGS = {"suite": "frameworks", "interpreter": "CPython 3.13t", "rounds": 7}
KEYS = ("raw", "echo")
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def scenario(key: str) -> ScenarioResult:
    return ScenarioResult(key, key, "Is it so?", {"loop": "closed"}, [0], [1], [arm_with("ours")])


def kept(folder: Path, sources: str = "tree", **changed: Any) -> Kept:
    return Kept(folder, {**SETTINGS, **changed}, sources)


@pytest.fixture(autouse=True)
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commit of each scenario that is added: the last one given."""
    given = ["aaaaaaaaaaaaaaaa"]
    monkeypatch.setattr(kept_module, "commit_of", lambda *about: given[-1])
    return given


@pytest.fixture
def measure(tmp_path: Path) -> Callable[[Kept, str], Results]:
    def add(one: Kept, key: str) -> Results:
        one.add(scenario(key), BEGAN)
        found = Results("x", "now", None, 1, 1.0, "bench/run.py", {}, {}, settings=dict(SETTINGS))
        found.scenarios = one.in_order(KEYS)
        results.write(found, tmp_path / "results.json")
        return found

    return add


def test_a_run_that_was_cut_short_is_continued(
    tmp_path: Path, measure: Callable[[Kept, str], Results]
) -> None:
    measure(kept(tmp_path), "echo")
    again = kept(tmp_path)
    assert again.has("echo") and not again.has("raw")
    assert [one.key for one in measure(again, "raw").scenarios] == ["raw", "echo"]


def test_other_sources_are_measured_again_and_told_apart(
    tmp_path: Path, commits: list[str], measure: Callable[[Kept, str], Results]
) -> None:
    assert measured_apart(measure(kept(tmp_path), "echo")) == []
    commits.append("bbbbbbbbbbbbbbbb")
    later = kept(tmp_path, "another tree")
    assert not later.has("echo")
    assert measured_apart(measure(later, "raw")) == [
        "measured at commit bbbbbbbbbbbb, 2026-01-02T03:04:05+00:00: raw",
        "measured at commit aaaaaaaaaaaa, 2026-01-02T03:04:05+00:00: echo",
    ]


def test_changes_that_are_not_committed_are_never_continued(
    tmp_path: Path, measure: Callable[[Kept, str], Results]
) -> None:
    measure(kept(tmp_path, ""), "echo")
    assert not kept(tmp_path, "").has("echo")


def test_what_was_cut_short_is_shown_and_measured_again(tmp_path: Path) -> None:
    one = kept(tmp_path)
    one.add(scenario("raw"), BEGAN, is_whole=False)
    assert [each.key for each in one.in_order(KEYS)] == ["raw"] and not one.has("raw")


def test_other_settings_are_another_measurement(
    tmp_path: Path, measure: Callable[[Kept, str], Results]
) -> None:
    measure(kept(tmp_path), "echo")
    other = kept(tmp_path, rounds=3)
    assert not other.has("echo") and not other.scenarios


def test_what_cannot_be_read_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    assert not kept(tmp_path).scenarios
