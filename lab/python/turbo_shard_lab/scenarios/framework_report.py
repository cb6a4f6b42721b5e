"""Turns the results of bench/frameworks.py into text: for each scenario its arms, and then the goals."""

from __future__ import annotations

from statistics import median
from typing import Any

from .report import (
    FIGURE_HEADER,
    Row,
    code_block,
    figure_rows,
    machine_lines,
    markdown_table,
    middle_latency,
    number,
    plain_table,
    remarks,
)

ARM_HEADER = (
    "arm",
    "answers/s",
    "spread",
    "p50 µs",
    "p99 µs",
    "server's CPU µs per answer",
    "server's cores",
    "generator's core",
)


def arm_row(arm: dict[str, Any]) -> Row:
    runs = arm["runs"]
    if not runs:
        return [arm["label"], "did not run", *["–"] * (len(ARM_HEADER) - 2)]
    rates = [run["requests_per_second"] for run in runs]

    def middle(name: str) -> float:
        return float(median(run[name] for run in runs))

    return [
        arm["label"],
        number(median(rates), 0),
        f"{min(rates):,.0f} – {max(rates):,.0f}",
        *(number(middle_latency(runs, name), 0) for name in ("p50", "p99")),
        number(middle("server_us"), 1),
        f"{middle('server_cpu_share'):.0%}",
        f"{middle('generator_cpu_share'):.0%}",
    ]


def terminal(results: dict[str, Any]) -> str:
    parts = []
    for scenario in results["scenarios"]:
        rows = [arm_row(arm) for arm in scenario["arms"]]
        parts.append(f"{scenario['title']}\n{plain_table(ARM_HEADER, rows)}")
    parts.append(plain_table(FIGURE_HEADER, figure_rows(results)))
    parts.append("\n".join(f"- {line}" for line in all_remarks(results)))
    return "\n\n".join(parts)


def measured_apart(results: dict[str, Any]) -> list[str]:
    """Scenarios that were measured from other sources than the last one: one line for each commit."""
    commits: dict[str, list[dict[str, Any]]] = {}
    for scenario in results["scenarios"]:
        commits.setdefault(scenario["measured"]["commit"], []).append(scenario)
    if len(commits) < 2:
        return []
    return [
        f"measured at commit {commit[:12]}, {of[0]['measured']['started']}: "
        + "; ".join(scenario["title"] for scenario in of)
        for commit, of in commits.items()
    ]


def all_remarks(results: dict[str, Any]) -> list[str]:
    """Errors and doubts, each with the scenarios that it is about."""
    titles: dict[str, list[str]] = {}
    for scenario in results["scenarios"]:
        about = {"warnings": scenario["doubts"], "arms": scenario["arms"], "figures": []}
        for line in remarks(about):
            titles.setdefault(line, []).append(scenario["title"])
    every = len(results["scenarios"])
    return [
        *results["warnings"],
        *measured_apart(results),
        *(
            f"{line} ({'everywhere' if len(of) == every else '; '.join(of)})"
            for line, of in titles.items()
        ),
    ]


def documentation(results: dict[str, Any]) -> str:
    """The contents of report.md: all results."""
    settings = results["settings"]
    best, others = by_kind(results)
    parts = [
        (
            f"Against the best peer of the same interpreter, {settings['interpreter']}: of those that answered, the "
            "one with the highest median rate. Ratios are taken within each round; the spread is from the lowest to "
            "the highest round:"
        ),
        markdown_table(FIGURE_HEADER, figure_rows({"figures": best})),
    ]
    if others:
        parts += [
            "Against single peers, and two shards against one:",
            markdown_table(FIGURE_HEADER, figure_rows({"figures": others})),
        ]
    parts += [
        (
            f"Each arm: {settings['connections']} connections with one request or message in flight, the server on "
            f"core {settings['server_core']} (two shards: on both), the generator on core "
            f"{settings['load_core']}, median of {settings['rounds']} interleaved rounds of "
            f"{settings['seconds']:g} s, every body checked."
        ),
    ]
    for scenario in results["scenarios"]:
        rows = [arm_row(arm) for arm in scenario["arms"]]
        parts += [f"**{scenario['title']}**", markdown_table(ARM_HEADER, rows)]
    if lines := all_remarks(results):
        parts.append("\n".join(f"- {line}" for line in lines))
    parts += ["Measured with:", "\n".join(f"- {line}" for line in machine_lines(results))]
    parts.append("Commands, the generator's first and then each arm's:")
    parts += [code_block(commands_of(scenario)) for scenario in results["scenarios"]]
    return "\n\n".join(parts)


def by_kind(results: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Figures against the best peer, and all others."""
    best = [figure for figure in results["figures"] if figure["key"].endswith("_over_best")]
    return best, [figure for figure in results["figures"] if figure not in best]


def commands_of(scenario: dict[str, Any]) -> list[str]:
    return [
        f"# {scenario['title']}",
        scenario["generator"],
        *(
            f"taskset -c {','.join(map(str, arm['cores']))} {arm['command']}"
            for arm in scenario["arms"]
        ),
    ]
