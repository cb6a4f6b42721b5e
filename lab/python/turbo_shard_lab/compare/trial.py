"""One arm in one round: a fresh server, the load, and what both did meanwhile, as one Run. Compares nothing."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..load.beside import Beside, joined, started
from ..load.generator import TURBO_LOAD, Load, Question, run_load
from ..load.priority import going_first
from ..measure import procfs
from ..measure.placement import Placement
from ..measure.sampling import Sampler
from ..measure.server import START_TIMEOUT_S, Server
from ..measure.server_stats import Activity, between, read_stats
from ..measure.spending import Spending
from ..results import ContextSwitches, Latency, RouteLatency, Run, SendLag
from .arms import STATS_FLAG, Arm

# Asked before idle connections are counted, so that what the first answers leave behind does not count for them.
SETTLING_LOAD_S = 0.5


@dataclass(frozen=True)
class Trial:
    """How trials are run: everything but the arm and the round."""

    questions: tuple[Question, ...]
    load: Load
    placement: Placement
    program: tuple[str, ...] = TURBO_LOAD
    directory: Path | None = None
    # Environment variables beginning with these are kept from the servers.
    without_variables: tuple[str, ...] = ()
    start_timeout_s: float = START_TIMEOUT_S
    # Other clients meanwhile.
    beside: Beside | None = None


@dataclass(frozen=True)
class Outcome:
    """A run, and what else must be known about it."""

    run: Run
    exit_status: int
    # None where the server does not say.
    gil_enabled: bool | None
    restarts: int = 0


def run_trial(arm: Arm, trial: Trial, number: int) -> Outcome:
    """Raises ServerFailed, StatsFailed, BrokenRun or WrongAnswer; the server is gone in any case."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        socket = str(Path(folder) / "stats") if arm.has_stats else None
        server = Server(
            [*arm.command, *((STATS_FLAG, socket) if socket else ())],
            trial.placement.server,
            directory=trial.directory,
            without_variables=trial.without_variables,
            start_timeout_s=trial.start_timeout_s,
        )
        with server:
            run, activity = measure(server, trial, number, socket)
    return Outcome(
        run,
        server.exit_status or 0,
        activity.gil_enabled if activity else None,
        activity.restarts if activity else 0,
    )


def measure(
    server: Server, trial: Trial, number: int, stats_socket: str | None
) -> tuple[Run, Activity | None]:
    load = trial.load
    if load.seed is not None:
        # The same arrivals for all arms of a round, others in the next round.
        load = replace(load, seed=load.seed + number)
    if load.idle_connections:
        settle(server, trial)
    pids = server.pids
    resident_before = procfs.resident_bytes(pids)
    stats_before = read_stats(stats_socket) if stats_socket else {}
    switches_before = procfs.context_switches(pids)
    threads_before = procfs.run_time_us_by_thread(pids)
    before, began = Spending.now(pids), time.monotonic()
    with Sampler(pids, sorted({*trial.placement.server, *load.cores})) as sampler:
        report = loaded(server.address, trial, load)
    wall_s = time.monotonic() - began
    spent = Spending.now(pids).since(before)
    switches = procfs.context_switches(pids).since(switches_before)
    activity = between(stats_before, read_stats(stats_socket)) if stats_socket else None
    memory = procfs.memory(server.pids)
    answers = max(1, report["answers_checked"])
    threads = procfs.spent_by_thread(
        threads_before, procfs.run_time_us_by_thread(pids), spent.server_us
    )
    shared = set(load.cores) & set(trial.placement.server)
    # Less than the time of the generator's process, which must start too.
    loaded_s = wall_s
    if trial.beside is None:
        loaded_s = min(wall_s, report["seconds"] + load.warm_up_seconds)
    bytes_per_connection = None
    if load.idle_connections:
        bytes_per_connection = (sampler.resident - resident_before) / load.idle_connections
    run = Run(
        round=number,
        offered_per_second=report.get("offered_per_second"),
        achieved_per_second=report.get("achieved_per_second", report["requests_per_second"]),
        requests_per_second=report["requests_per_second"],
        answers_checked=report["answers_checked"],
        latency_us=latency_of(report["latency_us"]),
        latency_refused=report.get("latency_refused"),
        percentiles=[(float(one), float(us)) for one, us in report.get("percentiles") or []],
        cpu_us_per_request=spent.server_us / answers,
        server_cpu_share=spent.server / loaded_s,
        cpu_per_core=sampler.cpu_per_core,
        context_switches_per_request=ContextSwitches(
            switches.voluntary / answers, switches.involuntary / answers
        ),
        rss_mb=max(sampler.resident, memory.rss) / 1e6,
        pss_mb=memory.pss / 1e6,
        bytes_per_connection=bytes_per_connection,
        threads=procfs.thread_count(server.pids),
        shards=activity.shards if activity else [],
        balance_max_over_mean=activity.balance_max_over_mean if activity else None,
        gc=activity.gc if activity else None,
        generator_cpu_share=report["generator_cpu_share"],
        send_lag_us=send_lag_of(report.get("send_lag_us")),
        other_cpu_share=spent.others / wall_s,
        stolen_share=spent.machine.stolen / wall_s,
        by_route=[route_of(route) for route in report.get("by_route") or []],
        generator_io=report.get("io", "epoll"),
        kernel_us_per_request=spent.kernel_us / answers,
        cpu_us_by_thread={name: us / answers for name, us in threads.items()},
        shared_share=report["generator_cpu_share"] if shared else 0.0,
        server_cores=len(trial.placement.server),
    )
    return run, activity


def loaded(address: str, trial: Trial, load: Load) -> dict[str, Any]:
    program, directory = trial.program, trial.directory
    if trial.beside is None:
        return measured(address, trial, load)
    beside = trial.beside.lasting(load)
    with started(address, beside, program=program, directory=directory) as second:
        report = measured(address, trial, load)
        return joined(report, second.report(), beside)


def measured(address: str, trial: Trial, load: Load) -> dict[str, Any]:
    # A closed loop has no time at which a request is due.
    with going_first(load.rate is not None and bool(trial.placement.shared)):
        return run_load(
            address, trial.questions, load, program=trial.program, directory=trial.directory
        )


def settle(server: Server, trial: Trial) -> None:
    """Some checked answers on as many connections as the load will use."""
    short = Load(
        trial.load.connections,
        SETTLING_LOAD_S,
        0.0,
        trial.load.cores,
        seed=trial.load.seed,
        speech=trial.load.speech,
    )
    run_load(
        server.address, trial.questions, short, program=trial.program, directory=trial.directory
    )


def latency_of(found: dict[str, Any] | None) -> Latency | None:
    if found is None:
        return None
    names = ("p50", "p90", "p99", "p99_9", "max", "mean")
    return Latency(**{name: float(found[name]) for name in names})


def send_lag_of(found: dict[str, Any] | None) -> SendLag | None:
    if found is None:
        return None
    return SendLag(**{name: float(found[name]) for name in ("p50", "p99", "max")})


def route_of(found: dict[str, Any]) -> RouteLatency:
    return RouteLatency(found["path"], found["requests"], latency_of(found.get("latency_us")))


def in_short(run: Run) -> str:
    served = f"{run.requests_per_second:,.0f} requests/s"
    return served if run.latency_us is None else f"{served}, p99 {run.latency_us.p99:,.0f} µs"
