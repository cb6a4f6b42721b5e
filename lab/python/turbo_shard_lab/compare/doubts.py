"""Reasons to trust figures less, read off the runs themselves. Measures nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from ..measure.placement import Placement
from ..measure.procfs import ENDED_THREADS
from ..results import Run
from .rounds import ArmRuns
from .statistics import ROUNDS_MIN

OTHER_CPU_SHARE_MAX = 0.1
STOLEN_SHARE_MAX = 0.02
# Share of its core that the generator's busiest thread may use.
SATURATED_SHARE = 0.95
# An arm that achieves less of the offered rate than this could not serve it, chance aside.
ACHIEVED_SHARE_MIN = 0.98
# Standard deviations of a Poisson count that pass for chance.
CHANCE_DEVIATIONS = 4
# Of a server's CPU time.
ENDED_THREADS_SHARE_MAX = 0.05


def doubts(arms: Sequence[ArmRuns], placement: Placement) -> list[str]:
    lines = placement.remarks()
    runs = [run for one in arms for run in one.result.runs]
    if disturbed := [run for run in runs if run.other_cpu_share > OTHER_CPU_SHARE_MAX]:
        worst = max(run.other_cpu_share for run in disturbed)
        lines.append(
            f"other processes ran during {len(disturbed)} of {len(runs)} runs, on up to {worst:.1f} cores"
        )
    if stolen := [run for run in runs if run.stolen_share > STOLEN_SHARE_MAX]:
        worst = max(run.stolen_share for run in stolen)
        lines.append(
            f"the host took time from this virtual machine in {len(stolen)} of {len(runs)} runs, "
            f"up to {worst:.0%} of a core"
        )
    rounds = {len(one.result.runs) for one in arms if one.result.runs}
    if rounds and min(rounds) < ROUNDS_MIN:
        lines.append(
            f"with fewer than {ROUNDS_MIN} rounds no difference can be shown at 95 % confidence: --rounds {ROUNDS_MIN}"
        )
    for one in arms:
        lines += doubts_of(one)
    return lines


def doubts_of(one: ArmRuns) -> list[str]:
    lines: list[str] = []
    label, runs = one.arm.label, one.result.runs
    if refused := [run for run in runs if run.latency_refused]:
        lines.append(
            f"{label}: no latency in {len(refused)} of {len(runs)} runs: {refused[0].latency_refused}"
        )
    if limited := [
        run
        for run in runs
        if not run.latency_refused and run.generator_cpu_share >= SATURATED_SHARE
    ]:
        lines.append(
            f"{label}: the generator was the limit in {len(limited)} of {len(runs)} runs; "
            "the server may do more than is shown"
        )
    if saturated := [run for run in runs if is_saturated(run)]:
        achieved = min(run.achieved_per_second for run in saturated)
        lines.append(
            f"{label}: saturated in {len(saturated)} of {len(runs)} runs: it served {achieved:,.0f} of "
            f"{saturated[0].offered_per_second or 0:,.0f} requests/s; its latencies are those of a growing queue"
        )
    if one.gil_enabled:
        lines.append(f"{label}: the GIL was on, so that Python ran on one core at a time")
    if one.restarts:
        lines.append(f"{label}: shards ended and restarted {one.restarts} times")
    if one.broken and runs:
        lines.append(f"{label}: {len(one.broken)} runs do not count: {one.broken[0]}")
    if (share := ended_threads_share(runs)) > ENDED_THREADS_SHARE_MAX:
        lines.append(
            f"{label}: {share:.0%} of the server's CPU time was spent in threads that had ended by the run's end"
        )
    if (status := one.odd_exit_status) is not None:
        lines.append(f"{label}: ended with status {status} when it was asked to stop")
    return lines


def ended_threads_share(runs: Sequence[Run]) -> float:
    """CPU time of the server that no thread present at the end has used: a large part means a thread per call."""
    shares = [
        run.cpu_us_by_thread.get(ENDED_THREADS, 0.0) / run.cpu_us_per_request
        for run in runs
        if run.cpu_us_per_request
    ]
    return median(shares) if shares else 0.0


def is_saturated(run: Run) -> bool:
    """Whether the server did not keep up with an open loop."""
    if not run.offered_per_second:
        return False
    offered = max(1.0, run.answers_checked * run.offered_per_second / run.achieved_per_second)
    chance = CHANCE_DEVIATIONS / math.sqrt(offered)
    least = min(ACHIEVED_SHARE_MIN, 1 - chance)
    return run.achieved_per_second < least * run.offered_per_second
