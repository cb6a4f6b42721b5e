"""The short tables of docs/benchmarks.md: the figures that carry its claims. The report.md of a run has all others."""

from __future__ import annotations

from statistics import median
from typing import Any

from .cost_report import STEP_HEADER, step_row
from .figures import BEST_PEER
from .places import RESULTS
from .report import Row, markdown_table, number, spread, verdict

Found = dict[str, Any]
# Marks a commit that is not all that was measured.
INEXACT = " (with changes that were not committed)"


def source(name: str, date: str, commits: str, machine: Found, command: str) -> str:
    """When, where and by which command it was measured, and the link to the rest."""
    virtual = " (virtual machine)" if machine.get("virtual") else ""
    cores = len(machine.get("cores_allowed", []))
    report = f"{RESULTS}/{name}/report.md"
    return (
        f"Recorded {date[:10]} at commit {commits} on {machine.get('cpu')}{virtual}, {cores} cores, Linux "
        f"{machine.get('kernel')}, by `{command}`. Every arm, remark, version and command line: "
        f"[{report}](../{report})."
    )


def source_of(results: Found) -> str:
    """Works that were measured again may be from other commits than the rest."""
    machine = results["machine"]
    measured = [one.get("measured", machine) for one in results.get("scenarios", [machine])]
    commits = ", ".join(dict.fromkeys(one["commit"][:12] for one in measured))
    return source(
        results["name"],
        results["started"],
        commits if machine["commit_is_exact"] else f"{commits}{INEXACT}",
        machine,
        results["settings"]["command"],
    )


# Of bench/frameworks.py: one row for each work.

WORK_HEADER = ("work", "ours, answers/s", "held against", "its answers/s", "ratio", "goal", "")


def frameworks(results: Found) -> str:
    settings = results["settings"]
    rows = [row for scenario in results["scenarios"] if (row := work_row(scenario, results))]
    intro = (
        f"turbo-shard on `{settings['engines'][0]}`, {settings['connections']} connections, median of "
        f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s with the lowest and the highest; "
        "ratios are taken within each round:"
    )
    return "\n\n".join([intro, markdown_table(WORK_HEADER, rows), source_of(results)])


def work_row(scenario: Found, results: Found) -> Row | None:
    """The first figure of a work is that of the first engine, against the best peer or, of shards, by capacity."""
    title = f"{scenario['title']}: "
    figure = next((one for one in results["figures"] if one["label"].startswith(title)), None)
    if figure is None:
        return None
    arms = {arm["key"]: arm for arm in scenario["arms"]}
    over, _, under = figure["key"].partition("_over_")
    against = arm_held_against(figure, under, scenario["arms"])
    by = under.partition("_by_")[2].replace("_", " ")
    ratio = f"{number(figure['median'], figure['digits'])} ×"
    return [
        scenario["title"],
        rates(arms[over]),
        against["label"] if against else "–",
        rates(against) if against else "–",
        f"{ratio} ({spread(figure)}){f', by {by}' if by else ''}" if figure["values"] else "–",
        f"{figure['goal']} {figure['unit']}" if figure["goal"] else "–",
        verdict(figure),
    ]


def arm_held_against(figure: Found, under: str, arms: list[Found]) -> Found | None:
    """The best peer is only named in the label."""
    name = figure["label"].partition(BEST_PEER)[2]
    key = under.partition("_by_")[0]
    return next((arm for arm in arms if arm["label"] == name or arm["key"] == key), None)


def rates(arm: Found) -> str:
    found = [run["requests_per_second"] for run in arm["runs"]]
    if not found:
        return "did not run"
    return f"{median(found):,.0f} ({min(found):,.0f} – {max(found):,.0f})"


# Of bench/smoke.py: a column for each engine.


def smoke(results: Found) -> str:
    settings = results["settings"]
    engines = settings["engines"]
    arms = {arm["key"]: arm for arm in results["arms"]}
    ours = {engine: f"turbo_shard_{engine}" for engine in engines}
    rows: list[Row] = []
    for label, keys in (
        ("requests/s, Python handler", ours),
        ("requests/s, fixed answer from Rust", {engine: f"fixed_{engine}" for engine in engines}),
    ):
        cells = [rates(arms[key]) if key in arms else "–" for key in keys.values()]
        rows.append([label, "–", *cells])
    rows += goal_rows(results["figures"], engines)
    peers = [
        arm for arm in results["arms"] if not arm["key"].startswith(("turbo_shard_", "fixed_"))
    ]
    intro = (
        f"`/users/{{user_id}}`, {settings['connections']} keep-alive connections, one shard on one core, median of "
        f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s with the lowest and the highest; "
        "ratios are taken within each round:"
    )
    parts = [intro, markdown_table(["figure", "goal", *(f"`{one}`" for one in engines)], rows)]
    if peers:
        texts = [f"{arm['label']} {rates(arm)}" for arm in peers]
        parts.append(f"The others, requests/s: {'; '.join(texts)}.")
    return "\n\n".join([*parts, source_of(results)])


def goal_rows(figures: list[Found], engines: list[str]) -> list[Row]:
    """One row for a question to all engines."""
    found: dict[str, dict[str, Found]] = {}
    for figure in figures:
        engine, _, label = figure["label"].partition(": ")
        found.setdefault(label, {})[engine] = figure
    rows: list[Row] = []
    for label, by_engine in found.items():
        one = next(iter(by_engine.values()))
        goal = f"{one['goal']} {one['unit']}" if one["goal"] else "–"
        rows.append([label, goal, *(goal_cell(by_engine.get(engine)) for engine in engines)])
    return rows


def goal_cell(figure: Found | None) -> str:
    if figure is None or not figure["values"]:
        return "not measured"
    text = f"{number(figure['median'], figure['digits'])} {figure['unit']}"
    if len(figure["values"]) > 1:
        text += f" ({spread(figure)})"
    return text if figure["met"] is None else f"{text}, {verdict(figure)}"


def asgi_cost(results: Found) -> str:
    settings = results["settings"]
    intro = (
        f"CPU time of the server process per answer, engine `{settings['engine']}`, one shard, "
        f"{settings['connections']} connections, median of {settings['rounds']} interleaved rounds of "
        f"{settings['seconds']:g} s; what stands below the whole request a request may have besides:"
    )
    rows = [step_row(cost) for cost in (*results["steps"], *results["extras"])]
    return "\n\n".join([intro, markdown_table(STEP_HEADER, rows), source_of(results)])
