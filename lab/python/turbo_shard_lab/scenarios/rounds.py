"""Throughput: every arm once per round, round after round, each time on a freshly started server.

Rounds are interleaved: what the machine does meanwhile meets all arms alike. Every second round goes backwards: so does
a drift within a round. Each process is fresh: the luck of one memory layout must not pass for a fact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..command_text import quoted
from ..load.generator import BrokenRun, Load, WrongAnswer
from ..measure import procfs
from ..measure.server import PORT, Server, ServerFailed
from ..measure.spending import Spending
from . import under_test
from .arms import Arm
from .places import command_line
from .under_test import closed_loop

# Characters shown of a peer's answer, and of the right one.
WRONG_ANSWER_SHOWN = 120


@dataclass(frozen=True)
class Run:
    """One arm in one round. The shares are parts of one core's time, so a server on two cores may have up to 2."""

    round: int
    requests_per_second: float
    # None where the generator was the bottleneck.
    latency_us: dict[str, float] | None
    answers_checked: int
    server_cpu_share: float
    generator_cpu_share: float
    # Other work on this machine meanwhile.
    other_cpu_share: float
    stolen_share: float
    # CPU time of the server for one answer, and how much of it the kernel had.
    server_us: float = 0.0
    server_system_us: float = 0.0
    # The generator's time on the server's cores: all that it had, or nothing.
    shared_share: float = 0.0
    server_cores: int = 1
    # Where server_us went, by the threads' names; threads that have ended since share one row.
    thread_us: dict[str, float] = field(default_factory=dict)


@dataclass
class ArmRuns:
    """All runs of an arm, or why there are none."""

    arm: Arm
    # Those that the server may use.
    cores: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    error: str | None = None
    # An engine that this machine lacks, or a peer: nothing of ours is broken.
    excused: bool = False
    stopped_with: set[int] = field(default_factory=set)
    # Failures of single runs of a peer that did well in others.
    broken_runs: list[str] = field(default_factory=list)

    def run_in(self, number: int) -> Run | None:
        return next((run for run in self.runs if run.round == number), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.arm.key,
            "label": self.arm.label,
            "command": command_line(list(self.arm.command)).replace(quoted(PORT), "PORT"),
            "cores": self.cores,
            "error": self.error,
            "broken_runs": self.broken_runs,
            "stopped_with": sorted(self.stopped_with),
            "runs": [asdict(run) for run in self.runs],
        }


def run_rounds(
    arms: Sequence[Arm], rounds: int, load: Load, cores: Sequence[int], say: Callable[[str], None]
) -> list[ArmRuns]:
    """Measures; a wrong answer of ours ends everything, any other failure its arm. An arm gets the first of `cores`, as
    many as it asks for; the generator's is the last."""
    results = [
        ArmRuns(arm, sorted(cores[-1:] if arm.beside_generator else cores[: arm.cores]))
        for arm in arms
    ]
    for number in range(rounds):
        for result in results if number % 2 == 0 else reversed(results):
            if result.error is None:
                outcome = run_once(result, number, load)
                say(f"round {number + 1}/{rounds}  {result.arm.label}: {outcome}")
    for result in results:
        if result.broken_runs and not result.runs:
            result.error, result.excused = result.broken_runs[-1], True
    return results


def run_once(result: ArmRuns, number: int, load: Load) -> str:
    """Adds a run, or what went wrong, and says which."""
    if result.arm.missing:
        result.error, result.excused = result.arm.missing, True
        return result.error
    if len(result.cores) < result.arm.cores:
        result.error = f"needs {result.arm.cores} cores"
        result.excused = True
        return result.error
    server = under_test.server(result.arm.command, result.cores)
    try:
        with server:
            run = measure(server, result.arm, number, load)
            result.runs.append(run)
            return f"{run.requests_per_second:,.0f} requests/s"
    except ServerFailed as error:
        result.error = str(error)
        result.excused = result.arm.is_excused(error.exit_status)
        return result.error
    except WrongAnswer as error:
        if not result.arm.is_peer:
            raise
        # A peer that answers wrong is not compared with, however fast its other runs were.
        result.runs.clear()
        result.error, result.excused = f"answered wrong: {str(error)[:WRONG_ANSWER_SHOWN]}", True
        return result.error
    except BrokenRun as error:
        # A peer may do better in the next round; the report says so.
        if result.arm.is_excused():
            result.broken_runs.append(str(error))
        else:
            result.error = str(error)
        return str(error)
    finally:
        # For a server that ended before it was asked to stop, its error says so.
        if result.error is None and server.exit_status is not None:
            result.stopped_with.add(server.exit_status)


def measure(server: Server, arm: Arm, number: int, load: Load) -> Run:
    pids = server.pids
    threads_before = procfs.run_time_us_by_thread(pids)
    before, started = Spending.now(pids), time.monotonic()
    report = closed_loop(server.address, arm.question, load)
    wall = time.monotonic() - started
    spent = Spending.now(pids).since(before)
    answers = report["answers_checked"]
    server_us = spent.server_us / answers
    threads = procfs.spent_by_thread(
        threads_before, procfs.run_time_us_by_thread(pids), spent.server_us
    )
    generator_cpu_share = report["generator_cpu_share"]
    return Run(
        round=number,
        requests_per_second=report["requests_per_second"],
        latency_us=report["latency_us"],
        answers_checked=answers,
        server_cpu_share=spent.server / wall,
        generator_cpu_share=generator_cpu_share,
        other_cpu_share=spent.others / wall,
        stolen_share=spent.machine.stolen / wall,
        server_us=server_us,
        server_system_us=server_us * spent.server_system / spent.server if spent.server else 0.0,
        shared_share=generator_cpu_share if set(load.cores) & set(server.cores) else 0.0,
        server_cores=len(server.cores),
        thread_us={name: us / answers for name, us in threads.items()},
    )
