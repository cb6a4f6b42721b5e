"""The page of bench/frameworks.py tells every scenario's arms, every goal, and what went wrong where."""

from __future__ import annotations

from typing import Any

from turbo_shard_lab.scenarios import cost_report, framework_report

RUN = {
    "requests_per_second": 1000.0,
    "latency_us": {"p50": 200.0, "p99": 400.0},
    "server_us": 12.34,
    "server_cpu_share": 1.9,
    "generator_cpu_share": 0.25,
}
OURS = {
    "key": "raw_tokio",
    "label": "turbo-shard, tokio",
    "command": "serve",
    "cores": [0, 1],
    "error": None,
    "runs": [RUN],
}
PEER = {**OURS, "key": "raw_peer", "label": "a peer", "error": "no wheel", "runs": []}
MACHINE = {
    **{"cpu": "A CPU", "virtual": True, "cores_allowed": [0, 1], "memory_gib": 2, "kernel": "6.1"},
    **{"governor": "unknown", "congestion_control": "cubic", "rustc": "rustc 1"},
    **{"turbo_shard": "turbo-shard 1", "python": "CPython 3.13", "peers": {}},
    **{"commit": "0123456789abcdef", "commit_is_exact": True},
}
MEASURED = {"commit": "0123456789abcdef", "started": "2026-01-02T03:04:05+00:00"}


def results(**more: Any) -> dict[str, Any]:
    settings = {"connections": 32, "server_core": 0, "load_core": 1, "rounds": 1, "seconds": 0.6}
    settings |= {"interpreter": "CPython 3.13t"}  # type: ignore[dict-item]
    return {
        "started": "2026-01-02T03:04:05+00:00",
        "took_seconds": 300,
        "machine": MACHINE,
        "settings": {**settings, "engine": "tokio", "generator": "turbo-load"},
        "warnings": ["the machine was not quiet"],
        **more,
    }


def scenario(title: str) -> dict[str, Any]:
    about = {"key": title, "title": title, "generator": "turbo-load", "measured": MEASURED}
    return {**about, "arms": [OURS, PEER], "doubts": ["a doubt"] if title == "raw" else []}


def test_every_scenario_has_its_arms_commands_and_doubts() -> None:
    figure: dict[str, Any] = {
        **{"key": "k", "label": "raw: ours relative to a peer", "unit": "×", "goal": "≥ 2.5"},
        **{"median": None, "min": None, "max": None, "values": [], "digits": 2, "met": None},
        **{"error": "a peer: no wheel", "note": ""},
    }
    found = results(scenarios=[scenario("raw"), scenario("echo")], figures=[figure])
    text = framework_report.documentation(found)
    row = "| turbo-shard, tokio | 1,000 | 1,000 – 1,000 | 200 | 400 | 12.3 | 190% | 25% |"
    assert text.count(row) == 2 and text.count("| a peer | did not run |") == 2
    assert "| raw: ours relative to a peer | ≥ 2.5 × | – | – | not measured |" in text
    assert "- a doubt (raw)" in text and "- a peer: no wheel (everywhere)" in text
    assert "taskset -c 0,1 serve" in text
    assert "12.3" in framework_report.terminal(found)


def test_steps_have_their_costs_or_say_that_they_have_none() -> None:
    cost = {"label": "parse", "how": "a − b", "us": 3.456, "kernel_us": 2.9, "values": [3.4, 3.5]}
    cost |= {"min": 3.4, "max": 3.5, "error": None}
    missing = {**cost, "label": "scope", "us": None, "kernel_us": None, "values": []}
    found = results(arms=[OURS], steps=[cost], extras=[missing])
    text = cost_report.documentation(found)
    assert "| parse | 3.46 | 2.9 | 3.40 – 3.50 | a − b |" in text
    assert "| scope | not measured | – | – | a − b |" in text
    assert "not measured" in cost_report.terminal(found)
