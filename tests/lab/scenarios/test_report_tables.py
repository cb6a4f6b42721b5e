"""Reports show what was measured, what was not and why; the docs change only between their markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turbo_shard_lab.scenarios import report
from turbo_shard_lab.scenarios.places import ROOT, command_line, without_traces

BEGIN, END = report.markers("smoke")
LATENCY = {"p50": 200.0, "p99": 400.0}


def run(rate: float) -> dict[str, Any]:
    return {
        "requests_per_second": rate,
        "latency_us": LATENCY,
        "server_cpu_share": 1,
        "generator_cpu_share": 0.5,
    }


def figure(
    key: str, values: list[float], met: bool | None, error: str | None = None
) -> dict[str, Any]:
    middle = values[len(values) // 2] if values else None
    return {
        "key": key,
        "label": key.replace("_", " "),
        "unit": "×",
        "goal": "≥ 4",
        "median": middle,
        "min": min(values, default=None),
        "max": max(values, default=None),
        "values": values,
        "digits": 2,
        "met": met,
        "error": error,
        "note": "",
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "started": "2026-01-02T03:04:05+00:00",
        "took_seconds": 100,
        "machine": {
            "cpu": "A CPU",
            "cores_allowed": [0, 1],
            "virtual": True,
            "governor": "unknown",
            "memory_gib": 2,
            "kernel": "6.1",
            "congestion_control": "cubic",
            "rustc": "rustc 1",
            "turbo_shard": "turbo-shard 1",
            "python": "CPython 3.13",
            "peers": {"gil": {"error": "not installed"}},
            "commit": "0123456789abcdef",
            "commit_is_exact": True,
        },
        "settings": {
            "command": "bench/smoke.py",
            "generator": "turbo-load",
            "engines": ["tokio"],
            "rounds": 3,
            "seconds": 1.5,
            "connections": 32,
            "server_core": 0,
            "load_core": 1,
        },
        "arms": [
            {
                "key": "turbo_shard_tokio",
                "label": "ours",
                "command": "serve",
                "error": None,
                "runs": [run(1000), run(3000), run(2000)],
            },
            {"key": "peer", "label": "a peer", "command": "peer", "error": "no wheel", "runs": []},
        ],
        "figures": [
            figure("tokio_over_fixed", [0.8, 0.9, 1.0], met=False),
            figure("tokio_over_granian", [], met=None, error="a peer: no wheel"),
        ],
        "warnings": ["the machine was not quiet"],
    }


def test_the_documentation_has_figures_failures_and_doubts(results: dict[str, Any]) -> None:
    text = report.documentation(results)
    assert "| ours | 2,000 | 1,000 – 3,000 | 200 | 400 | 100% | 50% |" in text
    assert "| tokio over fixed | ≥ 4 × | 0.90 × | 0.80 – 1.00 | not met |" in text
    assert "| a peer | did not run |" in text
    assert "- a peer: no wheel" in text
    assert "- the machine was not quiet" in text
    assert "taskset -c 0 serve" in text


def test_a_latency_that_was_refused_once_is_not_shown(results: dict[str, Any]) -> None:
    results["arms"][0]["runs"][1]["latency_us"] = None
    text = report.documentation(results)
    assert "| ours | 2,000 | 1,000 – 3,000 | – | – | 100% | 50% |" in text


def test_the_terminal_shows_the_same_rows(results: dict[str, Any]) -> None:
    text = report.terminal(results)
    assert "0.80 – 1.00" in text and "did not run" in text and "not measured" in text


def test_the_summary_has_a_row_per_engine(results: dict[str, Any]) -> None:
    last = report.summary(results).splitlines()[-1]
    assert last.startswith("| `tokio` | 2,000 | 0.90 | – |")


def test_only_what_is_between_the_markers_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert report.write_between_markers(page, "smoke", "new")
    once = page.read_text()
    assert report.write_between_markers(page, "smoke", "new")
    assert page.read_text() == once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}" * 2])
def test_a_page_without_clear_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert not report.write_between_markers(page, "smoke", "new")
    assert page.read_text() == text


def test_a_missing_page_is_reported(tmp_path: Path) -> None:
    assert not report.write_between_markers(tmp_path / "none.md", "smoke", "new")


def test_reports_do_not_name_places_on_this_machine() -> None:
    told = without_traces(
        f"{ROOT}/bench failed, see {Path.home()}/log and https://packages.example/simple"
    )
    assert str(ROOT) not in told and "packages.example" not in told
    assert command_line(["a/b", "it's", "{n}"]) == "a/b 'it'\\''s' '{n}'"
