"""make bench-frameworks: ASGI, WSGI, WebSocket and FastAPI against the servers that people run. Every answer checked.

    bench/frameworks.py                 measures, prints tables, writes bench/results/frameworks/
    bench/frameworks.py --write-docs    puts the figures of the last run into docs/benchmarks.md

It ends with status 0 whatever the figures are, and with 1 if an answer was wrong or a server of ours broke. Anything
that a peer cannot do is listed with its error. Takes under six minutes. Runs on .venv/bin/python or any Python from
3.11 on.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lab import framework_report
from lab.arms import ENGINES
from lab.doubts import doubts, is_broken
from lab.entry import own_command, prepare, run, say, write_docs
from lab.figures import Figure, ratio
from lab.machine import cores_for_servers
from lab.places import RESULTS, ROOT
from lab.rounds import ArmRuns, run_rounds
from lab.scaling import scaling
from lab.scenarios import Scenario, against_peers
from lab.under_test import example_command

from turbo_shard.lab.generator import Load

SCENARIOS = tuple(one.key for one in [*against_peers(ENGINES), *scaling(ENGINES[0])])
# Some peers stall now and then; a run that waits longer for an answer is not worth its time.
ANSWER_TIMEOUT_S = 3


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/frameworks.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    add = parser.add_argument
    add("--write-docs", action="store_true", help="no run: refresh the docs from the last one")
    add("--name", default="frameworks", help="below bench/results [frameworks]")
    add("--only", choices=SCENARIOS, nargs="+", default=list(SCENARIOS), help="leave out the rest")
    add("--engines", choices=ENGINES, nargs="+", default=list(ENGINES), help="[all]")
    add("--no-peers", action="store_true", help="compare with nobody else")
    add("--rounds", type=int, default=5, help="[5]")
    add("--seconds", type=float, default=0.6, help="counted per run [0.6]")
    add("--warm-up-seconds", type=float, default=0.25, help="before that [0.25]")
    add("--connections", type=int, default=32, help="[32]")
    return parser.parse_args(arguments)


def main() -> int:
    chosen = options(sys.argv[1:])
    folder = ROOT / RESULTS / chosen.name
    if chosen.write_docs:
        pages = (("docs/benchmarks.md", framework_report.documentation),)
        return write_docs(folder, "frameworks", pages)
    return run(
        folder,
        lambda: measure(chosen),
        framework_report.documentation,
        framework_report.terminal,
    )


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    if min(chosen.rounds, chosen.connections) < 1:
        raise SystemExit("bench: rounds and connections are 1 or more")
    # Also without peers: FastAPI is in their environment.
    here = prepare([], "bench-frameworks", with_peers=True)
    cores = cores_for_servers(here.cores, here.server_core, here.load_core)
    load = Load(
        chosen.connections,
        chosen.seconds,
        chosen.warm_up_seconds,
        (here.load_core,),
        answer_timeout_seconds=ANSWER_TIMEOUT_S,
    )
    figures: list[Figure] = []
    arms: list[ArmRuns] = []
    scenarios: list[dict[str, Any]] = []
    for scenario in wanted(chosen):
        say(scenario.title)
        results = run_rounds(scenario.arms, chosen.rounds, load, cores, say)
        figures += figures_of(scenario, results)
        arms += results
        scenarios.append(
            {
                "key": scenario.key,
                "title": scenario.title,
                "generator": example_command(scenario.arms[0].question, load),
                "arms": [result.as_json() for result in results],
                "doubts": doubts(results),
            }
        )
    return {
        "name": chosen.name,
        **here.as_json(),
        "settings": {
            "command": own_command("bench/frameworks.py"),
            "engines": chosen.engines,
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "warm_up_seconds": chosen.warm_up_seconds,
            "connections": chosen.connections,
            "server_core": here.server_core,
            "load_core": here.load_core,
        },
        "scenarios": scenarios,
        "figures": [figure.as_json() for figure in figures],
        "warnings": here.warnings,
        "broken": is_broken(arms),
    }


def wanted(chosen: argparse.Namespace) -> list[Scenario]:
    every = [*against_peers(chosen.engines), *scaling(chosen.engines[0])]
    scenarios = [scenario for scenario in every if scenario.key in chosen.only]
    return [one.without_peers() for one in scenarios] if chosen.no_peers else scenarios


def figures_of(scenario: Scenario, results: list[ArmRuns]) -> list[Figure]:
    by_key = {result.arm.key: result for result in results}
    figures = []
    for one in scenario.comparisons:
        over, under = by_key[one.over], by_key[one.under]
        third = by_key[one.and_under] if one.and_under else None
        by = f", by {one.name}" if one.name else ""
        label = f"{scenario.title}: {over.arm.label} relative to {under.arm.label}{by}"
        key = f"{one.over}_over_{one.under}{by.replace(', ', '_').replace(' ', '_')}"
        figures.append(ratio(key, label, over, under, one.goal, one.of, third))
    return figures


if __name__ == "__main__":
    sys.exit(main())
