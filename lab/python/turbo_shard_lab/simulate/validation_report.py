"""How the simulation compares with measurements, as a person reads it. Measures and simulates nothing.

`document` is report.md, with every figure; `validation` and `outlook` are the short tables of docs/simulation.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from ..report.pages import markdown_table
from . import prediction_text
from .calibration import Calibration
from .options import DEFAULT_POLICIES
from .prediction import Cell

METRICS = ("p50", "p99")
# The one number of cores that the page shows.
CORES_SHOWN = 16

Results = dict[str, Any]


def document(results: Results) -> str:
    """The report beside the results."""
    calibration = results["settings"]["calibration"]
    notes = [*errors(results), *refusals(results), *results["warnings"]]
    parts = ["## Measured and predicted", origin(results), every_case(results), bullets(notes)]
    parts += ["## Parameters", parameters(calibration), "## Predictions"]
    for one in results["outlooks"]:
        parts.append(f"### {one['title']}\n\n`{one['command']}`\n\n{one['text']}")
    return "\n\n".join(parts)


def validation(results: Results) -> str:
    """For the page: how far off the predictions were, for each scenario and mode over its loads."""
    groups: dict[tuple[str, str], list[Results]] = {}
    for row in results["cases"]:
        groups.setdefault((row["case"]["title"], row["case"]["mode"]), []).append(row)
    rows = []
    for (title, mode), group in groups.items():
        loads = sorted(row["case"]["load"] for row in group if METRICS[0] in row)
        off = [worst_errors(group, metric) for metric in METRICS]
        rows.append([title, mode, ", ".join(f"{load:.0%}" for load in loads) or "–", *off])
    header = ("scenario", "mode", "load", "p50 predicted", "p99 predicted")
    notes = errors(results)
    runs = [run for row in results["cases"] for run in row["runs"]]
    if refused := sum(run["latency_us"] is None for run in runs):
        notes.append(f"turbo-load refused the latencies of {refused} of {len(runs)} runs")
    notes += results["warnings"]
    return f"{origin(results)}\n\n{markdown_table(header, rows)}\n\n{bullets(notes)}"


def outlook(results: Results) -> str:
    """For the page: p99 of each architecture on one number of cores, and the lowest over all of them."""
    rows = []
    for one in results["outlooks"]:
        for load in one["loads"]:
            cells = [load["p99"].get(policy, "–") for policy in DEFAULT_POLICIES]
            rows.append([one["title"], f"{load['load']:.0%}", *cells, load["lowest_p99"]])
    header = ("requests", "load", *DEFAULT_POLICIES, "lowest p99")
    return f"p99 on {CORES_SHOWN} cores; the last column is over all that were simulated.\n\n" + (
        markdown_table(header, rows)
    )


def loads_of(cells: Iterable[Cell]) -> list[Results]:
    """What the page shows of a prediction, for the results."""
    found = []
    for load, group in prediction_text.by_load(list(cells)):
        lowest = prediction_text.verdict(group)[0].removeprefix("lowest p99: ")
        shown = {cell.policy: p99_text(cell) for cell in group if cell.cores == CORES_SHOWN}
        found.append({"load": load, "p99": shown, "lowest_p99": lowest})
    return found


def p99_text(cell: Cell) -> str:
    text = prediction_text.time_text(cell.latency_us["p99"].middle)
    return text if cell.keeps_up else f"{text} (overloaded)"


def origin(results: Results) -> str:
    machine, command = results["machine"], results["settings"]["command"]
    where = f"{machine['cpu']}, {len(machine['cores_allowed'])} cores"
    commit = (machine.get("commit") or "unknown")[:12]
    return f"Measured {results['started'][:10]} on {where}, by `{command}`, commit {commit}."


def every_case(results: Results) -> str:
    rows = []
    for row in results["cases"]:
        case = row["case"]
        cells = [case["title"], case["mode"], f"{case['load']:.0%}"]
        for metric in METRICS:
            one = row.get(metric)
            cells += ["refused", "", ""] if one is None else metric_cells(one)
        rows.append(cells)
    header = ["scenario", "mode", "load"]
    for metric in METRICS:
        header += [f"{metric} measured", "predicted", "error"]
    return markdown_table(header, rows)


def metric_cells(one: Results) -> list[str]:
    def banded(middle: float, low: float, high: float) -> str:
        texts = [prediction_text.time_text(us) for us in (middle, low, high)]
        return texts[0] if texts[1] == texts[2] else f"{texts[0]} ({texts[1]}–{texts[2]})"

    return [
        banded(one["measured"], one["measured_low"], one["measured_high"]),
        banded(one["predicted"], one["predicted_low"], one["predicted_high"]),
        error_text(one),
    ]


def error_text(one: Results) -> str:
    if one["error"] is None:
        return ""
    return f"{one['error']:+.0%}" if one["error"] else "in range"


def worst_errors(rows: Iterable[Results], metric: str) -> str:
    """The errors of these rows from the lowest to the highest."""
    found = [row[metric] for row in rows if metric in row and row[metric]["error"] is not None]
    found.sort(key=lambda one: one["error"])
    texts = list(dict.fromkeys(error_text(one) for one in (found[:1] + found[-1:])))
    return " to ".join(texts) or "–"


def parameters(calibration: Results) -> str:
    """The costs used for the predictions."""
    rows = [
        [f"`{name}`", f"{one['value']:.4g}", one["unit"], f"{one['source']}: {one['how']}"]
        for name, one in calibration["parameters"].items()
    ]
    table = markdown_table(("parameter", "default", "unit", "source"), rows)
    where = f"{calibration['machine']['cpu']}, commit {(calibration['commit'] or 'unknown')[:12]}"
    return f"{table}\n\n`{calibration['command']}`, {calibration['date'][:10]}, {where}."


def calibration_json(found: Calibration) -> Results:
    """What the report shows of a calibration, for the results."""
    return {
        "date": found.date,
        "commit": found.commit,
        "command": found.command,
        "machine": found.machine,
        "parameters": {name: vars(one) for name, one in found.parameters.items()},
    }


def errors(results: Results) -> list[str]:
    lines = []
    for cores in (1, 2):
        for metric in METRICS:
            rows = [row for row in results["cases"] if row["case"]["cores"] == cores]
            off = sorted(
                abs(row[metric]["error"])
                for row in rows
                if metric in row and row[metric]["error"] is not None
            )
            if off:
                of = f"{metric} on {cores} core{'s' * (cores > 1)}"
                lines.append(
                    f"{of}: the median error is {median(off):.0%}, the largest {off[-1]:.0%}"
                )
    rates = [abs(row["requests_per_second"]["error"] or 0.0) for row in results["cases"]]
    if rates:
        lines.append(f"throughput: the largest error is {max(rates):.0%}")
    return lines


def refusals(results: Results) -> list[str]:
    reasons = {row["refused"] for row in results["cases"] if row["refused"]}
    return [f"refused by turbo-load: {reason}" for reason in sorted(reasons)]


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
