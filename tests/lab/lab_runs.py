"""Runs that were never measured, for the tests of what is made of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from turbo_shard_lab.results import (
    ArmResult,
    ContextSwitches,
    GcPauses,
    Latency,
    Run,
    ShardActivity,
)

SHARD = ShardActivity(
    shard=0,
    core=0,
    pid=4711,
    connections_open=8,
    connections_accepted=8,
    requests=1000,
    busy_us=500_000.0,
    handler_panics=0,
    restarts=0,
    busy_share=0.5,
)


def run_with(
    number: int, *, rate: float = 1000.0, p99: float | None = 400.0, **changes: Any
) -> Run:
    latency = None if p99 is None else Latency(100.0, 200.0, p99, 2 * p99, 3 * p99, 120.0)
    run = Run(
        round=number,
        offered_per_second=None,
        achieved_per_second=rate,
        requests_per_second=rate,
        answers_checked=round(rate),
        latency_us=latency,
        latency_refused=None,
        percentiles=[(50.0, 100.0)],
        cpu_us_per_request=20.0,
        server_cpu_share=0.9,
        cpu_per_core=[(0.1, [0.9, 0.4])],
        context_switches_per_request=ContextSwitches(0.5, 0.01),
        rss_mb=30.0,
        pss_mb=22.0,
        bytes_per_connection=None,
        threads=3,
        shards=[SHARD],
        balance_max_over_mean=1.0,
        gc=GcPauses(1, 100.0, 100.0),
        generator_cpu_share=0.5,
        send_lag_us=None,
        other_cpu_share=0.0,
        stolen_share=0.0,
    )
    return replace(run, **changes)


def arm_with(
    key: str,
    rates: Mapping[int, float] | None = None,
    *,
    label: str = "",
    error: str | None = None,
    is_peer: bool = False,
) -> ArmResult:
    """`rates` by round."""
    runs = [run_with(number, rate=rate) for number, rate in (rates or {}).items()]
    return ArmResult(key, label or key, f"serve {key}", is_peer, error, runs)
