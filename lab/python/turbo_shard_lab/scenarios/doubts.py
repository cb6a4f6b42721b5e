"""Reasons to trust a figure less. Calculates from runs and measures nothing."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from statistics import median

from ..measure.procfs import ENDED_THREADS
from .idleness import Idleness
from .rounds import ArmRuns, Run
from .start import Starts

OTHER_CPU_SHARE_MAX = 0.1
SATURATED_SHARE = 0.95
# Of a server's CPU time.
ENDED_THREADS_SHARE_MAX = 0.05


def is_broken(parts: Sequence[ArmRuns | Idleness | Starts]) -> bool:
    """Whether anything failed that should not have."""
    return any(part.error and not part.excused for part in parts)


def doubts(results: Sequence[ArmRuns]) -> list[str]:
    lines = []
    runs = [run for result in results for run in result.runs]
    if disturbed := [run for run in runs if run.other_cpu_share > OTHER_CPU_SHARE_MAX]:
        worst = max(run.other_cpu_share for run in disturbed)
        lines.append(
            f"other processes ran during {len(disturbed)} of {len(runs)} runs, up to {worst:.1f} cores"
        )
    for result in results:
        lines += doubts_of(result)
    return lines


def doubts_of(result: ArmRuns) -> list[str]:
    lines = []
    label = result.arm.label
    limited = [
        run
        for run in result.runs
        if run.generator_cpu_share >= SATURATED_SHARE > run.server_cpu_share
    ]
    if limited:
        lines.append(
            f"{label}: the generator was the limit in {len(limited)} of {len(result.runs)} runs; "
            f"the server could do more"
        )
    if result.broken_runs and result.runs:
        lines.append(
            f"{label}: {len(result.broken_runs)} runs do not count: {result.broken_runs[0]}"
        )
    shares = [
        run.thread_us.get(ENDED_THREADS, 0.0) / run.server_us
        for run in result.runs
        if run.server_us
    ]
    if shares and (share := median(shares)) > ENDED_THREADS_SHARE_MAX:
        lines.append(
            f"{label}: {share:.0%} of the server's CPU time was spent in threads that had ended by the run's end"
        )
    # Some servers end by the signal that stopped them.
    if odd := sorted(result.stopped_with - {0, -signal.SIGTERM}):
        lines.append(f"{label}: ended with status {odd[0]} when it was asked to stop")
    return lines


def ended_threads_share(runs: Sequence[Run]) -> float:
    """CPU time of the server that no thread present at the end has used: a large part means a thread per call."""
    shares = [
        run.thread_us.get(ENDED_THREADS, 0.0) / run.server_us for run in runs if run.server_us
    ]
    return median(shares) if shares else 0.0
