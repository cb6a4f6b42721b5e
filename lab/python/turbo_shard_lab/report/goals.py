"""What was wanted and what was measured, as rows: figures with their goals, and the costs of steps. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..results import Cost, Figure, Results, ScenarioResult
from .blocks import Table

FIGURE_HEADER = ("arm", "figure", "goal", "measured", "spread", "")
COST_HEADER = ("step", "µs", "of that in the kernel", "spread", "measured as")


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def measured(figure: Figure) -> str:
    return f"{number(figure.middle, figure.digits)} {figure.unit}" if figure.values else "–"


def goal(figure: Figure) -> str:
    return f"{figure.goal} {figure.unit}" if figure.goal else "–"


def spread(figure: Figure) -> str:
    if len(figure.values) < 2:
        return "one measurement" if figure.values else "–"
    return bounds(figure.values, figure.digits)


def bounds(values: Sequence[float], digits: int) -> str:
    return f"{number(min(values), digits)} – {number(max(values), digits)}"


def verdict(figure: Figure) -> str:
    if not figure.values:
        return "not measured"
    return {True: "met", False: "not met", None: "–"}[figure.met]


def figure_rows(scenario: ScenarioResult) -> list[tuple[str, ...]]:
    labels = {arm.key: arm.label for arm in scenario.arms}
    return [
        (
            labels.get(figure.arm, figure.arm),
            figure.label,
            goal(figure),
            measured(figure),
            spread(figure),
            verdict(figure),
        )
        for figure in scenario.figures
    ]


def cost_row(cost: Cost) -> tuple[str, ...]:
    if not cost.values:
        return (cost.label, "not measured", "–", "–", cost.how)
    return (
        cost.label,
        number(median(cost.values), 2),
        number(median(cost.in_kernel), 1),
        bounds(cost.values, 2) if len(cost.values) > 1 else "–",
        cost.how,
    )


def goal_table(results: Results) -> Table | None:
    """All figures of all scenarios."""
    rows = [
        (scenario.title, *row) for scenario in results.scenarios for row in figure_rows(scenario)
    ]
    caption = (
        "Ratios are taken within each round; the spread is from the lowest to the highest round"
    )
    return Table(caption, ("scenario", *FIGURE_HEADER), tuple(rows)) if rows else None


def cost_tables(scenario: ScenarioResult) -> list[Table]:
    found = []
    for is_part, caption in (
        (True, "Where the CPU time of an answer goes: the parts sum up to the last row"),
        (False, "What a request may have besides"),
    ):
        rows = tuple(cost_row(cost) for cost in scenario.costs if cost.is_part is is_part)
        if rows:
            found.append(Table(caption, COST_HEADER, rows))
    return found


def remarks(scenario: ScenarioResult) -> list[str]:
    """What else a reader of the figures must know."""
    labels = {arm.key: arm.label for arm in scenario.arms}
    return [
        f"{labels.get(figure.arm, figure.arm)}: {figure.label}: {figure.note}"
        for figure in scenario.figures
        if figure.note
    ]
