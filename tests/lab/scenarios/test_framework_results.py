"""Results are kept scenario by scenario: older figures stay, and are told from new ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_framework_report import MACHINE, OURS, PEER

from turbo_shard_lab.scenarios import framework_report, framework_results
from turbo_shard_lab.scenarios.entry import Surroundings, keep
from turbo_shard_lab.scenarios.framework_results import Kept

SETTINGS = {
    **{
        "command": "bench/frameworks.py",
        "interpreter": "CPython 3.13t",
        "rounds": 7,
        "seconds": 0.6,
    },
    **{"connections": 32, "server_core": 0, "load_core": 1},
}


def here() -> Surroundings:
    return Surroundings([0, 1], 0, 1, MACHINE, [])


def scenario(key: str) -> dict[str, Any]:
    figure = {
        **{"key": f"{key}_uring_over_best", "label": f"{key}: ours", "unit": "×", "goal": "≥ 1.3"},
        **{"median": 2.0, "min": 1.5, "max": 2.5, "values": [1.5, 2.0, 2.5], "digits": 2},
        **{"met": True, "error": None, "note": ""},
    }
    return {
        **{"key": key, "title": key, "generator": "turbo-load", "arms": [OURS, PEER]},
        **{"figures": [figure], "doubts": [], "broken": False},
        "measured": {"started": "2026-01-02T03:04:05+00:00", "took_seconds": 1.0},
    }


def kept(folder: Path, sources: str = "tree", **changed: Any) -> Kept:
    found = Kept(folder)
    found.begin({**SETTINGS, **changed}, sources)
    return found


@pytest.fixture(autouse=True)
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commit of each scenario that is added: the last one given."""
    given = ["aaaaaaaaaaaaaaaa"]
    monkeypatch.setattr(framework_results, "output_of", lambda command: given[-1])
    return given


def measure(one: Kept, key: str) -> None:
    one.add(scenario(key))
    keep(one.folder, one.results(here(), ("raw", "echo")), framework_report.documentation)


def test_a_run_that_was_cut_short_is_continued(tmp_path: Path) -> None:
    measure(kept(tmp_path), "echo")
    again = kept(tmp_path, command="bench/frameworks.py --continue")
    assert again.has("echo") and not again.has("raw")
    measure(again, "raw")
    results = json.loads((tmp_path / "results.json").read_text())
    assert [one["key"] for one in results["scenarios"]] == ["raw", "echo"]
    assert [one["key"] for one in results["figures"]] == [
        "raw_uring_over_best",
        "echo_uring_over_best",
    ]


def test_other_sources_are_measured_again_and_told_apart(
    tmp_path: Path, commits: list[str]
) -> None:
    measure(kept(tmp_path), "echo")
    commits.append("bbbbbbbbbbbbbbbb")
    later = kept(tmp_path, "another tree")
    assert not later.has("echo")
    measure(later, "raw")
    report = (tmp_path / "report.md").read_text()
    assert "- measured at commit aaaaaaaaaaaa, 2026-01-02T03:04:05+00:00: echo" in report
    assert "- measured at commit bbbbbbbbbbbb, 2026-01-02T03:04:05+00:00: raw" in report


def test_changes_that_are_not_committed_are_never_continued(tmp_path: Path) -> None:
    measure(kept(tmp_path, ""), "echo")
    assert not kept(tmp_path, "").has("echo")


def test_other_settings_are_another_measurement(tmp_path: Path) -> None:
    measure(kept(tmp_path), "echo")
    other = kept(tmp_path, rounds=3)
    assert not other.has("echo") and not other.scenarios


def test_what_cannot_be_read_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    assert not kept(tmp_path).scenarios


def test_the_page_has_the_best_peer_first(tmp_path: Path) -> None:
    measure(kept(tmp_path), "raw")
    report = (tmp_path / "report.md").read_text()
    assert "of the same interpreter, CPython 3.13t" in report
    assert "| raw: ours | ≥ 1.3 × | 2.00 × | 1.50 – 2.50 | met |" in report
