"""What docs/benchmarks.md has of a run of the scenarios: a row for each, and a sentence on other servers.

All other figures, and each difference with its interval, are in the report.md of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from ..report.goals import number
from ..report.pages import Row, markdown_table
from ..results import ArmResult, Results, Run, ScenarioResult
from .recorded import source_of

# In the order in which `auto` prefers them.
ENGINES = ("uring", "tokio", "glommio")
MODES = ("shard", "steal", "process")
FREE_THREADED, GIL = "free-threaded CPython", "GIL CPython"
# Marks a load that asks each arm for shares of its own limit: one figure for all shares would say nothing.
SHARES = "shares_of_own_saturation"

METRICS: Sequence[tuple[str, Callable[[Run], float | None], int]] = (
    ("p50 µs", lambda run: run.latency_us.p50 if run.latency_us else None, 0),
    ("p99 µs", lambda run: run.latency_us.p99 if run.latency_us else None, 0),
    ("CPU µs each", lambda run: run.cpu_us_per_request, 1),
    ("RSS MB", lambda run: run.rss_mb, 0),
)
# A metric's name in the last column.
WORDS = {
    "p50_us": "p50",
    "p99_us": "p99",
    "p99_9_us": "p99.9",
    "requests_per_second": "rate",
    "cpu_us_per_request": "CPU",
    "rss_mb": "RSS",
}

Cells = dict[str, ArmResult]


def documentation(results: Results) -> str:
    """A table of our arms, the answers of other servers if there were any, and where the rest is."""
    by_engine = all(len(engines_of(one)) > 1 for one in results.scenarios)
    columns = (*ENGINES, "steal") if by_engine else MODES
    header = (
        *("scenario", "answers/s", *(name for name, _, _ in METRICS)),
        f"shown against {columns[1]}",
    )
    rows = [row for one in results.scenarios for row in rows_of(one, columns)]
    intro = (
        f"In each cell {' / '.join(columns)}, medians of the rounds. The last column has {columns[0]} divided by "
        f"{columns[1]} where the 95 % interval excludes 1:"
    )
    parts = [intro, markdown_table(header, rows)]
    parts += [text for one in results.scenarios if (text := servers(one))]
    return "\n\n".join([*parts, source_of(results)])


def engines_of(scenario: ScenarioResult) -> set[str]:
    return {arm.key.split("-")[1] for arm in scenario.arms if arm.key.startswith("shard-")}


def rows_of(scenario: ScenarioResult, columns: Sequence[str]) -> Iterable[Row]:
    """One for each variant of the arms, such as `balanced by least`; the plain one first.

    A variant that only one column has, beside its plain form, is left to the report.
    """
    variants: dict[str, Cells] = {"": {}}
    for arm in scenario.arms:
        if not arm.is_peer:
            column, variant = place_of(arm, columns)
            variants.setdefault(variant, {}).setdefault(column, arm)
    plain = variants[""]
    for variant, cells in variants.items():
        if cells and (cells is plain or len(cells) > 1 or not plain.keys() & cells.keys()):
            yield row_of(scenario, variant, cells, columns)


def place_of(arm: ArmResult, columns: Sequence[str]) -> tuple[str, str]:
    """Its column, and its variant as the label has it. Modes use the engine that comes first."""
    mode, *rest = arm.key.split("-")
    engine = rest[0] if mode == "shard" and rest else mode
    return engine if engine in columns else mode, arm.label.partition(", ")[2]


def row_of(
    scenario: ScenarioResult, variant: str, cells: Cells, columns: Sequence[str]
) -> list[str]:
    title = f"{scenario.title}, {variant}" if variant else scenario.title
    rate = cells_text(cells, columns, lambda run: run.requests_per_second, 0)
    if SHARES in scenario.load:
        most = scenario.load.get("saturation_per_second", {})
        texts = [number(most.get(cells[one].key) if one in cells else None, 0) for one in columns]
        return [title, f"at most {' / '.join(texts)}", *["–"] * (len(METRICS) + 1)]
    if scenario.load.get("loop") == "open":
        rate = f"{scenario.load['rate']:,.0f} offered"
    return [
        title,
        rate,
        *(cells_text(cells, columns, of, digits) for _, of, digits in METRICS),
        shown(scenario, cells, columns),
    ]


def cells_text(
    cells: Cells, columns: Sequence[str], of: Callable[[Run], float | None], digits: int
) -> str:
    texts = []
    for column in columns:
        runs = cells[column].runs if column in cells else []
        values = [value for value in map(of, runs) if value is not None]
        texts.append(number(median(values), digits) if values else "–")
    return " / ".join(texts)


def shown(scenario: ScenarioResult, cells: Cells, columns: Sequence[str]) -> str:
    pair = [cells[column].key for column in columns[:2] if column in cells]
    texts = [
        f"{WORDS.get(one.metric, one.metric)} {one.ratio:.2f}"
        for one in scenario.comparisons
        if one.shown and [one.arm, one.baseline] == pair
    ]
    return ", ".join(texts) or "–"


def servers(scenario: ScenarioResult) -> str:
    """The peers' answers, for both interpreters side by side; nothing unless one ran."""
    found: dict[str, dict[str, str]] = {}
    for arm in scenario.arms:
        if arm.is_peer and arm.runs:
            name, _, interpreter = arm.label.rpartition(", on ")
            rate = number(median(run.requests_per_second for run in arm.runs), 0)
            found.setdefault(name, {})[interpreter] = rate
    texts = [
        f"{name} {of.get(GIL, '–')} / {of.get(FREE_THREADED, '–')}" for name, of in found.items()
    ]
    intro = f"{scenario.title}, answers/s on {GIL} / on {FREE_THREADED}:"
    return f"{intro} {'; '.join(texts)}." if texts else ""
