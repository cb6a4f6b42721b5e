"""The verdicts of all scenarios in words and at one glance: won, lost, or not shown. Knows no markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..results import Results
from . import findings, marks
from .blocks import Block, Charts, Group, Grouped, Heading, Paragraph, Tone
from .comparison_chart import Row, comparison_chart
from .findings import Finding
from .palette import ArmStyle

OUTCOMES: tuple[tuple[Tone, str], ...] = (
    ("win", "What {} wins"),
    ("loss", "What {} loses"),
    ("same", "Where no difference is shown"),
)


def verdicts(results: Results, looks: Mapping[str, ArmStyle]) -> Iterator[Block]:
    found = findings.findings(results)
    if results.has_goals and not found:
        return
    yield Heading("Verdicts", 2, "verdicts")
    if not found:
        yield Paragraph("Nothing was compared.")
    names = findings.labels(results)
    anchors = {scenario.key: anchor_of(number) for number, scenario in enumerate(results.scenarios)}
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
                yield from verdict_lists(own, names, label, anchor, anchors)
                yield comparison_charts(own, names, looks, anchor)


def verdict_lists(
    found: Sequence[Finding],
    names: Mapping[str, str],
    label: str,
    anchor: str,
    anchors: Mapping[str, str],
) -> Iterator[Block]:
    for tone, heading in OUTCOMES:
        of_this_tone = [finding for finding in found if finding.outcome == tone]
        groups = tuple(
            Group(scenario.title, anchors[scenario.key], sentences(own, names, tone))
            for scenario, own in findings.by_scenario(of_this_tone)
        )
        yield Heading(heading.format(label), 4, f"{anchor}-{tone}")
        yield (
            Grouped(groups, tone)
            if groups
            else Paragraph("Nowhere." if tone == "same" else "Nothing.")
        )


def sentences(found: Sequence[Finding], names: Mapping[str, str], tone: Tone) -> tuple[str, ...]:
    """Differences that are not shown, in one line per arm: the scenario's own section has each with its interval."""
    if tone != "same":
        return tuple(one.comparison.text for one in found)
    metrics: dict[str, list[str]] = {}
    for finding in found:
        words = findings.metric_words(finding.comparison.metric)
        metrics.setdefault(finding.comparison.baseline, []).append(words)
    return tuple(
        f"against {names.get(baseline, baseline)}: {', '.join(words)}"
        for baseline, words in metrics.items()
    )


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
                words if words[1:2].isdigit() else f"{words[:1].upper()}{words[1:]}",
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


def anchor_of(number: int) -> str:
    """By place, since keys may be any words."""
    return f"s{number + 1}"


def plain(name: str) -> str:
    """For anchors."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
