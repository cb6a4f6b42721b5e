"""What a scenario's file says of goals and of the sums of arms, checked key by key. Measures nothing."""

from __future__ import annotations

from ..metrics import METRICS
from .scenario import IDLE, LOAD, RELATIONS, START, Goal, Step
from .toml_table import REQUIRED, Table

# What may be wanted of a scenario, by what it measures.
MEASURED = {
    LOAD: tuple(METRICS),
    START: ("start_ms",),
    IDLE: ("cpu_ticks", "rss_mb", "bytes_per_connection"),
}


def goals_of(whole: Table, measures: str) -> tuple[Goal, ...]:
    return tuple(goal_of(table, measures) for table in whole.tables("goals"))


def goal_of(table: Table, measures: str) -> Goal:
    known = MEASURED[measures]
    over, under = table.texts("over"), table.texts("under")
    metric = table.text("metric", "requests_per_second", choices=known)
    label = table.text("label", "")
    own_interpreter = table.flag("own_interpreter")
    limits = {
        sign: value
        for key, sign in RELATIONS.items()
        if (value := table.number(key, above=-1.0)) is not None
    }
    table.end()
    if metric not in known:
        raise table.refuse("metric", f"say one of {', '.join(known)}")
    if len(limits) > 1:
        raise table.refuse(" and ".join(RELATIONS), "are one too many: a goal has one limit")
    if measures == LOAD and not under:
        raise table.refuse("under", "is needed: rates are of this machine and this day")
    if measures == IDLE and under:
        raise table.refuse("under", "divides figures of a load or of a start, and no others")
    ((relation, limit),) = limits.items() or (("", 0.0),)
    return Goal(over, under, metric, relation, limit, label, own_interpreter)


def steps_of(whole: Table) -> tuple[Step, ...]:
    return tuple(step_of(table) for table in whole.tables("steps"))


def step_of(table: Table) -> Step:
    arms = table.table("arms")
    weights = tuple((name, arms.number(name, REQUIRED, above=-1e9)) for name in arms.values)
    step = Step(
        table.text("label", REQUIRED),
        table.text("how", REQUIRED),
        weights,
        is_part=not table.flag("besides"),
    )
    table.end()
    if not weights:
        raise table.refuse("arms", "name one or more, each with its factor")
    return step
