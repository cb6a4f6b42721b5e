"""The contents of a report in their order, as blocks. Knows neither HTML nor Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..results import ArmResult, Results, ScenarioResult
from . import findings, marks
from .balance_chart import balance_chart
from .blocks import (
    Block,
    Bullets,
    Chart,
    Charts,
    Code,
    Document,
    Heading,
    Paragraph,
    Table,
)
from .core_chart import core_chart
from .goals import cost_tables, goal_table, remarks
from .latency_chart import latency_chart
from .levels import has_several_rates, ran
from .load_words import load_words, value_words
from .palette import ArmStyle, styles
from .rate_chart import rate_chart
from .scenario_tables import DID_NOT_RUN, scenario_tables
from .verdict_section import OUTCOMES, anchor_of, verdicts

# Said once, before the list.
NOTHING_SHOWN = "no difference shown "


def document(results: Results) -> Document:
    ours_first = sorted(
        (arm for scenario in results.scenarios for arm in scenario.arms),
        key=lambda arm: arm.is_peer,
    )
    compared = [one for scenario in results.scenarios for one in scenario.comparisons]
    keys = [arm.key for arm in ours_first] + [
        key for one in compared for key in (one.arm, one.baseline)
    ]
    looks = styles(keys)
    blocks: list[Block] = [*warnings(results), *goals(results), *verdicts(results, looks)]
    for number, scenario in enumerate(results.scenarios):
        blocks += scenario_blocks(scenario, anchor_of(number), looks)
    blocks += [*failures(results), *circumstances(results)]
    asks = "which architecture, under which load?"
    if results.has_goals:
        asks = "what was wanted, what was measured"
    title = f"{results.name}: {asks}"
    subtitle = (
        f"{results.date}, {len(results.scenarios)} scenarios, {results.duration_s:,.0f} s in all"
    )
    if len(results.scenarios) == 1:
        subtitle = subtitle.replace("scenarios", "scenario")
    return Document(title, subtitle, blocks)


def warnings(results: Results) -> Iterator[Block]:
    if results.warnings:
        yield Bullets(tuple(results.warnings), "doubt")


def goals(results: Results) -> Iterator[Block]:
    if table := goal_table(results):
        yield Heading("Goals", 2, "goals")
        yield table


def scenario_blocks(
    scenario: ScenarioResult, anchor: str, looks: Mapping[str, ArmStyle]
) -> Iterator[Block]:
    yield Heading(scenario.title, 2, anchor)
    yield Paragraph(scenario.question, is_question=True)
    yield Paragraph(f"{load_words(scenario)}.")
    if isinstance(routes := scenario.load.get("routes"), list) and routes:
        yield Paragraph(f"Asked: {'; '.join(map(value_words, routes))}.")
    if found := [
        one for one in scenario.comparisons if not findings.is_peer(scenario, one.baseline)
    ]:
        for tone, _ in OUTCOMES:
            lines = tuple(
                one.text.removeprefix(NOTHING_SHOWN) if tone == "same" else one.text
                for one in found
                if findings.outcome(one) == tone
            )
            if lines:
                yield Bullets(lines, tone)
    if errors := tuple(
        f"{arm.label} {DID_NOT_RUN}: {arm.error}" for arm in scenario.arms if arm.error
    ):
        yield Bullets(errors, "doubt")
    yield from cost_tables(scenario)
    if scenario.has_load:
        first, *others = scenario_tables(scenario)
        yield first
        if ran(scenario):
            yield scenario_charts(scenario, anchor, looks)
        else:
            yield Paragraph("No arm ran, so there is nothing to draw.")
        yield from others
    elif told := remarks(scenario):
        yield Bullets(tuple(told))
    if lines := doubts(scenario):
        yield Heading("Doubts", 3, f"{anchor}-doubts")
        yield Bullets(lines, "doubt")
    yield Heading("Commands", 3, f"{anchor}-commands")
    yield Code(commands(scenario))


def runs_words(arm: ArmResult) -> str:
    count = len(arm.runs)
    return f"after {count} run{'s' * (count != 1)}" if count else "before its first run"


def scenario_charts(scenario: ScenarioResult, anchor: str, looks: Mapping[str, ArmStyle]) -> Charts:
    arms = ran(scenario)
    ours = [arm for arm in arms if not arm.is_peer]
    charts: list[Chart | None] = []
    title = "Latency by percentile"
    if has_several_rates(scenario):
        charts.append(rate_chart(f"{anchor}-rates", arms, looks))
        title += " at each arm's highest rate"
    if ours and len(ours) < len(arms):
        charts.append(latency_chart(f"{anchor}-latency", ours, looks, title))
        against = [*ours[:1], *(arm for arm in arms if arm.is_peer)]
        charts.append(latency_chart(f"{anchor}-peers", against, looks, f"{title}, with peers"))
    else:
        charts.append(latency_chart(f"{anchor}-latency", arms, looks, title))
    charts.append(core_chart(f"{anchor}-cores", scenario, arms, looks))
    charts.append(balance_chart(f"{anchor}-balance", arms, looks))
    keys = tuple(marks.key(arm.label, looks[arm.key]) for arm in arms)
    return Charts(tuple(chart for chart in charts if chart is not None), keys)


def doubts(scenario: ScenarioResult) -> tuple[str, ...]:
    """The doubts that were noted, and why latencies are missing where no doubt says so."""
    lines = list(scenario.doubts)
    for arm in scenario.arms:
        refused = [run.latency_refused for run in arm.runs if run.latency_refused]
        told = f"{arm.label}: no latency"
        if refused and not any(line.startswith(told) for line in lines):
            lines.append(f"{told} in {len(refused)} of {len(arm.runs)} runs: {refused[0]}")
    return tuple(lines)


def commands(scenario: ScenarioResult) -> tuple[str, ...]:
    load = scenario.load.get("command")
    lines = [f"# the load\n{load}"] if isinstance(load, str) and load else []
    return (*lines, *(f"# {arm.label}\n{arm.command}" for arm in scenario.arms))


def failures(results: Results) -> Iterator[Block]:
    yield Heading("Arms that could not run, or not to the end", 2, "failures")
    rows = [
        (arm.label, scenario.title, runs_words(arm), arm.error)
        for scenario in results.scenarios
        for arm in scenario.arms
        if arm.error is not None
    ]
    if rows:
        yield Table("Each with its error", ("arm", "scenario", "ended", "error"), tuple(rows))
    else:
        yield Paragraph("All arms ran to the end.")


def circumstances(results: Results) -> Iterator[Block]:
    yield Heading("Machine, versions and commands", 2, "machine")
    rows = [
        ("date", results.date),
        ("commit", results.commit or "unknown"),
        ("seed", str(results.seed)),
        ("duration", f"{results.duration_s:,.0f} s"),
    ]
    yield Table("The measurement", ("what", "value"), tuple(rows))
    for caption, found in (("The machine", results.machine), ("Versions", results.versions)):
        if found:
            yield Table(
                caption,
                ("what", "value"),
                tuple(
                    (name.replace("_", " "), value_words(value)) for name, value in found.items()
                ),
            )
    yield Paragraph("All of it again:")
    yield Code((results.command,))
    yield Heading("How to read this", 2, "reading")
    yield Bullets(READING)


READING = (
    (
        "Ratios are taken within each round and put together by a bootstrap over the rounds. A difference is called "
        "shown if the 95 % interval of the ratio excludes 1; otherwise none is shown, which does not mean that "
        "there is none."
    ),
    (
        "In an open loop latency counts from the intended time of sending, so that requests which waited behind a "
        "slow one are counted as slow. In a closed loop a slow server is asked less often: its latencies tell of a "
        "saturated server only."
    ),
    (
        "– stands where nothing was measured, “refused” where the load generator was the limit and the latencies would "
        "have been its own."
    ),
    "CPU is in cores: 1 is one core busy all the time.",
)
