"""What an idle server costs: CPU time, wake-ups, memory, and memory per idle connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..compare.rounds import ArmRuns
from ..compare.trial import Trial
from ..load.generator import BrokenRun, Load, idle_connections, run_load
from ..measure import procfs
from ..measure.server import Server, ServerFailed
from ..progress import Progress
from .plan import CONFIGURING_VARIABLES, IDLE_ARM_S, PlannedScenario

# Time for a server to give its buffers back.
SETTLE_S = 0.5
ASKED_S = 0.3


@dataclass
class Idleness:
    """One server. Memory in bytes."""

    seconds: float = 0.0
    cpu_ticks: int | None = None
    cpu_us: float = 0.0
    wake_ups: int = 0
    threads: int = 0
    rss: int | None = None
    pss: int = 0
    connections: int = 0
    rss_before_connections: int = 0
    rss_with_connections: int = 0

    @property
    def bytes_per_connection(self) -> float | None:
        if not self.connections:
            return None
        return (self.rss_with_connections - self.rss_before_connections) / self.connections

    def values(self) -> dict[str, list[float]]:
        found = {
            "cpu_ticks": self.cpu_ticks,
            "rss_mb": None if self.rss is None else self.rss / 1e6,
            "bytes_per_connection": self.bytes_per_connection,
        }
        return {name: [] if value is None else [float(value)] for name, value in found.items()}

    def notes(self) -> dict[str, str]:
        """What a reader of a figure should know besides."""
        if self.cpu_ticks is None:
            return {}
        return {
            "cpu_ticks": (
                f"in {self.seconds:g} s: {self.cpu_us:.0f} µs of CPU time and {self.wake_ups} wake-ups "
                f"of {self.threads} threads"
            ),
            "rss_mb": f"PSS {self.pss / 1e6:.1f} MB",
            "bytes_per_connection": (
                f"{self.connections:,} connections: {self.rss_before_connections / 1e6:.1f} MB before, "
                f"{self.rss_with_connections / 1e6:.1f} MB with them"
            ),
        }


def measure_idleness(
    plan: PlannedScenario,
    arms: Sequence[ArmRuns],
    progress: Progress,
    trial_of: Callable[[str], Trial],
) -> dict[str, Idleness]:
    """All arms side by side while they are idle, then one after another under connections. An arm that fails has its
    error in its result; a wrong answer is raised."""
    found = {one.arm.key: Idleness() for one in arms}
    wanted = [one for one in arms if one.result.error is None]
    with ExitStack() as stack:
        running: list[tuple[ArmRuns, Server]] = []
        progress.begin(f"{plan.scenario.key}, {len(wanted)} servers, all idle", plan.seconds)
        for one in wanted:
            with failing(one):
                server = stack.enter_context(
                    Server(
                        one.arm.command,
                        plan.placement.server,
                        without_variables=CONFIGURING_VARIABLES,
                    )
                )
                # So that no shard is measured before its first request.
                ask(trial_of(one.arm.key), server, plan.shards)
                running.append((one, server))
        watch_idle([(found[one.arm.key], server) for one, server in running], plan.seconds)
        progress.end("watched")
        for one, server in running:
            progress.begin(f"{plan.scenario.key}, {one.arm.label}, connections", IDLE_ARM_S)
            with failing(one):
                hold_connections(trial_of(one.arm.key), found[one.arm.key], server)
            progress.end(one.result.error or summary(found[one.arm.key]))
    return found


@contextmanager
def failing(one: ArmRuns) -> Iterator[None]:
    """Notes a failure in the arm's result instead of ending the benchmark."""
    try:
        yield
    except (ServerFailed, BrokenRun) as error:
        one.result.error = str(error)


def ask(trial: Trial, server: Server, connections: int) -> None:
    load = Load(connections, ASKED_S, 0.0, trial.load.cores, speech=trial.load.speech)
    run_load(server.address, trial.questions, load, program=trial.program)


def watch_idle(running: Sequence[tuple[Idleness, Server]], seconds: float) -> None:
    time.sleep(SETTLE_S)
    before = [usage(server) for _, server in running]
    time.sleep(seconds)
    for (result, server), (ticks, cpu_us, wake_ups) in zip(running, before, strict=True):
        ticks_after, cpu_us_after, wake_ups_after = usage(server)
        result.seconds = seconds
        result.cpu_ticks = ticks_after - ticks
        result.cpu_us = cpu_us_after - cpu_us
        result.wake_ups = wake_ups_after - wake_ups
        result.threads = procfs.thread_count(server.pids)
        memory = procfs.memory(server.pids)
        result.rss, result.pss = memory.rss, memory.pss


def usage(server: Server) -> tuple[int, float, int]:
    pids = server.pids
    return procfs.cpu_ticks(pids), procfs.run_time_us(pids), procfs.wake_ups(pids)


def hold_connections(trial: Trial, result: Idleness, server: Server) -> None:
    # As many connections as under load: what they leave behind is not a cost of idle connections.
    ask(trial, server, trial.load.connections)
    time.sleep(SETTLE_S)
    before = procfs.memory(server.pids).rss
    with idle_connections(
        server.address,
        trial.questions[0],
        trial.load.idle_connections,
        trial.load.cores[0],
        speech=trial.load.speech,
        program=trial.program,
    ):
        time.sleep(SETTLE_S)
        result.rss_with_connections = procfs.memory(server.pids).rss
    result.rss_before_connections, result.connections = before, trial.load.idle_connections


def summary(result: Idleness) -> str:
    per_connection = result.bytes_per_connection
    if result.rss is None or per_connection is None:
        return "not measured"
    return (
        f"{result.cpu_ticks} ticks in {result.seconds:g} s, {result.rss / 1e6:.1f} MB, "
        f"{per_connection:,.0f} bytes per connection"
    )
