"""`turbo-shard simulate --calibrate`: measures on this machine what the simulation needs, with an app of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from turbo_shard.cli.command_line import UsageError, say
from turbo_shard.user_code.gil_watch import is_gil_on

from ..command_text import command_line
from ..load.generator import TURBO_LOAD, BrokenRun, Load, Question, WrongAnswer, run_load
from ..measure import machine, procfs
from ..measure.server import Server, ServerFailed
from ..progress import Progress
from . import thread_costs
from .calibration import Calibration, CalibrationError, Parameter, write
from .options import CalibrateOptions

EXIT_FAILED = 1
CONNECTIONS = 32
SECONDS = 3.0
WARM_UP_S = 1.0
ROUNDS = 3
# The rest: threads of this process.
THREADS_S = 8.0

# Costs that cannot be measured from outside. --set changes each, which shows how much depends on it.
DRIVER_EVENT_US = 0.15
MOVED_TASK_LINES = 40.0
LINES_PER_STEAL = 4.0
LINES_PER_LOCK = 3.0


@dataclass(frozen=True)
class Served:
    """One server under one load: its CPU time per request as the scheduler has it, and the median latency."""

    cpu_us: float
    p50_us: float
    requests_per_second: float


def command(
    options: CalibrateOptions, arguments: Sequence[str], *, program: Sequence[str] = TURBO_LOAD
) -> int:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UsageError("--calibrate needs two cores: one for the server and one for the load")
    apart = [core for core in cores[1:] if core not in machine.siblings(cores[0])] or cores[1:]
    typed = command_line(["turbo-shard", "simulate", *arguments])
    try:
        found = measure(options, (cores[0], apart[0]), typed, program)
        write(found, options.file)
    except (ServerFailed, BrokenRun, WrongAnswer, CalibrationError) as error:
        print(f"turbo-shard: error: {error}", file=sys.stderr)
        return EXIT_FAILED
    return say(text_of(found) + f"\n\nwritten to {options.file}")


def measure(
    options: CalibrateOptions, cores: tuple[int, int], typed: str, program: Sequence[str]
) -> Calibration:
    served: dict[str, list[Served]] = {}
    steps = [("shard", CONNECTIONS), ("steal", CONNECTIONS), ("shard", 1)]
    step_s = SECONDS + WARM_UP_S
    with Progress(len(steps) * ROUNDS * step_s + THREADS_S, quiet=options.quiet) as progress:
        for _ in range(ROUNDS):
            for mode, connections in steps:
                key = f"{mode}, {connections} connections"
                progress.begin(key, step_s)
                one = serve(options, mode, connections, cores, program)
                served.setdefault(key, []).append(one)
                progress.end(f"{one.cpu_us:.2f} µs of a core per request")
        progress.begin("threads", THREADS_S)
        saturated, stealing, alone = (
            best(served[f"{mode}, {connections} connections"]) for mode, connections in steps
        )
        parameters = parameters_from(saturated, stealing, alone, cores)
        progress.end("done")
    return Calibration(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=machine.commit_of(Path.cwd()),
        command=typed,
        machine=machine.describe(),
        versions=machine.versions(),
        parameters=parameters,
        observed={key: [vars(one) for one in runs] for key, runs in served.items()},
    )


def best(runs: Sequence[Served]) -> Served:
    """The least disturbed one: noise only ever adds time."""
    return min(runs, key=lambda run: run.cpu_us)


def serve(
    options: CalibrateOptions,
    mode: str,
    connections: int,
    cores: tuple[int, int],
    program: Sequence[str],
) -> Served:
    app_dir = ["--app-dir", str(options.app_dir)] if options.app_dir else []
    serving = [sys.executable, "-m", "turbo_shard", options.app, *app_dir]
    serving += ["--mode", mode, "--shards", "1", "--port", "0", "--host", "127.0.0.1"]
    load = Load(connections, SECONDS, WARM_UP_S, (cores[1],))
    question = Question(options.path, any_body=True)
    with Server(serving, [cores[0]]) as server:
        warm_up = Load(connections, WARM_UP_S, 0.0, (cores[1],))
        run_load(server.address, [question], warm_up, program=program)
        before = procfs.run_time_us(server.pids)
        report = run_load(server.address, [question], load, program=program)
        spent_us = procfs.run_time_us(server.pids) - before
    answers = max(1, report["answers_checked"])
    latency = report["latency_us"]
    if latency is None:
        raise BrokenRun(f"turbo-load gave no latency: {report.get('latency_refused')}")
    return Served(spent_us / answers, float(latency["p50"]), float(report["requests_per_second"]))


def parameters_from(
    saturated: Served, stealing: Served, alone: Served, cores: tuple[int, int]
) -> dict[str, Parameter]:
    wake_up = thread_costs.wake_up(cores[1], cores[0])
    turn_us = thread_costs.epoll_look_us()
    resume_us = thread_costs.coroutine_resumption_us()
    request_us = max(0.0, saturated.cpu_us - DRIVER_EVENT_US)
    sleep_us = max(0.0, alone.cpu_us - saturated.cpu_us - turn_us)
    served_us = wake_up.latency_us + sleep_us + turn_us + saturated.cpu_us
    count = handler = thread_costs.Sharing(0.0, 0.0)
    if not is_gil_on():
        count = thread_costs.shared_count(cores)
        handler = thread_costs.shared_handler(cores)
    # Taking a reference and dropping it.
    line_us = count.exclusive_us / 2
    found = {
        "request_us": measured(request_us, "CPU time per request, one shard, 32 connections"),
        "turn_us": measured(turn_us, "epoll_wait that finds one descriptor ready and never sleeps"),
        "driver_event_us": assumed(DRIVER_EVENT_US, "dispatch of one event and wake of its task"),
        "wake_us": measured(wake_up.latency_us, "two threads on two cores, waking each other"),
        "sleep_us": derived(sleep_us, "CPU time per request at 1 connection less that at 32"),
        "round_trip_us": derived(
            max(0.0, alone.p50_us - served_us),
            "median latency at 1 connection less the server's part: the generator and the kernel",
        ),
        "resume_us": measured(resume_us, "one turn of asyncio's loop that resumes a coroutine"),
        "steal_request_us": measured(
            max(0.0, stealing.cpu_us - saturated.cpu_us),
            "CPU time per request in steal mode with one worker less that of one shard",
        ),
        "notify_us": measured(wake_up.notify_us, "write to an eventfd that a thread sleeps on"),
        "steal_probe_us": derived(line_us, "one cache line"),
        "steal_us": derived(line_us * LINES_PER_STEAL, "head, tail and slots: four cache lines"),
        "scheduler_lock_us": derived(
            line_us * LINES_PER_LOCK, "lock, counts and list of sleepers: three cache lines"
        ),
        "line_transfer_us": measured(
            line_us, "two cores taking and dropping references to one object"
        ),
        "moved_task_lines": assumed(MOVED_TASK_LINES, "2.5 KB of a connection and its socket"),
        "shared_us": assumed(0.0, "apps share nothing, unless --shared-objects says so"),
        "shared_object_us": measured(
            handler.exclusive_us, "two cores calling a method of one object"
        ),
        "process_service_factor": assumed(1.0, "a process as fast as a shard"),
    }
    units = {"moved_task_lines": "cache lines", "process_service_factor": "×"}
    return {
        name: Parameter(round(value, 4), units.get(name, "µs"), source, how)
        for name, (value, source, how) in found.items()
    }


def measured(value: float, how: str) -> tuple[float, str, str]:
    return value, "measured", how


def derived(value: float, how: str) -> tuple[float, str, str]:
    return value, "derived", how


def assumed(value: float, how: str) -> tuple[float, str, str]:
    return value, "assumed", how


def text_of(found: Calibration) -> str:
    width = max(map(len, found.parameters))
    return "\n".join(
        f"{name:<{width}}  {one.value:>9.4g} {one.unit:<11}  {one.source}: {one.how}"
        for name, one in found.parameters.items()
    )
