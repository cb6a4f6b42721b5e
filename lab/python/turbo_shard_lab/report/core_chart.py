"""Draws how busy each core was over time: a lane per core, arm below arm, one typical round of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from ..results import ArmResult, Run, ScenarioResult
from . import lanes, quantities, scale, svg
from .axes import x_labels
from .blocks import Chart, Table
from .levels import shown_level, typical
from .palette import ArmStyle

# Height of a lane.
EDGED_FROM = 10.0


def samples(run: Run, core: int) -> list[tuple[float, float]]:
    """Second and share of one column of `cpu_per_core`, in the order of time."""
    found = [
        (second, shares[core])
        for second, shares in run.cpu_per_core
        if core < len(shares)
        and len(quantities.finite((second, shares[core]))) == 2
        and second >= 0
    ]
    return sorted(found)


def core_names(scenario: ScenarioResult) -> list[str]:
    names = []
    for core in scenario.cores:
        uses = [
            name
            for name, cores in (("server", scenario.server_cores), ("load", scenario.load_cores))
            if core in cores
        ]
        names.append(f"core {core} ({' + '.join(uses)})")
    return names


def core_chart(
    identity: str,
    scenario: ScenarioResult,
    arms: Sequence[ArmResult],
    styles: Mapping[str, ArmStyle],
) -> Chart | None:
    """None if no core was sampled."""
    names = core_names(scenario)
    runs = {arm.key: typical(shown_level(arm).runs) for arm in arms}
    drawn = [arm for arm in arms if any(samples(runs[arm.key], n) for n in range(len(names)))]
    if not drawn:
        return None
    seconds = [
        second
        for arm in drawn
        for n in range(len(names))
        for second, _ in samples(runs[arm.key], n)
    ]
    # The end of the time axis is where the longest run ended.
    last = min(max(*seconds, 0.1), scale.HUGE)
    groups = [
        lanes.Group(
            arm.label,
            [
                lane(name, samples(runs[arm.key], column), last, styles[arm.key])
                for column, name in enumerate(names)
            ],
        )
        for arm in drawn
    ]
    height = lanes.height_of(groups)
    title = "CPU of each core over time"
    parts = [*lanes.laid_out(groups), *time_axis(lanes.left_of(groups), last, height)]
    note = (
        "The round with the median throughput, warm-up included; a full lane is a core that is busy all the time, with "
        "whatever ran there. On the right the mean."
    )
    return Chart(
        title,
        note,
        svg.drawing(identity, title, described(drawn, runs, names), height, parts),
        table(drawn, runs, names),
    )


def lane(
    name: str, points: Sequence[tuple[float, float]], last: float, look: ArmStyle
) -> lanes.Lane:
    def draw(left: float, top: float, right: float, bottom: float) -> list[str]:
        if not points:
            return []
        across = scale.Scale(0.0, last, left, right)
        upwards = scale.Scale(0.0, 1.0, bottom, top)
        course = [(across.at(second), upwards.at(share)) for second, share in points]
        under = [(course[0][0], bottom), *course, (course[-1][0], bottom)]
        parts = [svg.area(under, f"load {look.css_class}")]
        # In a thin lane only the edge would be visible.
        if bottom - top >= EDGED_FROM:
            parts.append(svg.path(course, f"edge {look.css_class}"))
        return parts

    figure = quantities.share(fmean(share for _, share in points)) if points else quantities.ABSENT
    return lanes.Lane(name, figure, draw)


def time_axis(left: float, last: float, height: float) -> list[str]:
    placed = scale.Scale(0.0, last, left, svg.WIDTH - lanes.RIGHT)
    y = height - lanes.FOOT
    return [
        svg.line(left, y, svg.WIDTH - lanes.RIGHT, y, "axis"),
        *x_labels(placed, scale.ticks(placed, 6), lambda second: f"{second:g}", y + 14),
        svg.text((left + placed.end) / 2, height - 7, "seconds", anchor="middle", css_class="name"),
    ]


def described(arms: Sequence[ArmResult], runs: Mapping[str, Run], names: Sequence[str]) -> str:
    rows = table(arms, runs, names).rows
    return "Mean CPU of each core. " + "; ".join(
        f"{label}: {', '.join(f'{name} {figure}' for name, figure in zip(names, figures, strict=True))}"
        for label, *figures in rows
    )


def table(arms: Sequence[ArmResult], runs: Mapping[str, Run], names: Sequence[str]) -> Table:
    def mean(run: Run, column: int) -> str:
        shares = [share for _, share in samples(run, column)]
        return quantities.share(fmean(shares)) if shares else quantities.ABSENT

    return Table(
        "Mean CPU of each core in that round",
        ("arm", *names),
        tuple(
            (arm.label, *(mean(runs[arm.key], column) for column in range(len(names))))
            for arm in arms
        ),
    )
