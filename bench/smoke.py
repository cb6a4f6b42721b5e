"""make bench-smoke: are the goals of README.md met on this machine? Under two minutes, every answer checked.

    bench/smoke.py                 measures, prints a table, writes bench/results/smoke/
    bench/smoke.py --write-docs    puts the figures of the last run into docs/benchmarks.md and README.md

It ends with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. Anything
that a peer cannot do is listed with its error. Runs on .venv/bin/python or any Python from 3.11 on.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import machine, report
from lab.arms import ENGINES, USER, throughput_arms
from lab.figures import Figure, idle_figures, start_figures, throughput_figures
from lab.generator import BrokenRun, Load, WrongAnswer, example_command
from lab.idleness import Idleness, measure_idleness
from lab.places import (
    FIXED_ANSWER,
    RESULTS,
    ROOT,
    TURBO_LOAD,
    TURBO_SHARD,
    command_line,
    without_traces,
)
from lab.rounds import ArmRuns, run_rounds
from lab.start import Starts, measure_starts

PARTS = ("throughput", "idle", "start")
# Above these, the figures come with a warning.
BUSY_CORES_MAX = 0.1
OTHER_CPU_SHARE_MAX = 0.1
SATURATED_SHARE = 0.95
INSTALL_TIMEOUT_S = 600


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/smoke.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", default="smoke", help="below bench/results [smoke]")
    add("--only", choices=PARTS, nargs="+", default=list(PARTS), help="leave out the rest")
    add("--engines", choices=ENGINES, nargs="+", default=list(ENGINES), help="[all]")
    add("--no-peers", action="store_true", help="compare with nobody else")
    add("--rounds", type=int, default=5, help="[5]")
    add("--seconds", type=float, default=1.2, help="counted per run [1.2]")
    add("--warm-up-seconds", type=float, default=0.25, help="before that [0.25]")
    add("--connections", type=int, default=32, help="[32]")
    add("--idle-seconds", type=float, default=5.0, help="[5]")
    add("--idle-connections", type=int, default=10_000, help="[10000]")
    add("--start-runs", type=int, default=7, help="[7]")
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    folder = ROOT / RESULTS / chosen.name
    if chosen.write_docs:
        return write_docs(folder)
    # Servers are ended on the way out: after Ctrl-C, also where a shell started us with it ignored, and after a stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        results = measure(chosen)
    except KeyboardInterrupt:
        return refuse("interrupted", 130)
    except (WrongAnswer, BrokenRun) as error:
        return refuse(f"{type(error).__name__}: {error}", 1)
    write_results(folder, results)
    print(report.terminal(results))
    return 1 if results["broken"] else 0


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    check_built(chosen)
    started, clock = datetime.now(UTC), time.monotonic()
    server_core, load_core = machine.choose_cores()
    cores = sorted(os.sched_getaffinity(0))
    # Ten thousand connections, for every process that is started from here.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    warnings = install_peers() if "throughput" in chosen.only and not chosen.no_peers else []
    about = machine.describe()
    if (busy := machine.busy_share(0.5)) > BUSY_CORES_MAX:
        warnings.append(f"the machine was not quiet: {busy:.1f} cores were busy before the start")
    # From here on this script keeps off the server's core.
    os.sched_setaffinity(0, [load_core])
    load = Load(chosen.connections, chosen.seconds, chosen.warm_up_seconds, load_core)
    arms: list[ArmRuns] = []
    idle: list[Idleness] = []
    starts: list[Starts] = []
    if "start" in chosen.only:
        starts = measure_starts(chosen.engines, chosen.start_runs, cores, say)
    if "idle" in chosen.only:
        idle = measure_idleness(
            chosen.engines, chosen.idle_seconds, chosen.idle_connections, cores, load_core, say
        )
    figures: list[Figure] = []
    if "throughput" in chosen.only:
        wanted = throughput_arms(chosen.engines, with_peers=not chosen.no_peers)
        arms = run_rounds(wanted, chosen.rounds, load, server_core, say)
        figures = throughput_figures(arms, chosen.engines)
    figures += idle_figures(idle) + start_figures(starts)
    return {
        "name": chosen.name,
        "started": started.isoformat(timespec="seconds"),
        "took_seconds": time.monotonic() - clock,
        "machine": about,
        "settings": {
            "command": command_line(["bench/smoke.py", *sys.argv[1:]]),
            "generator": example_command(USER, load),
            "engines": chosen.engines,
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "warm_up_seconds": chosen.warm_up_seconds,
            "connections": chosen.connections,
            "server_core": server_core,
            "load_core": load_core,
        },
        "arms": [result.as_json() for result in arms],
        "figures": [figure.as_json() for figure in figures],
        "warnings": warnings + doubts(arms),
        "broken": is_broken([*arms, *idle, *starts]),
    }


def is_broken(parts: Sequence[ArmRuns | Idleness | Starts]) -> bool:
    return any(part.error and not part.excused for part in parts)


def check_built(chosen: argparse.Namespace) -> None:
    for program in (TURBO_LOAD, FIXED_ANSWER, TURBO_SHARD):
        if not (ROOT / program).exists():
            raise SystemExit(f"bench: {program} is missing; make bench-smoke builds it")
    if min(chosen.rounds, chosen.connections, chosen.idle_connections, chosen.start_runs) < 1:
        raise SystemExit("bench: rounds, connections and runs are 1 or more")


def install_peers() -> list[str]:
    """Makes the peers' environments if need be; what fails becomes a warning, and its arms tell on their own."""
    failures = []
    for kind in ("gil", "free-threaded"):
        command = ["bench/peers/install.sh", kind]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            failures.append(
                f"the {kind} peers could not be installed: {without_traces(str(error))}"
            )
            continue
        if done.returncode != 0:
            text = " | ".join(without_traces(done.stderr).strip().splitlines()[-3:])
            failures.append(f"the {kind} peers could not be installed: {text}")
    return failures


def doubts(results: list[ArmRuns]) -> list[str]:
    """Reasons to trust a figure less."""
    lines = []
    runs = [run for result in results for run in result.runs]
    if disturbed := [run for run in runs if run.other_cpu_share > OTHER_CPU_SHARE_MAX]:
        worst = max(run.other_cpu_share for run in disturbed)
        lines.append(
            f"other processes ran during {len(disturbed)} of {len(runs)} runs, up to {worst:.1f} cores"
        )
    for result in results:
        limited = [
            run
            for run in result.runs
            if run.generator_cpu_share >= SATURATED_SHARE > run.server_cpu_share
        ]
        if limited:
            lines.append(
                f"{result.arm.label}: the generator was the limit in {len(limited)} of {len(result.runs)} runs; "
                f"the server could do more"
            )
        # Some servers end by the signal that they were stopped with.
        if odd := sorted(result.stopped_with - {0, -signal.SIGTERM}):
            lines.append(
                f"{result.arm.label}: ended with status {odd[0]} when it was asked to stop"
            )
    return lines


def write_results(folder: Path, results: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    header = f"# {results['settings']['command']}\n\n"
    (folder / "report.md").write_text(header + report.documentation(results) + "\n")


def write_docs(folder: Path) -> int:
    source = folder / "results.json"
    if not source.exists():
        return refuse(f"there is no {source.relative_to(ROOT)}; run the benchmark first", 1)
    results = json.loads(source.read_text())
    status = 0
    for name, make in (("docs/benchmarks.md", report.documentation), ("README.md", report.summary)):
        if report.write_between_markers(ROOT / name, make(results)):
            say(f"{name} has the figures of {results['started']}")
        else:
            status = refuse(f"{name} has no {report.BEGIN} … {report.END}", 1)
    return status


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def refuse(text: str, status: int) -> int:
    print(f"bench: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
