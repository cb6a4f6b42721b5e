"""The short tables of docs: of benchmarks.md, and of the pages about what a suite measures.

The report.md of a run has all others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from ..report.goals import COST_HEADER, bounds, cost_row, measured, number, spread, verdict
from ..report.pages import Row, markdown_table
from ..results import ArmResult, Figure, Results, ScenarioResult
from . import overview
from .recorded import source_of

# The suites are folders of bench/scenarios.
SMOKE, FRAMEWORKS, ASGI_COST = "smoke", "frameworks", "asgi-cost"
FASTAPI, FASTAPI_COST, FILES = "fastapi", "fastapi-cost", "files"
TLS, HTTP2 = "tls", "http2"
DOCS = Path("docs/benchmarks.md")
DOCS_OF = dict.fromkeys((FASTAPI, FASTAPI_COST), Path("docs/fastapi-speed.md")) | {
    FILES: Path("docs/files.md"),
    TLS: Path("docs/tls.md"),
    HTTP2: Path("docs/http2.md"),
}


def docs_of(results: Results) -> Path:
    """The page that has the tables of this suite."""
    return DOCS_OF.get(results.settings.get("suite", ""), DOCS)


def documentation(results: Results) -> str:
    """What docs/benchmarks.md has of a run, by its suite."""
    return PAGES.get(results.settings.get("suite", ""), overview.documentation)(results)


def rounds_of(scenario: ScenarioResult) -> int:
    return max((len(arm.runs) for arm in scenario.arms), default=0)


def asked(scenario: ScenarioResult) -> str:
    return (
        f"{scenario.load['connections']} connections, median of {rounds_of(scenario)} interleaved rounds of "
        f"{scenario.load['seconds']:g} s"
    )


def rates(arm: ArmResult) -> str:
    found = [run.requests_per_second for run in arm.runs]
    return f"{median(found):,.0f} ({bounds(found, 0)})" if found else "did not run"


# Of the frameworks: one row for each work.

WORK_HEADER = ("work", "ours, answers/s", "held against", "its answers/s", "ratio", "goal", "")


def frameworks(results: Results) -> str:
    rows = [row for scenario in results.scenarios if (row := work_row(scenario))]
    first = results.scenarios[0]
    intro = (
        f"turbo-shard on `{engine_of(first.arms[0].key)}`, {asked(first)} with the lowest and the highest; "
        "ratios are taken within each round:"
    )
    return "\n\n".join([intro, markdown_table(WORK_HEADER, rows), source_of(results)])


def engine_of(key: str) -> str:
    return key.split("-")[1]


def work_row(scenario: ScenarioResult) -> Row | None:
    """The first figure of a work is that of the first engine, against the best peer or, of shards, by capacity."""
    if not scenario.figures:
        return None
    figure = scenario.figures[0]
    arms = {arm.key: arm for arm in scenario.arms}
    against = arms.get(figure.against[0]) if figure.against else None
    by = figure.label.partition(" relative to ")[0]
    ratio = f"{number(figure.middle, figure.digits)} × ({spread(figure)})"
    return [
        scenario.title,
        rates(arms[figure.arm]),
        against.label if against else "–",
        rates(against) if against else "–",
        f"{ratio}{f', by {by}' if by != 'rate' else ''}" if figure.values else "–",
        f"{figure.goal} {figure.unit}" if figure.goal else "–",
        verdict(figure),
    ]


# Of the smoke test: a column for each engine.

THROUGHPUT = "throughput"


def smoke(results: Results) -> str:
    scenario = next(one for one in results.scenarios if one.key == THROUGHPUT)
    arms = {arm.key: arm for arm in scenario.arms}
    engines = [engine_of(key) for key in arms if key.startswith("shard-")]
    rows: list[Row] = []
    for label, kind in (
        ("requests/s, Python handler", "shard"),
        ("requests/s, fixed answer from Rust", "fixed"),
    ):
        keys = [f"{kind}-{engine}" for engine in engines]
        rows.append([label, "–", *(rates(arms[key]) if key in arms else "–" for key in keys)])
    rows += goal_rows(figures_of(results), engines)
    intro = (
        f"`/users/{{user_id}}`, {scenario.load['connections']} keep-alive connections, one shard on one core, median "
        f"of {rounds_of(scenario)} interleaved rounds of {scenario.load['seconds']:g} s with the lowest and the "
        "highest; ratios are taken within each round:"
    )
    parts = [intro, markdown_table(["figure", "goal", *(f"`{one}`" for one in engines)], rows)]
    if peers := [f"{arm.label} {rates(arm)}" for arm in scenario.arms if arm.is_peer]:
        parts.append(f"The others, requests/s: {'; '.join(peers)}.")
    return "\n\n".join([*parts, source_of(results)])


def figures_of(results: Results) -> list[Figure]:
    """Those under load come first."""
    ordered = sorted(results.scenarios, key=lambda one: not one.has_load)
    return [figure for scenario in ordered for figure in scenario.figures]


def goal_rows(figures: list[Figure], engines: list[str]) -> list[Row]:
    """One row for a question to all engines."""
    found: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        found.setdefault(figure.label, {})[engine_of(figure.arm)] = figure
    rows: list[Row] = []
    for label, by_engine in found.items():
        one = next(iter(by_engine.values()))
        goal = f"{one.goal} {one.unit}" if one.goal else "–"
        rows.append([label, goal, *(goal_cell(by_engine.get(engine)) for engine in engines)])
    return rows


def goal_cell(figure: Figure | None) -> str:
    if figure is None or not figure.values:
        return "not measured"
    text = measured(figure)
    if len(figure.values) > 1:
        text += f" ({spread(figure)})"
    return text if figure.met is None else f"{text}, {verdict(figure)}"


SUMMARY_HEADER = (
    *("engine", "requests/s on one core", "of a fixed answer from Rust", "granian RSGI"),
    *("FastAPI on uvicorn", "memory, two shards", "per idle connection", "start to first answer"),
)
# By the beginning of a figure's label, the unit that follows it there.
SUMMARY = (
    ("rate relative to a fixed answer", ""),
    ("rate relative to granian RSGI", "×"),
    ("rate relative to FastAPI", "×"),
    ("resident memory", " MB"),
    ("process memory per idle", " bytes"),
    ("start to first answer", " ms"),
)


def summary(results: Results) -> str:
    """The part of README.md that is made from the smoke test: one row for each engine."""
    figures = figures_of(results)
    rows = []
    for scenario in results.scenarios:
        for arm in scenario.arms if scenario.key == THROUGHPUT else ():
            if arm.key.startswith("shard-"):
                own = [one for one in figures if one.arm == arm.key]
                cells = [summary_cell(own, label, unit) for label, unit in SUMMARY]
                rate = [run.requests_per_second for run in arm.runs]
                middle = number(median(rate), 0) if rate else "–"
                rows.append([f"`{engine_of(arm.key)}`", middle, *cells])
    return markdown_table(SUMMARY_HEADER, rows)


def summary_cell(figures: list[Figure], label: str, unit: str) -> str:
    found = next((one for one in figures if one.label.startswith(label) and one.values), None)
    return "–" if found is None else f"{number(found.middle, found.digits)}{unit}"


def asgi_cost(results: Results) -> str:
    (scenario,) = results.scenarios
    return "\n\n".join([*costs(scenario), source_of(results)])


def costs(scenario: ScenarioResult) -> list[str]:
    intro = (
        f"CPU time of the server process per answer, engine `{engine_of(scenario.arms[0].key)}`, one shard, "
        f"{asked(scenario)}; what stands below the whole request a request may have besides:"
    )
    return [intro, markdown_table(COST_HEADER, [cost_row(cost) for cost in scenario.costs])]


# Of compiled FastAPI routes.


def fastapi_cost(results: Results) -> str:
    """Starts, if they were measured, and the steps of a request."""
    parts = []
    for scenario in results.scenarios:
        if scenario.costs:
            parts += costs(scenario)
        elif scenario.figures:
            rows = [
                [one.label, one.goal or "–", f"{measured(one)} ({spread(one)})", verdict(one)]
                for one in scenario.figures
                if one.values
            ]
            parts += [
                f"{scenario.title}:",
                markdown_table(["figure", "goal", "measured", ""], rows),
            ]
    return "\n\n".join([*parts, source_of(results)])


COMPILED_HEADER = ("FastAPI app, unmodified", "requests/s on one core", "held against", "ratio")


def compiled_summary(results: Results) -> str:
    """The part of README.md that is made from the suite fastapi: what each kind of route is first held against."""
    rows = []
    for scenario in results.scenarios:
        arms = {arm.key: arm for arm in scenario.arms}
        for figure in scenario.figures[:1]:
            ours, against = (
                arms[figure.arm],
                arms.get(figure.against[0]) if figure.against else None,
            )
            rate = [run.requests_per_second for run in ours.runs]
            if rate and against and figure.values and figure.label.startswith("rate "):
                ratio = f"{number(figure.middle, 1)}×"
                rows.append([scenario.title, f"{median(rate):,.0f}", against.label, ratio])
    return markdown_table(COMPILED_HEADER, rows)


# Of files: each size against each server.

FILES_HEADER = (
    "file",
    "ours, answers/s",
    "against",
    "its answers/s",
    "ratio",
    "CPU time",
    "goal",
    "",
)
CPU = "CPU time per request"


def served_files(results: Results) -> str:
    """On the first engine; rates, and the CPU time of an answer where a scenario has it."""
    rows = [row for scenario in results.scenarios for row in rows_of_files(scenario)]
    first = results.scenarios[0]
    intro = (
        f"turbo-shard on `{engine_of(first.arms[0].key)}`, median of interleaved rounds with the lowest and the "
        "highest; ratios are taken within each round:"
    )
    return "\n\n".join([intro, markdown_table(FILES_HEADER, rows), source_of(results)])


def rows_of_files(scenario: ScenarioResult) -> list[Row]:
    arms = {arm.key: arm for arm in scenario.arms}
    ours = scenario.arms[0]
    own = [one for one in scenario.figures if one.arm == ours.key and one.against]
    rows: list[Row] = []
    for figure in own:
        if figure.label.startswith(CPU):
            continue
        costs = [
            one
            for one in own
            if one.label.startswith(CPU) and one.against == figure.against and one.values
        ]
        rows.append(
            [
                scenario.title,
                rates(ours),
                arms[figure.against[0]].label,
                rates(arms[figure.against[0]]),
                ratio_of(figure) if figure.values else "–",
                ratio_of(costs[0]) if costs else "–",
                f"{figure.goal} {figure.unit}" if figure.goal else "–",
                verdict(figure) if figure.goal else "",
            ]
        )
    return rows


def ratio_of(figure: Figure) -> str:
    return f"{number(figure.middle, figure.digits)} × ({spread(figure)})"


# Of TLS and HTTP/2: what every server did, and what is wanted of ours.

SERVED_HEADER = ("", "server", "answers/s", "CPU time of an answer")
WANTED_HEADER = ("", "figure", "goal", "measured", "")


def protocols(results: Results) -> str:
    served = [
        [scenario.title, arm.label, rates(arm), cpu_time(arm)]
        for scenario in results.scenarios
        if scenario.has_load
        for arm in scenario.arms
    ]
    wanted = [
        [
            figure_title(scenario, figure),
            figure.label,
            f"{figure.goal} {figure.unit}" if figure.goal else "–",
            f"{measured(figure)} ({spread(figure)})" if figure.values else figure.error or "–",
            verdict(figure) if figure.goal else "",
        ]
        for scenario in results.scenarios
        for figure in scenario.figures
    ]
    first = results.scenarios[0]
    intro = (
        f"turbo-shard on `{engine_of(first.arms[0].key)}`, one shard on one core and the load on another, medians of "
        "interleaved rounds with the lowest and the highest; ratios are taken within each round:"
    )
    tables = [markdown_table(SERVED_HEADER, served), markdown_table(WANTED_HEADER, wanted)]
    return "\n\n".join([intro, *tables, source_of(results)])


def cpu_time(arm: ArmResult) -> str:
    found = [run.cpu_us_per_request for run in arm.runs]
    return f"{median(found):,.1f} µs ({bounds(found, 1)})" if found else "–"


def figure_title(scenario: ScenarioResult, figure: Figure) -> str:
    label = next(arm.label for arm in scenario.arms if arm.key == figure.arm)
    return f"{scenario.title}: {label}"


PAGES: dict[str, Callable[[Results], str]] = {
    SMOKE: smoke,
    FRAMEWORKS: frameworks,
    ASGI_COST: asgi_cost,
    FASTAPI: frameworks,
    FASTAPI_COST: fastapi_cost,
    FILES: served_files,
    TLS: protocols,
    HTTP2: protocols,
}

# The parts of README.md.
SUMMARIES: dict[str, Callable[[Results], str]] = {SMOKE: summary, FASTAPI: compiled_summary}
