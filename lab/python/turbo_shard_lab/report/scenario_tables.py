"""The tables of one scenario: what its arms did, and what that took. Names what is missing; draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..metrics import METRICS
from ..results import ArmResult, Latency, Run, ScenarioResult
from . import quantities
from .blocks import Table
from .levels import has_several_rates, ran, shown_level

DID_NOT_RUN = "did not run"
REFUSED = "refused"


class Column(NamedTuple):
    """`of` is None for a run without the figure; `is_always_shown` says whether it stays if no run has it."""

    name: str
    of: Callable[[Run], float | None]
    text: Callable[[float], str]
    with_spread: bool = False
    is_always_shown: bool = True


def latency(name: str, of: Callable[[Latency], float], with_spread: bool = False) -> Column:
    def found(run: Run) -> float | None:
        return None if run.latency_us is None else of(run.latency_us)

    return Column(name, found, quantities.duration, with_spread)


LATENCIES = (
    latency("p50", lambda one: one.p50, True),
    latency("p90", lambda one: one.p90),
    latency("p99", lambda one: one.p99, True),
    latency("p99.9", lambda one: one.p99_9),
    latency("max", lambda one: one.max),
)
OFFERED = Column(
    "offered/s", lambda run: run.offered_per_second, quantities.rate, is_always_shown=False
)
ANSWERED = Column("answered/s", lambda run: run.requests_per_second, quantities.rate, True)
COSTS = (
    Column("CPU per request", lambda run: run.cpu_us_per_request, quantities.duration, True),
    Column("server's CPU, cores", lambda run: run.server_cpu_share, quantities.digits),
    Column(
        "context switches per request",
        METRICS["context_switches_per_request"].of,
        quantities.digits,
    ),
    Column("RSS, MB", lambda run: run.rss_mb, quantities.digits),
    Column("PSS, MB", lambda run: run.pss_mb, quantities.digits),
    Column(
        "bytes per connection",
        lambda run: run.bytes_per_connection,
        quantities.whole,
        is_always_shown=False,
    ),
    Column("threads", lambda run: run.threads, quantities.whole),
    Column(
        "busiest shard over mean",
        lambda run: None if len(run.shards) == 1 else run.balance_max_over_mean,
        quantities.digits,
        True,
    ),
    Column(
        "GC pauses",
        lambda run: None if run.gc is None else float(run.gc.collections),
        quantities.whole,
    ),
    Column(
        "GC, all",
        lambda run: None if run.gc is None else run.gc.pause_us_total,
        quantities.duration,
    ),
    Column(
        "GC, longest",
        lambda run: None if run.gc is None else run.gc.pause_us_max,
        quantities.duration,
    ),
)
GENERATOR = (
    Column("generator's CPU, cores", lambda run: run.generator_cpu_share, quantities.digits),
    Column(
        "sent late, p99",
        lambda run: None if run.send_lag_us is None else run.send_lag_us.p99,
        quantities.duration,
        is_always_shown=False,
    ),
    Column("other CPU, cores", lambda run: run.other_cpu_share, quantities.digits),
    Column("stolen by the host, cores", lambda run: run.stolen_share, quantities.digits),
    Column("answers checked", lambda run: float(run.answers_checked), quantities.whole),
)


def runs_of(arm: ArmResult) -> Sequence[Run]:
    return shown_level(arm).runs if arm.runs else ()


def cell(column: Column, runs: Sequence[Run]) -> str:
    values = [column.of(run) for run in runs]
    if column in LATENCIES and any(run.latency_refused for run in runs):
        if not quantities.finite(values):
            return REFUSED
        refused = sum(run.latency_us is None for run in runs)
        return f"{quantities.middle(values, column.text)} ({refused} of {len(runs)} refused)"
    write = quantities.spread if column.with_spread else quantities.middle
    return write(values, column.text)


def table(caption: str, arms: Sequence[ArmResult], columns: Sequence[Column]) -> Table:
    every = [run for arm in arms for run in runs_of(arm)]
    shown = [
        column
        for column in columns
        if column.is_always_shown or quantities.finite(column.of(run) for run in every)
    ]
    rows = []
    for arm in arms:
        if arm.runs:
            rows.append((arm.label, *(cell(column, runs_of(arm)) for column in shown)))
        else:
            rows.append((arm.label, DID_NOT_RUN, *[quantities.ABSENT] * (len(shown) - 1)))
    return Table(caption, ("arm", *(column.name for column in shown)), tuple(rows))


def scenario_tables(scenario: ScenarioResult) -> list[Table]:
    rounds = sorted({len(runs_of(arm)) for arm in ran(scenario)})
    counted = " to ".join(map(str, sorted({*rounds[:1], *rounds[-1:]}))) or "0"
    of = f"median of {counted} round{'s' * (counted != '1')}, lowest and highest in brackets"
    if has_several_rates(scenario):
        of += "; at each arm's highest rate that has latencies"
    tables = [
        table(f"Latency and throughput ({of})", scenario.arms, (OFFERED, ANSWERED, *LATENCIES))
    ]
    if ran(scenario):
        tables.append(table("What it took", scenario.arms, COSTS))
    tables += route_tables(scenario)
    if ran(scenario):
        tables.append(table("Was the measurement sound?", scenario.arms, GENERATOR))
    return tables


def route_tables(scenario: ScenarioResult) -> list[Table]:
    """One table if there was a mix of routes."""
    rows = []
    for arm in ran(scenario):
        by_path: dict[str, list[Latency | None]] = {}
        for run in runs_of(arm):
            for route in run.by_route:
                by_path.setdefault(route.path, []).append(route.latency_us)
        if len(by_path) > 1:
            rows += [(arm.label, path, *route_cells(found)) for path, found in by_path.items()]
    if not rows:
        return []
    return [Table("Route by route", ("arm", "route", "p50", "p99", "p99.9"), tuple(rows))]


def route_cells(found: Sequence[Latency | None]) -> list[str]:
    there = [one for one in found if one is not None]
    return [
        quantities.middle(values, quantities.duration)
        for values in (
            [one.p50 for one in there],
            [one.p99 for one in there],
            [one.p99_9 for one in there],
        )
    ]
