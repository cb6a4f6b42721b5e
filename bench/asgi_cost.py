"""make bench-asgi-cost: where does the time of a raw ASGI request go? A table of µs, from apps that differ in one step.

    bench/asgi_cost.py                 measures, prints the table, writes bench/results/asgi-cost/
    bench/asgi_cost.py --write-docs    puts the table of the last run into docs/benchmarks.md

Takes about two minutes. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from turbo_shard_lab.load.generator import Load
from turbo_shard_lab.scenarios import cost_report, page
from turbo_shard_lab.scenarios.arms import ENGINES
from turbo_shard_lab.scenarios.cost_steps import EXTRAS, FIXED, STEPS, cost_arms, cost_of
from turbo_shard_lab.scenarios.doubts import doubts, is_broken
from turbo_shard_lab.scenarios.entry import own_command, prepare, run, say, write_docs
from turbo_shard_lab.scenarios.places import FIXED_ANSWER, RESULTS, ROOT
from turbo_shard_lab.scenarios.rounds import run_rounds
from turbo_shard_lab.scenarios.under_test import example_command


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/asgi_cost.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", default="asgi-cost", help="below bench/results [asgi-cost]")
    add("--engine", choices=ENGINES, default=ENGINES[0], help=f"[{ENGINES[0]}]")
    add("--rounds", type=int, default=7, help="[7]")
    add("--seconds", type=float, default=0.8, help="counted per run [0.8]")
    add("--warm-up-seconds", type=float, default=0.2, help="before that [0.2]")
    add("--connections", type=int, default=32, help="[32]")
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    folder = ROOT / RESULTS / chosen.name
    if chosen.write_docs:
        pages = (("docs/benchmarks.md", page.asgi_cost),)
        return write_docs(folder, "asgi-cost", pages)
    return run(folder, lambda: measure(chosen), cost_report.documentation, cost_report.terminal)


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    if min(chosen.rounds, chosen.connections) < 1:
        raise SystemExit("bench: rounds and connections are 1 or more")
    here = prepare([FIXED_ANSWER], "bench-asgi-cost", with_peers=False)
    load = Load(chosen.connections, chosen.seconds, chosen.warm_up_seconds, (here.load_core,))
    arms = run_rounds(cost_arms(chosen.engine), chosen.rounds, load, [here.server_core], say)
    return {
        "name": chosen.name,
        **here.as_json(),
        "settings": {
            "command": own_command("bench/asgi_cost.py"),
            "generator": example_command(FIXED, load),
            "engine": chosen.engine,
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "warm_up_seconds": chosen.warm_up_seconds,
            "connections": chosen.connections,
            "server_core": here.server_core,
            "load_core": here.load_core,
        },
        "arms": [result.as_json() for result in arms],
        "steps": [cost_of(step, arms).as_json() for step in STEPS],
        "extras": [cost_of(step, arms).as_json() for step in EXTRAS],
        "warnings": here.warnings + doubts(arms),
        "broken": is_broken(arms),
    }


if __name__ == "__main__":
    sys.exit(main())
