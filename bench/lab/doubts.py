"""Reasons to trust a figure less. Calculates from runs and measures nothing."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from lab.idleness import Idleness
from lab.rounds import ArmRuns
from lab.start import Starts

OTHER_CPU_SHARE_MAX = 0.1
SATURATED_SHARE = 0.95


def is_broken(parts: Sequence[ArmRuns | Idleness | Starts]) -> bool:
    """Whether something failed that should not have."""
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
    # Some servers end by the signal that they were stopped with.
    if odd := sorted(result.stopped_with - {0, -signal.SIGTERM}):
        lines.append(f"{label}: ended with status {odd[0]} when it was asked to stop")
    return lines
