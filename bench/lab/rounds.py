"""Throughput: every arm once per round, round after round, each time on a freshly started server.

Interleaved, so that what the machine does meanwhile meets all arms alike; every second round goes backwards, so that
a drift within a round does too. A fresh process each time, so that the luck of one memory layout does not pass for a
fact.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lab import procfs
from lab.arms import Arm
from lab.generator import BrokenRun, Load, closed_loop
from lab.places import command_line, quoted
from lab.server import PORT, Server, ServerFailed


@dataclass(frozen=True)
class Run:
    """One arm in one round. The shares are parts of one core's time."""

    round: int
    requests_per_second: float
    latency_us: dict[str, float]
    answers_checked: int
    server_cpu_share: float
    generator_cpu_share: float
    # What else ran on this machine meanwhile.
    other_cpu_share: float
    stolen_share: float


@dataclass
class ArmRuns:
    """All runs of an arm, or why there are none."""

    arm: Arm
    runs: list[Run] = field(default_factory=list)
    error: str | None = None
    # An engine that this machine does not have, or a peer: nothing of ours is broken.
    excused: bool = False
    stopped_with: set[int] = field(default_factory=set)

    def rate_in(self, number: int) -> float | None:
        return next((run.requests_per_second for run in self.runs if run.round == number), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.arm.key,
            "label": self.arm.label,
            "command": command_line(list(self.arm.command)).replace(quoted(PORT), "PORT"),
            "error": self.error,
            "stopped_with": sorted(self.stopped_with),
            "runs": [asdict(run) for run in self.runs],
        }


def run_rounds(
    arms: Sequence[Arm], rounds: int, load: Load, server_core: int, say: Callable[[str], None]
) -> list[ArmRuns]:
    """Measures; a wrong answer ends everything, any other failure ends its arm."""
    results = [ArmRuns(arm) for arm in arms]
    for number in range(rounds):
        for result in results if number % 2 == 0 else reversed(results):
            if result.error is None:
                run_once(result, number, load, server_core)
                outcome = result.error or f"{result.runs[-1].requests_per_second:,.0f} requests/s"
                say(f"round {number + 1}/{rounds}  {result.arm.label}: {outcome}")
    return results


def run_once(result: ArmRuns, number: int, load: Load, server_core: int) -> None:
    server = Server(result.arm.command, [server_core])
    try:
        with server:
            result.runs.append(measure(server, result.arm, number, load))
    except ServerFailed as error:
        result.error = str(error)
        result.excused = result.arm.is_excused(error.exit_status)
    except BrokenRun as error:
        result.error, result.excused = str(error), result.arm.is_excused()
    if server.exit_status is not None:
        result.stopped_with.add(server.exit_status)


def measure(server: Server, arm: Arm, number: int, load: Load) -> Run:
    pids = server.pids
    before, started = Spending.now(pids), time.monotonic()
    report = closed_loop(server.address, arm.question, load)
    wall = time.monotonic() - started
    spent = Spending.now(pids).since(before)
    other = spent.machine.busy - spent.server - spent.generator - spent.ourselves
    return Run(
        round=number,
        requests_per_second=report["requests_per_second"],
        latency_us=report["latency_us"],
        answers_checked=report["answers_checked"],
        server_cpu_share=spent.server / wall,
        generator_cpu_share=report["generator_cpu_share"],
        other_cpu_share=max(0.0, other / wall),
        stolen_share=spent.machine.stolen / wall,
    )


@dataclass(frozen=True)
class Spending:
    """CPU seconds, and who had them."""

    machine: procfs.MachineTime
    server: float
    generator: float
    ourselves: float

    @staticmethod
    def now(server_pids: list[int]) -> Spending:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = os.times()
        return Spending(
            machine=procfs.machine_time(),
            server=procfs.cpu_ticks(server_pids) * procfs.TICK_S,
            generator=children.ru_utime + children.ru_stime,
            ourselves=times.user + times.system,
        )

    def since(self, earlier: Spending) -> Spending:
        return Spending(
            machine=self.machine.since(earlier.machine),
            server=self.server - earlier.server,
            generator=self.generator - earlier.generator,
            ourselves=self.ourselves - earlier.ourselves,
        )
