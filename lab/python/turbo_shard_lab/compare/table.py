"""The results as a person reads them in a terminal: a table per scenario, verdicts, doubts. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..metrics import METRICS
from ..report import goals
from ..report.columns import aligned
from ..report.quantities import middle, whole
from ..results import ArmResult, Results, Run, ScenarioResult
from . import verdicts

type Cell = Callable[[Run], float | None]

LATENCIES = ("p50", "p90", "p99", "p99_9", "max")
WIDTH = 100
NO_BREAK = "\N{NO-BREAK SPACE}"


def text_of(results: Results) -> str:
    parts = [heading(results)]
    parts += [scenario_text(scenario) for scenario in results.scenarios]
    if results.warnings:
        parts.append(bullets(results.warnings))
    return "\n\n".join(parts)


def heading(results: Results) -> str:
    machine, versions = results.machine, results.versions
    virtual = " (virtual machine)" if machine.get("virtual") else ""
    where = f"{machine.get('cpu') or 'unknown CPU'}{virtual}, {len(machine.get('cores_allowed', []))} cores"
    what = f"Linux {machine.get('kernel')}, {versions.get('python')}, turbo-shard {versions.get('turbo_shard')}"
    return f"{results.command}\n{where}, {what}"


def scenario_text(scenario: ScenarioResult) -> str:
    asked = f": {load_text(scenario)}" if scenario.has_load else ""
    lines = [f"{scenario.title}{asked}", ""]
    ran = [arm for arm in scenario.arms if arm.runs]
    if ran:
        lines.append(aligned(header(), map(row, ran), figures=True))
        lines += ["", caption(ran)]
    lines += [
        f"{arm.label}: did not run: {arm.error}"
        for arm in scenario.arms
        if arm.error and not arm.runs
    ]
    lines += [
        f"{arm.label}: ended early: {arm.error}" for arm in scenario.arms if arm.error and arm.runs
    ]
    if scenario.figures:
        lines += ["", aligned(goals.FIGURE_HEADER, goals.figure_rows(scenario))]
    if scenario.costs:
        lines += ["", aligned(goals.COST_HEADER, map(goals.cost_row, scenario.costs))]
    if found := goals.remarks(scenario):
        lines += ["", bullets(found)]
    if scenario.comparisons:
        lines += ["", bullets(verdict_lines(scenario))]
    if scenario.doubts:
        lines += ["", "Keep in mind:", bullets(scenario.doubts)]
    return "\n".join(lines)


def caption(ran: Sequence[ArmResult]) -> str:
    text = f"medians of {rounds_text(ran)}; p50 to max are latencies"
    if any(run.latency_us is None for arm in ran for run in arm.runs):
        text += ", of those runs in which they could be measured"
    return text


def verdict_lines(scenario: ScenarioResult) -> list[str]:
    labels = {arm.key: arm.label for arm in scenario.arms}
    lines = []
    for pair in dict.fromkeys((one.arm, one.baseline) for one in scenario.comparisons):
        compared = [one for one in scenario.comparisons if (one.arm, one.baseline) == pair]
        lines += verdicts.summary(labels[pair[0]], labels[pair[1]], compared)
    return lines


def load_text(scenario: ScenarioResult) -> str:
    load = scenario.load
    cores = (
        f"server on {cores_text(scenario.server_cores)}, load on {cores_text(scenario.load_cores)}"
    )
    if load.get("loop") == "open":
        asked = f"{load['rate']:,.6g} requests/s offered over {load['connections']} connections"
    else:
        asked = f"{load['connections']} connections, each asks as soon as it is answered"
    return f"{asked}, {load['seconds']:g} s per run, {cores}"


def cores_text(cores: Sequence[int]) -> str:
    return f"core{'s' * (len(cores) != 1)} {','.join(map(str, cores))}"


def rounds_text(arms: Sequence[ArmResult]) -> str:
    counts = sorted({len(arm.runs) for arm in arms})
    if counts == [1]:
        return "1 round"
    return f"{counts[0]} rounds" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} rounds"


def header() -> list[str]:
    return [
        "arm",
        "requests/s",
        *("p50", "p90", "p99", "p99.9", "max"),
        *(name for name, _, _ in OTHERS),
    ]


def row(arm: ArmResult) -> list[str]:
    cells = [arm.label, of_runs(arm, lambda run: run.requests_per_second, whole)]
    for name in LATENCIES:
        cells.append(of_runs(arm, latency(name), microseconds))
    return [*cells, *(of_runs(arm, of, form) for _, of, form in OTHERS)]


def of_runs(arm: ArmResult, of: Cell, form: Callable[[float], str]) -> str:
    return middle(map(of, arm.runs), form)


def latency(name: str) -> Cell:
    return lambda run: getattr(run.latency_us, name) if run.latency_us else None


def one_digit(value: float) -> str:
    return f"{value:,.1f}"


def two_digits(value: float) -> str:
    return f"{value:.2f}"


def small(value: float) -> str:
    return f"{value:.2g}" if value < 1 else f"{value:.2f}"


def microseconds(value: float) -> str:
    """In the unit that reads best."""
    if value < 1000:
        return f"{value:.0f} µs"
    if value < 1e6:
        return f"{value / 1e3:.3g} ms" if value < 99_950 else f"{value / 1e3:.0f} ms"
    return f"{value / 1e6:.3g} s"


OTHERS: tuple[tuple[str, Cell, Callable[[float], str]], ...] = (
    ("CPU µs/req", lambda run: run.cpu_us_per_request, one_digit),
    ("switches/req", METRICS["context_switches_per_request"].of, small),
    ("RSS MB", lambda run: run.rss_mb, one_digit),
    ("PSS MB", lambda run: run.pss_mb, one_digit),
    ("threads", lambda run: run.threads, whole),
    ("balance", lambda run: run.balance_max_over_mean, two_digits),
)


def bullets(lines: Iterable[str]) -> str:
    from textwrap import fill

    form: dict[str, Any] = {"width": WIDTH, "initial_indent": "- ", "subsequent_indent": "  "}
    # A number and its unit stay together.
    kept = [line.replace(" %", f"{NO_BREAK}%") for line in lines]
    wrapped = [fill(line, **form, break_long_words=False, break_on_hyphens=False) for line in kept]
    return "\n".join(wrapped).replace(NO_BREAK, " ")
