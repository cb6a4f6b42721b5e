"""What a comparison of the simulation with measurements shows, as a person reads it. Measures and simulates nothing."""

from __future__ import annotations

from statistics import median
from typing import Any

from turbo_shard.lab.simulation import calibration, prediction_text

METRICS = ("p50", "p99")


def document(results: dict[str, Any]) -> str:
    return f"{validation(results)}\n\n{outlook(results)}"


def validation(results: dict[str, Any]) -> str:
    machine, command = results["machine"], results["settings"]["command"]
    where = f"{machine['cpu']}, {len(machine['cores_allowed'])} cores"
    commit = (machine.get("commit") or "unknown")[:12]
    lines = [
        f"Measured {results['started'][:10]} on {where}, by `{command}`, commit {commit}.",
        "",
        "| scenario | mode | load | p50 measured | predicted | error | p99 measured | predicted | error |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in results["cases"]:
        case = row["case"]
        cells = [case["title"], case["mode"], f"{case['load']:.0%}"]
        for metric in METRICS:
            one = row.get(metric)
            cells += ["refused", "", ""] if one is None else metric_cells(one)
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {line}" for line in summary(results))]
    lines += [f"- {warning}" for warning in results["warnings"]]
    return "\n".join(lines)


def parameters(results: dict[str, Any]) -> str:
    """Of the calibration in the package, which need not be the one of the last run."""
    found = calibration.read()
    lines = ["| parameter | default | unit | source |", "| --- | ---: | --- | --- |"]
    lines += [
        f"| `{name}` | {one.value:.4g} | {one.unit} | {one.source}: {one.how} |"
        for name, one in found.parameters.items()
    ]
    where = f"{found.machine['cpu']}, commit {(found.commit or 'unknown')[:12]}"
    return "\n".join([*lines, "", f"`{found.command}`, {found.date[:10]}, {where}."])


def metric_cells(one: dict[str, Any]) -> list[str]:
    def banded(middle: float, low: float, high: float) -> str:
        texts = [prediction_text.time_text(us) for us in (middle, low, high)]
        return texts[0] if texts[1] == texts[2] else f"{texts[0]} ({texts[1]}–{texts[2]})"

    return [
        banded(one["measured"], one["measured_low"], one["measured_high"]),
        banded(one["predicted"], one["predicted_low"], one["predicted_high"]),
        "" if one["error"] is None else f"{one['error']:+.0%}" if one["error"] else "in range",
    ]


def summary(results: dict[str, Any]) -> list[str]:
    lines = []
    for cores in (1, 2):
        for metric in METRICS:
            rows = [row for row in results["cases"] if row["case"]["cores"] == cores]
            errors = sorted(
                abs(row[metric]["error"])
                for row in rows
                if metric in row and row[metric]["error"] is not None
            )
            if errors:
                of = f"{metric} on {cores} core{'s' * (cores > 1)}"
                lines.append(
                    f"{of}: the median error is {median(errors):.0%}, the largest {errors[-1]:.0%}"
                )
    rates = [abs(row["requests_per_second"]["error"] or 0.0) for row in results["cases"]]
    if rates:
        lines.append(f"throughput: the largest error is {max(rates):.0%}")
    refused = {row["refused"] for row in results["cases"] if row["refused"]}
    return lines + [f"refused by turbo-load: {reason}" for reason in sorted(refused)]


def outlook(results: dict[str, Any]) -> str:
    parts = []
    for one in results["outlooks"]:
        parts.append(f"### {one['title']}\n\n`{one['command']}`\n\n{one['text']}")
    return "\n\n".join(parts)
