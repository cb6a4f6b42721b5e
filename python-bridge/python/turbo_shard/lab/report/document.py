"""What stands in a report and in which order, as blocks. Knows neither HTML nor Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..results import Results, ScenarioResult
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
    Tone,
)
from .comparison_chart import Row, comparison_chart
from .core_chart import core_chart
from .findings import Finding
from .latency_chart import latency_chart
from .levels import has_several_rates, ran, shown_level
from .palette import ArmStyle, styles
from .quantities import rate
from .rate_chart import rate_chart
from .scenario_tables import DID_NOT_RUN, scenario_tables

OUTCOMES: tuple[tuple[Tone, str], ...] = (
    ("win", "What {} wins"),
    ("loss", "What {} loses"),
    ("same", "Where no difference is shown"),
)


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
    blocks: list[Block] = [*warnings(results), *verdicts(results, looks)]
    for number, scenario in enumerate(results.scenarios):
        blocks += scenario_blocks(scenario, f"s{number + 1}", looks)
    blocks += [*failures(results), *circumstances(results)]
    title = f"{results.name}: which architecture, under which load?"
    subtitle = (
        f"{results.date}, {len(results.scenarios)} scenarios, {results.duration_s:,.0f} s in all"
    )
    if len(results.scenarios) == 1:
        subtitle = subtitle.replace("scenarios", "scenario")
    return Document(title, subtitle, blocks)


def warnings(results: Results) -> Iterator[Block]:
    if results.warnings:
        yield Bullets(tuple(results.warnings), "doubt")


def verdicts(results: Results, looks: Mapping[str, ArmStyle]) -> Iterator[Block]:
    yield Heading("Verdicts", 2, "verdicts")
    found = findings.findings(results)
    if not found:
        yield Paragraph("Nothing was compared: fewer than two arms ran.")
    names = findings.labels(results)
    for subject in findings.subjects(found):
        label = names.get(subject, subject)
        for against_peer, others in ((False, "other modes"), (True, "other servers")):
            own = [
                one
                for one in found
                if one.comparison.arm == subject and one.against_peer is against_peer
            ]
            if own:
                anchor = f"verdicts-{plain(subject)}{'-peers' * against_peer}"
                yield Heading(f"{label} and {others}", 3, anchor)
                yield Paragraph(findings.counted(own, label, others))
                yield from verdict_lists(own, label, anchor)
                yield comparison_charts(own, names, looks, anchor)


def verdict_lists(found: Sequence[Finding], label: str, anchor: str) -> Iterator[Block]:
    for tone, heading in OUTCOMES:
        lines = [
            f"{scenario.title}: {'; '.join(one.comparison.text for one in own)}"
            for scenario, own in findings.by_scenario(
                [finding for finding in found if finding.outcome == tone]
            )
        ]
        yield Heading(heading.format(label), 4, f"{anchor}-{tone}")
        if lines:
            yield Bullets(tuple(lines), tone)
        else:
            yield Paragraph("Nothing." if tone != "same" else "Nowhere.")


def comparison_charts(
    found: Sequence[Finding],
    names: Mapping[str, str],
    looks: Mapping[str, ArmStyle],
    anchor: str,
) -> Charts:
    charts = []
    for metric in dict.fromkeys(finding.comparison.metric for finding in found):
        own = [finding for finding in found if finding.comparison.metric == metric]
        rows = [
            (scenario, [row_of(finding, names) for finding in several])
            for scenario, several in findings.by_scenario(own)
        ]
        words = findings.metric_words(metric)
        charts.append(
            comparison_chart(
                f"{anchor}-{plain(metric)}",
                f"{words[:1].upper()}{words[1:]}",
                rows,
                looks,
                is_less_better=findings.is_less_better(metric),
            )
        )
    baselines = dict.fromkeys(finding.comparison.baseline for finding in found)
    keys = tuple(marks.key(names.get(key, key), looks[key]) for key in baselines)
    return Charts(tuple(chart for chart in charts if chart is not None), keys)


def row_of(finding: Finding, names: Mapping[str, str]) -> Row:
    one = finding.comparison
    return Row(one, names.get(one.arm, one.arm), names.get(one.baseline, one.baseline))


def scenario_blocks(
    scenario: ScenarioResult, anchor: str, looks: Mapping[str, ArmStyle]
) -> Iterator[Block]:
    yield Heading(scenario.title, 2, anchor)
    yield Paragraph(scenario.question, is_question=True)
    yield Paragraph(f"{load_words(scenario)}.")
    if found := [
        one for one in scenario.comparisons if not findings.is_peer(scenario, one.baseline)
    ]:
        for tone, _ in OUTCOMES:
            lines = tuple(one.text for one in found if findings.outcome(one) == tone)
            if lines:
                yield Bullets(lines, tone)
    if errors := tuple(
        f"{arm.label} {DID_NOT_RUN}: {arm.error}" for arm in scenario.arms if arm.error
    ):
        yield Bullets(errors, "doubt")
    first, *others = scenario_tables(scenario)
    yield first
    if ran(scenario):
        yield scenario_charts(scenario, anchor, looks)
    else:
        yield Paragraph("No arm ran, so there is nothing to draw.")
    yield from others
    if lines := doubts(scenario):
        yield Heading("Doubts", 3, f"{anchor}-doubts")
        yield Bullets(lines, "doubt")
    yield Heading("Commands", 3, f"{anchor}-commands")
    yield Code(commands(scenario))


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
    """Those that were noted, and why latencies are missing where nobody noted it."""
    lines = list(scenario.doubts)
    for arm in scenario.arms:
        for reason in dict.fromkeys(run.latency_refused for run in arm.runs if run.latency_refused):
            if not any(reason in line for line in lines):
                lines.append(f"{arm.label}: no latency: {reason}")
    return tuple(lines)


def load_words(scenario: ScenarioResult) -> str:
    """The settings of the load, and who had which cores."""
    words = [
        f"{name.replace('_', ' ')} {value_words(value)}"
        for name, value in scenario.load.items()
        if name != "command" and value is not None
    ]
    for name, cores in (("server", scenario.server_cores), ("load", scenario.load_cores)):
        numbers = ", ".join(map(str, cores))
        words.append(f"{name} on core{'s' * (len(cores) != 1)} {numbers or 'unknown'}")
    rates = {
        arm.label: shown_level(arm).offered for arm in ran(scenario) if has_several_rates(scenario)
    }
    if rates:
        told = ", ".join(f"{label} {rate(top)}/s" for label, top in rates.items() if top)
        words.append(f"highest rate with latencies: {told}")
    text = "; ".join(words)
    return text[:1].upper() + text[1:]


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {value_words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(value_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def commands(scenario: ScenarioResult) -> tuple[str, ...]:
    load = scenario.load.get("command")
    lines = [f"# the load\n{load}"] if isinstance(load, str) and load else []
    return (*lines, *(f"# {arm.label}\n{arm.command}" for arm in scenario.arms))


def failures(results: Results) -> Iterator[Block]:
    yield Heading("Arms that could not run", 2, "failures")
    rows = [
        (arm.label, scenario.title, arm.error)
        for scenario in results.scenarios
        for arm in scenario.arms
        if arm.error is not None
    ]
    if rows:
        yield Table("Each with its error", ("arm", "scenario", "error"), tuple(rows))
    else:
        yield Paragraph("All arms ran.")


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


def plain(name: str) -> str:
    """For anchors."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
