"""make bench-smoke: are the goals of README.md met on this machine? Under two minutes, every answer checked.

    bench/smoke.py                 measures, prints tables, writes bench/results/smoke/
    bench/smoke.py --write-docs    puts the table of the last run into docs/benchmarks.md and README.md

It ends with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. Anything
that a peer cannot do is listed with its error. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from turbo_shard_lab.load.generator import Load
from turbo_shard_lab.scenarios import page, report
from turbo_shard_lab.scenarios.arms import ENGINES, USER, throughput_arms
from turbo_shard_lab.scenarios.doubts import doubts, is_broken
from turbo_shard_lab.scenarios.entry import own_command, prepare, run, say, write_docs
from turbo_shard_lab.scenarios.figures import (
    Figure,
    idle_figures,
    start_figures,
    throughput_figures,
)
from turbo_shard_lab.scenarios.idleness import Idleness, measure_idleness
from turbo_shard_lab.scenarios.places import FIXED_ANSWER, RESULTS, ROOT
from turbo_shard_lab.scenarios.rounds import ArmRuns, run_rounds
from turbo_shard_lab.scenarios.start import Starts, measure_starts
from turbo_shard_lab.scenarios.under_test import example_command

PARTS = ("throughput", "idle", "start")


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
        pages = (("docs/benchmarks.md", page.smoke), ("README.md", report.summary))
        return write_docs(folder, "smoke", pages)
    return run(folder, lambda: measure(chosen), report.documentation, report.terminal)


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    if min(chosen.rounds, chosen.connections, chosen.idle_connections, chosen.start_runs) < 1:
        raise SystemExit("bench: rounds, connections and runs are 1 or more")
    with_peers = "throughput" in chosen.only and not chosen.no_peers
    here = prepare([FIXED_ANSWER], "bench-smoke", with_peers)
    load = Load(chosen.connections, chosen.seconds, chosen.warm_up_seconds, (here.load_core,))
    arms: list[ArmRuns] = []
    idle: list[Idleness] = []
    starts: list[Starts] = []
    if "start" in chosen.only:
        starts = measure_starts(chosen.engines, chosen.start_runs, here.cores, say)
    if "idle" in chosen.only:
        idle = measure_idleness(
            chosen.engines,
            chosen.idle_seconds,
            chosen.idle_connections,
            here.cores,
            here.load_core,
            say,
        )
    figures: list[Figure] = []
    if "throughput" in chosen.only:
        wanted = throughput_arms(chosen.engines, with_peers=not chosen.no_peers)
        arms = run_rounds(wanted, chosen.rounds, load, [here.server_core], say)
        figures = throughput_figures(arms, chosen.engines)
    figures += idle_figures(idle) + start_figures(starts)
    return {
        "name": chosen.name,
        **here.as_json(),
        "settings": {
            "command": own_command("bench/smoke.py"),
            "generator": example_command(USER, load),
            "engines": chosen.engines,
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "warm_up_seconds": chosen.warm_up_seconds,
            "connections": chosen.connections,
            "server_core": here.server_core,
            "load_core": here.load_core,
        },
        "arms": [result.as_json() for result in arms],
        "figures": [figure.as_json() for figure in figures],
        "warnings": here.warnings + doubts(arms),
        "broken": is_broken([*arms, *idle, *starts]),
    }


if __name__ == "__main__":
    sys.exit(main())
