"""The part of docs/benchmarks.md that is made from a run of the scenarios: for each a table and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from lab.report import markdown_table, number
from turbo_shard.lab.report.levels import levels
from turbo_shard.lab.results import ArmResult, Results, Run, ScenarioResult

HEADER = (
    *("arm", "offered/s", "answered/s", "p50 µs", "p99 µs", "p99.9 µs"),
    *("CPU µs each", "RSS MB", "busiest shard"),
)


def documentation(results: Results) -> str:
    parts = [intro(results)]
    for scenario in results.scenarios:
        parts += section(scenario)
    parts += ["### What it was measured with", "\n".join(f"- {line}" for line in notes(results))]
    return "\n\n".join(parts)


def intro(results: Results) -> str:
    return (
        f"{len(results.scenarios)} scenarios in {results.duration_s / 60:.0f} minutes, medians of the rounds, every "
        "answer checked; latency of an open loop counts from when a request was meant to be sent. The busiest shard is "
        "its share of the requests over that of the average shard: 1 is even. Charts, percentiles and every run are in "
        f"bench/results/{results.name}/."
    )


def section(scenario: ScenarioResult) -> list[str]:
    parts = [f"### {scenario.title}", f"*{scenario.question}* {load_text(scenario)}"]
    rows = [row for arm in scenario.arms for row in rows_of(arm)]
    if rows:
        parts.append(markdown_table(HEADER, rows))
    lines = [f"{arm.label}: {error_text(arm)}" for arm in scenario.arms if arm.error]
    lines += [one.text for one in scenario.comparisons if one.shown]
    lines += hidden(scenario)
    lines += scenario.doubts
    if lines:
        parts.append("\n".join(f"- {line}" for line in lines))
    return parts


def error_text(arm: ArmResult) -> str:
    return f"ended early: {arm.error}" if arm.runs else f"did not run: {arm.error}"


def hidden(scenario: ScenarioResult) -> list[str]:
    """In one sentence what no difference was shown in: a list of all would bury what was."""
    labels = {arm.key: arm.label for arm in scenario.arms}
    pairs: dict[tuple[str, str], list[str]] = {}
    for one in scenario.comparisons:
        if not one.shown:
            name = one.metric.removesuffix("_us").replace("99_9", "99.9").replace("_", " ")
            pairs.setdefault((one.arm, one.baseline), []).append(name)
    return [
        f"no difference shown between {labels[arm]} and {labels[baseline]} in {', '.join(names)}"
        for (arm, baseline), names in pairs.items()
    ]


def load_text(scenario: ScenarioResult) -> str:
    load = scenario.load
    cores = ", ".join(map(str, scenario.server_cores))
    loads = ", ".join(map(str, scenario.load_cores))
    text = f"Server on core {cores}, load on core {loads}: {load.get('connections')} connections"
    if "shares_of_own_saturation" in load:
        shares = ", ".join(f"{share:.0%}" for share in load["shares_of_own_saturation"])
        text += f", open loop at {shares} of what each arm serves at most"
    elif load.get("loop") == "open":
        text += f", open loop at {load['rate']:,.0f} requests/s"
    else:
        text += ", closed loop"
    if load.get("load_goes_first"):
        text += ", the generator in real time on the core that both have"
    if load.get("pipeline"):
        text += f", {load['pipeline']} in flight on each"
    if load.get("idle_connections"):
        text += f", {load['idle_connections']:,} idle ones beside them"
    if beside := load.get("beside"):
        text += (
            f"; beside them {beside['connections']} connections to {', '.join(beside['routes'])}"
        )
    return f"{text}."


def rows_of(arm: ArmResult) -> Iterable[list[str]]:
    for level in levels(arm):
        runs = level.runs
        yield [
            arm.label,
            "–" if level.offered is None else number(level.offered, 0),
            *(
                middle(runs, of, digits)
                for of, digits in (
                    (lambda run: run.requests_per_second, 0),
                    (lambda run: run.latency_us and run.latency_us.p50, 0),
                    (lambda run: run.latency_us and run.latency_us.p99, 0),
                    (lambda run: run.latency_us and run.latency_us.p99_9, 0),
                    (lambda run: run.cpu_us_per_request, 1),
                    (lambda run: run.rss_mb, 1),
                    (lambda run: run.balance_max_over_mean, 2),
                )
            ),
        ]


def middle(runs: Sequence[Run], of: Callable[[Run], float | None], digits: int) -> str:
    values = [value for value in map(of, runs) if value is not None]
    return number(median(values), digits) if values else "–"


def notes(results: Results) -> list[str]:
    machine, versions = results.machine, results.versions
    virtual = " (virtual machine)" if machine.get("virtual") else ""
    commit = results.commit or "unknown"
    exact = ", with changes that are not committed" if commit.endswith("+") else ""
    cores = f"{len(machine.get('cores_allowed', []))} cores, {machine.get('memory_gib')} GiB"
    lines = [
        f"{results.date}, commit {commit.rstrip('+')[:12]}{exact}, seed {results.seed}",
        f"{machine.get('cpu')}{virtual}, {cores}, governor {machine.get('governor')}",
        f"Linux {machine.get('kernel')}; turbo-shard {versions.get('turbo_shard')} on {versions.get('python')}",
    ]
    lines += [f"{key}: {text}" for key, text in versions.get("peers", {}).items()]
    return [*lines, *results.warnings]
